use baoxue_store::{JobState, Lane, NewJob, Store, StoreError, binds};

use crate::{NOW, places};

fn long(key: &str) -> NewJob<'_> {
    NewJob { kind: "compare", key, payload: "{}", lane: Lane::Long, after_ms: 0, by: Some(1) }
}

async fn add(store: &Store, new: &NewJob<'_>) -> Option<i64> {
    let mut tx = store.begin().await.unwrap();
    let id = tx.add_job(new, NOW).await.unwrap();
    tx.commit_untold("a test").await.unwrap();
    id
}

async fn fall_silent(store: &Store) {
    let mut tx = store.begin().await.unwrap();
    tx.raw_run("UPDATE job SET lease_until = 0", binds![]).await.unwrap();
    tx.commit_untold("a test").await.unwrap();
}

#[tokio::test]
async fn a_job_has_one_worker_and_a_silent_one_loses_it() {
    for p in places().await {
        let id = add(&p.store, &long("1")).await.unwrap();
        let (job, first) = p.store.claim_job(Lane::Long).await.unwrap().unwrap();
        assert_eq!((job.id, job.state), (id, JobState::Running));
        assert!(p.store.claim_job(Lane::Long).await.unwrap().is_none());
        assert!(p.store.progress(first, "读名册", 1, 10).await.unwrap());
        // the worker falls silent: its lease runs out
        fall_silent(&p.store).await;
        let (again, second) = p.store.claim_job(Lane::Long).await.unwrap().unwrap();
        assert_eq!((again.id, again.attempts), (id, 2));
        // the first one wakes up: whatever it writes is refused
        assert!(matches!(p.store.progress(first, "写结果", 9, 10).await, Err(StoreError::Fenced)));
        let mut tx = p.store.begin().await.unwrap();
        assert!(matches!(tx.check_lease(first).await, Err(StoreError::Fenced)));
        assert!(matches!(tx.put_back_job(first, 0, None, true).await, Err(StoreError::Fenced)));
        tx.check_lease(second).await.unwrap();
        tx.end_job(second, JobState::Finished, None, NOW).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert_eq!(p.store.job(id).await.unwrap().unwrap().state, JobState::Finished);
        assert_eq!(p.store.sweep_jobs(NOW).await.unwrap(), 0);
        assert_eq!(p.store.sweep_jobs(NOW + 1).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn what_takes_long_never_delays_what_takes_a_moment() {
    for p in places().await {
        let message = NewJob { kind: "message", lane: Lane::Quick, by: None, ..long("m") };
        add(&p.store, &long("1")).await.unwrap();
        add(&p.store, &long("2")).await.unwrap();
        let id = add(&p.store, &message).await.unwrap();
        let (first, _) = p.store.claim_job(Lane::Long).await.unwrap().unwrap();
        let (quick, lease) = p.store.claim_job(Lane::Quick).await.unwrap().unwrap();
        assert_eq!((quick.id, quick.created_by), (id, None));
        assert_ne!(first.id, id);
        let mut tx = p.store.begin().await.unwrap();
        tx.end_job(lease, JobState::Finished, None, NOW).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert!(p.store.claim_job(Lane::Quick).await.unwrap().is_none(), "the other lane's jobs are not taken");
    }
}

#[tokio::test]
async fn of_one_kind_and_key_one_waits_or_runs() {
    for p in places().await {
        let id = add(&p.store, &long("1")).await.unwrap();
        assert_eq!(add(&p.store, &long("1")).await, None, "while it waits");
        assert!(add(&p.store, &NewJob { kind: "other", ..long("1") }).await.is_some());
        let (_, lease) = p.store.claim_job(Lane::Long).await.unwrap().unwrap();
        assert_eq!(add(&p.store, &long("1")).await, None, "while it runs");
        let mut tx = p.store.begin().await.unwrap();
        tx.end_job(lease, JobState::Failed, Some("名册读不出来"), NOW).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let next = add(&p.store, &long("1")).await.unwrap();
        assert_eq!(p.store.job_of("compare", "1").await.unwrap().unwrap().id, next);
        assert_eq!(p.store.job(id).await.unwrap().unwrap().problem.as_deref(), Some("名册读不出来"));
    }
}

#[tokio::test]
async fn a_job_that_is_put_back_is_not_due_at_once() {
    for p in places().await {
        assert!(add(&p.store, &NewJob { after_ms: 3_600_000, ..long("later") }).await.is_some());
        assert!(p.store.claim_job(Lane::Long).await.unwrap().is_none(), "its hour has not come");
        add(&p.store, &long("1")).await.unwrap();
        let put_back = async |after: i64, anew: bool| {
            let (_, lease) = p.store.claim_job(Lane::Long).await.unwrap().unwrap();
            let mut tx = p.store.begin().await.unwrap();
            tx.put_back_job(lease, after, Some("数据库正忙"), anew).await.unwrap();
            tx.commit_untold("a test").await.unwrap();
            p.store.job(lease.job).await.unwrap().unwrap()
        };
        let job = put_back(0, false).await;
        assert_eq!((job.state, job.attempts, job.problem.as_deref()), (JobState::Queued, 1, Some("数据库正忙")));
        assert_eq!(put_back(0, false).await.attempts, 2);
        assert_eq!(put_back(3_600_000, true).await.attempts, 0, "by the clock it begins anew");
        assert!(p.store.claim_job(Lane::Long).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_person_stops_a_job() {
    for p in places().await {
        let (a, b) = (add(&p.store, &long("1")).await.unwrap(), add(&p.store, &long("2")).await.unwrap());
        let (_, lease) = p.store.claim_job(Lane::Long).await.unwrap().unwrap();
        let mut tx = p.store.begin().await.unwrap();
        assert!(!tx.cancel_job(a, NOW).await.unwrap(), "it runs");
        assert!(tx.cancel_job(b, NOW).await.unwrap(), "it waited");
        tx.commit_untold("a test").await.unwrap();
        assert!(!p.store.progress(lease, "比对", 1, 2).await.unwrap(), "the worker is told to stop");
        assert_eq!(p.store.job(b).await.unwrap().unwrap().state, JobState::Cancelled);
        assert!(p.store.claim_job(Lane::Long).await.unwrap().is_none());
        assert_eq!(p.store.job_of("compare", "2").await.unwrap().unwrap().id, b);
    }
}

/// Many workers at once: every job is done by exactly one, and of many who ask for one there is one.
#[tokio::test(flavor = "multi_thread")]
async fn workers_never_share_a_job() {
    for p in places().await {
        let askers: Vec<_> = (0..60)
            .map(|i| {
                let store = p.store.clone();
                tokio::spawn(async move { add(&store, &long(&(i % 20).to_string())).await })
            })
            .collect();
        let mut asked = Vec::new();
        for a in askers {
            asked.extend(a.await.unwrap());
        }
        assert_eq!(asked.len(), 20);
        let workers: Vec<_> = (0..6)
            .map(|_| {
                let store = p.store.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    while let Some((job, _)) = store.claim_job(Lane::Long).await.unwrap() {
                        mine.push(job.id);
                    }
                    mine
                })
            })
            .collect();
        let mut all = Vec::new();
        for w in workers {
            all.extend(w.await.unwrap());
        }
        // a worker that met another one's claim may have gone home early: what is left is still there to take
        while let Some((job, _)) = p.store.claim_job(Lane::Long).await.unwrap() {
            all.push(job.id);
        }
        all.sort_unstable();
        asked.sort_unstable();
        assert_eq!(all, asked);
    }
}
