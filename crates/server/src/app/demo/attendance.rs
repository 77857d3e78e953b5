//! 示范学校的一个学期 (the demo's term): the roll of every class on every school day since September, taken through the use case with a clock that is set
//! back; the warnings follow from it by the rules, and each is called about within the hour and looked into on the same day.

use std::collections::BTreeMap;

use baoxue_domain::access::{Action, Actor, Jurisdiction};
use baoxue_domain::attendance::{Check, Mark};
use baoxue_domain::place::PlacePath;
use baoxue_store::{MarkDetail, WarningFilter};
use jiff::civil::{Date, date};

use crate::app::attendance::roll::{ClassList, Taking, checks_on};
use crate::app::attendance::warnings::Calling;
use crate::app::clock::Clock;
use crate::app::office::Office;

/// School days in a row that a child is missing, and how many children are: 32 times blue, of which twelve become yellow, and three red.
const MISSING: [(usize, usize); 3] = [(1, 20), (2, 9), (3, 3)];
/// Of so many pupils one comes back later than the first day, and says so.
const LATE_BACK: i64 = 301;
/// Of so many pupils one is ill on a day.
const ILL: usize = 70;

/// Who is missing on which school days, by place in the school.
fn plan(pupils: &[i64], days: usize) -> BTreeMap<i64, std::ops::Range<usize>> {
    let mut out = BTreeMap::new();
    let lengths: Vec<usize> = MISSING.iter().flat_map(|(days, children)| std::iter::repeat_n(*days, *children)).collect();
    let step = (pupils.len() / lengths.len()).max(1);
    for (i, length) in lengths.into_iter().enumerate() {
        let Some(child) = pupils.get(i * step) else { continue };
        // spread over the term, the last ones back before today
        let first = 1 + (i * 7) % days.saturating_sub(length + 2).max(1);
        out.insert(*child, first..first + length);
    }
    out
}

fn at(office: &Office, day: Date, hour: i8, minute: i8) -> Office {
    let mut office = office.clone();
    office.clock = Clock::starting_at(day.at(hour, minute, 0, 0));
    office
}

/// The term of a school up to yesterday, and yesterday's roll of the other schools; how many registers that are.
pub async fn prepare(office: &Office, school: &PlacePath, takes: &Actor, officer: &Actor) -> anyhow::Result<usize> {
    let today = office.clock.today();
    let calendar = office.calendars().await?.of(school);
    let days: Vec<Date> = calendar.school_days(date(2023, 9, 1), today).into_iter().filter(|d| *d < today).collect();
    let j = takes.jurisdiction(Action::TakeRoll).map_err(|e| anyhow::anyhow!("{e}"))?;
    let mut lists = Vec::new();
    for class in office.classes_of(&j).await?.into_iter().filter(|c| c.school() == *school) {
        lists.push(office.class_list(&class, &j).await?);
    }
    let pupils: Vec<i64> = lists.iter().flat_map(|l| l.expected.iter().map(|c| c.id)).collect();
    let plan = plan(&pupils, days.len());
    let mut n = 0;
    for (i, day) in days.iter().enumerate() {
        let morning = at(office, *day, 8, 40);
        let mark = |child: i64| {
            let missing = plan.get(&child).is_some_and(|r| r.contains(&i));
            let ill = !plan.contains_key(&child) && (child as usize * 31 + i * 17) % ILL == 0;
            match () {
                () if missing => Mark::Unexplained,
                () if ill => Mark::Sick,
                () if i == 0 && child % LATE_BACK == 0 => Mark::Leave,
                () => Mark::Present,
            }
        };
        for list in &lists {
            if i == 0 {
                n += report(&morning, takes, list, *day, mark).await?;
            }
            n += take(&morning, takes, list, *day, mark).await?;
        }
        handle(office, takes, &j, *day).await?;
    }
    // the other schools of the county reported the first day, and took yesterday's
    if let (Some(first), Some(yesterday)) = (days.first(), days.last()) {
        let county = officer.jurisdiction(Action::ViewAttendance).map_err(|e| anyhow::anyhow!("{e}"))?;
        let morning = at(office, *yesterday, 8, 40);
        for class in office.classes_of(&county).await?.into_iter().filter(|c| c.school() != *school) {
            let list = office.class_list(&class, &county).await?;
            let sick = |child: i64| if child % 89 == 0 { Mark::Sick } else { Mark::Present };
            let first_of = |child: i64| if child % LATE_BACK == 0 { Mark::Leave } else { sick(child) };
            n += report(&at(office, *first, 8, 40), &teacher_of(&class), &list, *first, first_of).await?;
            // one in forty forgot
            if class.as_str().bytes().map(usize::from).sum::<usize>() % 40 != 0 {
                n += take(&morning, &teacher_of(&class), &list, *yesterday, sick).await?;
            }
        }
    }
    Ok(n)
}

/// Somebody who teaches a class, without an account: the demo's other schools.
fn teacher_of(class: &PlacePath) -> Actor {
    let grants = vec![baoxue_domain::access::Grant { role: baoxue_domain::access::Role::ClassTeacher, path: class.clone() }];
    Actor { account: 0, login: "示范".into(), name: "示范".into(), grants, within: None }
}

/// 开学报到: who came on the first day; some are on their way back.
async fn report(
    office: &Office,
    actor: &Actor,
    list: &ClassList,
    day: Date,
    mark: impl Fn(i64) -> Mark,
) -> anyhow::Result<usize> {
    let of = |child: i64| {
        let mark = mark(child);
        let whereabouts = if mark == Mark::Leave { "late-back".into() } else { String::new() };
        (mark, MarkDetail { whereabouts, ..MarkDetail::default() })
    };
    write(office, actor, list, (day, Check::FirstDay), of).await
}

async fn take(office: &Office, actor: &Actor, list: &ClassList, day: Date, mark: impl Fn(i64) -> Mark) -> anyhow::Result<usize> {
    write(office, actor, list, (day, Check::Morning), |child| (mark(child), MarkDetail::default())).await
}

async fn write(
    office: &Office,
    actor: &Actor,
    list: &ClassList,
    (day, only): (Date, Check),
    mark: impl Fn(i64) -> (Mark, MarkDetail),
) -> anyhow::Result<usize> {
    let calendar = office.calendars().await?.of(&list.path);
    let mut n = 0;
    for check in checks_on(&calendar, day, 1).into_iter().filter(|c| *c == only) {
        let marks = list.expected.iter().map(|c| (c.id, mark(c.id))).filter(|m| m.1.0 != Mark::Present).collect();
        let day = day.to_string();
        let key = format!("{:032x}", u128::from_be_bytes(baoxue_store::random()?));
        let t = Taking {
            class: list.path.as_str(),
            day: &day,
            check: check.code(),
            base: 0,
            key: &key,
            phone_at: None,
            device: None,
            marks,
        };
        office.take_roll(actor, &t).await?;
        n += 1;
    }
    Ok(n)
}

/// What rose on a day is called about within the hour, and looked into in the afternoon.
async fn handle(office: &Office, actor: &Actor, j: &Jurisdiction, day: Date) -> anyhow::Result<()> {
    const SAID: [&str; 4] = ["家里有事,明天到校", "说肚子疼,没有请假", "在外婆家,明天送来", "不想上学,正在劝"];
    let open = WarningFilter { state: Some("open"), unchecked: true, ..WarningFilter::default() };
    at(office, day, 10, 5).assess_missing().await?;
    let rung = at(office, day, 10, 20);
    for w in rung.store.warnings(&open, j, 100, 0).await?.0 {
        let words = SAID[w.id as usize % SAID.len()];
        rung.call_about(actor, w.id, &Calling { key: "", kind: "phone", outcome: "thinking", met: "家长", words }).await?;
        let looked = at(office, day, 16, 0);
        let version = looked.seen_warning(actor, w.id, Action::HandleWarnings).await?.version;
        looked.check_warning(actor, w.id, version, "已联系家长,问明情况,班主任继续跟进").await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_one_school_s_report() {
        let pupils: Vec<i64> = (1..=500).collect();
        let plan = plan(&pupils, 22);
        let of = |n: usize| plan.values().filter(|r| r.len() == n).count();
        assert_eq!((plan.len(), of(1), of(2), of(3)), (32, 20, 9, 3));
        // everybody was seen once before, and is back before the last day
        assert!(plan.values().all(|r| r.start >= 1 && r.end < 22));
    }
}
