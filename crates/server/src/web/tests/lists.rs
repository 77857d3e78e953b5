//! The workbench and the pattern of lists: every number opens exactly those whom it counts, and one comes back to where one was.

use baoxue_domain::access::Action;
use baoxue_domain::finding::FindingState;
use baoxue_store::FindingFilter;

use super::ledgers::{answered, count, sheet};
use super::support::{TestApp, actor_of, apps};
use crate::app::ledger::board::BoardOrder;

/// Addresses on a page that begin so.
fn links(page: &str, begin: &str) -> Vec<String> {
    let at = |part: &str| part.split('"').next().unwrap_or_default().replace("&amp;", "&").replace("&#38;", "&");
    page.split("href=\"").skip(1).map(at).filter(|l| l.starts_with(begin)).collect()
}

/// The workbench's table as rows of cells: the text, and where it leads.
fn board_cells(page: &str) -> Vec<(String, String)> {
    let table = page.split("<section class=\"board\">").nth(1).unwrap().split("</section>").next().unwrap();
    let body = table.split("<tbody>").nth(1).unwrap();
    let cell = |part: &str| {
        let inner = part.split("</td>").next().unwrap();
        let text = inner.rsplit("</a>").last().unwrap().rsplit('>').next().unwrap().trim().to_owned();
        let href = links(inner, "/").into_iter().next().unwrap_or_default();
        (text, href)
    };
    body.split("<td ").skip(1).map(cell).collect()
}

#[tokio::test]
async fn every_number_of_the_workbench_opens_whom_it_counts() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        answered(&app, 20, "enrolled-elsewhere").await;
        let officer = actor_of(&app.office, "county").await;
        let board = app.office.board(&officer, BoardOrder::Place).await.unwrap().unwrap();
        // lines add up to the total, and the total is what the lists say
        let sum = |f: fn(&crate::app::ledger::board::PlaceLine) -> i64| board.lines.iter().map(f).sum::<i64>();
        assert_eq!(sum(|l| l.children), board.total.children);
        assert_eq!(count(&app, &county, "/ledgers/school-age").await, board.total.children.to_string());
        assert_eq!(count(&app, &county, "/ledgers/suspected").await, board.total.suspected.to_string());
        assert_eq!(count(&app, &county, "/findings?state=answered").await, "1");
        let states = [FindingState::Open, FindingState::Dispatched, FindingState::Answered];
        let found: i64 = sum(|l| l.open) + sum(|l| l.waiting) + sum(|l| l.answered);
        let j = officer.jurisdiction(Action::Dispatch).unwrap();
        let filter = FindingFilter { states: states.to_vec(), ..FindingFilter::default() };
        assert_eq!(app.office.store.findings(&filter, &j, 1, 0).await.unwrap().1, found);
        // every number on the page leads to a list of that many
        let home = app.get(&county, "/").await;
        home.says("各地情况").says("交办核实进度").says("名册时效");
        let mut opened = 0;
        for (text, href) in board_cells(&home.text()) {
            let Ok(n) = text.replace(',', "").parse::<i64>() else { continue };
            if href.is_empty() {
                continue;
            }
            assert_eq!(count(&app, &county, &href).await, n.to_string(), "{href}");
            opened += 1;
        }
        assert!(opened > 8, "only {opened} numbers led anywhere");
        for href in links(&home.text(), "/findings?state=") {
            app.get(&county, &href).await.is(200);
        }
        // the spreadsheet is the same table
        let a = app.get(&county, "/board.xlsx").await;
        a.is(200);
        let sheets = baoxue_documents::read::read("x.xlsx", a.bytes).unwrap();
        let last: Vec<String> = sheets[0].row(sheets[0].height() - 1).map(|c| c.text.to_owned()).collect();
        assert_eq!(last[..3], ["合计".to_owned(), board.total.children.to_string(), board.total.suspected.to_string()]);
        // whoever has no places below has no table; an administrator sees what she manages
        let village = app.log_in("village1").await;
        assert!(!app.get(&village, "/").await.text().contains("各地情况"));
        app.get(&village, "/board.xlsx").await.is(403);
        let security = app.log_in("security").await;
        app.get(&security, "/").await.says("由您管理的").says("启用的账号");
    }
}

#[tokio::test]
async fn findings_are_filtered_sorted_exported_and_one_comes_back() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let all: i64 = count(&app, &county, "/findings?state=all").await.parse().unwrap();
        assert!(all >= 5, "{all}");
        // tabs add up
        let page = app.get(&county, "/findings").await.text();
        let tabs: Vec<i64> = page
            .split("<nav class=\"tabs\"")
            .nth(1)
            .unwrap()
            .split("</nav>")
            .next()
            .unwrap()
            .split("<span class=\"count\">")
            .skip(1)
            .map(|t| t.split('<').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(tabs.iter().rev().skip(1).sum::<i64>(), *tabs.last().unwrap());
        assert_eq!(*tabs.last().unwrap(), all);
        // by town: the two towns share them
        let by = async |path: &str| -> i64 {
            count(&app, &county, &format!("/findings?state=all&place={path}")).await.parse().unwrap()
        };
        let (one, two) = (by("g/52/5288/528801/528801100/").await, by("g/52/5288/528801/528801101/").await);
        assert!(one > 0 && two > 0 && one + two <= all, "{one} {two} {all}");
        let list = "/findings?state=open&place=g/52/5288/528801/528801100/&sort=verdict&per=100";
        app.get(&county, list).await.says("去掉这个条件").says("aria-sort=\"ascending\"");
        // exported: exactly those, and it says which
        let n: usize = count(&app, &county, list).await.parse().unwrap();
        let (rows, text, mark) = sheet(&app, &county, &list.replace("/findings?", "/findings/export.xlsx?")).await;
        assert_eq!(rows, n, "{text}");
        assert!(mark.contains("待交办、") && text.contains("交办核实名单(待交办、"), "{mark}");
        let masked = app.get(&county, &list.replace("/findings?", "/findings/export.xlsx?")).await;
        masked.is(200);
        let sheets = baoxue_documents::read::read("x.xlsx", masked.bytes).unwrap();
        assert!((0..sheets[0].height()).any(|r| sheets[0].row(r).any(|c| c.text.contains('*'))), "names are masked");
        // all of the list are sent out, and no other; the filter is kept
        let before: i64 = count(&app, &county, "/findings?state=open").await.parse().unwrap();
        let sent = app.post(&county, "/findings/dispatch", &[("all", "1"), ("list", list)]).await;
        sent.is(303);
        assert_eq!(sent.location, list);
        assert_eq!(count(&app, &county, list).await, "0");
        assert_eq!(count(&app, &county, "/findings?state=open").await, (before - n as i64).to_string());
        app.get(&county, list).await.says("没有符合条件的;点上面的条件可以去掉");
        // an address that is no list of ours is followed nowhere, and all of it is nobody
        let away = [("all", "1"), ("list", "https://example.org/findings")];
        app.post(&county, "/findings/dispatch", &away).await.is(422).says("不知道是哪一份名单");
        assert_eq!(count(&app, &county, "/findings?state=open").await, (before - n as i64).to_string());
        app.get(&county, "/findings?state=nonsense").await.is(404);
    }
}

#[tokio::test]
async fn ledgers_are_filtered_by_sex_and_grade_and_pages_have_sizes() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let n = async |address: &str| -> i64 { count(&app, &county, address).await.parse().unwrap() };
        let all = n("/ledgers/school-age").await;
        let (boys, girls) = (n("/ledgers/school-age?sex=男").await, n("/ledgers/school-age?sex=女").await);
        assert_eq!(boys + girls, all);
        let mut in_class = 0;
        for grade in 1..=9 {
            in_class += n(&format!("/ledgers/school-age?grade={grade}")).await;
        }
        assert!(in_class > 0 && in_class < all, "{in_class} of {all}");
        app.get(&county, "/ledgers/school-age?grade=10").await.is(422);
        app.get(&county, "/ledgers/school-age?sex=x").await.is(422);
        app.get(&county, "/ledgers/school-age?grade=3&sex=女&sort=birth")
            .await
            .says("三年级 <span aria-hidden")
            .says("sort=birth");
        // a size that nobody offers is none
        app.get(&county, "/ledgers/school-age?per=7&page=99").await.is(200);
        only_known_help(&app).await;
    }
}

#[tokio::test]
async fn people_are_found_sorted_and_counted() {
    for app in apps().await {
        let security = app.log_in("security").await;
        let all: i64 = count(&app, &security, "/people").await.parse().unwrap();
        let open: i64 = count(&app, &security, "/people?state=open").await.parse().unwrap();
        assert!(all >= 5 && open <= all, "{open} of {all}");
        assert_eq!(count(&app, &security, "/people?q=village1").await, "1");
        app.get(&security, "/people?q=county").await.says("县教育局经办人").says("去掉这个条件");
        app.get(&security, "/people?q=nobody-is-called-so").await.is(200).says("没有符合条件的账号");
        let page = app.get(&security, "/people?sort=name&role=county-officer").await;
        page.says("aria-sort=\"ascending\"").says("青禾县");
        assert!(!page.text().contains("href=\"/people/village1\""), "only officers");
    }
}

/// Help tells each of what she does herself, and every verdict's meaning to whoever sees ledgers.
async fn only_known_help(app: &TestApp) {
    let county = app.log_in("county").await;
    let page = app.get(&county, "/help").await;
    for k in baoxue_domain::verdict::VerdictKind::ALL {
        page.says(k.label()).says(k.meaning()).says(k.next_step());
    }
    let village = app.log_in("village1").await;
    let page = app.get(&village, "/help").await;
    page.says("答复核实");
    assert!(!page.text().contains("样表") && !page.text().contains("导入名册。"), "a village does not import");
}
