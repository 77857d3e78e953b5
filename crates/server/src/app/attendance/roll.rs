//! 点名 (the roll): whoever is not there is named, everybody else of the list is. Two devices on one register are merged, pupil by pupil.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_domain::access::{Action, Actor, Jurisdiction, Role};
use baoxue_domain::attendance::{Check, Disagreement, Mark, checks_of, merge};
use baoxue_domain::calendar::{DayKind, ExceptionKind, SchoolCalendar};
use baoxue_domain::place::PlacePath;
use baoxue_domain::verdict::{VerdictGroup, VerdictKind};
use baoxue_store::{ChildRow, LedgerQuery, MarkDetail, MarkRow, NewRegister, Order, Register};
use jiff::ToSpan;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::assess::KNOWN_DAYS;
use crate::app::office::{Office, OfficeError, Result};
use crate::app::place::roll_over::reading_order;

/// Pupils of a class at most; larger ones are schools whose rosters name no classes.
pub const MAX_PUPILS: i64 = 300;
/// Classes that one person sees at a time.
pub const MAX_CLASSES: usize = 400;
/// Days back for which the roll is still taken or corrected. 补录
pub const LATE_DAYS: i64 = 30;
/// Characters of a note.
const MAX_NOTE: usize = 100;
/// Times that a register is tried against others who take it too.
const TRIES: usize = 6;
/// Symptoms of 因病缺课登记.
pub const SYMPTOMS: [(&str, &str); 6] =
    [("fever", "发热"), ("rash", "皮疹"), ("diarrhoea", "腹泻"), ("vomiting", "呕吐"), ("jaundice", "黄疸"), ("other", "其他")];

/// 去向, of whoever did not come on the first day of a term. 开学第一天返校情况统计表
pub const WHEREABOUTS: [(&str, &str); 6] = [
    ("transferring", "转学在办"),
    ("late-back", "延期返程"),
    ("suspending", "休学在办"),
    ("lost", "联系不上"),
    ("unwilling", "不愿来"),
    ("other", "其他"),
];

/// 应到 (who is expected), and who is not, with the reason.
pub struct ClassList {
    pub path: PlacePath,
    pub expected: Vec<ChildRow>,
    pub others: Vec<(ChildRow, &'static str)>,
}

/// What a teacher says of a check.
#[derive(Debug, Clone, Default)]
pub struct Taking<'a> {
    pub class: &'a str,
    pub day: &'a str,
    pub check: &'a str,
    /// The version that was seen; 0 where none was.
    pub base: i64,
    pub key: &'a str,
    pub phone_at: Option<i64>,
    /// The offline device that took it.
    pub device: Option<i64>,
    /// Whoever was not there.
    pub marks: BTreeMap<i64, (Mark, MarkDetail)>,
}

/// Who is expected at a check, and of whom of the class a warning is open or tells of days that may be corrected.
struct Expected {
    pupils: BTreeSet<i64>,
    warned: BTreeSet<i64>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The register as it stands.
    pub register: Register,
    pub marks: BTreeMap<i64, MarkRow>,
    /// Pupils of whom another device said otherwise.
    pub disagreements: Vec<Disagreement>,
    /// It had come before.
    pub known: bool,
}

/// What people call a class inside its school: 三(1)班, or with its grade where that alone tells little.
pub fn class_name(class: &PlacePath) -> String {
    let below = class.as_str().strip_prefix(class.school().as_str()).unwrap_or("").trim_end_matches('/');
    let last = below.rsplit('/').next().unwrap_or("");
    let tells = last.chars().next().is_some_and(|c| "一二三四五六七八九".contains(c)) && last.chars().count() > 2;
    match (last.is_empty(), tells) {
        (true, _) => "(未写班级)".to_owned(),
        (_, true) => last.to_owned(),
        (_, false) => below.replace('/', " "),
    }
}

/// The key of a correction that came under a key of before: sent again it is the same.
fn digest_of_key(key: &str, digest: &str) -> String {
    Sha256::digest(format!("{key}:{digest}").as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// Of what was said: sent again it is the same, or something else.
fn digest_of(t: &Taking<'_>) -> String {
    let marks: Vec<String> = t
        .marks
        .iter()
        .map(|(c, (m, d))| match d.whereabouts.as_str() {
            "" => format!("{c}:{}:{}:{}", m.code(), d.note, d.symptom),
            w => format!("{c}:{}:{}:{}:{w}", m.code(), d.note, d.symptom),
        })
        .collect();
    let said = format!("{}|{}|{}|{}", t.class, t.day, t.check, marks.join(";"));
    Sha256::digest(said.as_bytes()).iter().take(16).map(|b| format!("{b:02x}")).collect()
}

/// Checks of a class on a day: what the county asks for, and boarders' own.
pub fn checks_on(calendar: &SchoolCalendar, day: Date, asked: i64) -> Vec<Check> {
    let kind = calendar.day(day);
    let mut out = Vec::new();
    if kind.is_school_day() {
        if calendar.begins_term(day) {
            out.push(Check::FirstDay);
        }
        let half = |c: &&Check| match kind {
            DayKind::Half(h) => (h == baoxue_domain::calendar::Half::Morning) == (**c == Check::Morning),
            _ => true,
        };
        out.extend(checks_of(asked).iter().filter(half).copied());
        // an afternoon that is all there is has one check at least
        if out.is_empty() {
            out.push(Check::Noon);
        }
        if calendar.is(ExceptionKind::Boarding, day) {
            out.push(Check::Evening);
        }
    }
    if calendar.is_return_evening(day) {
        out.push(Check::Return);
    }
    out
}

/// Whether a child of a verdict is expected in its class.
pub(super) fn is_expected(verdict: &str) -> bool {
    not_expected(verdict, false).is_none()
}

/// Why a child of a class's registers is not expected there; nothing where it is.
fn not_expected(verdict: &str, away: bool) -> Option<&'static str> {
    match VerdictKind::find(verdict) {
        _ if away => Some("已确认辍学,劝返中"),
        Some(VerdictKind::EnrolledNotPresent) => Some("在籍不在校"),
        Some(k) if k.group() == VerdictGroup::Explained => Some(k.label()),
        _ => None,
    }
}

impl Office {
    /// Numbers of those who are expected in a class at a check, as of now: in the evening boarders, as far as it is known who boards.
    async fn expected_in(&self, class: &PlacePath, (day, check): (Date, Check)) -> Result<Expected> {
        let since = self.clock.today().saturating_sub(KNOWN_DAYS.days());
        let (found, warned) = self.store.class_members(class.as_str(), since).await?;
        let all: BTreeSet<i64> =
            found.into_iter().filter(|(_, verdict, away)| not_expected(verdict, *away).is_none()).map(|m| m.0).collect();
        if check.tells_of_school() {
            return Ok(Expected { pupils: all, warned });
        }
        let boarders = self.store.boarders_among(&all.iter().copied().collect::<Vec<_>>(), day).await?;
        Ok(Expected { pupils: if boarders.is_empty() { all } else { boarders }, warned })
    }

    /// The list of a class at a check; whether it is of boarders alone.
    pub async fn check_list(
        &self,
        class: &PlacePath,
        j: &Jurisdiction,
        (day, check): (Date, Check),
    ) -> Result<(ClassList, bool)> {
        let mut list = self.class_list(class, j).await?;
        if check.tells_of_school() {
            return Ok((list, false));
        }
        let ids: Vec<i64> = list.expected.iter().map(|c| c.id).collect();
        let boarders = self.store.boarders_among(&ids, day).await?;
        if boarders.is_empty() {
            return Ok((list, false));
        }
        list.expected.retain(|c| boarders.contains(&c.id));
        Ok((list, true))
    }

    /// Classes of which one takes or sees the roll, by school, in the order in which people read them.
    pub async fn classes_of(&self, j: &Jurisdiction) -> Result<Vec<PlacePath>> {
        let mut all: BTreeSet<String> = BTreeSet::new();
        for (path, code, n) in self.store.class_verdicts(j).await? {
            let in_class = VerdictKind::find(&code).is_some_and(|k| k.is_in_class());
            if n > 0 && in_class && j.covers(&path) && !path.contains(baoxue_domain::school::leavers_mark()) {
                all.insert(path);
            }
        }
        let mut out: Vec<PlacePath> = all.iter().filter_map(|p| PlacePath::parse(p)).filter(|p| p.depth() >= 4).collect();
        out.sort_by_cached_key(|p| {
            (p.school().to_string(), reading_order(p.as_str().strip_prefix(p.school().as_str()).unwrap_or("")))
        });
        Ok(out)
    }

    /// Who is expected in a class, as of now.
    pub async fn class_list(&self, class: &PlacePath, j: &Jurisdiction) -> Result<ClassList> {
        let q = LedgerQuery { below: Some(class.to_string()), ..LedgerQuery::default() };
        let found = self.store.children(&q, j, Order::Verdict, MAX_PUPILS, 0).await?.rows;
        let away = self.store.confirmed_away(&found.iter().map(|c| c.id).collect::<Vec<_>>()).await?;
        let mut list = ClassList { path: class.clone(), expected: Vec::new(), others: Vec::new() };
        for c in found {
            match not_expected(&c.verdict, away.contains(&c.id)) {
                Some(r) => list.others.push((c, r)),
                None => list.expected.push(c),
            }
        }
        list.expected.sort_by(|a, b| a.profile.name.cmp(&b.profile.name).then(a.id.cmp(&b.id)));
        Ok(list)
    }

    /// A class whose roll an actor may take.
    pub fn own_class(&self, actor: &Actor, class: &str, action: Action) -> Result<(PlacePath, Jurisdiction)> {
        let j = actor.jurisdiction(action)?;
        let path = PlacePath::parse(class).filter(|p| !p.is_government() && p.depth() >= 4 && j.covers(p.as_str()));
        Ok((path.ok_or(OfficeError::NotFound)?, j))
    }

    /// Takes the roll, or corrects it. What came before under this key changes nothing.
    pub async fn take_roll(&self, actor: &Actor, t: &Taking<'_>) -> Result<Taken> {
        let (class, _) = self.own_class(actor, t.class, Action::TakeRoll)?;
        let hex = t.key.len() == 32 && t.key.bytes().all(|b| b.is_ascii_hexdigit());
        if !hex {
            return Err(OfficeError::Input("这张点名册缺少编号,请刷新页面再点".into()));
        }
        let day: Date = t.day.parse().map_err(|_| OfficeError::field("day", "日期不对"))?;
        let check = Check::find(t.check).ok_or_else(|| OfficeError::field("check", "请选择点名时段"))?;
        let today = self.clock.today();
        if day > today {
            return Err(OfficeError::field("day", format!("{day} 还没有到(可能手机时间不准)")));
        }
        if day < today.saturating_sub(LATE_DAYS.days()) {
            return Err(OfficeError::field("day", format!("只能补录 {LATE_DAYS} 天以内的点名")));
        }
        let calendar = self.calendars().await?.of(&class);
        let asked = self.policy_then(class.county().as_ref(), day, i64::MAX).await?.roll_checks;
        let (first, known) = self.store.roll_begins(class.as_str(), (day, check), t.key).await?;
        if known.is_none() && !checks_on(&calendar, day, asked.max(3)).contains(&check) {
            return Err(OfficeError::field("day", format!("{day} {},没有{}", calendar.day(day).label(), check.label())));
        }
        let digest = digest_of(t);
        // an answer that was lost, and then something else was chosen on the same page: a correction of what it made
        let mut t = t.clone();
        let next_key = digest_of_key(t.key, &digest);
        let mut again = None;
        if let Some(k) = &known {
            let there = first.as_ref().filter(|r| r.id == k.register);
            if k.by != actor.account || there.is_none() {
                return Err(OfficeError::Input("这张点名册的编号已经用过,请刷新页面再点".into()));
            }
            if k.digest == digest {
                again = Some(k.version);
            } else {
                t.base = k.version;
                t.key = &next_key;
            }
        }
        let t = &t;
        for (_, d) in t.marks.values() {
            if d.note.chars().count() > MAX_NOTE {
                return Err(OfficeError::field("note", format!("备注不超过 {MAX_NOTE} 字")));
            }
            if !d.symptom.is_empty() && !SYMPTOMS.iter().any(|s| s.0 == d.symptom) {
                return Err(OfficeError::field("symptom", "请从列表中选择症状"));
            }
            if !d.whereabouts.is_empty() && !WHEREABOUTS.iter().any(|w| w.0 == d.whereabouts) {
                return Err(OfficeError::field("whereabouts", "请从列表中选择去向"));
            }
        }
        let expected = self.expected_in(&class, (day, check)).await?;
        let mut again = again.is_some();
        let mut standing = first;
        for _ in 0..TRIES {
            let of = (&class, &expected, standing);
            if let Some(taken) = self.write_roll(actor, of, t, (day, check), &digest, again).await? {
                return Ok(taken);
            }
            standing = self.store.register(class.as_str(), day, check).await?;
            // perhaps the same one, sent twice, has just been written
            again = self.store.register_of_key(t.key).await?.is_some();
        }
        Err(OfficeError::Conflict("这个班正有多人同时点名,请再提交一次;点的都还在".into()))
    }

    /// 同症状 (alike symptoms): so many of a class on a day as the county says, and whoever reports epidemics at the school is told, once.
    async fn tell_of_symptoms(
        &self,
        class: &PlacePath,
        day: Date,
        before: &BTreeMap<i64, MarkRow>,
        rows: &BTreeMap<i64, MarkRow>,
    ) -> Result<()> {
        if rows.values().all(|m| m.detail.symptom.is_empty()) {
            return Ok(());
        }
        let most =
            usize::try_from(self.policy_then(class.county().as_ref(), day, i64::MAX).await?.alike_sick).unwrap_or(usize::MAX);
        let mut after = before.clone();
        after.extend(rows.iter().map(|(c, m)| (*c, m.clone())));
        let ill = |of: &BTreeMap<i64, MarkRow>, symptom: &str| of.values().filter(|m| m.detail.symptom == symptom).count();
        for (code, label) in SYMPTOMS {
            let (was, is) = (ill(before, code), ill(&after, code));
            if was >= most || is < most {
                continue;
            }
            let name = class.as_str().strip_prefix(class.school().as_str()).unwrap_or("").trim_end_matches('/').replace('/', " ");
            let said = format!("{name} {day} 有 {is} 人{label},请疫情报告人核实,按规定 24 小时内报告疾控机构和县教育局");
            let mut tx = self.store.begin().await?;
            for (account, role) in self.store.accounts_at(class.school().as_str(), self.clock.today()).await? {
                if matches!(role, Role::Principal | Role::Dean | Role::Registrar) {
                    tx.tell(self.store.vault(), account, &said, self.now()).await?;
                }
            }
            tx.commit_untold("the register tells of it").await?;
        }
        Ok(())
    }

    /// One try; nothing where somebody was faster.
    async fn write_roll(
        &self,
        actor: &Actor,
        (class_path, expected, standing): (&PlacePath, &Expected, Option<Register>),
        t: &Taking<'_>,
        (day, check): (Date, Check),
        digest: &str,
        known: bool,
    ) -> Result<Option<Taken>> {
        if known {
            // of two that came at once the other one has just written it
            let Some(register) = standing else { return Ok(None) };
            let marks = self.store.marks_at(&register, register.version).await?;
            return Ok(Some(Taken { register, marks, disagreements: Vec::new(), known: true }));
        }
        let mut pupils = expected.pupils.clone();
        let before = match &standing {
            Some(r) => {
                // of a past day those are expected who were
                if day < self.clock.today() {
                    pupils = self.store.roll_lists([r.list]).await?.remove(&r.list).unwrap_or_default().into_iter().collect();
                }
                self.store.marks_at(r, r.version).await?
            }
            None => BTreeMap::new(),
        };
        if pupils.is_empty() {
            return Err(OfficeError::Input("这个班的名单是空的;请先导入在校名册或学籍".into()));
        }
        let plain = |of: &BTreeMap<i64, MarkRow>| -> BTreeMap<i64, Mark> { of.iter().map(|(c, m)| (*c, m.mark)).collect() };
        let sent: BTreeMap<i64, Mark> = t.marks.iter().map(|(c, m)| (*c, m.0)).filter(|m| m.1 != Mark::Present).collect();
        let version = standing.as_ref().map_or(0, |r| r.version);
        let last_by = match &standing {
            Some(r) => self.store.versions_of(r).await?.pop().map(|v| v.1).unwrap_or_default(),
            None => String::new(),
        };
        let base = match (&standing, t.base) {
            (Some(r), b) if b == r.version => Some(plain(&before)),
            // a phone that could not read what it had sent before corrects itself, and nobody else
            (Some(r), b) if t.device.is_some() && self.store.makers_after(r, b).await?.iter().all(|m| *m == t.device) => {
                Some(plain(&before))
            }
            (Some(r), b) if b > 0 && b < r.version => Some(plain(&self.store.marks_at(r, b).await?)),
            _ => None,
        };
        let stands = standing.as_ref().map(|_| plain(&before));
        let (merged, disagreements) = merge(&pupils, base.as_ref(), stands.as_ref(), &sent);
        // whoever saw the doubts and saved has answered them
        let answered = version > 0 && t.base == version;
        let mut rows: BTreeMap<i64, MarkRow> = BTreeMap::new();
        for child in pupils.iter().chain(before.keys()) {
            let mark = merged.get(child).copied().unwrap_or(Mark::Present);
            let was = before.get(child);
            let doubtful = disagreements.iter().any(|d| d.child == *child) || (!answered && was.is_some_and(|w| w.doubtful));
            let mut detail = match t.marks.get(child) {
                Some((m, d)) if *m == mark && !d.is_empty() => d.clone(),
                _ => was.filter(|w| w.mark == mark).map(|w| w.detail.clone()).unwrap_or_default(),
            };
            if let Some(d) = disagreements.iter().find(|d| d.child == *child) {
                // both are kept: whoever answers it knows who said what
                detail.other = format!("{}:{},{}:{}", last_by, d.said.0.label(), actor.name, d.said.1.label());
            } else if !doubtful {
                detail.other.clear();
            }
            let row = MarkRow { mark, doubtful, detail };
            let stood = was.cloned().unwrap_or(MarkRow { mark: Mark::Present, doubtful: false, detail: MarkDetail::default() });
            if row != stood {
                rows.insert(*child, row);
            }
        }
        // whoever is missing, or was said to be; of others nothing is to be warned, but what was warned of before
        let was = |c: &i64| before.get(c).is_some_and(|m| m.mark.is_unexplained());
        let touched: Vec<i64> = rows.iter().filter(|(c, m)| m.mark.is_unexplained() || was(c)).map(|r| *r.0).collect();
        let open = match pupils == expected.pupils {
            true => expected.warned.clone(),
            false => self.warned_of(class_path, &pupils).await?,
        };
        let assessed = touched.is_empty() && open.is_empty();
        let listed = self.store.known_list(class_path.as_str(), &pupils).await?;
        let at = self.now();
        let mut tx = self.store.begin().await?;
        let (class, listed) = match listed {
            Some(both) => both,
            None => {
                let class = tx.roll_class(class_path.as_str()).await?;
                (class, tx.roll_list(class, &pupils, at).await?)
            }
        };
        let new = NewRegister {
            class,
            day,
            check,
            list: listed,
            key: t.key,
            by: actor.account,
            at,
            phone_at: t.phone_at,
            device: t.device,
            digest,
            assessed,
        };
        let id = match &standing {
            None => {
                let Some(id) = tx.add_register(&new).await? else { return Ok(None) };
                id
            }
            Some(r) => {
                if !tx.add_register_version(r.id, r.version, &new).await? {
                    return Ok(None);
                }
                r.id
            }
        };
        tx.add_marks(self.store.vault(), id, version + 1, &rows).await?;
        tx.commit_untold("a register's version says who took it when: it is its own record").await?;
        let register = Register {
            id,
            class: class_path.to_string(),
            day,
            check,
            list: listed,
            size: pupils.len() as i64,
            version: version + 1,
            taken_at: standing.as_ref().map_or(at, |r| r.taken_at),
            taken_by: standing.as_ref().map_or_else(|| actor.name.clone(), |r| r.taken_by.clone()),
            changed_at: at,
        };
        let mut marks = before.clone();
        marks.extend(rows.iter().map(|(c, m)| (*c, m.clone())));
        marks.retain(|_, m| m.mark != Mark::Present || m.doubtful);
        // the roll is taken, whatever becomes of the rest: what fails here is done by the job of the next minute
        let mut done = self.tell_of_symptoms(class_path, day, &before, &rows).await;
        if done.is_ok() && !assessed {
            let children: BTreeSet<i64> = touched.into_iter().chain(open).collect();
            done = self.assess_register(register.id, at, children.into_iter().collect()).await.map(|_| ());
        }
        if let Err(e) = done {
            tracing::warn!("点名已保存,研判稍后再做:{}", e.code());
        }
        Ok(Some(Taken { register, marks, disagreements, known: false }))
    }
}
