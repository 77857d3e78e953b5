use std::sync::Arc;

use baoxue_domain::case::{Ask, CaseFacts, CaseState, ContactKind};
use baoxue_domain::task::TaskState;
use baoxue_store::{
    AskDetail, CaseChange, CaseFilter, ContactDetail, NewCase, NewContact, NewEvent, NewTask, Owned, Story, Whose,
};
use jiff::civil::date;

use crate::runs::{record, run_over};
use crate::{COUNTY, NOW, Place, places, within};

const VILLAGE: &str = "g/52/5288/528801/528801100/528801100201/";
const SCHOOL: &str = "e/528801/2152000001/";

fn task(unit: &str) -> NewTask<'_> {
    NewTask { unit, lead: None, state: TaskState::Waiting, deadline: Some(NOW + 1) }
}

/// Opens a case in a transaction that ends or not; its number of the year where it does.
async fn open(p: &Place, child: i64, commit: bool) -> i64 {
    let s = &p.store;
    let story = Story { whereabouts: "外省".into(), ..Story::default() };
    let new = NewCase {
        child,
        scope: COUNTY,
        mark: "青控辍",
        facts: CaseFacts::reported().facts,
        on: date(2023, 10, 9),
        cause: "other",
        story: &story,
        partner: Some(SCHOOL),
    };
    let mut tx = s.begin().await.unwrap();
    let id = tx.open_case(s, &new, &task(VILLAGE), &NewEvent::by("report", "没来", 1, NOW)).await.unwrap();
    if commit {
        tx.commit_untold("a test").await.unwrap();
    }
    id
}

async fn with_children(p: &Place, n: i64) {
    let mut children: Vec<_> = (1..=n).map(|i| record(i, "王浩然", "household-no-record")).collect();
    run_over(&p.store, "2023-10-08", &mut children, &[], &[]).await;
}

/// Clerks who open cases at the same time, some of whom give up: numbers run from 1 without a gap, each once.
#[tokio::test]
async fn numbers_have_no_gaps() {
    for p in places().await {
        with_children(&p, 40).await;
        let p = Arc::new(p);
        let clerks: Vec<_> = (0..2i64)
            .map(|clerk| {
                let p = p.clone();
                tokio::spawn(async move {
                    for i in 0..20 {
                        open(&p, clerk * 20 + i + 1, (clerk + i) % 3 != 0).await;
                    }
                })
            })
            .collect();
        for c in clerks {
            c.await.unwrap();
        }
        let (all, n) = p.store.cases(&CaseFilter::default(), Whose::Seen(&within(&[COUNTY])), 100, 0).await.unwrap();
        let mut numbers: Vec<i64> = all.iter().map(|k| k.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=n).collect::<Vec<_>>());
        assert_eq!(all.iter().find(|k| k.number == 3).unwrap().label(), "青控辍-2023-00003");
    }
}

/// An open case without an owner cannot be written down, nor a second open one of a child.
#[tokio::test]
async fn a_case_without_an_owner_is_none() {
    for p in places().await {
        with_children(&p, 2).await;
        let s = &p.store;
        let id = open(&p, 1, true).await;
        let k = s.case_file(id, &within(&[VILLAGE])).await.unwrap().unwrap();
        assert_eq!((k.story.whereabouts.as_str(), k.facts.state), ("外省", CaseState::Verifying));
        let e = NewEvent::by("persuade", "", 1, NOW + 5);
        let facts = CaseFacts { state: CaseState::Persuading, ..k.facts };
        let closed = CaseFacts { state: CaseState::Closed, ..k.facts };
        let no_deadline = NewTask { deadline: None, ..task(VILLAGE) };
        for (facts, owned) in [(facts, Owned::Nobody), (facts, Owned::By(no_deadline)), (closed, Owned::By(task(VILLAGE)))] {
            let mut tx = s.begin().await.unwrap();
            assert!(tx.step_case(s, &k, facts, owned, &CaseChange::default(), &e).await.is_err());
        }
        let mut tx = s.begin().await.unwrap();
        assert!(tx.step_case(s, &k, facts, Owned::By(task(SCHOOL)), &CaseChange::default(), &e).await.unwrap());
        tx.commit_untold("a test").await.unwrap();
        let mut tx = s.begin().await.unwrap();
        let again = tx.step_case(s, &k, facts, Owned::By(task(SCHOOL)), &CaseChange::default(), &e).await.unwrap();
        assert!(!again, "somebody else was faster");
        drop(tx);
        assert!(s.unsound_cases().await.unwrap().is_empty());
        // whose it is: the unit's itself, and a pupil's class teacher's
        let path = |p: &str| baoxue_domain::place::PlacePath::parse(p).unwrap();
        let own = async |at: &str| s.own_cases(&[path(at)], NOW + 9).await.unwrap();
        assert_eq!(own(SCHOOL).await, (1, 1));
        assert_eq!(own(VILLAGE).await, (0, 0));
        assert_eq!(own(COUNTY).await, (0, 0), "a county looks after its units' cases, and does not have them");
        // known then: what it was before the step
        let then = s.cases_then(&[1], NOW + 4).await.unwrap();
        assert_eq!((then[&1].state, then[&1].unit_path.as_deref()), (CaseState::Verifying, Some(VILLAGE)));
        assert!(s.cases_then(&[1], NOW - 1).await.unwrap().is_empty());
    }
}

/// A record that is sent twice, at the same moment, by two connections, is one.
#[tokio::test]
async fn a_contact_that_is_sent_twice_is_one() {
    for p in places().await {
        with_children(&p, 1).await;
        let id = open(&p, 1, true).await;
        let p = Arc::new(p);
        let send = || {
            let p = p.clone();
            tokio::spawn(async move {
                let detail = ContactDetail { words: "再想想".into(), ..ContactDetail::default() };
                let new = NewContact {
                    key: "k1",
                    kind: ContactKind::Phone,
                    on: date(2023, 10, 9),
                    outcome: "thinking",
                    signed: None,
                    detail: &detail,
                    at: NOW,
                    by: 1,
                    unit: None,
                    awaited: 0,
                };
                let mut tx = p.store.begin().await.unwrap();
                let made = tx.add_contact(&p.store, &new, &[id]).await.unwrap();
                tx.commit_untold("a test").await.unwrap();
                made.is_some()
            })
        };
        let both = [send(), send(), send()];
        let mut made = 0;
        for b in both {
            made += usize::from(b.await.unwrap());
        }
        assert_eq!(made, 1);
        let k = p.store.case_file(id, &within(&[COUNTY])).await.unwrap().unwrap();
        assert_eq!(
            p.store.contacts_of(&k).await.unwrap().iter().map(|c| c.detail.words.as_str()).collect::<Vec<_>>(),
            ["再想想"]
        );
    }
}

/// Two children turn out to be one: of two files the older goes on, the other one stays readable as part of it, and what it asked is settled.
#[tokio::test]
async fn two_files_of_one_child_become_one() {
    for p in places().await {
        with_children(&p, 3).await;
        let s = &p.store;
        let (old, young) = (open(&p, 2, true).await, open(&p, 1, true).await);
        let k = s.case_file(young, &within(&[COUNTY])).await.unwrap().unwrap();
        let mut tx = s.begin().await.unwrap();
        let detail = AskDetail { reason: "移交".into(), ..AskDetail::default() };
        tx.add_ask(s, &k, Ask::Transfer, Some(SCHOOL), &detail, 1, NOW).await.unwrap();
        let facts = CaseFacts { asked: Some(Ask::Transfer), ..k.facts };
        let e = NewEvent::by("ask-transfer", "移交", 1, NOW);
        tx.step_case(s, &k, facts, Owned::By(task(VILLAGE)), &CaseChange::default(), &e).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let mut rest: Vec<_> = [1, 3].into_iter().map(|i| record(i, "王浩然", "household-no-record")).collect();
        run_over(s, "2023-10-09", &mut rest, &[(1, 2, "merged")], &[]).await;
        let county = within(&[COUNTY]);
        let (kept, joined) =
            (s.case_file(old, &county).await.unwrap().unwrap(), s.case_file(young, &county).await.unwrap().unwrap());
        assert_eq!((kept.child, kept.facts.state), (1, CaseState::Verifying));
        assert_eq!((joined.facts.state, joined.joined_into, joined.unit_path.as_deref()), (CaseState::Joined, Some(old), None));
        assert!(s.open_ask(&joined).await.unwrap().is_none());
        assert_eq!(s.grounds_of(&kept).await.unwrap(), [("joined".to_owned(), None)]);
        assert!(s.unsound_cases().await.unwrap().is_empty());
        assert_eq!(s.newest_cases(&[1]).await.unwrap()[&1].id, old);
        let (_, n) = s.cases(&CaseFilter::default(), Whose::Seen(&county), 9, 0).await.unwrap();
        assert_eq!(n, 1, "what became part of another is on no list");
    }
}
