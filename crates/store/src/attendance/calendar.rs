//! 校历 (calendars): holidays that are newer than the program, terms of counties, what places say of some days otherwise.

use baoxue_domain::calendar::{Exception, ExceptionKind, Holiday, Term};
use jiff::civil::Date;

use crate::ground::error::{Result, StoreError};
use crate::{Row, Store, Tx, binds};

/// A term that a county set.
#[derive(Debug, Clone)]
pub struct TermRow {
    /// Its number.
    pub id: i64,
    /// Whose.
    pub scope: String,
    /// The term.
    pub term: Term,
}

/// What somebody said of some days.
#[derive(Debug, Clone)]
pub struct ExceptionRow {
    /// Its number.
    pub id: i64,
    /// Of which place.
    pub scope: String,
    /// What.
    pub exception: Exception,
    /// Why.
    pub reason: String,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: i64,
}

fn day(r: &Row, i: usize, column: &'static str) -> Result<Date> {
    let text = r.text(i)?;
    text.parse().map_err(|_| StoreError::unreadable(column, &text))
}

impl Store {
    /// What changes whenever something is said of days, in any process.
    pub async fn calendar_stamp(&self) -> Result<(i64, i64, i64, i64)> {
        let sql = "SELECT (SELECT COALESCE(MAX(id), 0) FROM day_exception), (SELECT COUNT(*) FROM day_exception WHERE ended_at IS NULL),
                     (SELECT COALESCE(MAX(id), 0) * 1000 + COUNT(CASE WHEN ended_at IS NULL THEN 1 END) FROM school_term),
                     (SELECT COALESCE(MAX(id), 0) * 1000 + COUNT(*) FROM holiday)";
        let row = self.one(sql, vec![]).await?;
        row.map_or(Ok((0, 0, 0, 0)), |r| Ok((r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?)))
    }

    /// Holidays that were read from files.
    pub async fn later_holidays(&self) -> Result<Vec<Holiday>> {
        let rows = self.all("SELECT name, off_from, off_to, worked, source FROM holiday ORDER BY off_from, id", vec![]).await?;
        let holiday = |r: &Row| {
            let worked = r.text(3)?;
            let work = worked.split(',').filter(|w| !w.is_empty()).map(str::parse).collect::<std::result::Result<Vec<Date>, _>>();
            Ok(Holiday {
                name: r.text(0)?,
                off: (day(r, 1, "holiday.off_from")?, day(r, 2, "holiday.off_to")?),
                work: work.map_err(|_| StoreError::unreadable("holiday.worked", &worked))?,
                source: r.text(4)?,
            })
        };
        rows.iter().map(holiday).collect()
    }

    /// Terms that hold, of all counties.
    pub async fn school_terms(&self) -> Result<Vec<TermRow>> {
        let sql = "SELECT id, scope_path, name, from_day, to_day FROM school_term WHERE ended_at IS NULL ORDER BY from_day, id";
        let row = |r: &Row| {
            let term = Term { name: r.text(2)?, from: day(r, 3, "school_term.from_day")?, to: day(r, 4, "school_term.to_day")? };
            Ok(TermRow { id: r.int(0)?, scope: r.text(1)?, term })
        };
        self.all(sql, vec![]).await?.iter().map(row).collect()
    }

    /// Exceptions that hold, of all places, in the order in which they win.
    pub async fn day_exceptions(&self) -> Result<Vec<ExceptionRow>> {
        let sql = "SELECT e.id, e.scope_path, e.kind, e.from_day, e.to_day, e.reason, a.name, e.recorded_at
                   FROM day_exception e LEFT JOIN account a ON a.id = e.recorded_by WHERE e.ended_at IS NULL ORDER BY LENGTH(e.scope_path), e.id";
        let row = |r: &Row| {
            let kind = r.text(2)?;
            Ok(ExceptionRow {
                id: r.int(0)?,
                scope: r.text(1)?,
                exception: Exception {
                    kind: ExceptionKind::find(&kind).ok_or_else(|| StoreError::unreadable("day_exception.kind", &kind))?,
                    from: day(r, 3, "day_exception.from_day")?,
                    to: day(r, 4, "day_exception.to_day")?,
                },
                reason: r.text(5)?,
                by: r.opt_text(6)?.unwrap_or_default(),
                at: r.int(7)?,
            })
        };
        self.all(sql, vec![]).await?.iter().map(row).collect()
    }
}

impl Tx {
    /// Replaces holidays of the years that a file names.
    pub async fn put_holidays(&mut self, all: &[Holiday], by: i64, at: i64) -> Result<()> {
        let years: std::collections::BTreeSet<i16> = all.iter().map(|h| h.off.1.year()).collect();
        for y in years {
            let (from, to) = (format!("{y}-01-01"), format!("{y}-12-31"));
            self.run("DELETE FROM holiday WHERE off_to >= $1 AND off_to <= $2", binds![from, to]).await?;
        }
        for h in all {
            let worked: Vec<String> = h.work.iter().map(Date::to_string).collect();
            let sql = "INSERT INTO holiday (name, off_from, off_to, worked, source, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7)";
            self.run(sql, binds![&h.name, h.off.0, h.off.1, worked.join(","), &h.source, at, by]).await?;
        }
        Ok(())
    }

    /// Sets a term of a county.
    pub async fn add_term(&mut self, scope: &str, t: &Term, by: i64, at: i64) -> Result<()> {
        let sql = "INSERT INTO school_term (scope_path, name, from_day, to_day, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6)";
        self.run(sql, binds![scope, &t.name, t.from, t.to, at, by]).await?;
        Ok(())
    }

    /// A term holds no longer; false where it did not.
    pub async fn end_term(&mut self, scope: &str, id: i64, by: i64, at: i64) -> Result<bool> {
        let sql = "UPDATE school_term SET ended_at = $1, ended_by = $2 WHERE id = $3 AND scope_path = $4 AND ended_at IS NULL";
        Ok(self.run(sql, binds![at, by, id, scope]).await? == 1)
    }

    /// Says something of some days.
    pub async fn add_day_exception(&mut self, scope: &str, e: &Exception, reason: &str, by: i64, at: i64) -> Result<i64> {
        let sql = "INSERT INTO day_exception (scope_path, kind, from_day, to_day, reason, recorded_at, recorded_by) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
        let row = self.one(sql, binds![scope, e.kind.code(), e.from, e.to, reason, at, by]).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// It holds no longer; false where it did not.
    pub async fn end_day_exception(&mut self, id: i64, by: i64, at: i64) -> Result<bool> {
        let sql = "UPDATE day_exception SET ended_at = $1, ended_by = $2 WHERE id = $3 AND ended_at IS NULL";
        Ok(self.run(sql, binds![at, by, id]).await? == 1)
    }
}
