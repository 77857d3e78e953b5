//! Migrations: numbered, each in one transaction, the same text for both databases.

use baoxue_domain::ledger::DROPPED_OUT;

use crate::common::event::answer_place;
use crate::comparison::run::RUN_ROSTERS;
use crate::ground::error::{Result, StoreError};
use crate::roster::batch::seal_said;
use crate::{NewEstablishment, NewFile, Store, Subject, Tx, binds};

/// In order; a migration that was released never changes.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../../migrations/0001_base.sql")),
    (2, include_str!("../../migrations/0002_run_report.sql")),
    (3, include_str!("../../migrations/0003_standing.sql")),
    (4, include_str!("../../migrations/0004_accounts.sql")),
    (5, include_str!("../../migrations/0005_jobs.sql")),
    (6, include_str!("../../migrations/0006_policy.sql")),
    (7, include_str!("../../migrations/0007_task.sql")),
    (8, include_str!("../../migrations/0008_reminders.sql")),
    (9, include_str!("../../migrations/0009_case.sql")),
    (10, include_str!("../../migrations/0010_offline.sql")),
    (11, include_str!("../../migrations/0011_attendance.sql")),
    (12, include_str!("../../migrations/0012_school_days.sql")),
];

/// Any number that nothing else locks.
const MIGRATION_LOCK: i64 = 0x6261_6f78_7565;

impl Store {
    /// The newest version that the program knows.
    pub fn newest_schema() -> i64 {
        MIGRATIONS.last().map_or(0, |m| m.0)
    }

    /// Digests of the migrations, in order: what was released never changes (test).
    pub fn migration_digests() -> Vec<String> {
        let hex = |d: ring::digest::Digest| d.as_ref().iter().take(8).map(|b| format!("{b:02x}")).collect();
        MIGRATIONS.iter().map(|m| hex(ring::digest::digest(&ring::digest::SHA256, m.1.as_bytes()))).collect()
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
        tx.commit_untold("the version itself tells").await?;
        Ok(version)
    }

    /// Brings the schema up to date and says which versions were applied. A newer schema than the program's is refused.
    pub async fn migrate(&self) -> Result<Vec<i64>> {
        self.migrate_to(Self::newest_schema()).await
    }

    /// The same, up to the schema of an earlier release: for tests of the way from there.
    pub async fn migrate_to(&self, release: i64) -> Result<Vec<i64>> {
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
        for (version, text) in MIGRATIONS.iter().filter(|m| m.0 > found && m.0 <= release) {
            let mut tx = self.begin().await?;
            // two processes may start at once: the row is the lock
            let mine = tx
                .run("INSERT INTO schema_version (version) VALUES ($1) ON CONFLICT (version) DO NOTHING", binds![*version])
                .await?;
            if mine == 1 {
                let text = tx.dialect().migration(text);
                tx.script(&text).await?;
                match version {
                    3 => self.seal_answers(&mut tx).await?,
                    4 => {
                        self.seal_names(&mut tx).await?;
                        tx.chain_log(&self.vault).await?;
                    }
                    5 => tx.name_runs_of_jobs().await?,
                    _ => {}
                }
                applied.push(*version);
            }
            tx.commit_untold("the version itself tells").await?;
        }
        Ok(applied)
    }

    /// Of version 3 what needs the keys: names of proofs and answers are sealed, and what was cleared before is established.
    async fn seal_answers(&self, tx: &mut Tx) -> Result<()> {
        let sql =
            "SELECT finding_id, file_name, media_type, digest, stored, bytes, added_at, added_by FROM attachment ORDER BY id";
        for r in tx.all(sql, vec![]).await? {
            let (name, media_type, digest, stored) = (r.text(1)?, r.text(2)?, r.text(3)?, r.text(4)?);
            let file = NewFile {
                name: &name,
                media_type: &media_type,
                digest: &digest,
                stored: &stored,
                bytes: r.int(5)?,
                at: r.int(6)?,
                by: r.int(7)?,
            };
            let id = tx.add_file(self, &file).await?;
            tx.add_proof(Subject::Finding(r.int(0)?), id).await?;
        }
        let sql = "SELECT f.id, f.child_id, f.disposition, f.state, f.unit_path, f.changed_at, f.verdict,
                     (SELECT MAX(e.account_id) FROM event e WHERE e.subject_kind = 'finding' AND e.subject_id = f.id AND e.kind IN ('clear', 'confirm'))
                   FROM finding f WHERE f.disposition IS NOT NULL AND f.disposition <> '' ORDER BY f.id";
        for r in tx.all(sql, vec![]).await? {
            let (id, child, answer, state, at) = (r.int(0)?, r.int(1)?, r.text(2)?, r.text(3)?, r.int(5)?);
            let sealed = self.vault.seal_text(&answer_place(Subject::Finding(id)), &answer)?;
            tx.run("UPDATE finding SET answer = $1 WHERE id = $2", binds![sealed, id]).await?;
            let decided = (state == "cleared" && answer != DROPPED_OUT) || (state == "confirmed" && answer == DROPPED_OUT);
            let Some(by) = r.opt_int(7)?.filter(|_| decided) else { continue };
            let (unit, verdict) = (r.opt_text(4)?, r.text(6)?);
            let new = NewEstablishment {
                child,
                subject: Subject::Finding(id),
                conclusion: &answer,
                verdict: &verdict,
                from: china_day(at),
                unit: unit.as_deref(),
                at,
                by,
            };
            tx.establish(self, &new).await?;
        }
        // the next run writes what children are found by anew: dots count no more
        tx.run("UPDATE child_profile SET profile_digest = $1", binds![Vec::<u8>::new()]).await?;
        tx.script("DROP TABLE attachment; ALTER TABLE finding DROP COLUMN disposition").await
    }

    /// Of version 4 what needs the keys: names of files, of people and of columns are sealed.
    async fn seal_names(&self, tx: &mut Tx) -> Result<()> {
        for r in tx.all("SELECT id, file_name, handed_over_by, mapping FROM batch ORDER BY id", vec![]).await? {
            let sealed = seal_said(&self.vault, &r.text(1)?, &r.text(2)?, &r.text(3)?)?;
            tx.run("UPDATE batch SET said = $1 WHERE id = $2", binds![sealed, r.int(0)?]).await?;
        }
        for r in tx.all("SELECT id, inputs FROM run ORDER BY id", vec![]).await? {
            let sealed = self.vault.seal_text(RUN_ROSTERS, &r.text(1)?)?;
            tx.run("UPDATE run SET rosters = $1 WHERE id = $2", binds![sealed, r.int(0)?]).await?;
        }
        let sql = "SELECT scope_path, source, heading, field, recorded_at, recorded_by FROM heading_mapping";
        for r in tx.all(sql, vec![]).await? {
            let (scope, source, heading) = (r.text(0)?, r.text(1)?, r.text(2)?);
            tx.map_heading(&self.vault, (&scope, &source, &heading), &r.text(3)?, r.int(4)?, r.int(5)?).await?;
        }
        tx.script(
            "ALTER TABLE batch DROP COLUMN file_name; ALTER TABLE batch DROP COLUMN handed_over_by; ALTER TABLE batch DROP COLUMN mapping;
             ALTER TABLE run DROP COLUMN inputs; DROP TABLE heading_mapping",
        )
        .await
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

impl Tx {
    /// Of version 5: with what a job is to be done was `PLACE RUN`.
    async fn name_runs_of_jobs(&mut self) -> Result<()> {
        for r in self.all("SELECT id, payload FROM job WHERE kind = 'run' ORDER BY id", vec![]).await? {
            let before = r.text(1)?;
            let parts = before.split_once(' ').and_then(|(place, run)| Some((place, run.parse::<i64>().ok()?)));
            let Some((place, run)) = parts else { continue };
            let payload = serde_json::json!({ "place": place, "run": run }).to_string();
            let sql = "UPDATE job SET kind = 'compare', key = $1, payload = $2 WHERE id = $3";
            self.run(sql, binds![place, payload, r.int(0)?]).await?;
        }
        self.continue_numbers("job").await
    }
}

/// The day in China in which a moment lies.
fn china_day(ms: i64) -> jiff::civil::Date {
    jiff::tz::Offset::constant(8).to_datetime(jiff::Timestamp::from_millisecond(ms).unwrap_or_default()).date()
}
