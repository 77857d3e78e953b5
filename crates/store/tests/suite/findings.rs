use baoxue_domain::finding::FindingState;
use baoxue_domain::task::TaskState;
use baoxue_store::{FindingFilter, NewEvent, NewTask, Placed, Subject};

use crate::runs::{record, run_over};
use crate::{COUNTY, NOW, places, within};

const SCHOOL: &str = "e/528801/2152000001/";
const VILLAGE: &str = "g/52/5288/528801/528801100/528801100201/";

fn sent(unit: &str, deadline: i64) -> Placed<'_> {
    Placed { state: FindingState::Dispatched, unit: Some(unit), deadline: Some(NOW + deadline), answer: None }
}

#[tokio::test]
async fn two_people_at_one_finding_never_overwrite_each_other() {
    for p in places().await {
        let s = &p.store;
        let run = run_over(s, "2023-09-10", &mut [record(1, "王浩然", "household-no-record")], &[], &[]).await;
        let event = |kind: &'static str, detail: &'static str| NewEvent::by(kind, detail, 1, NOW);
        let mut tx = s.begin().await.unwrap();
        let id = tx.open_finding(s, 1, "household-no-record", run.id, &event("open", "比对发现")).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let county = within(&[COUNTY]);
        let seen = s.finding(id, Some(&county), None).await.unwrap().unwrap();
        let mut tx = s.begin().await.unwrap();
        let e = event("dispatch", "交学校核实");
        assert!(tx.step_finding(s, &seen, &sent(SCHOOL, 5), &e).await.unwrap());
        tx.commit_untold("a test").await.unwrap();
        let mut tx = s.begin().await.unwrap();
        assert!(!tx.step_finding(s, &seen, &seen.placed(FindingState::Withdrawn), &event("x", "")).await.unwrap());
        drop(tx);
        let now = s.finding(id, Some(&county), None).await.unwrap().unwrap();
        assert_eq!((now.state, now.unit_path.as_deref(), now.version), (FindingState::Dispatched, Some(SCHOOL), 2));
        let told: Vec<_> = s
            .events_of(&s.finding(id, Some(&within(&[COUNTY])), None).await.unwrap().unwrap())
            .await
            .unwrap()
            .into_iter()
            .map(|e| (e.kind, e.detail, e.by.unwrap()))
            .collect();
        assert_eq!(told[1], ("dispatch".to_owned(), "交学校核实".to_owned(), "张经办".to_owned()));
        assert_eq!(told.len(), 2, "a step that came too late leaves nothing");
    }
}

#[tokio::test]
async fn inboxes_hold_what_was_sent_and_nothing_else() {
    for p in places().await {
        let s = &p.store;
        let mut children: Vec<_> = (1..=4).map(|i| record(i, "王浩然", "household-no-record")).collect();
        let run = run_over(s, "2023-09-10", &mut children, &[], &[]).await;
        let event = NewEvent::of_program("open", "比对发现", NOW);
        let mut tx = s.begin().await.unwrap();
        for child in 1..=4 {
            tx.open_finding(s, child, "household-no-record", run.id, &event).await.unwrap();
        }
        tx.commit_untold("a test").await.unwrap();
        for (id, unit, deadline) in [(1, SCHOOL, 50), (2, VILLAGE, 20), (3, SCHOOL, 10)] {
            let f = s.finding(id, Some(&within(&[COUNTY])), None).await.unwrap().unwrap();
            let mut tx = s.begin().await.unwrap();
            tx.step_finding(s, &f, &sent(unit, deadline), &event).await.unwrap();
            tx.commit_untold("a test").await.unwrap();
        }
        let ids = async |f: FindingFilter, path: &str| {
            let (rows, n) = s.inbox(&f, &within(&[path]), 10, 0).await.unwrap();
            assert_eq!(rows.len() as i64, n);
            rows.iter().map(|f| f.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(FindingFilter::default(), SCHOOL).await, [3, 1], "the nearest deadline first");
        assert_eq!(ids(FindingFilter::default(), VILLAGE).await, [2]);
        assert_eq!(ids(FindingFilter { due_before: Some(NOW + 20), ..FindingFilter::default() }, SCHOOL).await, [3]);
        assert_eq!(ids(FindingFilter::default(), "e/528801/2152000002/").await, [0i64; 0]);
        // a finding may be opened by the unit that has it, though the child lives elsewhere
        assert!(s.finding(1, None, Some(&within(&[SCHOOL]))).await.unwrap().is_some());
        assert!(s.finding(2, None, Some(&within(&[SCHOOL]))).await.unwrap().is_none());
        let counts = s.finding_counts(&within(&[COUNTY]), NOW + 20).await.unwrap();
        let mut counts: Vec<(FindingState, i64, i64)> = counts.iter().map(|c| (c.state, c.all, c.overdue)).collect();
        counts.sort();
        assert_eq!(counts, [(FindingState::Open, 1, 0), (FindingState::Dispatched, 3, 1)]);
        assert_eq!(s.waiting_counts("finding", &within(&[SCHOOL]), NOW + 20).await.unwrap(), (2, 1));
        assert_eq!(s.newest_findings(COUNTY).await.unwrap().len(), 4);
    }
}

/// A task of whatever subject waits in one inbox, is overdue after its deadline, and is escalated once for each deadline.
#[tokio::test]
async fn tasks_of_all_subjects_are_counted_and_escalated_alike() {
    for p in places().await {
        let s = &p.store;
        let put = async |subject, unit: Option<&str>, state, deadline| {
            let mut tx = s.begin().await.unwrap();
            let to = unit.map(|unit| NewTask { unit, lead: Some(1), state, deadline });
            tx.put_task(subject, to.as_ref()).await.unwrap();
            tx.commit_untold("a test").await.unwrap();
        };
        let village = "g/52/5288/528801/528801100/528801100201/";
        let waiting = TaskState::Waiting;
        put(Subject::Finding(1), Some(village), waiting, Some(NOW - 1)).await;
        put(Subject::Establishment(1), Some(village), waiting, Some(NOW + 9)).await;
        put(Subject::Finding(2), Some(village), TaskState::Done, Some(NOW - 1)).await;
        put(Subject::Finding(3), Some("e/528802/1/"), waiting, None).await;
        assert_eq!(s.waiting_counts("finding", &within(&[COUNTY]), NOW).await.unwrap(), (1, 1));
        assert_eq!(s.waiting_counts("establishment", &within(&[COUNTY]), NOW).await.unwrap(), (1, 0));
        let escalate = async || {
            let mut n = 0;
            for t in s.overdue_tasks(NOW).await.unwrap() {
                let mut tx = s.begin().await.unwrap();
                n += u32::from(tx.escalate_task(s, &t, &NewEvent::of_program("overdue", "逾期", NOW)).await.unwrap());
                assert!(!tx.escalate_task(s, &t, &NewEvent::of_program("overdue", "逾期", NOW)).await.unwrap(), "once");
                tx.commit_untold("a test").await.unwrap();
            }
            n
        };
        assert_eq!((escalate().await, escalate().await), (1, 0));
        // the same deadline with another unit is not escalated anew, another deadline is
        put(Subject::Finding(1), Some("e/528801/2152000001/"), waiting, Some(NOW - 1)).await;
        assert_eq!(escalate().await, 0);
        put(Subject::Finding(1), Some("e/528801/2152000001/"), waiting, Some(NOW - 2)).await;
        assert_eq!(escalate().await, 1);
        put(Subject::Finding(1), None, waiting, None).await;
        assert_eq!(s.waiting_counts("finding", &within(&[COUNTY]), NOW).await.unwrap(), (0, 0), "nobody has it");
    }
}
