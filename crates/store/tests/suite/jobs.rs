use baoxue_store::{JobState, StoreError, binds};

use crate::{NOW, places};

#[tokio::test]
async fn a_job_has_one_worker_and_a_silent_one_loses_it() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        let id = tx.add_job("run", "1", NOW, 1).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let (job, first) = p.store.claim_job().await.unwrap().unwrap();
        assert_eq!((job.id, job.state), (id, JobState::Running));
        assert!(p.store.claim_job().await.unwrap().is_none());
        assert!(p.store.progress(first, "读名册", 1, 10).await.unwrap());
        // the worker falls silent: its lease runs out
        let mut tx = p.store.begin().await.unwrap();
        tx.run("UPDATE job SET lease_until = 0", binds![]).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let (again, second) = p.store.claim_job().await.unwrap().unwrap();
        assert_eq!((again.id, again.attempts), (id, 2));
        // the first one wakes up: whatever it writes is refused
        assert!(matches!(p.store.progress(first, "写结果", 9, 10).await, Err(StoreError::Fenced)));
        let mut tx = p.store.begin().await.unwrap();
        assert!(matches!(tx.check_lease(first).await, Err(StoreError::Fenced)));
        tx.check_lease(second).await.unwrap();
        tx.end_job(second, JobState::Finished, None, NOW).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert_eq!(p.store.job(id).await.unwrap().unwrap().state, JobState::Finished);
    }
}

#[tokio::test]
async fn a_job_that_kills_its_worker_is_given_up() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        let id = tx.add_job("run", "1", NOW, 1).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        for _ in 0..3 {
            assert!(p.store.claim_job().await.unwrap().is_some());
            let mut tx = p.store.begin().await.unwrap();
            tx.run("UPDATE job SET lease_until = 0", binds![]).await.unwrap();
            tx.commit_untold("a test").await.unwrap();
        }
        assert!(p.store.claim_job().await.unwrap().is_none());
        let job = p.store.job(id).await.unwrap().unwrap();
        assert_eq!(job.state, JobState::Failed);
        assert_eq!(job.problem.as_deref(), Some("多次中断,已停止重试"));
    }
}

#[tokio::test]
async fn a_person_stops_a_job() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        let (a, b) = (tx.add_job("run", "1", NOW, 1).await.unwrap(), tx.add_job("run", "2", NOW, 1).await.unwrap());
        tx.commit_untold("a test").await.unwrap();
        let (_, lease) = p.store.claim_job().await.unwrap().unwrap();
        let mut tx = p.store.begin().await.unwrap();
        tx.cancel_job(a, NOW).await.unwrap();
        tx.cancel_job(b, NOW).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert!(!p.store.progress(lease, "比对", 1, 2).await.unwrap(), "the worker is told to stop");
        assert_eq!(p.store.job(b).await.unwrap().unwrap().state, JobState::Cancelled);
        assert!(p.store.claim_job().await.unwrap().is_none());
        assert_eq!(p.store.job_of("run", "2").await.unwrap().unwrap().id, b);
    }
}

/// Many workers at once: every job is done by exactly one.
#[tokio::test(flavor = "multi_thread")]
async fn workers_never_share_a_job() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        for i in 0..20 {
            tx.add_job("run", &i.to_string(), NOW, 1).await.unwrap();
        }
        tx.commit_untold("a test").await.unwrap();
        let workers: Vec<_> = (0..6)
            .map(|_| {
                let store = p.store.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    while let Some((job, _)) = store.claim_job().await.unwrap() {
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
        while let Some((job, _)) = p.store.claim_job().await.unwrap() {
            all.push(job.id);
        }
        all.sort_unstable();
        assert_eq!(all, (1..=20).collect::<Vec<i64>>());
    }
}
