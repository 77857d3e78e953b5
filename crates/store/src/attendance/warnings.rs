//! 预警 (warnings): episodes of children, as the marks say them; who has one stands in its task.

use std::collections::BTreeSet;

use baoxue_domain::attendance::{DayState, Episode, Level, Rule, Standing};
use jiff::civil::Date;

use crate::ground::error::{Result, StoreError};
use crate::{Clause, Jurisdiction, LookedUp, Row, Store, Subject, Tx, binds};

/// A warning.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Warning {
    /// Its number.
    pub id: i64,
    /// Of whom.
    pub child: i64,
    /// The child's class.
    pub class: String,
    /// By which rule.
    pub rule: Rule,
    /// First and last day that count.
    pub days: (Date, Date),
    /// How far it went.
    pub level: Level,
    /// Half days missed.
    pub halves: i64,
    /// On which days the levels were reached.
    pub reached: [Option<String>; 3],
    /// `open`, `closed`, `withdrawn`.
    pub state: String,
    /// The day and fact that closed it.
    pub closed: Option<(String, String)>,
    /// When somebody spoke to the family.
    pub called_at: Option<i64>,
    /// When it was looked into.
    pub checked_at: Option<i64>,
    /// The file that it opened or joined.
    pub case: Option<i64>,
    /// When it began.
    pub opened_at: i64,
    /// Until when it is to be called or looked into.
    pub deadline_at: Option<i64>,
    /// The unit that has it.
    pub unit_path: Option<String>,
    /// Its version.
    pub version: i64,
}

impl LookedUp for Warning {
    fn subject(&self) -> Subject {
        Subject::Warning(self.id)
    }
}

impl Warning {
    /// Whether it waits.
    pub fn is_open(&self) -> bool {
        self.state == "open"
    }

    /// As the rule knows it.
    pub fn standing(&self) -> Standing {
        Standing { id: self.id, rule: self.rule, first: self.days.0, last: self.days.1, level: self.level, open: self.is_open() }
    }
}

/// Which warnings.
#[derive(Debug, Clone, Default)]
pub struct WarningFilter {
    /// `open`, `closed`, `withdrawn`; all where nothing is said.
    pub state: Option<&'static str>,
    /// Only these levels.
    pub level: Option<Level>,
    /// Only this rule.
    pub rule: Option<Rule>,
    /// Only those over their deadline at a moment.
    pub overdue: Option<i64>,
    /// Only those that nobody looked into.
    pub unchecked: bool,
    /// Only below this path.
    pub below: Option<String>,
    /// Only of this child.
    pub child: Option<i64>,
    /// Only those that reached a level on a day of these.
    pub between: Option<(Date, Date)>,
}

const WARNING: &str = "w.id, w.child_id, w.class_path, w.rule, w.first_day, w.last_day, w.level, w.halves, w.blue_on, w.yellow_on, w.red_on, w.state, w.closed_on, w.closed_by,
                       w.called_at, w.checked_at, w.case_id, w.opened_at, t.deadline_at, t.unit_path, w.version
                       FROM warning w LEFT JOIN task t ON t.subject_kind = 'warning' AND t.subject_id = w.id";

fn warning(r: &Row) -> Result<Warning> {
    let day = |i: usize| -> Result<Date> {
        let text = r.text(i)?;
        text.parse().map_err(|_| StoreError::unreadable("warning.day", &text))
    };
    let (rule, level) = (r.text(3)?, r.text(6)?);
    Ok(Warning {
        id: r.int(0)?,
        child: r.int(1)?,
        class: r.text(2)?,
        rule: Rule::find(&rule).ok_or_else(|| StoreError::unreadable("warning.rule", &rule))?,
        days: (day(4)?, day(5)?),
        level: Level::find(&level).ok_or_else(|| StoreError::unreadable("warning.level", &level))?,
        halves: r.int(7)?,
        reached: [r.opt_text(8)?, r.opt_text(9)?, r.opt_text(10)?],
        state: r.text(11)?,
        closed: r.opt_text(12)?.zip(r.opt_text(13)?),
        called_at: r.opt_int(14)?,
        checked_at: r.opt_int(15)?,
        case: r.opt_int(16)?,
        opened_at: r.int(17)?,
        deadline_at: r.opt_int(18)?,
        unit_path: r.opt_text(19)?,
        version: r.int(20)?,
    })
}

/// Code of the fact that closed a warning: what adds up over many days lapses.
fn fact(e: &Episode) -> Option<&'static str> {
    let (_, state) = e.closed?;
    Some(match state {
        DayState::OffList => "off-list",
        _ if !e.rule.ends_when_seen() => "lapsed",
        DayState::Excused => "excused",
        DayState::HalfAbsent => "half-absent",
        _ => "present",
    })
}

fn conditions(c: &mut Clause, f: &WarningFilter) {
    if let Some(s) = f.state {
        c.equal("w.state", s);
    }
    if let Some(l) = f.level {
        c.equal("w.level", l.code());
    }
    if let Some(r) = f.rule {
        c.equal("w.rule", r.code());
    }
    if let Some(now) = f.overdue {
        let now = c.bind(now);
        c.add(format!("t.state = 'waiting' AND t.deadline_at < {now}"));
    }
    if f.unchecked {
        c.add("w.checked_at IS NULL");
    }
    if let Some(p) = &f.below {
        c.below("w.class_path", p);
    }
    if let Some(id) = f.child {
        c.equal("w.child_id", id);
    }
    if let Some((from, to)) = f.between {
        let (from, to) = (c.bind(from), c.bind(to));
        let within = |column: &str| format!("({column} >= {from} AND {column} <= {to})");
        c.add(format!("({} OR {} OR {})", within("w.blue_on"), within("w.yellow_on"), within("w.red_on")));
    }
}

impl Store {
    /// A warning of a child of a jurisdiction's classes.
    pub async fn warning(&self, id: i64, j: &Jurisdiction) -> Result<Option<Warning>> {
        let mut c = Clause::new();
        c.equal("w.id", id);
        c.inside(j, &[], &["w.class_path"]);
        self.one(&format!("SELECT {WARNING}{}", c.sql()), c.values).await?.map(|r| warning(&r)).transpose()
    }

    /// Warnings of a jurisdiction, those due first, and how many there are.
    pub async fn warnings(&self, f: &WarningFilter, j: &Jurisdiction, limit: i64, offset: i64) -> Result<(Vec<Warning>, i64)> {
        let mut c = Clause::new();
        c.inside(j, &[], &["w.class_path"]);
        conditions(&mut c, f);
        let total = format!(
            "SELECT COUNT(*) FROM warning w LEFT JOIN task t ON t.subject_kind = 'warning' AND t.subject_id = w.id{}",
            c.sql()
        );
        let total = self.one(&total, c.values.clone()).await?.map_or(Ok(0), |r| r.int(0))?;
        if limit == 0 {
            return Ok((Vec::new(), total));
        }
        let (limit, offset) = (c.bind(limit), c.bind(offset));
        let sql = format!(
            "SELECT {WARNING}{} ORDER BY CASE w.state WHEN 'open' THEN 0 ELSE 1 END, CASE w.level WHEN 'red' THEN 0 WHEN 'yellow' THEN 1 ELSE 2 END, w.last_day DESC, w.id
             LIMIT {limit} OFFSET {offset}",
            c.sql()
        );
        Ok((self.all(&sql, c.values).await?.iter().map(warning).collect::<Result<_>>()?, total))
    }

    /// How many warnings wait for units themselves; those over their deadline at a moment.
    pub async fn warnings_waiting(&self, units: &[String], late: Option<i64>) -> Result<i64> {
        let mut c = Clause::new();
        c.equal("subject_kind", "warning");
        c.equal("state", "waiting");
        c.one_of("unit_path", units.iter());
        if let Some(now) = late {
            let now = c.bind(now);
            c.add(format!("deadline_at < {now}"));
        }
        self.one(&format!("SELECT COUNT(*) FROM task{}", c.sql()), c.values).await?.map_or(Ok(0), |r| r.int(0))
    }

    /// Warnings of children that are open, or reach into a day or later.
    pub async fn warnings_of(&self, children: &[i64], since: Date) -> Result<Vec<Warning>> {
        let mut out = Vec::new();
        for some in children.chunks(1_000) {
            let mut c = Clause::new();
            c.one_of("w.child_id", some.iter().copied());
            let since = c.bind(since);
            let sql = format!(
                "SELECT {WARNING}{} AND w.state <> 'withdrawn' AND (w.state = 'open' OR w.last_day >= {since}) ORDER BY w.id",
                c.sql()
            );
            out.extend(self.all(&sql, c.values).await?.iter().map(warning).collect::<Result<Vec<_>>>()?);
        }
        Ok(out)
    }

    /// Children of classes below a path of whom a warning is open, or reaches into a day or later; for what changes many days at once.
    pub async fn warned_children(&self, below: &str, since: Date) -> Result<Vec<i64>> {
        let mut c = Clause::new();
        c.below("class_path", below);
        let since = c.bind(since);
        let sql = format!(
            "SELECT DISTINCT child_id FROM warning{} AND state <> 'withdrawn' AND (state = 'open' OR last_day >= {since}) ORDER BY child_id",
            c.sql()
        );
        self.all(&sql, c.values).await?.iter().map(|r| r.int(0)).collect()
    }

    /// Children of a class, or of these, of whom a warning is open or reaches into a day or later.
    pub async fn warned_among(&self, class: &str, pupils: &BTreeSet<i64>, since: Date) -> Result<BTreeSet<i64>> {
        let mut c = Clause::new();
        let since = c.bind(since);
        c.one_of("child_id", pupils.iter().copied());
        let among = format!(
            "SELECT child_id FROM warning{} AND state <> 'withdrawn' AND (state = 'open' OR last_day >= {since})",
            c.sql()
        );
        let mut b = Clause::with(c.values);
        b.below("class_path", class);
        let sql = format!(
            "{among} UNION SELECT child_id FROM warning{} AND state <> 'withdrawn' AND (state = 'open' OR last_day >= {since})",
            b.sql()
        );
        self.all(&sql, b.values).await?.iter().map(|r| r.int(0)).collect()
    }

    /// How often each level was reached from a day to another in classes of a jurisdiction (触发次数), and by how many children (人数): blue, yellow, red;
    /// children; and how many were looked into within their time, of how many that are due.
    pub async fn warning_figures(&self, j: &Jurisdiction, from: Date, to: Date) -> Result<[i64; 4]> {
        let mut c = Clause::new();
        c.inside(j, &[], &["w.class_path"]);
        let (from, to) = (c.bind(from), c.bind(to));
        let n = |column: &str| format!("COUNT(CASE WHEN {column} >= {from} AND {column} <= {to} THEN 1 END)");
        let sql = format!(
            "SELECT {}, {}, {}, COUNT(DISTINCT CASE WHEN w.last_day >= {from} AND w.first_day <= {to} THEN w.child_id END) FROM warning w{} AND w.state <> 'withdrawn'",
            n("w.blue_on"),
            n("w.yellow_on"),
            n("w.red_on"),
            c.sql()
        );
        let row = self.one(&sql, c.values).await?;
        row.map_or(Ok([0; 4]), |r| Ok([r.int(0)?, r.int(1)?, r.int(2)?, r.int(3)?]))
    }
}

fn reached(e: &Episode, level: Level) -> Option<Date> {
    e.reached.get(&level).copied()
}

impl Tx {
    /// Begins a warning and gives its number.
    pub async fn open_warning(&mut self, child: i64, class: &str, e: &Episode, at: i64) -> Result<i64> {
        let sql = "INSERT INTO warning (child_id, class_path, rule, first_day, last_day, level, halves, blue_on, yellow_on, red_on, state, closed_on, closed_by, opened_at, version, changed_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1, $14) RETURNING id";
        let state = if e.closed.is_some() { "closed" } else { "open" };
        let values = binds![
            child,
            class,
            e.rule.code(),
            e.first,
            e.last,
            e.level.code(),
            i64::from(e.halves),
            reached(e, Level::Blue),
            reached(e, Level::Yellow),
            reached(e, Level::Red),
            state,
            e.closed.map(|c| c.0),
            fact(e),
            at
        ];
        let row = self.one(sql, values).await?;
        row.map_or(Ok(0), |r| r.int(0))
    }

    /// Of two who assess a child at once one waits, and sees what the other has done: warnings that stand already, of these children.
    pub async fn standing_warnings(&mut self, children: &[i64]) -> Result<Vec<(i64, Rule, Date, Date)>> {
        self.lock_rows("child", children).await?;
        let mut c = Clause::new();
        c.one_of("child_id", children.iter().copied());
        let sql = format!("SELECT child_id, rule, first_day, last_day FROM warning{} AND state <> 'withdrawn'", c.sql());
        let day = |t: String| t.parse::<Date>().map_err(|_| StoreError::unreadable("warning.day", &t));
        let mut out = Vec::new();
        for r in self.all(&sql, c.values).await? {
            // a rule that this version no longer has doubles nothing
            let Some(rule) = Rule::find(&r.text(1)?) else { continue };
            out.push((r.int(0)?, rule, day(r.text(2)?)?, day(r.text(3)?)?));
        }
        Ok(out)
    }

    /// The child goes to another class now: its warning, and what waits with the former class, go along.
    pub async fn move_warning(&mut self, w: &Warning, class: &str) -> Result<()> {
        self.run("UPDATE warning SET class_path = $1 WHERE id = $2", binds![class, w.id]).await?;
        self.run(
            "UPDATE task SET unit_path = $1 WHERE subject_kind = 'warning' AND subject_id = $2 AND unit_path = $3",
            binds![class, w.id, &w.class],
        )
        .await?;
        Ok(())
    }

    /// A warning goes on as the marks say now: what rose is to be called about and looked into anew. False: somebody was faster.
    pub async fn continue_warning(&mut self, w: &Warning, e: &Episode, at: i64) -> Result<bool> {
        let sql = "UPDATE warning SET first_day = $1, last_day = $2, level = $3, halves = $4, blue_on = $5, yellow_on = $6, red_on = $7, state = $8, closed_on = $9, closed_by = $10,
                     called_at = CASE WHEN $14 = 1 THEN NULL ELSE called_at END, checked_at = CASE WHEN $14 = 1 THEN NULL ELSE checked_at END,
                     version = version + 1, changed_at = $11 WHERE id = $12 AND version = $13";
        let state = if e.closed.is_some() { "closed" } else { "open" };
        let values = binds![
            e.first,
            e.last,
            e.level.code(),
            i64::from(e.halves),
            reached(e, Level::Blue),
            reached(e, Level::Yellow),
            reached(e, Level::Red),
            state,
            e.closed.map(|c| c.0),
            fact(e),
            at,
            w.id,
            w.version,
            e.level > w.level
        ];
        Ok(self.run(sql, values).await? == 1)
    }

    /// Nothing is left of what gave rise to it.
    pub async fn withdraw_warning(&mut self, w: &Warning, at: i64) -> Result<bool> {
        let sql = "UPDATE warning SET state = 'withdrawn', version = version + 1, changed_at = $1 WHERE id = $2 AND version = $3";
        Ok(self.run(sql, binds![at, w.id, w.version]).await? == 1)
    }

    /// Somebody spoke to the family, or looked into it; false: somebody was faster.
    pub async fn handle_warning(&mut self, w: &Warning, called: bool, checked: bool, at: i64) -> Result<bool> {
        let sql = "UPDATE warning SET called_at = CASE WHEN $1 = 1 THEN COALESCE(called_at, $3) ELSE called_at END,
                     checked_at = CASE WHEN $2 = 1 THEN COALESCE(checked_at, $3) ELSE checked_at END, version = version + 1, changed_at = $3 WHERE id = $4 AND version = $5";
        Ok(self.run(sql, binds![called, checked, at, w.id, w.version]).await? == 1)
    }

    /// The file that a warning opened or joined.
    pub async fn warning_case(&mut self, id: i64, case: i64) -> Result<()> {
        self.run("UPDATE warning SET case_id = $1 WHERE id = $2", binds![case, id]).await?;
        // what was said on the telephone before is known there
        let sql = "INSERT INTO contact_case (contact_id, case_id) SELECT contact_id, $1 FROM contact_warning WHERE warning_id = $2 ON CONFLICT DO NOTHING";
        self.run(sql, binds![case, id]).await?;
        Ok(())
    }

    /// A call or visit was about a warning.
    pub async fn contact_of_warning(&mut self, contact: i64, warning: i64) -> Result<()> {
        self.run(
            "INSERT INTO contact_warning (contact_id, warning_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            binds![contact, warning],
        )
        .await?;
        Ok(())
    }
}
