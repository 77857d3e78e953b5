use baoxue_store::{BatchState, NewBatch};

use crate::{COUNTY, NOW, places};

pub fn batch(source: &str) -> NewBatch {
    NewBatch {
        scope: COUNTY.into(),
        source: source.into(),
        file_name: "户籍.xlsx".into(),
        digest: "d".into(),
        original: "original/a".into(),
        roster: "roster/a".into(),
        good_rows: 3,
        rejected_rows: 1,
        passed_over_rows: 0,
        counts: "{}".into(),
        preview: "{}".into(),
        mapping: "{}".into(),
        department: "公安".into(),
        handed_over_by: "李某".into(),
        handed_over_on: "2023-10-01".into(),
    }
}

#[tokio::test]
async fn staged_loaded_replaced_withdrawn() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        let first = tx.stage_batch(p.store.vault(), &batch("household"), NOW, 1).await.unwrap();
        let second = tx.stage_batch(p.store.vault(), &batch("household"), NOW, 1).await.unwrap();
        let other = tx.stage_batch(p.store.vault(), &batch("students"), NOW, 1).await.unwrap();
        assert!(tx.load_batch(first, true, "whole", None, NOW, 1).await.unwrap());
        assert!(!tx.load_batch(first, true, "whole", None, NOW, 1).await.unwrap(), "a second click does nothing");
        assert!(tx.load_batch(other, true, "whole", None, NOW, 1).await.unwrap());
        assert!(tx.load_batch(second, true, "whole", None, NOW, 1).await.unwrap());
        tx.commit_untold("a test").await.unwrap();
        let states = async || {
            let all = p.store.batches(COUNTY, &[], 10, 0).await.unwrap();
            [first, second, other].map(|id| all.iter().find(|b| b.id == id).unwrap().state)
        };
        assert_eq!(states().await, [BatchState::Replaced, BatchState::Loaded, BatchState::Loaded]);
        let mut tx = p.store.begin().await.unwrap();
        assert!(tx.withdraw_batch(&p.store, second, NOW, 1).await.unwrap());
        assert!(!tx.withdraw_batch(&p.store, second, NOW, 1).await.unwrap());
        tx.commit_untold("a test").await.unwrap();
        assert_eq!(
            states().await,
            [BatchState::Loaded, BatchState::Withdrawn, BatchState::Loaded],
            "the one before is in use again"
        );
        assert!(p.store.batch("g/52/5288/528802/", first).await.unwrap().is_none(), "another county's batch is not found");
        assert_eq!(p.store.batches(COUNTY, &[BatchState::Loaded], 10, 0).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn headings_are_remembered_by_source() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        tx.map_heading(p.store.vault(), (COUNTY, "household", "娃名"), "name", NOW, 1).await.unwrap();
        tx.map_heading(p.store.vault(), (COUNTY, "household", "娃名"), "guardian", NOW, 1).await.unwrap();
        tx.map_heading(p.store.vault(), (COUNTY, "students", "娃名"), "name", NOW, 1).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert_eq!(p.store.heading_mapping(COUNTY, "household").await.unwrap()["娃名"], "guardian");
        let mut tx = p.store.begin().await.unwrap();
        tx.map_heading(p.store.vault(), (COUNTY, "household", "娃名"), "", NOW, 1).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert!(p.store.heading_mapping(COUNTY, "household").await.unwrap().is_empty());
        assert_eq!(p.store.heading_mappings(COUNTY).await.unwrap().len(), 1);
        assert!(p.store.heading_mappings("g/52/5288/528802/").await.unwrap().is_empty(), "each county's headings are its own");
    }
}

#[tokio::test]
async fn files_are_encrypted_found_and_swept() {
    for p in places().await {
        let secret = "王浩然 528801201503022517".repeat(100);
        let name = p.store.store_file("original", |w| Ok(w.write_all(secret.as_bytes())?)).unwrap();
        assert_eq!(p.store.read_file(&name).unwrap(), secret.as_bytes());
        let raw = std::fs::read(p.store.stored_path(&name).unwrap()).unwrap();
        assert!(!raw.windows(18).any(|w| w == b"528801201503022517"));
        for bad in ["../../etc/passwd", "original/..", "original", "Original/a", "original/a/b"] {
            assert!(p.store.read_file(bad).is_err(), "{bad}");
        }
        let mut tx = p.store.begin().await.unwrap();
        tx.stage_batch(p.store.vault(), &NewBatch { original: name.clone(), ..batch("household") }, NOW, 1).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let orphan = p.store.store_file("roster", |w| Ok(w.write_all(b"x")?)).unwrap();
        assert_eq!(p.store.sweep_files(std::time::Duration::from_secs(3600)).await.unwrap(), 0, "an upload may be under way");
        assert_eq!(p.store.sweep_files(std::time::Duration::ZERO).await.unwrap(), 1);
        assert!(p.store.read_file(&orphan).is_err());
        assert!(p.store.read_file(&name).is_ok());
    }
}
