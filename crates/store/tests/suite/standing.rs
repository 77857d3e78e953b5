//! Where children stand: the question that lists ask is what the rule of `domain::ledger` says, on any day, as known at any moment.

use std::collections::{BTreeMap, BTreeSet};

use baoxue_domain::ledger::{DROPPED_OUT, Standing};
use baoxue_store::{AsOf, LedgerQuery, Listed, NewEstablishment, NewEvent, Order, Store, Subject};
use jiff::civil::Date;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::runs::{noon, record, run_over};
use crate::{COUNTY, places, within};

/// What may happen to one of the children on a day.
#[derive(Debug, Clone)]
enum Act {
    /// A run that finds these verdicts, by child; a child that it does not name is gone.
    Run(Vec<Option<&'static str>>),
    /// A conclusion about a child.
    Establish(i64, &'static str),
    /// The newest conclusion about a child is taken back.
    Revoke(i64),
    /// The newest run's roster is withdrawn.
    Withdraw,
}

const CHILDREN: i64 = 4;
const VERDICTS: [&str; 7] = [
    "enrolled-present",
    "household-no-record",
    "poor-not-enrolled",
    "enrolled-not-present",
    "recorded-dropout",
    "moved-out",
    "never-enrolled",
];
const CONCLUSIONS: [&str; 5] = ["enrolled-elsewhere", "dead", "wrong-id", "enrolled-here", DROPPED_OUT];

fn act() -> impl Strategy<Value = Act> {
    let verdict = prop_oneof![9 => prop::sample::select(&VERDICTS[..]).prop_map(Some), 1 => Just(None)];
    prop_oneof![
        3 => prop::collection::vec(verdict, CHILDREN as usize).prop_map(Act::Run),
        4 => (1..=CHILDREN, prop::sample::select(&CONCLUSIONS[..])).prop_map(|(c, x)| Act::Establish(c, x)),
        2 => (1..=CHILDREN).prop_map(Act::Revoke),
        1 => Just(Act::Withdraw),
    ]
}

fn day_after(n: i64) -> Date {
    jiff::civil::date(2023, 9, 1).checked_add(jiff::Span::new().days(n)).unwrap()
}

/// Does what happens; days go on by the gaps. Gives the days on which something happened.
async fn happen(s: &Store, acts: &[(i64, Act)]) -> Vec<Date> {
    let mut day = 0;
    let mut days = Vec::new();
    let mut findings: BTreeMap<i64, i64> = BTreeMap::new();
    let mut current: BTreeMap<i64, &str> = BTreeMap::new();
    let first = Act::Run(vec![Some("household-no-record"); CHILDREN as usize]);
    for (gap, act) in std::iter::once((1, first)).chain(acts.iter().cloned()) {
        day += gap;
        let on = day_after(day);
        let now = noon(&on.to_string());
        match act {
            Act::Run(verdicts) => {
                let found = verdicts.iter().enumerate().filter_map(|(i, v)| Some((i as i64 + 1, (*v)?)));
                let mut all: Vec<_> = found.clone().map(|(i, v)| record(i, "王浩然", v)).collect();
                current.extend(found);
                let run = run_over(s, &on.to_string(), &mut all, &[], &[]).await;
                let mut tx = s.begin().await.unwrap();
                let b = tx.stage_batch(s.vault(), &crate::batches::batch("household"), now, 1).await.unwrap();
                tx.load_batch(b, true, "whole", None, now, 1).await.unwrap();
                let sql = "INSERT INTO run_batch (run_id, batch_id) VALUES ($1, $2)";
                tx.raw_run(sql, baoxue_store::binds![run.id, b]).await.unwrap();
                tx.commit_untold("a test").await.unwrap();
            }
            Act::Establish(child, conclusion) => {
                let mut tx = s.begin().await.unwrap();
                let e = NewEvent::of_program("open", "x", now);
                let finding = tx.open_finding(s, child, "household-no-record", 1, &e).await.unwrap();
                let verdict = current[&child];
                let new = NewEstablishment {
                    child,
                    subject: Subject::Finding(finding),
                    conclusion,
                    verdict,
                    from: on,
                    unit: None,
                    at: now,
                    by: 1,
                };
                tx.establish(s, &new).await.unwrap();
                tx.commit_untold("a test").await.unwrap();
                findings.insert(child, finding);
            }
            Act::Revoke(child) => {
                if let Some(f) = findings.get(&child) {
                    let mut tx = s.begin().await.unwrap();
                    tx.revoke_establishments(s, Subject::Finding(*f), on, now, 1).await.unwrap();
                    tx.commit_untold("a test").await.unwrap();
                }
            }
            Act::Withdraw => {
                let in_use = s.batches_in_use(COUNTY).await.unwrap();
                if let Some(b) = in_use.first() {
                    let mut tx = s.begin().await.unwrap();
                    tx.withdraw_batch(s, b.id, now, 1).await.unwrap();
                    tx.commit_untold("a test").await.unwrap();
                }
            }
        }
        days.push(on);
    }
    days
}

/// The ledgers of a day as known at a moment, as pages ask for them.
async fn asked(s: &Store, standing: Standing, day: Date, known_at: Option<i64>) -> BTreeSet<i64> {
    let q = LedgerQuery {
        listed: Some(Listed { standing, day: day.to_string() }),
        as_of: known_at.map(|k| AsOf { day: day.to_string(), known_at: k }),
        ..LedgerQuery::default()
    };
    let all = within(&[COUNTY]);
    let page = s.children(&q, &all, Order::Verdict, 100, 0).await.unwrap();
    let counted: i64 = s.verdict_counts(&q, &all).await.unwrap().iter().map(|c| c.1).sum();
    assert_eq!((page.total, counted), (page.rows.len() as i64, page.rows.len() as i64), "{standing:?} {day}");
    let exported = s.children_with_reasons(&q, &all, Order::BirthDate, 100).await.unwrap();
    let ids: BTreeSet<i64> = page.rows.iter().map(|c| c.id).collect();
    assert_eq!(exported.iter().map(|c| c.0.id).collect::<BTreeSet<_>>(), ids);
    ids
}

async fn check(s: &Store, days: &[Date]) {
    let children: Vec<i64> = (1..=CHILDREN).collect();
    let histories = s.histories(&children).await.unwrap();
    let last = *days.last().unwrap();
    let ends = last.checked_add(jiff::Span::new().days(300)).unwrap();
    let gone_then = async |day: Date, known_at: i64| {
        let as_of = Some(AsOf { day: day.to_string(), known_at });
        let q = LedgerQuery { as_of, gone: true, ..LedgerQuery::default() };
        let page = s.children(&q, &within(&[COUNTY]), Order::Verdict, 100, 0).await.unwrap();
        page.rows.iter().map(|c| c.id).collect::<BTreeSet<_>>()
    };
    for day in days.iter().copied().chain([days[0].yesterday().unwrap(), ends]) {
        for known in days {
            let known_at = noon(&known.to_string());
            let gone = gone_then(day, known_at).await;
            for standing in [Standing::Suspected, Standing::Dropout, Standing::Cleared] {
                let told: BTreeSet<i64> = children
                    .iter()
                    .copied()
                    .filter(|c| {
                        let stands = histories.get(c).and_then(|h| h.stands(day, known_at));
                        stands.is_some_and(|st| {
                            let kept = st.standing == Standing::Dropout && st.establishment.is_some() && st.lapse.is_none();
                            st.standing == standing && (!gone.contains(c) || kept)
                        })
                    })
                    .collect();
                assert_eq!(asked(s, standing, day, Some(known_at)).await, told, "{standing:?} on {day}, known on {known}");
            }
        }
    }
    // today's ledger is that of today as known now
    let now = noon(&last.to_string());
    for standing in [Standing::Suspected, Standing::Dropout, Standing::Cleared] {
        assert_eq!(asked(s, standing, last, None).await, asked(s, standing, last, Some(now)).await, "{standing:?}");
    }
    assert_eq!(s.wrong_standings().await.unwrap(), [0i64; 0]);
}

/// Runs, conclusions, withdrawals in any order: the ledgers are what the events say.
#[test]
fn ledgers_are_what_the_events_say() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 12, max_shrink_iters: 40, ..Config::default() });
    let acts = prop::collection::vec((1i64..90, act()), 1..9);
    runner
        .run(&acts, |acts| {
            runtime.block_on(async {
                for p in places().await {
                    let days = happen(&p.store, &acts).await;
                    check(&p.store, &days).await;
                }
            });
            Ok(())
        })
        .unwrap();
}

/// A place of before, a class of before, and a child merged since: April's ledger is April's.
#[tokio::test]
async fn where_a_child_stood_is_known_as_it_was() {
    const OTHER: &str = "g/52/5288/528801/528801101/528801101201/";
    for p in places().await {
        let s = &p.store;
        let mut all = vec![record(1, "王浩然", "household-no-record"), record(2, "李子轩", "household-no-record")];
        let village = all[0].paths[0].clone().unwrap();
        run_over(s, "2023-10-08", &mut all, &[], &[]).await;
        // 1 moves to another village; 2 turns out to be 1
        let mut moved = vec![record(1, "王浩然", "household-no-record")];
        moved[0].paths[0] = Some(OTHER.into());
        run_over(s, "2023-11-08", &mut moved, &[(1, 2, "merged")], &[]).await;
        let below = async |path: &str, day: Option<&str>| {
            let as_of = day.map(|d| AsOf { day: d.into(), known_at: noon(d) });
            let q = LedgerQuery { below: Some(path.into()), as_of, ..LedgerQuery::default() };
            let page = s.children(&q, &within(&[COUNTY]), Order::Verdict, 9, 0).await.unwrap();
            page.rows.iter().map(|c| c.id).collect::<Vec<_>>()
        };
        assert_eq!(below(&village, Some("2023-10-31")).await, [1, 2]);
        assert_eq!(below(OTHER, Some("2023-10-31")).await, [0i64; 0]);
        assert_eq!(below(OTHER, None).await, [1]);
        assert_eq!(below(&village, Some("2023-11-08")).await, [0i64; 0]);
        assert_eq!(below(OTHER, Some("2023-11-08")).await, [1]);
    }
}
