//! Several counties on one installation: each keeps to itself, the prefecture sees all, and may compare them as one.

use baoxue_domain::access::Role;
use baoxue_domain::place::PlacePath;
use baoxue_store::{LedgerQuery, NewPlace, Order};
use jiff::civil::date;

use super::support::{COUNTY, PASSWORD, TestApp, actor_of, apps, child};
use crate::app::place::tree::PlacesRead;

const PREFECTURE: &str = "g/52/5288/";
const OTHER: &str = "g/52/5288/528802/";
const OTHER_VILLAGE: &str = "528802100201";
const OTHER_SCHOOL: (&str, &str) = ("2152000011", "白水小学");
const NEW_PEOPLE: [(&str, Role, &str); 6] = [
    ("upper", Role::UpperOfficer, PREFECTURE),
    ("comparer", Role::CountyOfficer, PREFECTURE),
    ("other", Role::CountyOfficer, OTHER),
    ("other-system", Role::SystemAdmin, OTHER),
    ("other-auditor", Role::AuditAdmin, OTHER),
    ("other-school", Role::Registrar, "e/528802/2152000011/"),
];

/// Rosters of the second county: children 100 to 109 live there and go to its school, and so does child 20 of the first county, who is on
/// no register of its own.
fn other_rosters() -> [(String, String); 2] {
    let mut household = String::from("姓名,性别,出生日期,身份证件号,监护人,监护人电话,行政区划代码,户籍地址,户籍状态\n");
    let mut students = String::from("学校标识码,学校名称,姓名,性别,出生日期,身份证件号,年级,班级,学籍状态\n");
    for i in (100..110).chain([20]) {
        let (name, birth, id) = child(i);
        if i >= 100 {
            household += &format!("{name},男,{birth},{id},家长,1280000{i:04},{OTHER_VILLAGE},白水县白水镇新村{i}组,在册\n");
        }
        students += &format!("{},{},{name},男,{birth},{id},三年级,三(1)班,在读\n", OTHER_SCHOOL.0, OTHER_SCHOOL.1);
    }
    [("白水户籍.csv".into(), household), ("白水学籍.csv".into(), students)]
}

/// The county of the other tests, compared, and a second one with its people, its rosters loaded.
async fn prefectures() -> Vec<TestApp> {
    let mut out = Vec::new();
    for app in apps().await {
        let place = |kind: &str, name: &str, path: &str| {
            let path = PlacePath::parse(path).unwrap();
            NewPlace { kind: kind.into(), code: path.last().into(), name: name.into(), path, town_path: None }
        };
        let mut places = vec![
            place("prefecture", "虚构州", PREFECTURE),
            place("county", "白水县", OTHER),
            place("town", "白水镇", "g/52/5288/528802/528802100/"),
            place("village", "新村", "g/52/5288/528802/528802100/528802100201/"),
            place("school", OTHER_SCHOOL.1, "e/528802/2152000011/"),
        ];
        places[4].town_path = PlacePath::parse("g/52/5288/528802/528802100/");
        let root = PlacePath::parse(PREFECTURE).unwrap();
        app.office.add_person(None, "root", "总管", &[(Role::SystemAdmin, root)]).await.unwrap();
        let root = actor_of(&app.office, "root").await;
        app.office.put_places(&root, &PlacesRead { places, ..PlacesRead::default() }, date(2020, 1, 1)).await.unwrap();
        for (login, role, path) in NEW_PEOPLE {
            app.office.add_person(None, login, login, &[(role, PlacePath::parse(path).unwrap())]).await.unwrap();
            app.office.set_known_password(login, PASSWORD).await.unwrap();
        }
        app.compared().await;
        app.loaded("other", &other_rosters()).await;
        out.push(app);
    }
    out
}

#[tokio::test]
async fn each_county_keeps_to_itself() {
    for app in prefectures().await {
        app.compared_by("other").await;
        let (first, second) = (app.log_in("county").await, app.log_in("other").await);
        app.get(&first, "/ledgers/school-age").await.says("共 <b>48</b> 人");
        app.get(&second, "/ledgers/school-age").await.says("共 <b>11</b> 人");
        app.get(&first, "/runs/2").await.is(404);
        app.get(&second, "/runs/1").await.is(404);
        app.get(&second, "/runs/1/report").await.is(404);
        app.get(&second, "/rosters/1").await.is(404);
        // settings, names of headings and the log are each county's own
        let system = app.log_in("other-system").await;
        let today = app.office.clock.today().to_string();
        app.post(&system, "/settings", &[("name", "bureau"), ("value", "白水县教育局"), ("from", &today)]).await.is(303);
        app.get(&second, "/").await.says("白水县教育局");
        assert!(!app.get(&first, "/").await.text().contains("白水县教育局"));
        let log = app.get(&app.log_in("auditor").await, "/audit").await.text();
        assert!(log.contains("载入名册") && !log.contains("白水"), "{log}");
        let log = app.get(&app.log_in("other-auditor").await, "/audit").await.text();
        assert!(log.contains("白水学籍.csv") && !log.contains("\">county<"), "{log}");
    }
}

#[tokio::test]
async fn an_upper_officer_sees_all_and_switches() {
    for app in prefectures().await {
        app.compared_by("other").await;
        let upper = app.log_in("upper").await;
        app.get(&upper, "/ledgers/school-age").await.says("共 <b>59</b> 人").says("虚构州");
        app.get(&upper, "/place").await.says("青禾县").says("白水县");
        let switched = app.post(&upper, "/place", &[("at", OTHER), ("back", "/ledgers/school-age")]).await;
        assert_eq!(switched.location, "/ledgers/school-age", "switching place keeps the page");
        app.get(&upper, "/ledgers/school-age").await.says("共 <b>11</b> 人").says("回到全部");
        app.get(&upper, "/runs").await.says("第 2 次");
        app.get(&upper, "/place").await.says("白水镇").says("白水小学");
        app.post(&upper, "/place", &[("at", "e/528802/2152000011/"), ("back", "/")]).await.is(303);
        app.get(&upper, "/").await.says("白水镇").says("白水小学");
        app.post(&upper, "/place", &[("at", "")]).await.is(303);
        app.get(&upper, "/ledgers/school-age").await.says("共 <b>59</b> 人");
        // never to another's place, never to another site
        app.post(&upper, "/place", &[("at", "g/53/")]).await.is(404);
        app.post(&upper, "/place", &[("at", "x")]).await.is(404);
        assert_eq!(app.post(&upper, "/place", &[("at", OTHER), ("back", "//evil.example/")]).await.location, "/");
        let village = app.log_in("village1").await;
        app.post(&village, "/place", &[("at", COUNTY)]).await.is(404);
        app.post(&village, "/place", &[("at", PREFECTURE)]).await.is(404);
    }
}

#[tokio::test]
async fn a_prefecture_compares_its_counties_as_one() {
    for app in prefectures().await {
        let everything = baoxue_domain::access::Jurisdiction::of([PlacePath::parse("g/52/").unwrap()].iter());
        let of = async |name: &str| {
            let all = app.office.store.children(&LedgerQuery::default(), &everything, Order::Verdict, 200, 0).await.unwrap();
            let found: Vec<_> = all.rows.into_iter().filter(|c| c.profile.name == name).collect();
            assert_eq!(found.len(), 1, "{name}");
            (found[0].id, found[0].verdict.clone())
        };
        let (name, _, _) = child(20);
        let (number, verdict) = of(&name).await;
        assert_eq!(verdict, "household-no-record", "nobody in the first county knows the school");
        app.compared_by("comparer").await;
        assert_eq!(of(&name).await, (number, "enrolled-present".to_owned()), "the same child, found in the next county's school");
        let first = app.log_in("county").await;
        app.get(&first, "/runs").await.is(200).says("本地由虚构州统一比对");
        app.get(&first, "/ledgers/school-age").await.says("共 <b>48</b> 人");
        app.get(&first, "/runs/2").await.is(200).says("本辖区跟踪儿童 <b>48</b> 人");
        app.post(&first, "/runs", &[]).await.is(422).says("由虚构州统一比对");
        // the school's county sees that the child is at its school, and nothing of what the first county knows
        let second = app.log_in("other").await;
        let page = app.get(&second, &format!("/children/{number}")).await;
        page.is(200).says("这名儿童住在青禾县,由该县负责");
        assert!(!page.text().contains("1280000"), "no telephone");
        let rows = app.get(&second, &format!("/children/{number}/rows")).await.text();
        assert!(rows.contains("白水小学") && !rows.contains("柳林镇") && rows.contains("由居住地所在县保管"), "{rows}");
        app.post(&second, &format!("/children/{number}/reveal"), &[("reason", "核对名册")])
            .await
            .is(422)
            .says("由居住地所在县负责");
        let export = app.post(&second, "/ledgers/school-age/export.xlsx", &[("reason", "核对名册")]).await;
        let sheets = baoxue_documents::read::read("x.xlsx", export.bytes).unwrap();
        let row = (0..sheets[0].height())
            .map(|r| sheets[0].row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>().join(" "))
            .find(|r| r.contains(&name))
            .unwrap();
        assert!(row.contains("依据在该县") && !row.contains("1280000"), "{row}");
        // both lines of the child's own county see everything
        app.get(&app.log_in("comparer").await, &format!("/children/{number}/rows")).await.says("柳林镇").says("白水小学");
    }
}

/// What a review found: each of these let one county see or change what is another's.
#[tokio::test]
async fn no_county_reaches_into_another() {
    for app in prefectures().await {
        // the log of a county that has not compared yet is its own all the same
        let log = app.get(&app.log_in("auditor").await, "/audit").await.text();
        assert!(!log.contains("白水") && !log.contains("命令行"), "{log}");
        app.compared_by("comparer").await;
        // child 20 lives in the first county and goes to school in the second: its finding is the first one's
        let all = baoxue_domain::access::Jurisdiction::of([PlacePath::parse("g/52/").unwrap()].iter());
        let (findings, _) = app.office.store.findings(&baoxue_store::FindingFilter::default(), &all, 100, 0).await.unwrap();
        let other = app.log_in("other").await;
        for f in &findings {
            app.get(&other, &format!("/findings/{}", f.id)).await.is(404);
            app.post(&other, &format!("/findings/{}/clear", f.id), &[("version", "1")]).await.is(404);
            app.post(&other, "/findings/dispatch", &[("ids", &f.id.to_string())]).await.is(404);
        }
        assert!(!findings.is_empty());
        // decisions about a larger place are made there
        app.get(&app.log_in("county").await, "/review").await.is(200);
        // places: a bad cell, another's village, another's name
        let system = app.log_in("system").await;
        let sheet = |text: &str| text.as_bytes().to_vec();
        let put = async |text: &str| {
            let bytes = sheet(text);
            let parts = [("file", Some("x.csv"), bytes.as_slice()), ("from", None, "2023-10-09".as_bytes())];
            app.upload(&system, "/places", &parts).await
        };
        put("学校标识码,学校名称,所在乡镇代码\n2152 000009,新学校,528801100\n").await.says("中间不能有空格");
        let long = "长".repeat(40);
        put(&format!("学校标识码,学校名称,所在乡镇代码\n2152000009,{long},528801100\n")).await.says("超过 30 字");
        put("代码,名称\n528800,改名州\n528801,青禾县\n").await.is(303);
        assert!(!app.get(&system, "/").await.text().contains("改名州"), "what lies above is not a county's to rename");
        let outside = put("代码,名称\n528802,白水\n").await;
        outside.is(422).says("不在您的管辖范围内");
        // two counties are not merged into one, and a name that two schools bear is asked about
        let root = actor_of(&app.office, "root").await;
        let (a, b) = (PlacePath::parse(COUNTY).unwrap(), PlacePath::parse(OTHER).unwrap());
        let said = app.office.merge_place(&root, &a, &b).await.unwrap_err().to_string();
        assert!(said.contains("只能把乡镇、村、学校"), "{said}");
        // a county's roster is that county's to load and to withdraw
        let comparer = app.log_in("comparer").await;
        app.post(&comparer, "/rosters/1/withdrawal", &[]).await.is(404);
    }
}

/// Nobody vanishes between counties: a row without an address lives where its roster came from.
#[tokio::test]
async fn a_child_without_an_address_is_its_countys() {
    for app in prefectures().await {
        let (name, birth, id) = child(200);
        let household = format!("姓名,性别,出生日期,身份证件号,户籍地址,户籍状态\n{name},男,{birth},{id},某处某组,在册\n");
        app.loaded("other", &[("白水户籍2.csv".into(), household)]).await;
        app.compared_by("comparer").await;
        let other = app.log_in("other").await;
        let masked = baoxue_domain::access::mask_name(&name);
        let page = app.get(&other, "/ledgers/suspected").await;
        page.says(&masked);
        assert!(!app.get(&app.log_in("county").await, "/ledgers/suspected").await.text().contains("白水"));
    }
}

/// A run that was asked for before a larger place took over saves nothing.
#[tokio::test]
async fn an_overtaken_run_is_not_saved() {
    for app in prefectures().await {
        let county = actor_of(&app.office, "county").await;
        let comparer = actor_of(&app.office, "comparer").await;
        let mine = app.office.ask_for_run(&county, false).await.unwrap();
        let whole = app.office.ask_for_run(&comparer, false).await.unwrap();
        let said = app.office.ask_for_run(&actor_of(&app.office, "other").await, false).await.unwrap_err().to_string();
        assert!(said.contains("由虚构州统一比对"), "{said}");
        app.work().await;
        let run = async |at: &str, id| app.office.store.run(at, id).await.unwrap().unwrap();
        let states = (run(COUNTY, mine).await.state, run(PREFECTURE, whole).await.state);
        // one after the other: the county's first, or the prefecture's alone
        assert_eq!(states.1, baoxue_store::RunState::Finished);
        let all = baoxue_domain::access::Jurisdiction::of([PlacePath::parse("g/52/").unwrap()].iter());
        let page = app.office.store.children(&LedgerQuery::default(), &all, Order::Verdict, 200, 0).await.unwrap();
        assert_eq!(page.total, 58, "every child once");
    }
}
