//! An answer followed to its end: ledger, page, export, print, home, run, child, other roles, past days, the next comparison.

use baoxue_domain::finding::FindingState;
use baoxue_store::FindingFilter;
use jiff::civil::date;

use super::support::{TestApp, actor_of, apps, child, rosters, served};
use crate::app::clock::Clock;
use crate::app::finding::dispatch::Answer;

/// A photo of one pixel.
pub const PHOTO: &[u8] = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0";

/// The same installation on another day.
pub fn on(app: &TestApp, day: jiff::civil::Date) -> TestApp {
    let mut office = app.office.clone();
    office.clock = Clock::starting_at(day.at(10, 0, 0, 0));
    served(office, None)
}

/// The finding about child `i`, sent to where the child lives or learns.
pub async fn finding_of(app: &TestApp, i: usize) -> (i64, i64) {
    let officer = actor_of(&app.office, "county").await;
    let j = officer.jurisdiction(baoxue_domain::access::Action::Dispatch).unwrap();
    let (all, _) = app.office.store.findings(&FindingFilter::default(), &j, 100, 0).await.unwrap();
    let mut out = None;
    for f in all {
        let c = app.office.store.child(f.child, &j).await.unwrap().unwrap();
        if c.profile.name == child(i).0 && f.state.is_pending() {
            out = Some((f.id, f.version));
        }
    }
    out.unwrap_or_else(|| panic!("no finding is pending about child {i}"))
}

/// Answered by the village of the first town, with a photo.
pub async fn answered(app: &TestApp, i: usize, disposition: &str) -> i64 {
    let officer = actor_of(&app.office, "county").await;
    let (id, _) = finding_of(app, i).await;
    app.office.dispatch(&officer, &[id], None, None).await.unwrap();
    let village = actor_of(&app.office, "village1").await;
    let (_, version) = finding_of(app, i).await;
    let proofs = vec![app.office.keep_proof("证明.jpg", PHOTO.into()).await.unwrap()];
    let note = "随父母在外省";
    app.office.answer(&village, Answer { finding: id, version, disposition, note, proofs }).await.unwrap();
    id
}

pub async fn step(app: &TestApp, cookie: &str, id: i64, step: &str, note: &str) -> super::support::Answer {
    let page = app.get(cookie, &format!("/findings/{id}")).await.text();
    let version = page.split("name=\"version\" value=\"").nth(1).map_or("0", |v| v.split('"').next().unwrap()).to_owned();
    app.post(cookie, &format!("/findings/{id}/{step}"), &[("version", &version), ("note", note)]).await
}

pub async fn count(app: &TestApp, who: &str, address: &str) -> String {
    let page = app.get(who, address).await;
    page.is(200);
    page.text().split("共 <b>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

/// How many rows an exported list has, and its text.
pub async fn sheet(app: &TestApp, who: &str, address: &str) -> (usize, String, String) {
    let a = app.post(who, address, &[("reason", "上报上级")]).await;
    a.is(200);
    let name = a.headers.get("content-disposition").unwrap().to_str().unwrap().to_owned();
    let sheets = baoxue_documents::read::read("x.xlsx", a.bytes).unwrap();
    let text = |s: &baoxue_documents::Sheet| {
        (0..s.height()).map(|r| s.row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>().join("|")).collect::<Vec<_>>().join("\n")
    };
    (sheets[0].height() - 3, text(&sheets[0]), format!("{}\n{name}", text(&sheets[1])))
}

#[tokio::test]
async fn a_cleared_child_leaves_the_ledger_everywhere_that_very_day() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let name = child(20).0;
        assert_eq!(count(&app, &county, "/ledgers/suspected").await, "5");
        let id = answered(&app, 20, "enrolled-elsewhere").await;
        // answered is not cleared: the ledger says who looks into it and what was said
        app.get(&county, "/ledgers/suspected").await.says("待审核").says("上坝村").says("省外就读");
        step(&app, &county, id, "clear", "").await.is(303);
        assert_eq!(count(&app, &county, "/ledgers/suspected").await, "4");
        assert_eq!(count(&app, &county, "/ledgers/cleared").await, "1");
        assert_eq!(count(&app, &county, "/ledgers/school-age").await, "48");
        app.get(&county, "/ledgers/cleared").await.says("已核销").says("上坝村").says("省外就读").says("有效至 2024-03-01");
        // the export tells it too, with its conditions; so does the print
        let (rows, text, mark) = sheet(&app, &county, "/ledgers/cleared/export.xlsx").await;
        assert!(rows == 1 && text.contains(&name) && text.contains("|已核销|上坝村|省外就读|2023-10-09|2024-03-01|"), "{text}");
        assert!(mark.contains("条件|全部") && !mark.contains("上报上级"), "{mark}");
        assert_eq!(sheet(&app, &county, "/ledgers/suspected/export.xlsx").await.0, 4);
        app.get(&county, "/ledgers/cleared/print").await.says("制表人").says("盖章").says("共 1 人").says("省外就读");
        // home, run, child, the village, the other officer
        app.get(&county, "/").await.says("<span>疑似辍学台账</span><b>4</b>").says("<span>其中已核销</span><b>1</b>");
        app.get(&county, "/runs/1").await.says("<b>4</b> 人在疑似辍学台账").says("<b>1</b> 人已核销");
        let page = app.get(&county, "/ledgers/cleared").await.text();
        let at = page.split("href=\"/children/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let address = format!("/children/{at}");
        app.get(&county, &address)
            .await
            .says("已核销,不在疑似辍学台账")
            .says("上坝村核实")
            .says("证明有效至 2024-03-01")
            .says("有效");
        let village = app.log_in("village1").await;
        assert_eq!(count(&app, &village, "/ledgers/suspected").await, "2", "two of the first town are left");
        assert_eq!(count(&app, &village, "/ledgers/cleared").await, "1");
        // the log
        let auditor = app.log_in("auditor").await;
        app.get(&auditor, "/audit?action=clear-finding").await.says("核销");
        // the next comparison honours it
        app.post(&county, "/runs", &[]).await;
        app.work().await;
        app.get(&county, "/runs/2").await.says("新增要核实的 0 条").says("<b>4</b> 人在疑似辍学台账");
        assert_eq!(count(&app, &county, "/ledgers/cleared").await, "1");
        assert!(app.office.store.wrong_standings().await.unwrap().is_empty());

        // past days as they were known then
        let later = on(&app, date(2023, 10, 20));
        let county = later.log_in("county").await;
        assert_eq!(count(&later, &county, "/ledgers/suspected").await, "4");
        assert_eq!(count(&later, &county, "/ledgers/cleared?on=2023-10-09").await, "1");
        // reopened: back on the ledger from that day, and not before
        step(&later, &county, id, "reopen", "证明是假的").await.is(303);
        assert_eq!(count(&later, &county, "/ledgers/suspected").await, "5");
        assert_eq!(count(&later, &county, "/ledgers/suspected?on=2023-10-15").await, "4");
        later.get(&county, &address).await.says("2023-10-20 重新打开核实").says("不再有效");

        // cleared again: when the proof expires the child is back, though nothing has run
        let again = answered(&later, 20, "enrolled-elsewhere").await;
        assert_eq!(again, id);
        step(&later, &county, id, "clear", "").await.is(303);
        let spring = on(&app, date(2024, 3, 2));
        let county = spring.log_in("county").await;
        assert_eq!(count(&spring, &county, "/ledgers/suspected").await, "5");
        assert_eq!(count(&spring, &county, "/ledgers/suspected?on=2024-02-28").await, "4");
        spring.get(&county, &address).await.says("证明已于 2024-03-01 到期");
        assert_eq!(spring.office.reopen_expired(None).await.unwrap(), 1, "somebody has to look again");
        assert_eq!(spring.office.reopen_expired(None).await.unwrap(), 0, "once");
        let (new, _) = finding_of(&spring, 20).await;
        assert_ne!(new, id);
        spring.get(&county, &format!("/findings/{new}")).await.says("须重新核实");
    }
}

#[tokio::test]
async fn a_confirmed_dropout_enters_the_ledger_and_leaves_it_when_back() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let id = answered(&app, 20, "dropped-out").await;
        step(&app, &county, id, "clear", "").await.is(422).says("不能核销");
        step(&app, &county, id, "confirm", "").await.is(303);
        assert_eq!(count(&app, &county, "/ledgers/dropout").await, "1");
        assert_eq!(count(&app, &county, "/ledgers/suspected").await, "4");
        app.get(&county, "/ledgers/dropout").await.says("劝返中").says("上坝村").says("确认未就读");
        app.get(&county, &format!("/findings/{id}")).await.says("劝返复学");
        // the register forgets the child: a confirmed dropout is not forgotten
        let gone: String = rosters()[0].1.lines().filter(|l| !l.contains(&child(20).0)).map(|l| format!("{l}\n")).collect();
        app.loaded("county", &[("户籍2.csv".into(), gone)]).await;
        app.compared_by("county").await;
        app.get(&county, "/runs/2").await.says("来源中消失 <b>1</b> 人");
        assert_eq!(count(&app, &county, "/ledgers/dropout").await, "1");
        app.loaded("county", &[rosters()[0].clone()]).await;
        // back: the roll has the child; the register contradicts what was established, and says so
        let (name, birth, id_number) = child(20);
        let mut roll = rosters()[2].1.clone();
        roll += &format!("2152000001,柳林小学,{name},男,{birth},三年级,三(1)班,是\n");
        let mut students = rosters()[1].1.clone();
        students += &format!("2152000001,柳林小学,{name},男,{birth},{id_number},三年级,三(1)班,在读\n");
        app.loaded("county", &[("学籍2.csv".into(), students), ("在校2.csv".into(), roll)]).await;
        app.compared_by("county").await;
        assert_eq!(count(&app, &county, "/ledgers/dropout").await, "0");
        let f = app.get(&county, &format!("/findings/{id}")).await;
        f.says("在籍在校").says("已确认辍学");
        // what follows is the file's, which is told what the registers say
        let case = f.text().split("/cases/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        app.get(&county, &format!("/cases/{case}")).await.says("名册变化").says("在籍在校").says("登记返校");
        assert!(app.office.store.wrong_standings().await.unwrap().is_empty());
    }
}

/// 谁答复谁不审核: a person who is cadre and officer does not decide her own answer; two villages vouch for “nobody found”.
#[tokio::test]
async fn whoever_answered_does_not_decide() {
    for app in apps().await {
        app.compared().await;
        let officer = actor_of(&app.office, "county").await;
        let village = baoxue_domain::place::PlacePath::parse("g/52/5288/528801/528801100/528801100201/").unwrap();
        let security = actor_of(&app.office, "security").await;
        app.office.grant(&security, "county", baoxue_domain::access::Role::Cadre, &village, None).await.unwrap();
        app.confirm_all().await;
        let (id, _) = finding_of(&app, 20).await;
        app.office.dispatch(&officer, &[id], None, None).await.unwrap();
        let both = actor_of(&app.office, "county").await;
        let (_, version) = finding_of(&app, 20).await;
        let proofs = vec![app.office.keep_proof("a.jpg", PHOTO.into()).await.unwrap()];
        let answer = Answer { finding: id, version, disposition: "nobody-found", note: "", proofs };
        app.office.answer(&both, answer).await.unwrap();
        let county = app.log_in("county").await;
        step(&app, &county, id, "clear", "").await.is(422).says("须由另一人审核");
        let second = app.log_in("county2").await;
        step(&app, &second, id, "clear", "").await.is(422).says("须有 2 个单位分别证明,现在只有 1 个");
        let j = officer.jurisdiction(baoxue_domain::access::Action::Dispatch).unwrap();
        let f = app.office.store.finding(id, Some(&j), None).await.unwrap().unwrap();
        assert_eq!(f.state, FindingState::Answered);
    }
}

/// What is exported or printed says what it is.
#[tokio::test]
async fn exports_and_prints_tell_their_conditions() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let filtered = "/ledgers/suspected/export.xlsx?verdict=enrolled-not-present&place=g/52/5288/528801/528801100/";
        let (rows, text, mark) = sheet(&app, &county, filtered).await;
        assert_eq!(rows, 1);
        assert!(text.contains("疑似辍学台账(在籍不在校、柳林镇)"), "{text}");
        assert!(mark.contains("条件|在籍不在校、柳林镇"), "{mark}");
        let escaped = crate::web::frame::view::url_part("疑似辍学台账(在籍不在校、柳林镇)-2023-10-09.xlsx");
        assert!(mark.contains(&escaped), "{mark}");
        let auditor = app.log_in("auditor").await;
        app.get(&auditor, "/audit?action=export")
            .await
            .says("1 人,截至 2023-10-09;条件:在籍不在校、柳林镇;完整信息,原因:上报上级");
        // without a reason nothing is told of anybody
        app.post(&county, "/ledgers/suspected/export.xlsx", &[]).await.is(422).says("写明原因");
        let masked = app.get(&county, "/ledgers/suspected/export.xlsx").await;
        let sheets = baoxue_documents::read::read("x.xlsx", masked.bytes).unwrap();
        let text: String =
            (0..sheets[0].height()).flat_map(|r| sheets[0].row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>()).collect();
        assert!((0..48).all(|i| !text.contains(&child(i).0) && !text.contains(&child(i).2)), "{text}");
        let page = app.get(&county, "/ledgers/suspected/print?verdict=enrolled-not-present").await;
        page.says("条件:在籍不在校").says("共 1 人").says("截至 2023-10-09");
        assert!(!page.text().contains(&child(30).0), "masked until a reason is given");
        let full = app.post(&county, "/ledgers/suspected/print?verdict=enrolled-not-present", &[("reason", "上报上级")]).await;
        full.says(&child(30).0).says(&child(30).2);
        app.get(&auditor, "/audit?action=print").await.says("打印");
        // a future day is no day of a ledger
        app.get(&county, "/ledgers/suspected?on=2099-01-01").await.is(422).says("不能晚于今天");
        // nobody found is not nobody there
        app.get(&county, "/ledgers/suspected?q=赵").await.says("没有查到不等于没有这名儿童");
        app.get(&county, "/search?q=王").await.says("/children/");
    }
}

/// What carries no names carries no search either; numbers of pages and years have bounds.
#[tokio::test]
async fn a_masked_export_does_not_tell_what_was_searched_for() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let (name, _, id) = child(4);
        for typed in [name.as_str(), id.as_str()] {
            let typed = crate::web::frame::view::url_part(typed);
            let a = app.get(&county, &format!("/ledgers/school-age/export.xlsx?q={typed}")).await;
            let file = a.headers["content-disposition"].to_str().unwrap().to_owned();
            assert!(!file.contains(&typed), "{file}");
            for sheet in baoxue_documents::read::read("x.xlsx", a.bytes).unwrap() {
                for r in 0..sheet.height() {
                    assert!(sheet.row(r).all(|c| !c.text.contains(&name) && !c.text.contains(&id)), "row {r}");
                }
            }
            let print = app.get(&county, &format!("/ledgers/school-age/print?q={typed}")).await.text();
            // the address of the form below carries it on; the paper does not
            assert!(print.contains("查找(内容略)") && !print.contains("查找“"));
        }
        for path in ["/ledgers/school-age", "/findings"] {
            app.get(&county, &format!("{path}?page={}", i64::MAX)).await.is(200);
        }
        app.get(&county, "/ledgers/school-age?born=2016-07").await.is(422).says("出生年写成四位数字");
    }
}
