use std::collections::{BTreeMap, BTreeSet, VecDeque};

use baoxue_domain::access::{Action, Role};
use baoxue_domain::place::PlacePath;

use super::support::{COUNTY, PASSWORD, PEOPLE, TestApp, apps, child, shared};
use crate::web::Need;

/// Addresses on a page.
fn links(page: &str) -> Vec<String> {
    let mut out = Vec::new();
    for attribute in ["href=\"", "hx-get=\"", "data-panel=\""] {
        out.extend(
            page.split(attribute)
                .skip(1)
                .filter_map(|p| p.split('"').next())
                .map(|l| l.replace("&#38;", "&").replace("&amp;", "&")),
        );
    }
    out.into_iter().filter(|l| l.starts_with('/') && !l.starts_with("/assets") && !l.contains('#')).collect()
}

/// Addresses to which no link leads: what is asked before somebody is in, by a script, or where there is nothing yet in this county.
const BY_OTHER_WAYS: [&str; 14] = [
    // the phone asks
    "/worker.js",
    "/offline/data",
    "/assets/{*path}",
    "/healthz",
    "/log-in",
    "/second-factor",
    "/forgotten",
    // forms and scripts
    "/search",
    "/runs/{id}/events",
    // no bad row, no second run, no decision, nobody missing from a check, no proof: journeys look at these
    "/rosters/{id}/bad-rows.xlsx",
    "/runs/{id}/changes",
    "/decisions",
    "/checks/{run}/{check}",
    "/findings/{id}/proofs/{proof}",
];

/// Pages of one route that a crawl looks at: enough for every child, not for every filter.
const PAGES_A_ROUTE: usize = 120;

/// The route that an address belongs to.
fn route_of<'r>(routes: &[&'r str], path: &str) -> Option<&'r str> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |route: &str| {
        let (r, p): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
        r.len() == p.len() && r.iter().zip(&p).all(|(r, p)| r == p || r.starts_with('{'))
    };
    // what is written out before what stands for anything
    routes.iter().find(|r| **r == path).or_else(|| routes.iter().find(|r| fits(r))).copied()
}

/// Everything that a person reaches by following links: how many pages of which route, the addresses of children among it, and all text.
async fn crawl<'r>(app: &TestApp, login: &str, routes: &[&'r str]) -> (BTreeMap<&'r str, usize>, BTreeSet<i64>, String) {
    let cookie = app.log_in(login).await;
    let mut queue: VecDeque<String> = VecDeque::from(["/".to_owned()]);
    let mut seen: BTreeSet<String> = queue.iter().cloned().collect();
    let (mut pages, mut children, mut text) = (BTreeMap::new(), BTreeSet::new(), String::new());
    while let Some(path) = queue.pop_front() {
        let route = route_of(routes, &path).unwrap_or_else(|| panic!("{login}: no route leads to {path}"));
        let looked = pages.entry(route).or_insert(0);
        *looked += 1;
        if *looked > PAGES_A_ROUTE {
            continue;
        }
        let a = app.get(&cookie, &path).await;
        assert!(a.status.is_success() || a.status.is_redirection(), "{login} {path}: {} {}", a.status, a.text());
        if let Some(id) = path.strip_prefix("/children/").and_then(|r| r.split(['/', '?']).next()).and_then(|r| r.parse().ok()) {
            children.insert(id);
        }
        let spreadsheet = path.split('?').next().is_some_and(|p| p.ends_with(".xlsx"));
        if spreadsheet {
            let sheets = baoxue_documents::read::read("x.xlsx", a.bytes).unwrap();
            sheets
                .iter()
                .for_each(|s| (0..s.height()).for_each(|r| s.row(r).for_each(|c| text.push_str(&format!("{} ", c.text)))));
            continue;
        }
        let page = a.text();
        for l in links(&page) {
            if seen.insert(l.clone()) {
                queue.push_back(l);
            }
        }
        text.push_str(&page);
    }
    (pages, children, text)
}

/// Nobody reaches a child of another place by any link, and numbers and names stand masked.
#[tokio::test]
async fn a_crawl_as_every_role_finds_no_foreign_child() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        app.post(&county, "/findings/dispatch", &[("all", "1"), ("list", "/findings?state=open")]).await.is(303);
        let village = app.log_in("village1").await;
        let reported = super::cases::reported(&app, &village, 22).await;
        super::cases::proved(&app, &village, reported).await;
        super::offline::held(&app, &village, reported).await;
        super::attendance::warned(&app).await;
        let online = [("kind", "online"), ("from", "2023-10-09"), ("to", "2023-10-09"), ("reason", "暴雪")];
        app.post(&county, "/calendar/days", &online).await.is(303);
        let by_place: Vec<(i64, String, bool)> = {
            let j = baoxue_domain::access::Jurisdiction::of([baoxue_domain::place::PlacePath::parse("g/52/").unwrap()].iter());
            let all = app
                .office
                .store
                .children(&baoxue_store::LedgerQuery::default(), &j, baoxue_store::Order::Verdict, 100, 0)
                .await
                .unwrap();
            all.rows.into_iter().map(|c| (c.id, c.profile.name, c.residence_path.unwrap().contains("528801100/"))).collect()
        };
        assert_eq!(by_place.len(), 48);
        let table = crate::web::frame::routes::all(&shared(&app)).table;
        let gets: Vec<&str> = table.iter().filter(|r| r.0 == "GET").map(|r| r.1).collect();
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        for (login, _, _) in PEOPLE {
            let (pages, children, text) = crawl(&app, login, &gets).await;
            assert!(pages.len() >= 3, "{login}: {pages:?}");
            reached.extend(pages.into_keys());
            let own: BTreeSet<i64> = match login {
                "county" | "county2" => by_place.iter().map(|c| c.0).collect(),
                "school1" | "village1" | "teacher1" => by_place.iter().filter(|c| c.2).map(|c| c.0).collect(),
                "school2" => by_place.iter().filter(|c| !c.2).map(|c| c.0).collect(),
                _ => BTreeSet::new(),
            };
            assert!(children.is_subset(&own), "{login} sees {:?}", children.difference(&own));
            if login != "system" && login != "security" && login != "auditor" {
                assert!(children.len() > 5, "{login} sees {} children", children.len());
            }
            for (id, name, first_town) in &by_place {
                let foreign = match login {
                    "school1" | "village1" | "teacher1" => !first_town,
                    "school2" => *first_town,
                    _ => matches!(login, "system" | "security" | "auditor"),
                };
                assert!(!(foreign && text.contains(name.as_str())), "{login} reads the name of {id}");
            }
            // an export carries whole numbers; pages never do
            if login == "village1" {
                assert!((0..48).all(|i| !text.contains(&child(i).2)), "a whole number stands on a page");
                // whom she has to look for she knows by name
                let others = || (0..48).filter(|i| !matches!(i, 20..=23 | 30));
                assert!(others().all(|i| !text.contains(&child(i).0)), "a whole name stands on a page");
            }
            if login == "teacher1" {
                assert!(text.contains(&child(0).0), "a teacher sees the names of her own class");
                assert!(!text.contains(&child(2).0), "and not those of the other class");
            }
        }
        let unreached: Vec<&&str> = gets.iter().filter(|r| !reached.contains(**r) && !BY_OTHER_WAYS.contains(r)).collect();
        assert!(unreached.is_empty(), "no link leads anybody to {unreached:?}");
    }
}

/// Whoever types a number into the address finds no more than by links.
#[tokio::test]
async fn guessed_addresses_are_not_found() {
    for app in apps().await {
        app.compared().await;
        let cookie = app.log_in("school2").await;
        let j = baoxue_domain::access::Jurisdiction::of(
            [baoxue_domain::place::PlacePath::parse("e/528801/2152000001/").unwrap()].iter(),
        );
        let foreign = app
            .office
            .store
            .children(&baoxue_store::LedgerQuery::default(), &j, baoxue_store::Order::Verdict, 3, 0)
            .await
            .unwrap();
        for c in foreign.rows {
            for path in ["", "/panel", "/rows"] {
                app.get(&cookie, &format!("/children/{}{path}", c.id)).await.is(404).says("不在您的管辖范围内");
            }
            app.post(&cookie, &format!("/children/{}/reveal", c.id), &[("reason", "核实去向")]).await.is(404);
        }
        for path in
            ["/rosters/1", "/runs/1", "/runs/1/report", "/audit", "/confirmations", "/settings", "/rosters/1/bad-rows.xlsx"]
        {
            app.get(&cookie, path).await.is(403).says("您的角色不能");
        }
        app.get(&cookie, "/ledgers/nothing").await.is(404);
        app.get(&cookie, "/nowhere").await.is(404);
    }
}

/// Every look at people leaves a row, and so does every look that was refused; what was searched for is not written down.
#[tokio::test]
async fn looking_leaves_a_trace() {
    for app in apps().await {
        app.compared().await;
        let (county, village) = (app.log_in("county").await, app.log_in("village1").await);
        let typed = crate::web::frame::view::url_part(&child(4).0);
        let id = app.get(&county, &format!("/search?q={typed}")).await.text();
        let id = id.split("/children/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        app.get(&county, &format!("/children/{id}")).await.is(200);
        app.get(&village, "/children/40").await.is(404);
        app.get(&village, "/runs/1").await.is(403);
        let teacher = app.log_in("teacher1").await;
        app.get(&teacher, "/ledgers/school-age").await.is(200);
        let auditor = app.log_in("auditor").await;
        app.get(&auditor, "/audit?action=view&login=county").await.says(&format!("学生 {id}"));
        app.get(&auditor, &format!("/audit?subject=学生 {id}").replace(' ', "%20")).await.says("查看");
        app.get(&auditor, "/audit?action=view&login=teacher1").await.says("页面 /ledgers/school-age");
        app.get(&auditor, "/audit?action=refused&login=village1").await.says("学生 40").says("比对 1");
        app.get(&auditor, "/audit?action=view&login=auditor").await.says("页面 /audit");
        let searched = app.get(&auditor, "/audit?action=search").await;
        searched.says("按姓名,摘要");
        assert!(!searched.text().contains(&child(4).0), "what was typed is a digest");
    }
}

/// A number is not completed digit by digit, and nobody searches as fast as a program.
#[tokio::test]
async fn searching_completes_nothing_that_is_masked() {
    for app in apps().await {
        app.compared().await;
        let village = app.log_in("village1").await;
        for typed in ["12800000004", "0004", &child(4).2, &child(4).2[14..], "1234X"] {
            let said = app.get(&village, &format!("/search?q={typed}")).await;
            said.is(422).says("也就不能按它们查找");
            app.get(&village, &format!("/ledgers/school-age?q={typed}")).await.is(422);
        }
        let county = app.log_in("county").await;
        app.get(&county, &format!("/search?q={}", child(4).2)).await.says("/children/");
        for _ in 0..29 {
            app.get(&county, "/search?q=wang").await.is(200);
        }
        app.get(&county, "/search?q=wang").await.is(422).says("查找太频繁");
        app.get(&village, "/search?q=wang").await.is(200);
        let auditor = app.log_in("auditor").await;
        app.get(&auditor, "/audit?action=search").await.says("按号码,摘要");
    }
}

/// Revealing asks for a reason, is written down, lasts for this session and this child only.
#[tokio::test]
async fn revealing_leaves_a_trace() {
    for app in apps().await {
        app.compared().await;
        let cookie = app.log_in("county").await;
        let found = app.get(&cookie, &format!("/search?q={}", crate::web::frame::view::url_part(&child(4).0))).await;
        let id = found.text().split("/children/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let page = app.get(&cookie, &format!("/children/{id}")).await;
        assert!(!page.text().contains(&child(4).2) && page.text().contains("5288**********"));
        app.post(&cookie, &format!("/children/{id}/reveal"), &[("reason", " "), ("other", "")]).await.is(422).says("原因");
        let open = app.post(&cookie, &format!("/children/{id}/reveal"), &[("reason", "核实去向"), ("other", "家访")]).await;
        app.get(&cookie, &open.location).await.says(&child(4).0).says(&child(4).2);
        let ticket = open.location.split('?').nth(1).unwrap().to_owned();
        let other = app.log_in("county2").await;
        assert!(!app.get(&other, &open.location).await.text().contains(&child(4).2), "another's ticket opens nothing");
        let next: i64 = id.parse::<i64>().unwrap() % 48 + 1;
        assert!(!app.get(&cookie, &format!("/children/{next}?{ticket}")).await.text().contains("显示 10 分钟后"));
        let auditor = app.log_in("auditor").await;
        app.get(&auditor, "/audit?action=reveal").await.says("核实去向:家访").says(&format!("学生 {id}"));
    }
}

/// What is a tab at the bottom of a phone, and what is behind 更多.
fn on_a_phone(page: &str) -> (Vec<String>, Vec<String>) {
    let menu = page.split("tabs-bottom").nth(1).and_then(|m| m.split("</nav>").next()).expect("a menu for phones");
    let (tabs, more) = menu.split_once("<details").expect("more behind 更多");
    (links(tabs), links(more))
}

#[tokio::test]
async fn a_phone_has_each_roles_own_work_as_tabs_and_the_rest_behind_more() {
    for app in apps().await {
        for (login, first) in [
            ("teacher1", &["/", "/roll", "/today", "/warnings"][..]),
            ("village1", &["/", "/today", "/inbox", "/cases"]),
            ("school1", &["/", "/roll", "/today", "/warnings"]),
            ("county", &["/", "/today", "/warnings", "/findings"]),
            ("security", &["/", "/people", "/confirmations"]),
            ("auditor", &["/", "/audit"]),
        ] {
            let cookie = app.log_in(login).await;
            let page = app.get(&cookie, "/").await.text();
            let (tabs, more) = on_a_phone(&page);
            assert_eq!(tabs.iter().map(String::as_str).collect::<BTreeSet<_>>(), first.iter().copied().collect(), "{login}");
            let side = page.split("<nav").nth(1).and_then(|m| m.split("</nav>").next()).expect("a menu at the side");
            for l in links(side) {
                assert!(tabs.contains(&l) != more.contains(&l), "{login}: {l} is reached once on a phone");
            }
            assert!(more.contains(&"/me".to_owned()), "{login}");
        }
    }
}

/// Every role at every route that it has no right to is refused, whatever it asks for; and what a right opens is not refused by the guard.
#[tokio::test]
async fn no_role_passes_a_route_without_its_right() {
    let app = apps().await.remove(0);
    let mut cookies = Vec::new();
    for (i, role) in Role::ALL.iter().enumerate() {
        let login = format!("role{i:02}");
        // all hold the county, so that nothing but the role is missing; who manages a school's teachers, a school
        let at = if role.may(Action::ManageTeachers) { "e/528801/2152000001/" } else { COUNTY };
        app.office.add_person(None, &login, &login, &[(*role, PlacePath::parse(at).unwrap())]).await.unwrap();
        app.office.set_known_password(&login, PASSWORD).await.unwrap();
        cookies.push((*role, app.log_in(&login).await));
    }
    let routes = crate::web::frame::routes::all(&shared(&app)).table;
    let mut refused = 0;
    for (method, path, need) in &routes {
        let rights: Vec<Action> = match need {
            Need::May(a) => vec![*a],
            Need::MayAny(all) => all.to_vec(),
            _ => continue,
        };
        let at: String = path.split('/').map(|s| if s.starts_with('{') { "1" } else { s }).collect::<Vec<_>>().join("/");
        for (role, cookie) in &cookies {
            let may = rights.iter().any(|a| role.may(*a));
            if may && *method == "POST" {
                continue;
            }
            let status =
                if *method == "GET" { app.get(cookie, &at).await.status } else { app.post(cookie, &at, &[]).await.status };
            let said = format!("{} {method} {path}: {status}", role.label());
            assert_eq!(status.as_u16() == 403, !may, "{said}");
            assert_ne!(status.as_u16(), 500, "{said}");
            refused += u32::from(!may);
        }
    }
    assert!(refused > 600, "{refused}");
}
