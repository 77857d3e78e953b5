//! 示范县的劝返档案 (the demo's cases): in every stage, with their histories, made through the use cases with a clock that is set back.

use anyhow::{Context, bail};
use baoxue_domain::access::{Action, Actor};
use baoxue_domain::case::{Ask, CaseStep};
use baoxue_domain::finding::FindingState;
use baoxue_domain::ledger::all_dispositions;
use baoxue_domain::place::PlacePath;
use baoxue_store::{ContactDetail, FindingFilter, NewEvent, Story, Subject};
use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::app::case::contact::{Contacting, Kept};
use crate::app::case::opening::Report;
use crate::app::case::paper::Issuing;
use crate::app::case::work::{Asking, Returning};
use crate::app::clock::Clock;
use crate::app::finding::dispatch::KeptProof;
use crate::app::office::Office;

/// A picture of one colour: a photo that shows nobody.
const PHOTO: &[u8] = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";
/// Cases of one demo at most: a small county has fewer children who are away.
const MOST: usize = 60;

/// How far a case has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Verifying,
    Persuading(u32),
    Confirmed(u32),
    Legal,
    TransferRefused,
    Returned,
    FollowUp(u32),
    Again,
    AskedToClear,
    Cleared(usize),
    Closed,
}

/// In which order the demo's cases come to which stage.
fn stages() -> Vec<Stage> {
    use Stage::*;
    let mut out = vec![
        Verifying,
        Persuading(1),
        FollowUp(1),
        Closed,
        Confirmed(2),
        Legal,
        AskedToClear,
        Returned,
        Again,
        TransferRefused,
        Persuading(3),
        FollowUp(2),
        Verifying,
        Persuading(0),
        Closed,
        Returned,
    ];
    out.extend((0..all_dispositions().1.len()).map(Cleared));
    out.extend([Persuading(2), FollowUp(3), Confirmed(4), Verifying, Persuading(5), FollowUp(1), Closed, Again]);
    out.truncate(MOST);
    out
}

/// What a day of a case needs.
struct Day<'a> {
    office: Office,
    /// Who does the work of the units in the demo, and who decides.
    works: &'a Actor,
    decides: &'a Actor,
}

impl Day<'_> {
    fn today(&self) -> String {
        self.office.clock.today().to_string()
    }

    async fn version(&self, case: i64) -> anyhow::Result<i64> {
        Ok(self.office.seen_case(self.works, case, None).await?.case.version)
    }

    async fn contact(&self, case: i64, n: u32) -> anyhow::Result<()> {
        const KINDS: [&str; 3] = ["phone", "visit", "phone"];
        const SAID: [(&str, &str, &str, &str); 4] = [
            ("thinking", "indifferent", "hesitates", "家长说孩子自己不愿去,答应再劝劝"),
            ("unwilling", "opposes", "refuses", "孩子说跟不上,不想读了;讲了义务教育法的规定"),
            ("not-met", "", "not-seen", "家里没人,邻居说在镇上做工"),
            ("willing", "supports", "wants", "家长同意下周一送孩子回校"),
        ];
        let kind = KINDS[n as usize % KINDS.len()];
        let (outcome, attitude, wish, words) = SAID[n as usize % SAID.len()];
        let visit = kind == "visit";
        let on = self.today();
        let key = format!("{case:016x}{n:016x}");
        let detail = ContactDetail {
            people: if visit { "村干部、班主任".to_owned() } else { String::new() },
            attitude: attitude.to_owned(),
            wish: wish.to_owned(),
            words: words.to_owned(),
            typed_for: "牵头单位".to_owned(),
            ..ContactDetail::default()
        };
        let signed = if visit { "on-paper" } else { "" };
        let c = Contacting { key: &key, kind, on: &on, outcome, signed, detail, also: Vec::new() };
        let photos = if visit { vec![self.photo("家访.jpg").await?] } else { Vec::new() };
        self.office.record_contact(self.works, case, &c, Kept { photos, ..Kept::default() }).await?;
        Ok(())
    }

    async fn photo(&self, name: &str) -> anyhow::Result<KeptProof> {
        Ok(self.office.keep_proof(name, PHOTO.into()).await?)
    }

    async fn step(&self, case: i64, step: CaseStep) -> anyhow::Result<()> {
        Ok(self.office.case_step(self.works, case, self.version(case).await?, step, "").await?)
    }

    async fn ask(&self, case: i64, ask: Ask, a: Asking<'_>) -> anyhow::Result<()> {
        Ok(self.office.ask_of_case(self.works, case, self.version(case).await?, ask, &a).await?)
    }

    async fn decide(&self, case: i64, agreed: bool) -> anyhow::Result<()> {
        let note = if agreed { "" } else { "请先弄清孩子在哪里" };
        Ok(self.office.decide_case(self.decides, case, self.version(case).await?, agreed, note).await?)
    }

    async fn back(&self, case: i64) -> anyhow::Result<()> {
        let on = self.today();
        let school = "青禾县中心学校";
        let r = Returning {
            on: &on,
            placement: "former-school",
            school,
            received_by: "班主任",
            support: "补课、心理辅导",
            ..Returning::default()
        };
        Ok(self.office.return_case(self.works, case, self.version(case).await?, &r).await?)
    }

    async fn settle(&self, case: i64) -> anyhow::Result<()> {
        let said = "已编班,学籍状态改为在读";
        Ok(self.office.settle_case(self.works, case, self.version(case).await?, "", said).await?)
    }

    async fn check(&self, case: i64, here: bool) -> anyhow::Result<()> {
        let note = if here { "" } else { "没有来,家长说又去打工了" };
        Ok(self.office.check_case(self.works, case, self.version(case).await?, "", here, note).await?)
    }
}

/// Makes the cases of the demo, of children who are on nobody's list of things to do yet.
pub async fn prepare(office: &Office, works: &Actor, decides: &Actor) -> anyhow::Result<usize> {
    let j = works.jurisdiction(Action::Dispatch).map_err(|e| anyhow::anyhow!("{e}"))?;
    let open = FindingFilter { states: vec![FindingState::Open], ..FindingFilter::default() };
    let (all, _) = office.store.findings(&open, &j, 5_000, 0).await?;
    let mut made = 0;
    // at most a third of those who are away: school and village find findings in their inbox, too
    for (f, stage) in all.iter().rev().take(all.len() / 3).zip(stages()) {
        let at = |day: Date| {
            let mut office = office.clone();
            office.clock = Clock::starting_at(day.at(9, 30, 0, 0));
            Day { office, works, decides }
        };
        one(&at, f.child, stage, made, office.clock.today()).await.with_context(|| format!("示范档案 {stage:?}"))?;
        made += 1;
    }
    Ok(made)
}

/// Many cases for measuring: each reported like any other, with a long story of so many events.
pub async fn many(office: &Office, works: &Actor, cases: usize, events: usize) -> anyhow::Result<usize> {
    let j = works.jurisdiction(Action::Dispatch).map_err(|e| anyhow::anyhow!("{e}"))?;
    let open = FindingFilter { states: vec![FindingState::Open], ..FindingFilter::default() };
    let (all, _) = office.store.findings(&open, &j, cases as i64, 0).await?;
    let causes = ["tired-of-school", "working-away", "poverty", "parents-view"];
    for (n, f) in all.iter().enumerate() {
        let day = office.clock.today().saturating_sub(((n % 120) as i64).days());
        let mut then = office.clone();
        then.clock = Clock::starting_at(day.at(9, 30, 0, 0));
        let r = Report { cause: causes[n % causes.len()], note: "测量用", ..Report::default() };
        let case = then.report(works, f.child, &r).await?;
        let mut tx = then.store.begin().await?;
        for _ in 0..events {
            let e = NewEvent::by("describe", "电话里说再想想,下周再去一次", works.account, then.now());
            tx.add_event(&then.store, Subject::Case(case), &e, None).await?;
        }
        tx.commit_untold("measured, and nobody's").await?;
        if n % 1_000 == 999 {
            println!("已建立 {} 份", n + 1);
        }
    }
    Ok(all.len())
}

async fn one<'a>(at: &impl Fn(Date) -> Day<'a>, child: i64, stage: Stage, n: usize, today: Date) -> anyhow::Result<()> {
    let causes =
        ["tired-of-school", "working-away", "poverty", "parents-view", "learning-difficulty", "illness", "family-change"];
    let ago = |days: i64| today.saturating_sub(days.days());
    let shift = (n % 5) as i64;
    // what is over began in spring; what goes on began in the last weeks
    let began = match stage {
        Stage::Closed => date(2023, 3, 6),
        Stage::FollowUp(checks) => ago([20, 40, 75, 135][checks as usize % 4] + 12),
        Stage::Again => ago(60),
        Stage::Legal => ago(45),
        Stage::Confirmed(_) | Stage::Cleared(_) => ago(30 + shift),
        Stage::Returned => ago(15 + shift),
        Stage::Persuading(k) => ago(6 * i64::from(k) + 5 + shift),
        _ => ago(shift),
    };
    let after = |days: i64| began.saturating_add(days.days());
    let first = at(began);
    let note = "开学点名没有来,电话打不通,村里说不在家";
    let last = began.saturating_sub(3.days()).to_string();
    let r = Report { cause: causes[n % causes.len()], last_day: &last, whereabouts: "", reach: "", note };
    let case = first.office.report(first.works, child, &r).await?;
    let persuaded = async |attempts: u32, each: i64| -> anyhow::Result<()> {
        at(after(1)).step(case, CaseStep::Persuade).await?;
        for k in 0..attempts {
            at(after(2 + i64::from(k) * each)).contact(case, k).await?;
        }
        Ok(())
    };
    let confirmed = async |day: i64| -> anyhow::Result<()> {
        let asking = Asking { reason: "多次劝返无效,确实未就读", ..Asking::default() };
        at(after(day)).ask(case, Ask::Confirm, asking).await?;
        at(after(day + 1)).decide(case, true).await
    };
    let returned = async |day: i64| -> anyhow::Result<()> {
        at(after(day)).back(case).await?;
        at(after(day + 3)).settle(case).await
    };
    let clearing = async |code: usize, day: i64| -> anyhow::Result<()> {
        let Some(d) = all_dispositions().1.get(code) else { bail!("没有第 {code} 种结论") };
        let then = at(after(day));
        let kept = vec![then.photo(&format!("{}.jpg", d.proof[0])).await?];
        then.office.add_case_proofs(then.works, case, kept).await?;
        let a = Asking {
            conclusion: &d.code,
            reason: "入户核实,附证明",
            checkers: "张核查、李核查",
            vouched: "青禾县公安局",
            target: None,
        };
        then.ask(case, Ask::Clear, a).await
    };
    match stage {
        Stage::Verifying => {}
        Stage::Persuading(k) => persuaded(k, 6).await?,
        Stage::Confirmed(k) => {
            persuaded(k, 5).await?;
            confirmed(25).await?;
        }
        Stage::Legal => {
            persuaded(6, 4).await?;
            confirmed(28).await?;
            let then = at(after(30));
            then.step(case, CaseStep::GoLegal).await?;
            let (on, due) = (then.today(), after(40).to_string());
            let number = format!("青教责〔2023〕{}号", n + 1);
            let mut i = Issuing {
                kind: "send",
                number: &number,
                issued_on: &on,
                due_on: &due,
                served_on: &on,
                service: "handed",
                ..Issuing::default()
            };
            i.detail.recipient = "父亲".to_owned();
            then.office.issue_paper(then.works, case, then.version(case).await?, &i).await?;
        }
        Stage::TransferRefused => {
            let then = at(after(0));
            let seen = then.office.seen_case(then.works, case, None).await?;
            let county = PlacePath::parse(&seen.case.scope_path).context("示范县的路径")?;
            let schools = county.education_prefix().unwrap_or_default();
            let all = then.office.store.places_below(&schools, then.office.clock.today(), &["school"]).await?;
            let other = all.into_iter().map(|p| p.path).find(|p| Some(p.as_str()) != seen.case.unit_path.as_deref());
            then.ask(case, Ask::Transfer, Asking { reason: "听说孩子在贵校借读", target: other, ..Asking::default() }).await?;
            then.decide(case, false).await?;
        }
        Stage::Returned => {
            persuaded(2, 4).await?;
            at(after(12)).back(case).await?;
        }
        Stage::FollowUp(checks) => {
            persuaded(3, 3).await?;
            returned(12).await?;
            for day in [26, 42, 72, 132].into_iter().take(checks as usize).filter(|d| after(*d) <= today) {
                at(after(day)).check(case, true).await?;
            }
        }
        Stage::Again => {
            persuaded(2, 3).await?;
            returned(8).await?;
            at(after(23)).check(case, false).await?;
            at(after(26)).contact(case, 9).await?;
        }
        Stage::AskedToClear => {
            clearing(all_dispositions().1.iter().position(|d| d.code == "enrolled-elsewhere").unwrap_or(0), 0).await?
        }
        Stage::Cleared(code) => {
            clearing(code, 5).await?;
            at(after(6)).decide(case, true).await?;
        }
        Stage::Closed => {
            persuaded(4, 3).await?;
            returned(14).await?;
            for day in [28, 44, 74, 134] {
                at(after(day)).check(case, true).await?;
            }
            let end = at(after(140));
            end.ask(case, Ask::Close, Asking { reason: "回访全部完成,孩子稳定在校", ..Asking::default() }).await?;
            at(after(142)).decide(case, true).await?;
        }
    }
    if matches!(stage, Stage::Persuading(_)) {
        let then = at(today);
        let story = Story {
            last_day: last.clone(),
            whereabouts: "随父母在外省打工".to_owned(),
            reach: "外婆 12800000000".to_owned(),
            ..Story::default()
        };
        then.office.describe_case(then.works, case, then.version(case).await?, causes[n % causes.len()], story).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_and_every_conclusion_is_there() {
        let all = stages();
        for d in 0..all_dispositions().1.len() {
            assert!(all.contains(&Stage::Cleared(d)));
        }
        assert!(
            [Stage::Legal, Stage::Closed, Stage::Again, Stage::TransferRefused, Stage::Returned].iter().all(|s| all.contains(s))
        );
    }
}
