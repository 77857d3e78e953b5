use baoxue_store::{LedgerQuery, NewAudit, NewBatch, Order, Store};

use crate::runs::{record, run_over};
use crate::{COUNTY, NOW, empty_places, places, postgres_url, within};

async fn filled(store: &Store) {
    let file = store.store_file("original", |w| Ok(std::io::Write::write_all(w, b"the sheet")?)).unwrap();
    let mut tx = store.begin().await.unwrap();
    let b = NewBatch {
        scope: COUNTY.into(),
        source: "household".into(),
        file_name: "户籍.xlsx".into(),
        digest: "d".into(),
        original: file.clone(),
        roster: file,
        good_rows: 1,
        rejected_rows: 0,
        passed_over_rows: 0,
        counts: "{}".into(),
        preview: "{}".into(),
        mapping: "{}".into(),
        department: "公安".into(),
        handed_over_by: String::new(),
        handed_over_on: "2023-10-01".into(),
    };
    tx.stage_batch(store.vault(), &b, NOW, 1).await.unwrap();
    tx.child_numbers(2).await.unwrap();
    tx.commit().await.unwrap();
    run_over(store, "2023-10-01", &mut [record(1, "王浩然", "a"), record(2, "李子轩", "b")], &[], &[]).await;
    store.note(export(NOW - 100_000)).await.unwrap();
    store.seal_audit(NOW).await.unwrap();
}

fn export(at: i64) -> NewAudit<'static> {
    NewAudit { at, place: COUNTY, account: Some(1), login: "zhang", action: "export", subject: "x", detail: "导出" }
}

/// From each database into an empty one of each kind: the same children, files, numbers that go on, a log that verifies.
#[tokio::test]
async fn a_backup_goes_back_into_either_database() {
    for from in places().await {
        filled(&from.store).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.bx");
        let manifest = from.store.backup(&file, NOW).await.unwrap();
        assert_eq!(manifest.files, 1);
        let raw = std::fs::read(&file).unwrap();
        assert!(!raw.windows(6).any(|w| w == "户籍".as_bytes()), "a backup is encrypted");
        assert!(from.store.backup(&file, NOW).await.is_ok(), "the newer one takes its place only when it is whole");
        let mut targets = vec![format!("sqlite:{}", folder.path().join("a.db").display())];
        targets.extend(postgres_url().await);
        for (i, url) in targets.iter().enumerate() {
            let data = folder.path().join(format!("data{i}"));
            let to = Store::open(url, &data, from.store.vault().clone()).await.unwrap();
            to.restore(&file).await.unwrap();
            let page = to.children(&LedgerQuery::default(), &within(&[COUNTY]), Order::Verdict, 10, 0).await.unwrap();
            assert_eq!(page.rows.iter().map(|r| r.profile.name.as_str()).collect::<Vec<_>>(), ["王浩然", "李子轩"]);
            assert_eq!(to.search("2231", &within(&[COUNTY])).await.unwrap().len(), 2);
            let batch = to.batch(COUNTY, 1).await.unwrap().unwrap();
            assert_eq!(to.read_file(&batch.original).unwrap(), b"the sheet");
            let v = to.verify_audit().await.unwrap();
            assert_eq!((v.sealed, v.broken), (1, None));
            // numbers go on where they were
            let mut tx = to.begin().await.unwrap();
            assert_eq!(tx.child_numbers(1).await.unwrap(), 3);
            assert_eq!(tx.add_job("run", "x", NOW, 1).await.unwrap(), 1);
            tx.commit().await.unwrap();
            to.note(export(NOW)).await.unwrap();
            let e = to.restore(&file).await.unwrap_err().to_string();
            assert!(e.contains("已有内容,不会覆盖"), "{e}");
        }
    }
}

#[tokio::test]
async fn half_a_backup_or_another_key_is_refused() {
    let from = places().await.remove(0);
    filled(&from.store).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.bx");
    from.store.backup(&file, NOW).await.unwrap();
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    for to in empty_places().await {
        assert!(to.store.restore(&file).await.is_err(), "another key, and half a file");
    }
}

/// Every table is in the backup: a new one that is forgotten fails here.
#[tokio::test]
async fn every_table_is_in_the_backup() {
    let p = places().await.remove(0);
    let folder = tempfile::tempdir().unwrap();
    let m = p.store.backup(&folder.path().join("b"), NOW).await.unwrap();
    let mut tables: Vec<String> = p.store.schema().await.unwrap().into_iter().map(|c| c.0).collect();
    tables.dedup();
    tables.retain(|t| t != "schema_version");
    let mut kept: Vec<String> = m.rows.into_iter().map(|r| r.0).collect();
    kept.sort();
    assert_eq!(kept, tables);
}
