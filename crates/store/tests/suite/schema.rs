use std::future::poll_fn;
use std::task::Poll;

use baoxue_store::{Store, StoreError, binds};

use crate::{empty_places, places};

#[tokio::test]
async fn both_databases_get_the_same_schema_and_a_second_start_changes_nothing() {
    let mut schemas = Vec::new();
    for p in empty_places().await {
        assert_eq!(p.store.migrate().await.unwrap(), [1, 2]);
        assert_eq!(p.store.migrate().await.unwrap(), [0; 0]);
        schemas.push(p.store.schema().await.unwrap());
    }
    assert!(schemas[0].len() > 100);
    assert!(schemas.iter().all(|s| *s == schemas[0]));
}

#[tokio::test]
async fn two_processes_may_start_at_once() {
    for p in empty_places().await {
        let (a, b) = tokio::join!(p.store.migrate(), p.store.migrate());
        let mut both = [a.unwrap(), b.unwrap()].concat();
        both.sort_unstable();
        assert_eq!(both, [1, 2], "each once");
    }
}

/// An installation of the first release is brought up to date, and works.
#[tokio::test]
async fn the_first_release_is_brought_up_to_date() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        tx.run("DROP TABLE run_report", vec![]).await.unwrap();
        tx.run("DELETE FROM schema_version WHERE version > 1", vec![]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(p.store.migrate().await.unwrap(), [2]);
        assert_eq!(p.store.run_report(1).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        tx.run("INSERT INTO schema_version (version) VALUES ($1)", binds![999]).await.unwrap();
        tx.commit().await.unwrap();
        let e = p.store.migrate().await.unwrap_err();
        assert!(matches!(e, StoreError::SchemaTooNew { found: 999, .. }));
        assert!(e.to_string().contains("请用新版程序打开"));
        assert!(Store::newest_schema() < 999);
    }
}

/// Everything that COPY and INSERT must carry: signs, line breaks, absent values, bytes.
#[tokio::test]
async fn many_rows_arrive_as_they_were() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        let texts = ["甲\t乙\n丙\r\\丁", "\\N", "", "O'Brien \"x\"", "{a,b}"];
        let rows = texts
            .iter()
            .enumerate()
            .map(|(i, t)| binds![*t, *t, "h", i as i64, vec![0u8, 92, 255, i as u8], None::<i64>, 0, 0, 0, 1]);
        let columns = [
            "login",
            "name",
            "password_hash",
            "must_change_password",
            "totp_secret",
            "disabled_at",
            "totp_last_step",
            "failed_log_ins",
            "locked_until",
            "created_at",
        ];
        assert_eq!(tx.insert_many("account", &columns, rows.collect()).await.unwrap(), 5);
        let many = (0..5_000i64).map(|i| binds!["id", i, i % 7]);
        assert_eq!(tx.insert_many("child_search", &["kind", "token", "child_id"], many.collect()).await.unwrap(), 5_000);
        tx.commit().await.unwrap();
        let back = p
            .store
            .all("SELECT login, totp_secret, disabled_at FROM account WHERE created_at = 1 ORDER BY id", vec![])
            .await
            .unwrap();
        for (i, r) in back.iter().enumerate() {
            assert_eq!(r.text(0).unwrap(), texts[i]);
            assert_eq!(r.bytes(1).unwrap(), [0, 92, 255, i as u8]);
            assert_eq!(r.opt_int(2).unwrap(), None);
        }
        assert_eq!(p.store.one("SELECT COUNT(*) FROM child_search", vec![]).await.unwrap().unwrap().int(0).unwrap(), 5_000);
    }
}

#[tokio::test]
async fn what_is_not_committed_never_was() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        let day = jiff::civil::date(2023, 9, 1);
        tx.set(baoxue_store::NewSetting { scope: "", name: "x", value: "1", from: day }, 1, None).await.unwrap();
        drop(tx);
        assert!(p.store.settings_in_force(day).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_database_of_before_the_first_release_is_said_so() {
    for p in places().await {
        let mut tx = p.store.begin().await.unwrap();
        tx.run("DELETE FROM counter WHERE name = 'generation'", vec![]).await.unwrap();
        tx.run("DELETE FROM schema_version WHERE version > 1", vec![]).await.unwrap();
        tx.commit().await.unwrap();
        let said = p.store.migrate().await.unwrap_err().to_string();
        assert!(said.contains("请换一个新的数据文件夹"), "{said}");
    }
}

/// A browser that goes away, or a task that is ended, while a transaction begins: whoever gets the connection next is not inside it.
#[tokio::test]
async fn a_transaction_given_up_while_it_begins_is_none() {
    for p in places().await {
        for steps in 0..40 {
            let mut begun = Box::pin(p.store.begin());
            for _ in 0..steps % 8 {
                if poll_fn(|cx| Poll::Ready(begun.as_mut().poll(cx).is_ready())).await {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(begun);
            // an error ends what it is in: alone, itself; inside a transaction, all that follow
            assert!(p.store.all("SELECT missing FROM counter", vec![]).await.is_err());
            p.store.all("SELECT next FROM counter", vec![]).await.unwrap();
        }
    }
}
