//! Migrations: numbered, each in one transaction, the same text for both databases.

use crate::error::{Result, StoreError};
use crate::{Store, binds};

/// In order; a migration that was released never changes.
const MIGRATIONS: &[(i64, &str)] =
    &[(1, include_str!("../migrations/0001_base.sql")), (2, include_str!("../migrations/0002_run_report.sql"))];

/// Any number that nothing else locks.
const MIGRATION_LOCK: i64 = 0x6261_6f78_7565;

impl Store {
    /// The newest version that the program knows.
    pub fn newest_schema() -> i64 {
        MIGRATIONS.last().map_or(0, |m| m.0)
    }

    /// The database's version; 0 when empty.
    pub async fn schema_version(&self) -> Result<i64> {
        let mut tx = self.begin().await?;
        // of two processes that start at once on an empty database one creates it
        tx.lock(MIGRATION_LOCK).await?;
        tx.script("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)").await?;
        let version = match tx.one("SELECT COALESCE(MAX(version), 0) FROM schema_version", vec![]).await? {
            Some(r) => r.int(0)?,
            None => 0,
        };
        tx.commit().await?;
        Ok(version)
    }

    /// Brings the schema up to date and says which versions were applied. A newer schema than the program's is refused.
    pub async fn migrate(&self) -> Result<Vec<i64>> {
        let found = self.schema_version().await?;
        let known = Self::newest_schema();
        if found > known {
            return Err(StoreError::SchemaTooNew { found, known });
        }
        // the first schema was still changed before the first release: what was made by then has no such counter
        if found == 1 && self.generation().await? == 0 {
            return Err(StoreError::SchemaBeforeRelease);
        }
        let mut applied = Vec::new();
        for (version, text) in MIGRATIONS.iter().filter(|m| m.0 > found) {
            let mut tx = self.begin().await?;
            // two processes may start at once: the row is the lock
            let mine = tx
                .run("INSERT INTO schema_version (version) VALUES ($1) ON CONFLICT (version) DO NOTHING", binds![*version])
                .await?;
            if mine == 1 {
                let text = tx.dialect().migration(text);
                tx.script(&text).await?;
                applied.push(*version);
            }
            tx.commit().await?;
        }
        Ok(applied)
    }

    /// Tables with their columns: name, column, kind of type, whether it may be absent. The same on both databases (test).
    pub async fn schema(&self) -> Result<Vec<(String, String, String, bool)>> {
        let sql = match self.dialect() {
            crate::Dialect::Sqlite => {
                "SELECT m.name, c.name, c.type, CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN 0 ELSE 1 END
                 FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
            }
            crate::Dialect::Postgres => {
                "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT),
                        CAST(CASE WHEN is_nullable = 'YES' THEN 1 ELSE 0 END AS BIGINT)
                 FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name COLLATE \"C\", column_name COLLATE \"C\""
            }
        };
        let rows = self.all(sql, vec![]).await?;
        rows.iter()
            .map(|r| {
                let kind = match r.text(2)?.to_lowercase().as_str() {
                    "bigint" | "integer" => "number",
                    "bytea" | "blob" => "bytes",
                    "text" => "text",
                    other => return Ok((r.text(0)?, r.text(1)?, other.to_owned(), r.flag(3)?)),
                };
                Ok((r.text(0)?, r.text(1)?, kind.to_owned(), r.flag(3)?))
            })
            .collect()
    }
}
