//! Measured, not asserted: one school day of a province's worth of pupils, from database to saved warnings. `make bench-rollcall` runs it.

use baoxue_store::{Profile, Store, binds};
use jiff::ToSpan;
use jiff::civil::date;

use super::support::{TestApp, apps};
use crate::app::clock::{Clock, Stopwatch};
use crate::web::tests::support::served;

/// Pupils of a class, and checks of a day.
const CLASS: i64 = 40;
const CHECKS: i64 = 3;

fn setting(name: &str, usual: i64) -> i64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(usual)
}

async fn run(store: &Store, sql: &str) {
    let mut tx = store.begin().await.unwrap();
    tx.raw_run(sql, vec![]).await.unwrap();
    tx.commit_untold("made up for measuring").await.unwrap();
}

/// Nobody knows where some are, at any check of a day.
async fn mark(s: &Store, classes: i64, day: usize, which: &str) {
    for part in 0..CHECKS {
        let first = (day as i64 * CHECKS + part) * classes;
        let sql = format!(
            "INSERT INTO register_mark (register_id, child_id, version, mark, doubtful)
             SELECT {first} + (id - 1) / {CLASS} + 1, id, 1, 5, 0 FROM child WHERE {which} ON CONFLICT DO NOTHING"
        );
        run(s, &sql).await;
    }
}

/// Classes, lists, registers of all checks of all days but the last, and on it those of whom nobody knows.
async fn fill(app: &TestApp, pupils: i64, days: &[String]) {
    let s = &app.office.store;
    let classes = pupils / CLASS;
    let path = "'e/528801/2152' || substr('000000' || ((k.n - 1) / 20), -6) || '/三年级/三(' || k.n || ')班/'";
    let path = match s.dialect() {
        baoxue_store::Dialect::Sqlite => path.to_owned(),
        baoxue_store::Dialect::Postgres => {
            path.replace("substr('000000' || ((k.n - 1) / 20), -6)", "lpad(((k.n - 1) / 20)::text, 6, '0')")
        }
    };
    let numbers =
        |most: i64| format!("WITH RECURSIVE k(n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM k WHERE n < {most})");
    run(s, &format!("INSERT INTO roll_class (id, path) {} SELECT n, {path} FROM k", numbers(classes))).await;
    // members are looked at of lists of those who are assessed; a list names all of its class
    let members = (0..CLASS).map(|i| format!("((n - 1) * {CLASS} + {})", i + 1)).collect::<Vec<_>>().join(" || ',' || ");
    let members = match s.dialect() {
        baoxue_store::Dialect::Sqlite => members,
        baoxue_store::Dialect::Postgres => members.replace(") ||", ")::text ||"),
    };
    run(
        s,
        &format!(
            "INSERT INTO roll_list (id, class_id, digest, members, size, made_at) {} SELECT n, n, 'd' || n, {members}, {CLASS}, 1 FROM k",
            numbers(classes)
        ),
    )
    .await;
    run(
        s,
        &format!(
            "INSERT INTO child (id, scope_path, sex, birth_date, verdict, verdict_since, certainty, residence_path, register_path, school_path, first_run)
             {} SELECT c.n, 'g/52/5288/528801/', '男', '2014-01-01', 'enrolled-present', '2023-09-01', 1, 'g/52/5288/528801/528801100/528801100201/',
               'g/52/5288/528801/528801100/528801100201/', k.path, 1
             FROM (SELECT n FROM k) c JOIN roll_class k ON k.id = (c.n - 1) / {CLASS} + 1",
            numbers(pupils)
        ),
    )
    .await;
    for (d, day) in days.iter().enumerate() {
        for part in 0..CHECKS {
            let first = (d as i64 * CHECKS + part) * classes;
            run(
                s,
                &format!(
                    "INSERT INTO register (id, class_id, day, part, list_id, version, key, taken_at, taken_by, digest, changed_at, assessed)
                     SELECT {first} + id, id, '{day}', {part}, id, 1, 'k' || ({first} + id), 1, 1, 'x', 1, 1 FROM roll_class"
                ),
            )
            .await;
            // three of a hundred are ill or late
            let (last, step) = (d + 1 == days.len(), 33);
            run(
                s,
                &format!(
                    "INSERT INTO register_mark (register_id, child_id, version, mark, doubtful)
                     SELECT {first} + (id - 1) / {CLASS} + 1, id, 1, CASE WHEN id % 2 = 0 THEN 1 ELSE 3 END, 0 FROM child WHERE (id + {d} * 7) % {step} = 0{}",
                    if last { " AND id % 250 <> 1 AND id % 1000 <> 1" } else { "" }
                ),
            )
            .await;
        }
    }
    let last = days.len() - 1;
    // of today's four in a thousand one was missing yesterday too, and of ten of those one the day before
    mark(s, classes, last - 1, "id % 1000 = 1").await;
    mark(s, classes, last - 2, "id % 10000 = 1").await;
    let seal = |child: i64| {
        let profile = Profile { name: "测某某".into(), ..Profile::default() };
        s.vault().seal(&format!("child:{child}"), &serde_json::to_vec(&profile).unwrap()).unwrap()
    };
    for child in (0..pupils).filter(|c| c % 10_000 == 1) {
        let mut tx = s.begin().await.unwrap();
        let sql = "INSERT INTO child_profile (child_id, profile, profile_digest) VALUES ($1, $2, $2)";
        tx.raw_run(sql, binds![child, seal(child)]).await.unwrap();
        tx.commit_untold("made up for measuring").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; minutes"]
async fn a_day_of_a_million() {
    let (pupils, days) = (setting("PUPILS", 1_000_000), setting("DAYS", 30));
    for app in apps().await {
        let last = date(2023, 10, 31);
        let calendar =
            app.office.calendars().await.unwrap().of(&baoxue_domain::place::PlacePath::parse("e/528801/2152000001/").unwrap());
        let mut all: Vec<String> =
            calendar.school_days(last.saturating_sub((days * 2 + 20).days()), last).iter().map(ToString::to_string).collect();
        all.drain(..all.len().saturating_sub(usize::try_from(days).unwrap()));
        let begun = Stopwatch::start();
        fill(&app, pupils, &all).await;
        let database = format!("{:?}", app.office.store.dialect());
        println!(
            "{database}: {pupils} pupils, {} days, {} registers, filled in {:.0} s",
            all.len(),
            all.len() as i64 * CHECKS * pupils / CLASS,
            begun.elapsed().as_secs_f64()
        );
        let sql = match app.office.store.dialect() {
            baoxue_store::Dialect::Sqlite => {
                "SELECT SUM(pgsize) FROM dbstat WHERE name LIKE '%register%' OR name LIKE 'roll_%' OR name LIKE 'sqlite_autoindex_roll%'"
            }
            baoxue_store::Dialect::Postgres => {
                "SELECT CAST(SUM(pg_total_relation_size(oid)) AS BIGINT) FROM pg_class WHERE relname IN ('register', 'register_mark', 'register_version', 'roll_list', 'roll_class')"
            }
        };
        let bytes = app.office.store.raw_one(sql, vec![]).await.unwrap().unwrap().int(0).unwrap();
        println!("{database}: registers, their marks and lists with keys and indexes: {} MB", bytes >> 20);
        let at = |day: jiff::civil::Date, hour: i8| {
            let mut office = app.office.clone();
            office.clock = Clock::starting_at(day.at(hour, 30, 0, 0));
            served(office, None)
        };
        // yesterday's were swept yesterday: what rises today rises
        let yesterday = all[all.len() - 2].parse().unwrap();
        at(yesterday, 11).office.assess_missing().await.unwrap();
        mark(&app.office.store, pupils / CLASS, all.len() - 1, "id % 250 = 1").await;
        if matches!(app.office.store.dialect(), baoxue_store::Dialect::Postgres) {
            run(&app.office.store, "ANALYZE").await;
        }
        let begun = Stopwatch::start();
        let n = at(last, 11).office.assess_missing().await.unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let count = |sql: &'static str| async { app.office.store.raw_one(sql, vec![]).await.unwrap().unwrap().int(0).unwrap() };
        println!(
            "{database}: swept in {seconds:.2} s: {n} children, {} warnings, {} of them risen, {} files, {} rows of the log",
            count("SELECT COUNT(*) FROM warning").await,
            count("SELECT COUNT(*) FROM warning WHERE level <> 'blue'").await,
            count("SELECT COUNT(*) FROM case_file").await,
            count("SELECT COUNT(*) FROM audit").await
        );
        let begun = Stopwatch::start();
        at(last, 11).office.assess_missing().await.unwrap();
        println!("{database}: the next minute, with nothing new: {:.2} s", begun.elapsed().as_secs_f64());
    }
}
