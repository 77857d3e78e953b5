//! 交办核实 (dispatch): findings to schools and villages, answers back, an end with its proof.

use baoxue_documents::photo::PhotoError;
use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::calendar::Workdays;
use baoxue_domain::finding::{FindingError, FindingState, Route, Step, route};
use baoxue_domain::ledger::{DROPPED_OUT, Lapse, conclusion_label, disposition};
use baoxue_domain::place::PlacePath;
use baoxue_domain::verdict::VerdictKind;
use baoxue_store::{ChildRow, Established, Finding, Lease, NewAudit, NewEstablishment, NewEvent, NewFile, Placed, Subject, Tx};
use sha2::{Digest, Sha256};

use crate::app::clock::moment;
use crate::app::comparison::run::LAPSED;
use crate::app::office::{Office, OfficeError, Result};
use crate::app::roster::reader::clean_photo;

/// Most findings of one dispatch: a county's September.
const MAX_AT_ONCE: usize = 5_000;
/// A proof at most: a phone's photo, scaled by the browser, is far below.
pub const MAX_PROOF_BYTES: usize = 10 << 20;
/// Proofs of a finding.
pub const MAX_PROOFS: usize = 20;
/// Characters of a note.
const MAX_NOTE: usize = 2_000;

impl From<FindingError> for OfficeError {
    fn from(e: FindingError) -> Self {
        match e {
            FindingError::NotNow(..) => Self::Conflict(e.to_string()),
            _ => Self::Input(e.to_string()),
        }
    }
}

/// A unit's answer.
pub struct Answer<'a> {
    pub finding: i64,
    pub version: i64,
    pub disposition: &'a str,
    pub note: &'a str,
    pub proofs: Vec<KeptProof>,
}

/// The answer in words.
pub fn answer_label(code: Option<&str>) -> String {
    match code {
        None => String::new(),
        Some(c) => conclusion_label(c),
    }
}

/// Why an establishment holds no longer, in words.
pub fn lapse_label(lapse: Lapse) -> String {
    match lapse {
        Lapse::Expired(day) => format!("证明已于 {day} 到期"),
        Lapse::Contradicted(verdict) => format!("与其后的名册不符(判定为“{}”)", verdict.label()),
    }
}

/// A proof that lies in its file already: encrypted, a photo without what a camera adds.
pub struct KeptProof {
    name: String,
    media_type: &'static str,
    digest: String,
    stored: String,
    bytes: i64,
}

impl KeptProof {
    /// The file as it is kept on record; when and by whom is said by whoever records it.
    pub fn file(&self) -> NewFile<'_> {
        NewFile {
            name: &self.name,
            media_type: self.media_type,
            digest: &self.digest,
            stored: &self.stored,
            bytes: self.bytes,
            at: 0,
            by: 0,
        }
    }
}

fn changed(f: &Finding) -> OfficeError {
    OfficeError::Conflict(format!("这一条刚被别人处理过,现在是“{}”。请刷新页面看最新情况", f.state.label()))
}

impl Office {
    /// Where a finding about a child goes.
    pub async fn route_of(&self, county: &PlacePath, child: &ChildRow, returned_by: &[PlacePath]) -> Result<Route> {
        let parse = |p: &Option<String>| p.as_deref().and_then(PlacePath::parse);
        let verdict = VerdictKind::find(&child.verdict);
        let school = parse(&child.school_path).map(|p| p.school());
        let residence = parse(&child.residence_path).filter(|p| p.depth() > county.depth());
        let catchments = self.store.catchments(self.clock.today()).await?;
        let catchment =
            residence.as_ref().and_then(|r| catchments.get(r.as_str())).and_then(|s| s.first()).and_then(|s| PlacePath::parse(s));
        let register = parse(&child.register_path).filter(|p| p.depth() > county.depth());
        Ok(route(
            verdict.unwrap_or(VerdictKind::HouseholdNoRecord),
            school.as_ref(),
            residence.as_ref(),
            catchment.as_ref(),
            register.as_ref(),
            county,
            returned_by,
        ))
    }

    /// The same, where the child's school lies in another county.
    async fn route_at_home(&self, county: &PlacePath, child: &ChildRow, returned_by: &[PlacePath]) -> Result<Route> {
        let mut child = child.clone();
        child.school_path = None;
        self.route_of(county, &child, returned_by).await
    }

    /// Sends findings out, each to where it belongs or all to one unit, and says how many went.
    pub async fn dispatch(&self, actor: &Actor, ids: &[i64], to: Option<&PlacePath>, days: Option<u32>) -> Result<usize> {
        let j = actor.jurisdiction(Action::Dispatch)?;
        let county = self.area(actor, Action::Dispatch)?;
        if ids.is_empty() {
            return Err(OfficeError::Input("请先勾选要交办的儿童".into()));
        }
        if ids.len() > MAX_AT_ONCE {
            return Err(OfficeError::Input(format!("一次最多交办 {MAX_AT_ONCE} 条")));
        }
        if let Some(unit) = to
            && (!j.covers(unit.as_str()) || self.store.place_at(unit, self.clock.today()).await?.is_none())
        {
            return Err(OfficeError::Input("没有这个学校或村(社区)".into()));
        }
        // another number of days than the page offers is the officer's own word; otherwise each unit's county has its own
        let offered = self.policy(Some(&county)).await?.deadline_days;
        let own = days.filter(|d| i64::from(*d) != offered);
        let until = |days: u32| moment(Workdays::national().deadline(self.clock.today(), days));
        let returns = self.store.returns_of(ids).await?;
        let mut planned = Vec::new();
        for id in ids {
            let f = self.store.finding(*id, Some(&j), None).await?.ok_or(OfficeError::NotFound)?;
            f.state.after(Step::Dispatch)?;
            let child = self.store.child(f.child, &j).await?.ok_or(OfficeError::NotFound)?;
            let returned = returns.get(id).map(Vec::as_slice).unwrap_or_default();
            let by: Vec<PlacePath> = returned.iter().filter_map(|r| r.unit_path.as_deref().and_then(PlacePath::parse)).collect();
            let route = match to {
                Some(unit) => {
                    if let Some(r) = returned.iter().find(|r| r.unit_path.as_deref() == Some(unit.as_str())) {
                        let name = self.store.place_names(&[unit.as_str()]).await?.remove(unit.as_str()).unwrap_or_default();
                        let said = format!("{name}已退回过这一条(原因:{}),请交给别的单位", r.reason);
                        return Err(OfficeError::Input(said));
                    }
                    Route { unit: unit.clone(), why: "指定单位" }
                }
                None => {
                    let found = self.route_of(&county, &child, &by).await?;
                    // never to a school of another county: its officers are not ours to task
                    if j.covers(found.unit.as_str()) { found } else { self.route_at_home(&county, &child, &by).await? }
                }
            };
            let (deadline, by_policy) = match own {
                Some(days) => (until(days), None),
                None => {
                    let policy = self.policy(route.unit.county().as_ref().or(Some(&county))).await?;
                    (until(u32::try_from(policy.deadline_days).unwrap_or(1)), Some(policy.version))
                }
            };
            planned.push((f, route, deadline, by_policy));
        }
        let mut units: Vec<&str> = planned.iter().map(|p| p.1.unit.as_str()).collect();
        units.sort_unstable();
        units.dedup();
        let names = self.store.place_names(&units).await?;
        let mut tx = self.store.begin().await?;
        for (f, route, deadline, by_policy) in &planned {
            let unit = route.unit.as_str();
            let name = names.get(unit).map_or(unit, String::as_str);
            let detail = format!("交{name}核实({})", route.why);
            let e = NewEvent { policy: *by_policy, ..NewEvent::by(Step::Dispatch.code(), &detail, actor.account, self.now()) };
            let to = Placed { unit: Some(unit), deadline: Some(*deadline), ..f.placed(FindingState::Dispatched) };
            if !tx.step_finding(&self.store, f, &to, &e).await? {
                return Err(changed(f));
            }
            self.audit(&mut tx, actor, Deed::DispatchFinding, &format!("finding:{}", f.id), &detail).await?;
        }
        tx.commit().await?;
        Ok(planned.len())
    }

    /// The finding that somebody answers: with her unit, waiting, and as she saw it. Asked before anything of the answer is read.
    pub async fn answered_finding(&self, actor: &Actor, id: i64, version: Option<i64>) -> Result<Finding> {
        let j = actor.jurisdiction(Action::AnswerFinding)?;
        // only the unit that has it, not everybody who may see the child
        let f = self.store.finding(id, None, Some(&j)).await?.ok_or(OfficeError::NotFound)?;
        f.state.after(Step::Answer)?;
        if version.is_some_and(|v| v != f.version) {
            return Err(changed(&f));
        }
        Ok(f)
    }

    /// 答复: what the unit found, with its proof.
    pub async fn answer(&self, actor: &Actor, a: Answer<'_>) -> Result<()> {
        let f = self.answered_finding(actor, a.finding, Some(a.version)).await?;
        let state = f.state.after(Step::Answer)?;
        let said = match a.disposition {
            "" => return Err(FindingError::DispositionMissing.into()),
            DROPPED_OUT => "确认未就读",
            code => disposition(code).ok_or(FindingError::DispositionMissing)?.label.as_str(),
        };
        let note = note_of(a.note)?;
        if a.disposition == DROPPED_OUT && note.is_empty() {
            return Err(OfficeError::field("note", "确认未就读的,请写明孩子现在的情况"));
        }
        let kept = a.proofs;
        let before = self.store.proofs_of(&f).await?.len();
        if before + kept.len() > MAX_PROOFS {
            return Err(OfficeError::field("proofs", format!("佐证材料最多 {MAX_PROOFS} 份")));
        }
        let detail = if note.is_empty() { said.to_owned() } else { format!("{said}:{note}") };
        let e = NewEvent::by(Step::Answer.code(), &detail, actor.account, self.now());
        let mut tx = self.store.begin().await?;
        let to = Placed { answer: Some(a.disposition), ..f.placed(state) };
        if !tx.step_finding(&self.store, &f, &to, &e).await? {
            return Err(changed(&f));
        }
        for k in &kept {
            let file = NewFile { at: self.now(), by: actor.account, ..k.file() };
            let file = tx.add_file(&self.store, &file).await?;
            tx.add_proof(Subject::Finding(f.id), file).await?;
        }
        self.audit(&mut tx, actor, Deed::AnswerFinding, &format!("finding:{}", f.id), &format!("{said},佐证 {} 份", kept.len()))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Puts one proof into its encrypted file: a photo decoded and encoded anew, a PDF as it is. What no answer speaks of is swept later.
    pub async fn keep_proof(&self, file_name: &str, bytes: Vec<u8>) -> Result<KeptProof> {
        let name: String = file_name.chars().take(100).collect();
        let store = self.store.clone();
        let said = name.clone();
        let kept = tokio::task::spawn_blocking(move || {
            let (media_type, bytes) = match bytes.as_slice() {
                [b'%', b'P', b'D', b'F', ..] => ("application/pdf", bytes),
                _ => match clean_photo(bytes) {
                    Ok(kept) => ("image/jpeg", kept),
                    Err(PhotoError::Unknown) => {
                        return Err(OfficeError::field("proofs", format!("“{said}”不是照片(JPG、PNG、WebP)或 PDF")));
                    }
                    Err(e) => return Err(OfficeError::field("proofs", format!("“{said}”不能用:{e}。请重新拍照或另存后再传"))),
                },
            };
            let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            let stored = store.store_file("photo", |w| Ok(w.write_all(&bytes)?))?;
            Ok(KeptProof { name, media_type, digest, stored, bytes: bytes.len() as i64 })
        });
        kept.await.map_err(|_| OfficeError::Input("保存佐证材料时出错,请重试".into()))?
    }

    /// The other steps: sent back, handed back, cleared, confirmed, filed, reopened. What is cleared or confirmed moves the ledgers that day; what
    /// is upheld opens the child's case, whose number is given.
    pub async fn step(&self, actor: &Actor, id: i64, version: i64, step: Step, note: &str) -> Result<Option<i64>> {
        let action = if step == Step::HandBack { Action::AnswerFinding } else { Action::CloseFinding };
        let j = actor.jurisdiction(action)?;
        let (answers, holds) = if action == Action::AnswerFinding { (None, Some(&j)) } else { (Some(&j), None) };
        let f = self.store.finding(id, answers, holds).await?.ok_or(OfficeError::NotFound)?;
        let state = f.state.after(step)?;
        if f.version != version {
            return Err(changed(&f));
        }
        let note = note_of(note)?;
        if step.needs_reason() && note.is_empty() {
            return Err(FindingError::ReasonMissing.into());
        }
        if matches!(step, Step::Clear | Step::Confirm | Step::Reopen)
            && let Some(k) = self.store.newest_cases(&[f.child]).await?.remove(&f.child).filter(|k| k.facts.state.is_open())
        {
            return Err(OfficeError::Input(format!("这名儿童已有劝返档案 {},请在档案里办理", k.label())));
        }
        if matches!(step, Step::Clear | Step::Confirm | Step::File) {
            self.check_conclusion(actor, &f, step).await?;
        }
        let (deadline, by_policy) = match step {
            Step::SendBack => {
                let policy = self.policy(county_of(&f).as_ref()).await?;
                let days = u32::try_from(policy.deadline_days).unwrap_or(1);
                (Some(moment(Workdays::national().deadline(self.clock.today(), days))), Some(policy.version))
            }
            Step::HandBack | Step::Reopen => (None, None),
            _ => (f.deadline_at, None),
        };
        let unit = if matches!(step, Step::HandBack | Step::Reopen) { None } else { f.unit_path.as_deref() };
        let e = NewEvent { policy: by_policy, ..NewEvent::by(step.code(), &note, actor.account, self.now()) };
        let mut tx = self.store.begin().await?;
        let to = Placed { unit, deadline, ..f.placed(state) };
        if !tx.step_finding(&self.store, &f, &to, &e).await? {
            return Err(changed(&f));
        }
        match step {
            Step::Clear | Step::Confirm => self.establish(&mut tx, actor, &f).await?,
            Step::File => {}
            Step::Reopen => {
                tx.revoke_establishments(&self.store, Subject::Finding(f.id), self.clock.today(), self.now(), actor.account)
                    .await?;
            }
            _ => {}
        }
        let case = match step {
            // what is upheld goes on as the child's file, in the same transaction
            Step::Confirm | Step::File => {
                Some(self.open_case_of_finding(&mut tx, &f, step == Step::Confirm, actor.account).await?)
            }
            _ => None,
        };
        self.audit(&mut tx, actor, deed_of(step), &format!("finding:{id}"), &note).await?;
        tx.commit().await?;
        Ok(case)
    }

    /// R-CASE 2: a code that clears, its proof, and as many units as the code asks for; a word that confirms the dropout. Whoever answered
    /// does not decide.
    async fn check_conclusion(&self, actor: &Actor, f: &Finding, step: Step) -> Result<()> {
        let code = f.disposition.as_deref().unwrap_or("");
        let events = self.store.events_of(f).await?;
        let answers = || events.iter().filter(|e| e.kind == Step::Answer.code());
        if answers().next_back().is_some_and(|e| e.account == Some(actor.account)) {
            return Err(FindingError::OwnAnswer.into());
        }
        if matches!(step, Step::Confirm | Step::File) {
            let said = "答复不是“确认未就读”,不能确认辍学或转入劝返;请核销,或退回重核";
            return if code == DROPPED_OUT { Ok(()) } else { Err(OfficeError::Input(said.into())) };
        }
        let d =
            disposition(code).ok_or_else(|| OfficeError::Input("答复是“确认未就读”,不能核销;请确认辍学,或退回重核".into()))?;
        if self.store.proofs_of(f).await?.is_empty() {
            return Err(FindingError::ProofMissing.into());
        }
        let mut units: Vec<&str> = answers().filter_map(|e| e.unit_path.as_deref()).collect();
        units.sort_unstable();
        units.dedup();
        if units.len() < usize::from(d.units) {
            return Err(FindingError::UnitsMissing(&d.label, d.units, units.len()).into());
        }
        Ok(())
    }

    /// Writes down what the answer of a finding establishes of its child, from today on.
    async fn establish(&self, tx: &mut Tx, actor: &Actor, f: &Finding) -> Result<()> {
        let child = self.store.children_of(std::slice::from_ref(f)).await?.into_iter().next().ok_or(OfficeError::NotFound)?;
        let new = NewEstablishment {
            child: f.child,
            subject: Subject::Finding(f.id),
            conclusion: f.disposition.as_deref().unwrap_or_default(),
            verdict: &child.verdict,
            from: self.clock.today(),
            unit: f.unit_path.as_deref(),
            at: self.now(),
            by: actor.account,
        };
        tx.establish(&self.store, &new).await?;
        Ok(())
    }

    /// Whoever is over the deadline is shown to the county, once for each deadline.
    pub async fn escalate_overdue(&self) -> Result<usize> {
        let mut escalated = 0;
        for t in self.store.overdue_tasks(self.now()).await? {
            let detail = match t.subject {
                Subject::Finding(_) => "逾期未答复,已提醒上级",
                Subject::Warning(_) => "预警逾期未处理,已提醒学校",
                _ => "逾期未办,已提醒上级",
            };
            let e = NewEvent::of_program("overdue", detail, self.now());
            let mut tx = self.store.begin().await?;
            if tx.escalate_task(&self.store, &t, &e).await? {
                if let (Subject::Warning(_), Some(unit)) =
                    (t.subject, PlacePath::parse(&t.unit_path).filter(|u| !u.is_government()))
                {
                    self.tell_leaders(&mut tx, &unit.school(), "有考勤预警逾期未处理,请看“预警”里的“逾期”").await?;
                }
                self.audit_program(&mut tx, t.subject, Some(&t.unit_path), Deed::EscalateFinding, detail).await?;
                tx.commit().await?;
                escalated += 1;
            }
        }
        Ok(escalated)
    }

    /// Children whose proof has expired are to be looked into anew: they are back on their ledger since that day. `lease`: of the job that does it;
    /// one that another process has taken over does nothing more.
    pub async fn reopen_expired(&self, lease: Option<Lease>) -> Result<usize> {
        let mut reopened = 0;
        for e in self.store.expired_establishments(self.clock.today()).await? {
            let Some(child) = self.store.child_of(&e).await? else { continue };
            let kind = VerdictKind::find(&child.verdict);
            // of whom a person reported that it is away, registers may say what they will
            let reported = matches!(e.subject, Subject::Case(_));
            if !reported && !kind.is_some_and(|k| k.is_suspected() || k.is_dropout()) {
                continue;
            }
            let detail = expired(&e);
            let event = NewEvent::of_program(LAPSED, &detail, self.now());
            let mut tx = self.store.begin().await?;
            if let Some(lease) = lease {
                tx.check_lease(lease).await?;
            }
            if let Subject::Case(id) = e.subject {
                let (subject, place) = (Subject::Case(id), child.residence_path.as_deref());
                if self.reopen_cleared_case(&mut tx, id, &child, &event).await? {
                    self.audit_program(&mut tx, subject, place, Deed::StepCase, &detail).await?;
                    tx.commit().await?;
                    reopened += 1;
                }
                continue;
            }
            let run = self.store.newest_run_of(e.child).await?.unwrap_or_default();
            let id = tx
                .open_finding(&self.store, e.child, &child.verdict, run, &NewEvent { kind: "open", detail: "", ..event.clone() })
                .await?;
            tx.add_event(&self.store, Subject::Finding(id), &event, None).await?;
            self.audit_program(&mut tx, Subject::Finding(id), child.residence_path.as_deref(), Deed::OpenFinding, &detail)
                .await?;
            tx.commit().await?;
            reopened += 1;
        }
        Ok(reopened)
    }

    /// The audit row of what the program does by itself.
    pub(in crate::app) async fn audit_program(
        &self,
        tx: &mut Tx,
        of: Subject,
        unit: Option<&str>,
        deed: Deed,
        detail: &str,
    ) -> Result<()> {
        let place = unit.and_then(PlacePath::parse).and_then(|p| p.county());
        let place = place.as_ref().map_or("", PlacePath::as_str);
        let subject = format!("{}:{}", of.kind(), of.id());
        let row = NewAudit { at: self.now(), place, account: None, login: "系统", deed, subject: &subject, detail };
        Ok(tx.audit(self.store.vault(), row).await?)
    }

    /// Findings of one's unit that wait for an answer: all of them, and those that are overdue.
    pub async fn inbox_counts(&self, actor: &Actor) -> Result<(i64, i64)> {
        let Ok(j) = actor.jurisdiction(Action::AnswerFinding) else { return Ok((0, 0)) };
        Ok(self.store.waiting_counts("finding", &j, self.now()).await?)
    }
}

/// The county in which the unit stands that has a finding: whose values its deadlines go by.
pub fn county_of(f: &Finding) -> Option<PlacePath> {
    f.unit_path.as_deref().and_then(PlacePath::parse)?.county()
}

/// What the log calls a step.
fn deed_of(step: Step) -> Deed {
    match step {
        Step::Dispatch => Deed::DispatchFinding,
        Step::Answer => Deed::AnswerFinding,
        Step::SendBack => Deed::SendBackFinding,
        Step::HandBack => Deed::HandBackFinding,
        Step::Clear => Deed::ClearFinding,
        Step::Confirm => Deed::ConfirmFinding,
        Step::File => Deed::FileFinding,
        Step::Reopen => Deed::ReopenFinding,
        Step::Withdraw => Deed::WithdrawFinding,
    }
}

/// That a proof has expired, in words.
pub fn expired(e: &Established) -> String {
    let until = e.rule.valid_to.map(|d| d.to_string()).unwrap_or_default();
    format!("原认定“{}”的证明已于 {until} 到期,须重新核实", e.label())
}

fn note_of(text: &str) -> Result<String> {
    let note = text.trim().to_owned();
    if note.chars().count() > MAX_NOTE {
        return Err(OfficeError::field("note", format!("说明请不超过 {MAX_NOTE} 字")));
    }
    Ok(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schools_of_classes_and_dispositions() {
        let of = |p: &str| PlacePath::parse(p).unwrap().school().to_string();
        assert_eq!(of("e/528801/2152000001/三年级/三(1)班/"), "e/528801/2152000001/");
        assert_eq!(of("e/528801/2152000001/"), "e/528801/2152000001/");
        assert_eq!(disposition("dead").map(|d| d.label.as_str()), Some("死亡"));
    }
}
