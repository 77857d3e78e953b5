use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use baoxue_domain::access::Deed;
use baoxue_store::{Lane, LedgerQuery, NewAudit, NewBatch, NewJob, Order, Row, Store, Vault};

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
    tx.commit_untold("a test").await.unwrap();
    run_over(store, "2023-10-01", &mut [record(1, "王浩然", "a"), record(2, "李子轩", "b")], &[], &[]).await;
    store.note(export(NOW - 100_000)).await.unwrap();
    store.head_was_written().await.unwrap();
}

fn export(at: i64) -> NewAudit<'static> {
    NewAudit { at, place: COUNTY, account: Some(1), login: "zhang", deed: Deed::Export, subject: "学生", detail: "导出" }
}

/// A digest of every table's rows, in an order that does not depend on the database.
async fn tables(store: &Store) -> BTreeMap<String, (usize, u64)> {
    let mut columns: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (table, column, kind, _) in store.schema().await.unwrap() {
        columns.entry(table).or_default().push((column, kind));
    }
    let mut out = BTreeMap::new();
    // sessions end, and the heads of the log lie elsewhere
    for (table, columns) in columns.into_iter().filter(|(t, _)| t != "session") {
        let names: Vec<&str> = columns.iter().map(|c| c.0.as_str()).collect();
        let rows = store.raw_all(&format!("SELECT {} FROM {table}", names.join(", ")), vec![]).await.unwrap();
        let value = |r: &Row, i: usize| match columns[i].1.as_str() {
            "number" => format!("{:?}", r.opt_int(i).unwrap()),
            "bytes" => format!("{:?}", r.opt_bytes(i).unwrap()),
            _ => format!("{:?}", r.opt_text(i).unwrap()),
        };
        let mut all: Vec<String> =
            rows.iter().map(|r| (0..columns.len()).map(|i| value(r, i)).collect::<Vec<_>>().join("|")).collect();
        all.retain(|row| table != "counter" || !row.contains("audit-heads"));
        all.sort_unstable();
        let mut hasher = std::hash::DefaultHasher::new();
        all.hash(&mut hasher);
        out.insert(table, (all.len(), hasher.finish()));
    }
    out
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
            assert_eq!((v.rows, v.broken), (1, None));
            assert_eq!(tables(&to).await, tables(&from.store).await, "every table, row by row");
            // numbers go on where they were
            let mut tx = to.begin().await.unwrap();
            assert_eq!(tx.child_numbers(1).await.unwrap(), 3);
            assert_eq!(
                tx.add_job(&NewJob { kind: "x", key: "", payload: "{}", lane: Lane::Quick, after_ms: 0, by: None }, NOW)
                    .await
                    .unwrap(),
                Some(1)
            );
            tx.commit_untold("a test").await.unwrap();
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

/// A backup of before the key was changed goes back with the new key file, in which the old key still stands; without it nothing is restored.
#[tokio::test]
async fn a_backup_of_before_the_key_was_changed_goes_back() {
    let folder = tempfile::tempdir().unwrap();
    let old = Vault::new_key_file().unwrap();
    let at = |name: &str| (format!("sqlite:{}", folder.path().join(format!("{name}.db")).display()), folder.path().join(name));
    let open = async |name: &str, key: &str| {
        let (url, data) = at(name);
        Store::open(&url, &data, Vault::from_text(key).unwrap()).await.unwrap()
    };
    let from = open("from", &old).await;
    from.migrate().await.unwrap();
    filled(&from).await;
    let file = folder.path().join("backup.bx");
    from.backup(&file, NOW).await.unwrap();
    let new = format!("k2 = {}\n", "ab".repeat(32));
    let to = open("wrong", &new).await;
    assert!(to.restore(&file).await.is_err());
    assert!(to.raw_all("SELECT 1 FROM batch", vec![]).await.map_or(true, |rows| rows.is_empty()), "nothing is half done");
    let to = open("right", &format!("{old}{new}")).await;
    to.restore(&file).await.unwrap();
    let batch = to.batch(COUNTY, 1).await.unwrap().unwrap();
    assert_eq!(batch.file_name, "户籍.xlsx");
    assert_eq!(to.read_file(&batch.original).unwrap(), b"the sheet");
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
