use baoxue_domain::roster::SourceKind;
use baoxue_store::{
    AsOf, ChildRecord, DecisionFilter, Dialect, LedgerQuery, NewPair, NewRun, Order, Profile, Run, RunResult, Side, SourceKey,
    Store,
};
use rustc_hash::FxHashMap;

use crate::{COUNTY, NOW, places, within};

const VILLAGE: &str = "g/52/5288/528801/528801100/528801100201/";
const SCHOOL: &str = "e/528801/2152000001/";

pub fn record(id: i64, name: &str, verdict: &str) -> ChildRecord {
    let number = format!("5288012015030{id:05}");
    ChildRecord {
        id,
        known: None,
        profile: Profile { name: name.into(), national_id: number, phone: "12812342231".into(), ..Profile::default() },
        syllables: vec!["wang".into(), "hao".into(), "ran".into()],
        sex: Some("男".into()),
        birth_date: Some("2015-03-02".into()),
        verdict: verdict.into(),
        reason: format!("{name}的理由。"),
        near_miss: String::new(),
        certainty: 1000,
        paths: [Some(VILLAGE.into()), Some(VILLAGE.into()), None],
        rows: vec![(SourceKey { source: SourceKind::Household, fingerprint: id * 1000 }, 1)],
    }
}

/// Noon of a day in Beijing.
pub fn noon(day: &str) -> i64 {
    let at = day.parse::<jiff::civil::Date>().unwrap().at(12, 0, 0, 0);
    jiff::tz::Offset::constant(8).to_timestamp(at).unwrap().as_millisecond()
}

/// Runs once over these children, as the comparison would.
pub async fn run_over(
    store: &Store,
    day: &str,
    children: &mut [ChildRecord],
    events: &[(i64, i64, &'static str)],
    pairs: &[NewPair],
) -> Run {
    let known: FxHashMap<i64, _> = store.known_children(COUNTY).await.unwrap().into_iter().map(|k| (k.id, k)).collect();
    let known_sources = store.known_sources(COUNTY).await.unwrap();
    for c in children.iter_mut() {
        c.known = known.get(&c.id).cloned();
    }
    let gone: Vec<_> = known.values().filter(|k| !children.iter().any(|c| c.id == k.id)).cloned().collect();
    let new = NewRun {
        scope: COUNTY.into(),
        school_year: 2023,
        as_of: day.into(),
        batches: vec![],
        inputs: "[]".into(),
        version: "0".into(),
        accepts_gone: false,
    };
    let now = noon(day);
    let mut tx = store.begin().await.unwrap();
    let id = tx.start_run(store.vault(), &new, now, 1).await.unwrap();
    tx.commit_untold("a test").await.unwrap();
    let run = store.run(COUNTY, id).await.unwrap().unwrap();
    let children = std::sync::Arc::new(children.to_vec());
    let result = RunResult {
        children: &children,
        known_sources: &known_sources,
        events,
        gone: &gone,
        void: &Default::default(),
        pairs,
        summary: "{}",
        settings: "",
        report: "<p>",
    };
    let mut tx = store.begin().await.unwrap();
    tx.finish_run(store, &run, &result, now).await.unwrap();
    tx.commit_untold("a test").await.unwrap();
    store.last_run(COUNTY).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_second_run_over_the_same_writes_nothing_and_a_third_what_changed() {
    for p in places().await {
        let s = &p.store;
        let mut tx = s.begin().await.unwrap();
        assert_eq!(tx.child_numbers(3).await.unwrap(), 1);
        assert_eq!(tx.child_numbers(1).await.unwrap(), 4);
        tx.commit_untold("a test").await.unwrap();
        let mut all = vec![
            record(1, "王浩然", "household-no-record"),
            record(2, "李子轩", "enrolled-present"),
            record(3, "张欣怡", "enrolled-present"),
        ];
        let first = run_over(s, "2023-09-10", &mut all, &[], &[]).await;
        let second = run_over(s, "2023-10-08", &mut all, &[], &[]).await;
        assert_eq!(s.change_counts(first.id).await.unwrap(), [("new".to_owned(), 3)]);
        assert_eq!(s.change_counts(second.id).await.unwrap(), []);
        assert_eq!(s.ledger_of(&s.raw_child(1).await.unwrap().unwrap()).await.unwrap().len(), 1);
        // found in school; 3 vanished; 1 has another telephone
        let mut later = vec![record(1, "王浩然", "enrolled-present"), record(2, "李子轩", "enrolled-present")];
        later[0].profile.phone = "12800009999".into();
        let third = run_over(s, "2023-11-05", &mut later, &[], &[]).await;
        let mut counts = s.change_counts(third.id).await.unwrap();
        counts.sort();
        assert_eq!(counts, [("changed".to_owned(), 1), ("gone".to_owned(), 1)]);
        assert_eq!(s.changes(third.id, "gone", &within(&[COUNTY]), 10).await.unwrap()[0].0, 3);
        let all = within(&[COUNTY]);
        let entries = s.ledger_of(&s.raw_child(1).await.unwrap().unwrap()).await.unwrap();
        assert_eq!(entries.iter().map(|e| e.verdict.as_str()).collect::<Vec<_>>(), ["enrolled-present", "household-no-record"]);
        assert_eq!(entries[1].reason, "王浩然的理由。");
        assert_eq!(s.search("9999", &all).await.unwrap(), [1]);
        assert_eq!(s.search("2231", &all).await.unwrap(), [2, 3]);
        // as it was known on a day
        let verdicts = async |day: Option<&str>| {
            let as_of = day.map(|d| AsOf { day: d.to_owned(), known_at: noon(d) });
            let q = LedgerQuery { as_of, ..LedgerQuery::default() };
            let mut c = s.verdict_counts(&q, &all).await.unwrap();
            c.sort();
            c
        };
        assert_eq!(verdicts(Some("2023-09-01")).await, []);
        let before = [("enrolled-present".to_owned(), 2), ("household-no-record".to_owned(), 1)];
        assert_eq!(verdicts(Some("2023-10-31")).await, before);
        assert_eq!(verdicts(None).await, [("enrolled-present".to_owned(), 2)]);
        let gone = LedgerQuery { gone: true, ..LedgerQuery::default() };
        assert_eq!(s.children(&gone, &all, Order::Verdict, 10, 0).await.unwrap().rows[0].profile.name, "张欣怡");
        // and back again
        let mut back = vec![later[0].clone(), later[1].clone(), record(3, "张欣怡", "enrolled-present")];
        run_over(s, "2023-12-01", &mut back, &[], &[]).await;
        assert_eq!(s.children(&gone, &all, Order::Verdict, 10, 0).await.unwrap().total, 0);
    }
}

#[tokio::test]
async fn nobody_sees_another_places_children() {
    for p in places().await {
        let s = &p.store;
        let mut all = vec![record(1, "王浩然", "a"), record(2, "李子轩", "a"), record(3, "张欣怡", "a")];
        all[1].paths = [Some(COUNTY.into()), None, Some("e/528801/2152000001/三年级/三(1)班/".into())];
        all[2].paths = [Some("g/52/5288/528802/528802100/".into()), Some(VILLAGE.into()), Some("e/528802/1/".into())];
        run_over(s, "2023-09-10", &mut all, &[], &[]).await;
        let seen = async |paths: &[&str]| {
            let j = within(paths);
            let page = s.children(&LedgerQuery::default(), &j, Order::Since, 10, 0).await.unwrap();
            let mut ids: Vec<i64> = page.rows.iter().map(|r| r.id).collect();
            ids.sort_unstable();
            assert_eq!(page.total as usize, ids.len());
            let mut one_by_one = Vec::new();
            for id in 1..=3 {
                one_by_one.extend(s.child(id, &j).await.unwrap().map(|c| c.id));
            }
            assert_eq!(one_by_one, ids);
            let mut found = s.search("whr", &j).await.unwrap();
            found.sort_unstable();
            assert_eq!(found, ids);
            ids
        };
        assert_eq!(seen(&[COUNTY]).await, [1, 2, 3]);
        assert_eq!(seen(&[VILLAGE]).await, [1, 3]);
        assert_eq!(seen(&[SCHOOL]).await, [2]);
        assert_eq!(seen(&["e/528801/2152000001/三年级/三(2)班/"]).await, [0i64; 0]);
        assert_eq!(seen(&["g/52/5288/528802/"]).await, [3]);
        assert_eq!(seen(&["g/52/"]).await, [1, 2, 3]);
        assert_eq!(seen(&["g/53/"]).await, [0i64; 0]);
        assert_eq!(seen(&[VILLAGE, SCHOOL]).await, [1, 2, 3]);
    }
}

#[tokio::test]
async fn merged_children_lead_to_one_and_keep_their_history() {
    for p in places().await {
        let s = &p.store;
        let mut all = vec![record(1, "王浩然", "a"), record(2, "王浩燃", "b")];
        run_over(s, "2023-09-10", &mut all, &[], &[]).await;
        let mut one = vec![record(1, "王浩然", "a")];
        one[0].rows.push((SourceKey { source: SourceKind::Household, fingerprint: 2000 }, 1));
        let known = s.known_children(COUNTY).await.unwrap().len();
        assert_eq!(known, 2);
        run_over(s, "2023-10-08", &mut one, &[(1, 2, "merged")], &[]).await;
        let all = within(&[COUNTY]);
        assert_eq!(s.child(2, &all).await.unwrap().unwrap().id, 1, "the old number leads to the child");
        assert_eq!(s.rows_of(&s.raw_child(1).await.unwrap().unwrap()).await.unwrap().len(), 2);
        assert_eq!(s.children(&LedgerQuery::default(), &all, Order::Verdict, 10, 0).await.unwrap().total, 1);
        assert_eq!(s.ledger_of(&s.raw_child(2).await.unwrap().unwrap()).await.unwrap().len(), 1, "what was written of it stays");
        assert_eq!(s.known_children(COUNTY).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn reviews_are_decided_once_and_taken_back() {
    for p in places().await {
        let s = &p.store;
        let pair = |l: &str, r: &str, ppm| NewPair {
            left: ("household".into(), l.into(), 1),
            right: ("students".into(), r.into(), 2),
            probability_ppm: ppm,
            levels: "[]".into(),
            left_child: Some(1),
            right_child: None,
        };
        let run = run_over(
            s,
            "2023-09-10",
            &mut [record(1, "王浩然", "a")],
            &[],
            &[pair("l1", "r1", 400_000), pair("l2", "r2", 500_000)],
        )
        .await;
        let open = s.review_pairs(run.id, "open", 10).await.unwrap();
        let side = |name: &str| Side { source: "household".into(), batch: 1, name: name.into(), ..Side::default() };
        let sides = [side("王浩然"), side("王浩燃")];
        assert_eq!(open.iter().map(|p| p.left.1.as_str()).collect::<Vec<_>>(), ["l2", "l1"]);
        let mut tx = s.begin().await.unwrap();
        assert!(tx.decide(s, COUNTY, &open[0], &sides, "same", NOW, 1).await.unwrap());
        assert!(
            !tx.decide(s, COUNTY, &open[0], &sides, "different", NOW, 1).await.unwrap(),
            "the second officer sees that it is done"
        );
        assert!(tx.decide(s, COUNTY, &open[1], &sides, "ask", NOW, 1).await.unwrap());
        assert!(
            tx.decide(s, COUNTY, &open[1], &sides, "different", NOW, 1).await.unwrap(),
            "what was asked about can be decided"
        );
        tx.commit_untold("a test").await.unwrap();
        let said = s.decisions_in_force(COUNTY).await.unwrap();
        let words: Vec<(&str, &str, &str)> =
            said.iter().map(|d| (d.left.as_str(), d.right.as_str(), d.judgement.as_str())).collect();
        assert_eq!(words, [("l2", "r2", "same"), ("l1", "r1", "different")]);
        assert_eq!(said[0].sides.as_ref().map(|s| s[0].name.as_str()), Some("王浩然"));
        let mut tx = s.begin().await.unwrap();
        tx.mark_lost_decisions(COUNTY, &[said[1].id], run.id).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let ids = async |f| s.decisions(COUNTY, f, 10).await.unwrap().into_iter().map(|d| d.id).collect::<Vec<_>>();
        assert_eq!(ids(DecisionFilter::Lost).await, [said[1].id]);
        let mut tx = s.begin().await.unwrap();
        assert!(tx.undo_decision(COUNTY, said[0].id, NOW, 1).await.unwrap());
        assert!(!tx.undo_decision(COUNTY, said[0].id, NOW, 1).await.unwrap());
        assert!(!tx.undo_decision("g/52/5288/528802/", said[1].id, NOW, 1).await.unwrap(), "another county's is not found");
        tx.commit_untold("a test").await.unwrap();
        assert_eq!(s.decisions_in_force(COUNTY).await.unwrap().len(), 1);
        assert_eq!(s.decisions_in_force("g/52/").await.unwrap().len(), 1, "a larger place honours what its counties decided");
        assert!(s.decisions_in_force("g/52/5288/528802/").await.unwrap().is_empty());
        assert_eq!(s.review_pairs(run.id, "open", 10).await.unwrap().len(), 1);
        let undone = s.decisions(COUNTY, DecisionFilter::Undone, 10).await.unwrap();
        assert_eq!((undone[0].by.as_str(), undone[0].undone.clone()), ("张经办", Some((NOW, "张经办".to_owned()))));
    }
}

/// A child who lives in one county, is registered in another and goes to school in a third: the first answers for it, the others see that
/// it is theirs too, and nothing of what the first knows.
#[tokio::test]
async fn a_child_of_three_counties() {
    for p in places().await {
        let s = &p.store;
        let mut c = record(1, "王浩然", "enrolled-present");
        c.profile.guardian = "王家长".into();
        c.profile.address = "柳林镇石桥村3组".into();
        c.paths = [Some(VILLAGE.into()), Some("g/52/5288/528802/528802100/".into()), Some("e/528803/2152000003/三年级/".into())];
        run_over(s, "2023-10-08", &mut [c], &[], &[]).await;
        for (root, held) in [
            (COUNTY, None),
            (VILLAGE, None),
            ("g/52/5288/", None),
            ("g/52/5288/528802/", Some(COUNTY)),
            ("e/528803/2152000003/", Some(COUNTY)),
        ] {
            let j = within(&[root]);
            let one = s.child(1, &j).await.unwrap().unwrap();
            let listed = s.children(&LedgerQuery::default(), &j, Order::Verdict, 9, 0).await.unwrap().rows.remove(0);
            let (exported, reason) =
                s.children_with_reasons(&LedgerQuery::default(), &j, Order::Verdict, 9).await.unwrap().remove(0);
            for c in [&one, &listed, &exported] {
                assert_eq!(c.held_by.as_ref().map(|p| p.as_str()), held, "{root}");
                assert_eq!(c.profile.name, "王浩然");
                assert_eq!(c.residence_path.as_deref() == Some(VILLAGE), held.is_none(), "{root}: only the county is told");
                for known in [&c.profile.guardian, &c.profile.phone, &c.profile.address] {
                    assert_eq!(known.is_empty(), held.is_some(), "{root}: {known}");
                }
            }
            assert_eq!(reason.is_empty(), held.is_some(), "{root}");
        }
        // its telephone is not to be guessed, its number tells nothing more
        assert_eq!(s.search("2231", &within(&[COUNTY])).await.unwrap(), [1]);
        assert!(s.search("2231", &within(&["g/52/5288/528802/"])).await.unwrap().is_empty());
        assert_eq!(s.search("王浩然", &within(&["g/52/5288/528802/"])).await.unwrap(), [1]);
        assert!(s.child(1, &within(&["g/52/5288/528804/"])).await.unwrap().is_none());
        assert!(s.child(1, &within(&["g/52/5288/528801/528801101/"])).await.unwrap().is_none());
        // another county's finding is not for the others to see, unless it was sent there
        let mut tx = s.begin().await.unwrap();
        let e = baoxue_store::NewEvent::of_program("open", "x", NOW);
        let id = tx.open_finding(s, 1, "enrolled-present", 1, &e).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert!(s.finding(id, Some(&within(&[COUNTY])), None).await.unwrap().is_some());
        let other = within(&["g/52/5288/528802/", "e/528803/2152000003/"]);
        assert!(s.finding(id, Some(&other), Some(&other)).await.unwrap().is_none());
        let all = s.finding_counts(&within(&["g/52/5288/528802/"]), NOW).await.unwrap();
        assert!(all.is_empty(), "{all:?}");
    }
}

/// Keys and indexes as the database describes them.
async fn indexes(store: &Store) -> Vec<(String, String)> {
    let sql = match store.dialect() {
        Dialect::Sqlite => "SELECT name, COALESCE(sql, '') FROM sqlite_master WHERE type = 'index' ORDER BY 1",
        Dialect::Postgres => {
            "SELECT CAST(indexname AS TEXT), indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1"
        }
    };
    store.raw_all(sql, vec![]).await.unwrap().iter().map(|r| (r.text(0).unwrap(), r.text(1).unwrap())).collect()
}

/// The first run of many children makes the indexes after the rows: afterwards all are there again, and the next run finds its children.
#[tokio::test]
async fn the_first_run_of_many_children_keeps_every_key_and_index() {
    for p in places().await {
        let before = indexes(&p.store).await;
        assert!(before.len() > 20);
        let mut children: Vec<ChildRecord> = (1..=1_500).map(|i| record(i, "王浩然", "never-enrolled")).collect();
        run_over(&p.store, "2023-10-08", &mut children, &[], &[]).await;
        assert_eq!(indexes(&p.store).await, before);
        run_over(&p.store, "2023-11-08", &mut children, &[], &[]).await;
        assert!(children.iter().all(|c| c.known.is_some()));
        let twice = p.store.begin().await.unwrap().raw_run("INSERT INTO child_profile SELECT * FROM child_profile", vec![]).await;
        assert!(twice.is_err(), "a child has one profile");
    }
}
