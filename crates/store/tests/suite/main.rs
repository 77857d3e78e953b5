//! One suite, two databases: every test runs on SQLite, and on PostgreSQL where `BAOXUE_TEST_POSTGRES` names a server
//! (`make test` starts one).

mod access;
mod audit;
mod backups;
mod batches;
mod cases;
mod findings;
mod jobs;
mod relocation;
mod runs;
mod schema;
mod standing;

use baoxue_domain::access::Jurisdiction;
use baoxue_domain::place::PlacePath;
use baoxue_store::{NewAccount, Store, Vault, random};

/// Noon of 8 October 2023 in Beijing.
pub(crate) const NOW: i64 = 1_696_737_600_000;
pub(crate) const COUNTY: &str = "g/52/5288/528801/";

/// A store of its own with the schema, and what has to live as long.
pub(crate) struct Place {
    pub(crate) store: Store,
    url: String,
    _folder: tempfile::TempDir,
}

impl Place {
    /// The program started anew: nothing that its connections remember.
    pub(crate) async fn restarted(&self) -> Store {
        Store::open(&self.url, self.store.folder(), self.store.vault().clone()).await.unwrap()
    }
}

fn vault() -> Vault {
    Vault::from_text(&Vault::new_key_file().unwrap()).unwrap()
}

async fn sqlite() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("baoxue.db").display());
    let store = Store::open(&url, folder.path(), vault()).await.unwrap();
    Place { store, url, _folder: folder }
}

/// A database of its own on the server of the tests.
pub(crate) async fn postgres_url() -> Option<String> {
    let Ok(server) = std::env::var("BAOXUE_TEST_POSTGRES") else {
        assert!(std::env::var_os("BAOXUE_REQUIRE_POSTGRES").is_none(), "BAOXUE_TEST_POSTGRES is not set");
        return None;
    };
    let name = format!("t{}", u64::from_be_bytes(random().unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let admin = Store::open(&format!("{server}/postgres"), folder.path(), vault()).await.unwrap();
    admin.raw_all(&format!("CREATE DATABASE {name}"), vec![]).await.unwrap();
    admin.close().await;
    Some(format!("{server}/{name}"))
}

async fn postgres() -> Option<Place> {
    let url = postgres_url().await?;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&url, folder.path(), vault()).await.unwrap();
    Some(Place { store, url, _folder: folder })
}

/// Empty databases, without schema.
pub(crate) async fn empty_places() -> Vec<Place> {
    let mut out = vec![sqlite().await];
    out.extend(postgres().await);
    out
}

/// Databases with the schema and one account (number 1).
pub(crate) async fn places() -> Vec<Place> {
    let out = empty_places().await;
    for p in &out {
        p.store.migrate().await.unwrap();
        let mut tx = p.store.begin().await.unwrap();
        let new = NewAccount { login: "zhang", name: "张经办", password_hash: "-", first_until: NOW };
        assert_eq!(tx.add_account(&new, NOW).await.unwrap(), 1);
        tx.commit_untold("a test").await.unwrap();
    }
    out
}

pub(crate) fn within(paths: &[&str]) -> Jurisdiction {
    let paths: Vec<PlacePath> = paths.iter().map(|p| PlacePath::parse(p).unwrap()).collect();
    Jurisdiction::of(paths.iter())
}
