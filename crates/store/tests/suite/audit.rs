use baoxue_domain::access::Deed;
use baoxue_store::{AuditFilter, Broken, NewAudit};

use crate::{COUNTY, NOW, places, within};

fn row<'a>(at: i64, action: &'a str, place: &'a str) -> NewAudit<'a> {
    NewAudit {
        at,
        place,
        account: Some(1),
        login: "zhang",
        deed: Deed::find(action).unwrap(),
        subject: "child:1",
        detail: "导出台账",
    }
}

/// Whatever somebody does to the log who can write into the database and has no key.
#[tokio::test]
async fn whatever_is_changed_is_found_at_once() {
    for (change, found) in [
        ("UPDATE audit SET login = 'li' WHERE id = 7", Broken::At(7)),
        ("UPDATE audit SET at = at + 1 WHERE id = 7", Broken::At(7)),
        ("UPDATE audit SET place_path = 'g/53/' WHERE id = 7", Broken::At(7)),
        ("UPDATE audit SET tag = NULL WHERE id = 7", Broken::At(7)),
        ("DELETE FROM audit WHERE id = 7", Broken::At(8)),
        ("DELETE FROM audit WHERE id = 1", Broken::At(2)),
        // one that is a second old
        ("DELETE FROM audit WHERE id = 10", Broken::CutOff(9, 10)),
        ("DELETE FROM audit WHERE id > 4", Broken::CutOff(4, 10)),
        ("DELETE FROM audit", Broken::Emptied),
        ("DELETE FROM audit; UPDATE counter SET next = 1 WHERE name = 'audit'", Broken::Emptied),
        (
            "INSERT INTO audit (id, place_path, at, login, action, subject, detail, tag) SELECT 11, place_path, at, login, action, subject, detail, tag FROM audit WHERE id = 3",
            Broken::At(11),
        ),
    ] {
        for p in places().await {
            for i in 0..10 {
                p.store.note(NewAudit { subject: &format!("child:{i}"), ..row(NOW + i, "reveal", COUNTY) }).await.unwrap();
            }
            let good = p.store.verify_audit().await.unwrap();
            assert_eq!((good.rows, good.broken), (10, None));
            let mut tx = p.store.begin().await.unwrap();
            tx.raw_script(change).await.unwrap();
            tx.commit_untold("a test").await.unwrap();
            assert_eq!(p.store.verify_audit().await.unwrap().broken, Some(found), "{change}");
        }
    }
}

/// The end cut off together with the count: a head that was written elsewhere knows.
#[tokio::test]
async fn a_head_kept_elsewhere_finds_what_was_cut_off() {
    for p in places().await {
        for i in 0..5 {
            p.store.note(row(NOW + i, "export", COUNTY)).await.unwrap();
        }
        let head = p.store.audit_head().await.unwrap().unwrap();
        assert_eq!(head.to_string().parse(), Ok(head.clone()));
        let mut tx = p.store.begin().await.unwrap();
        tx.raw_script("DELETE FROM audit WHERE id > 3; UPDATE counter SET next = 4 WHERE name = 'audit'").await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        assert_eq!(p.store.verify_audit().await.unwrap().broken, None, "inside the database nothing shows it");
        assert_eq!(p.store.lost_head(std::slice::from_ref(&head)).await.unwrap(), Some(head.clone()));
        for i in 0..5 {
            p.store.note(row(NOW + 9 + i, "print", COUNTY)).await.unwrap();
        }
        assert_eq!(p.store.lost_head(std::slice::from_ref(&head)).await.unwrap(), Some(head), "others in their place do not do");
    }
}

/// Many write at once: the rows stand in one order, without gaps, and a transaction that is given up leaves none.
#[tokio::test]
async fn rows_of_many_writers_stand_in_one_order() {
    for p in places().await {
        let mut all = Vec::new();
        for i in 0..40 {
            let store = p.store.clone();
            all.push(tokio::spawn(async move {
                let mut tx = store.begin().await.unwrap();
                for _ in 0..3 {
                    tx.audit(store.vault(), row(NOW + i, "export", COUNTY)).await.unwrap();
                }
                tx.set_disabled(1, None).await.unwrap();
                if i % 4 != 0 {
                    tx.commit().await.unwrap();
                }
            }));
        }
        for one in all {
            one.await.unwrap();
        }
        let v = p.store.verify_audit().await.unwrap();
        assert_eq!((v.rows, v.broken, v.head.map(|h| h.id)), (90, None, Some(90)));
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
