use baoxue_store::{AuditFilter, NewAudit, binds};

use crate::{COUNTY, NOW, places, within};

fn row<'a>(at: i64, action: &'a str, place: &'a str) -> NewAudit<'a> {
    NewAudit { at, place, account: Some(1), login: "zhang", action, subject: "child:1", detail: "导出台账" }
}

#[tokio::test]
async fn whatever_is_changed_after_the_seal_is_found() {
    for change in [
        "UPDATE audit SET login = 'li' WHERE id = 7",
        "UPDATE audit SET at = at + 1 WHERE id = 7",
        "UPDATE audit SET place_path = 'g/53/' WHERE id = 7",
        "DELETE FROM audit WHERE id = 7",
        "DELETE FROM audit_seal WHERE id = 1",
    ] {
        for p in places().await {
            for i in 0..10 {
                p.store.note(NewAudit { subject: &format!("child:{i}"), ..row(NOW + i, "reveal", COUNTY) }).await.unwrap();
            }
            assert_eq!(p.store.seal_audit(NOW + 1_000).await.unwrap(), 0, "rows are sealed once they are settled");
            assert_eq!(p.store.seal_audit(NOW + 60_004).await.unwrap(), 5);
            assert_eq!(p.store.seal_audit(NOW + 100_000).await.unwrap(), 5);
            let good = p.store.verify_audit().await.unwrap();
            assert_eq!((good.sealed, good.unsealed, good.broken), (10, 0, None));
            let mut tx = p.store.begin().await.unwrap();
            tx.run(change, binds![]).await.unwrap();
            tx.commit().await.unwrap();
            assert!(p.store.verify_audit().await.unwrap().broken.is_some(), "{change}");
        }
    }
}

#[tokio::test]
async fn the_log_is_read_by_who_what_and_when() {
    for p in places().await {
        for i in 0..30 {
            let action = if i % 3 == 0 { "export" } else { "reveal" };
            p.store.note(row(NOW + i, action, COUNTY)).await.unwrap();
            p.store.note(row(NOW + i, action, "g/52/5288/528802/")).await.unwrap();
        }
        let f = AuditFilter { action: Some("export".into()), from: Some(NOW + 9), ..AuditFilter::default() };
        let (rows, total) = p.store.audit_page(&f, &within(&[COUNTY]), 5, 0).await.unwrap();
        assert_eq!((rows.len(), total), (5, 7));
        assert_eq!(rows[0].at, NOW + 27);
        assert_eq!(rows[0].detail, "导出台账");
        assert_eq!(
            p.store
                .audit_page(&AuditFilter { login: Some("li".into()), ..AuditFilter::default() }, &within(&[COUNTY]), 5, 0)
                .await
                .unwrap()
                .1,
            0
        );
        // what others did is theirs; a school's rows stand in its county
        let count = async |roots: &[&str]| p.store.audit_page(&AuditFilter::default(), &within(roots), 5, 0).await.unwrap().1;
        assert_eq!(count(&[COUNTY]).await, 30);
        assert_eq!(count(&["g/52/"]).await, 60);
        p.store.note(row(NOW, "export", "e/528801/2152000001/")).await.unwrap();
        assert_eq!(count(&[COUNTY]).await, 31);
    }
}
