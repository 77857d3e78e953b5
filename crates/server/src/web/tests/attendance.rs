//! A term of a class: the roll is taken, warnings rise and fall with what is known, the third day is in the child's file, and everybody sees it.

use jiff::civil::date;

use super::cases::number_of;
use super::ledgers::{count, on};
use super::support::{Answer, TestApp, actor_of, apps, child};
use crate::app::clock::Clock;
use crate::web::tests::support::served;

const CLASS: &str = "e/528801/2152000001/三年级/三(1)班/";
const SUSPECTED: &str = "/ledgers/suspected";

/// What a Word file says, read back.
fn docx_words(bytes: &[u8]) -> String {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut zip.by_name("word/document.xml").unwrap(), &mut text).unwrap();
    text.split('<').filter_map(|p| p.split_once('>')).map(|p| p.1).collect()
}

/// What a sheet of a spreadsheet says, a line a row.
fn sheet_words(file: &Answer, sheet: usize) -> String {
    let sheets = baoxue_documents::read::read("x.xlsx", file.is(200).bytes.clone()).unwrap();
    let row = |r| sheets[sheet].row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>().join("|");
    (0..sheets[sheet].height()).map(row).collect::<Vec<_>>().join("\n")
}

fn key(n: u32) -> String {
    format!("{n:032x}")
}

/// The installation at a time of a day.
fn at(app: &TestApp, day: jiff::civil::Date, hour: i8, minute: i8) -> TestApp {
    let mut office = app.office.clone();
    office.clock = Clock::starting_at(day.at(hour, minute, 0, 0));
    served(office, None)
}

struct Roll<'a> {
    day: &'a str,
    check: &'a str,
    base: i64,
    key: u32,
}

async fn take(app: &TestApp, who: &str, r: Roll<'_>, marks: &[(i64, &str)]) -> Answer {
    let base = r.base.to_string();
    let key = key(r.key);
    let names: Vec<(String, &str)> = marks.iter().map(|(c, m)| (format!("mark-{c}"), *m)).collect();
    let mut form = vec![("class", CLASS), ("day", r.day), ("check", r.check), ("base", base.as_str()), ("key", key.as_str())];
    form.extend(names.iter().map(|(n, m)| (n.as_str(), *m)));
    app.post(who, "/roll", &form).await
}

fn morning(day: &str, base: i64, key: u32) -> Roll<'_> {
    Roll { day, check: "morning", base, key }
}

/// A warning of child 0: nobody knows where it was yesterday.
pub async fn warned(app: &TestApp) {
    let child = number_of(app, &app.log_in("county").await, 0).await;
    take(app, &app.log_in("teacher1").await, morning("2023-10-08", 0, 77), &[(child, "unexplained")]).await.is(303);
}

/// From the first morning to the file: blue after an hour, yellow on the second school day, red on the third; the child comes back, and every page says so.
#[tokio::test]
async fn three_days_of_nobody_knows_where() {
    for app in apps().await {
        app.compared().await;
        let missing = number_of(&app, &app.log_in("county").await, 0).await;
        let monday = date(2023, 10, 9);
        let early = at(&app, monday, 8, 0);
        let teacher = early.log_in("teacher1").await;
        early.get(&teacher, "/roll").await.says("待点名").says("三(1)班");
        let page = early
            .get(
                &teacher,
                &format!("/roll/register?class={}&day=2023-10-09&check=morning", crate::web::frame::view::url_part(CLASS)),
            )
            .await;
        page.says("应到 11").says(&child(0).0);
        assert!(!page.text().contains(&child(2).0), "the other class is not on the list");
        take(&early, &teacher, morning("2023-10-09", 0, 1), &[(missing, "unexplained")]).await.is(303);
        early.get(&teacher, "/roll").await.says("应到 11,实到 10,原因不明 1");
        // an hour to call the family; then it is blue, without anybody pressing anything
        early.office.assess_missing().await.unwrap();
        early.get(&teacher, "/warnings").await.says("这里没有预警");
        let late = at(&app, monday, 10, 1);
        late.office.assess_missing().await.unwrap();
        let teacher = late.log_in("teacher1").await;
        late.get(&teacher, "/warnings").await.says("蓝色").says(&child(0).0).says("待联系");
        late.office.assess_missing().await.unwrap();
        late.get(&teacher, "/warnings").await.says("共 <b>1</b> 条");
        // of others only whoever stands over the class sees it, and no name
        late.get(&late.log_in("school2").await, "/warnings").await.says("这里没有预警");
        let county = late.log_in("county").await;
        let masked = baoxue_domain::access::mask_name(&child(0).0);
        late.get(&county, "/warnings").await.says(&masked);
        late.get(&county, "/attendance?day=2023-10-09")
            .await
            .says("原因不明 1")
            .says("过时未点")
            .says("10 月 9 日还没有点名:柳林小学 1 次、石桥小学 2 次");
        // called: one record, the teacher's hour is kept
        let id = late.get(&teacher, "/warnings").await.number_after("/warnings/");
        let call =
            [("key", "0123456789abcdef0123456789abcdef"), ("kind", "phone"), ("outcome", "not-met"), ("words", "电话打不通")];
        late.post(&teacher, &format!("/warnings/{id}/call"), &call).await.is(303);
        late.post(&teacher, &format!("/warnings/{id}/call"), &call).await.is(303);
        late.get(&teacher, &format!("/warnings/{id}")).await.says("已联系").says("没有见到");

        let tuesday = on(&app, date(2023, 10, 10));
        let teacher = tuesday.log_in("teacher1").await;
        take(&tuesday, &teacher, morning("2023-10-10", 0, 2), &[(missing, "unexplained")]).await.is(303);
        tuesday.get(&teacher, "/warnings").await.says("黄色").says("共 <b>1</b> 条");
        tuesday.get(&tuesday.log_in("school1").await, &format!("/warnings/{id}")).await.says("黄色预警");
        assert_eq!(count(&tuesday, &tuesday.log_in("county").await, SUSPECTED).await, "5");

        let wednesday = on(&app, date(2023, 10, 11));
        let teacher = wednesday.log_in("teacher1").await;
        take(&wednesday, &teacher, morning("2023-10-11", 0, 3), &[(missing, "unexplained")]).await.is(303);
        let county = wednesday.log_in("county").await;
        wednesday.get(&teacher, &format!("/warnings/{id}")).await.says("红色预警").says("劝返档案");
        // the fact has come everywhere: ledger, file, today's work, the child's page, the county's figures
        assert_eq!(count(&wednesday, &county, SUSPECTED).await, "6");
        let case = wednesday.get(&teacher, &format!("/warnings/{id}")).await.text();
        let case = case.split("href=\"/cases/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let page = wednesday.get(&wednesday.log_in("school1").await, &format!("/cases/{case}")).await;
        page.says("红色预警:连续缺勤:2023-10-09 起 3 天").says("电话打不通").says("近两月出勤");
        wednesday.get(&wednesday.log_in("school1").await, "/today").await.says("核实");
        wednesday.get(&teacher, &format!("/children/{missing}")).await.says("红色预警").says("2023-10-09 缺一天");
        wednesday.get(&county, "/warnings").await.says("蓝 1 次、黄 1 次、红 1 次,涉及 1 人");
        assert_eq!(wednesday.office.store.unsound_cases().await.unwrap(), [0i64; 0]);
        // told: the class teacher
        wednesday.get(&teacher, "/").await.says("红色预警");
        // the report for the central school says who was told what when
        let report = wednesday.get(&teacher, &format!("/warnings/{id}/report.docx")).await.is(200).bytes.clone();
        let words = docx_words(&report);
        for word in
            ["学生缺勤 48 小时以上情况报告", &child(0).0, "2023-10-09", "电话打不通", "还没有核查,请补记", "红色(连续缺勤)"]
        {
            assert!(words.contains(word), "{word}: {words}");
        }
        wednesday.get(&wednesday.log_in("school2").await, &format!("/warnings/{id}/report.docx")).await.is(404);

        // back: the warning closes by that, and the file is told
        let thursday = on(&app, date(2023, 10, 12));
        let teacher = thursday.log_in("teacher1").await;
        take(&thursday, &teacher, morning("2023-10-12", 0, 4), &[]).await.is(303);
        thursday.get(&teacher, &format!("/warnings/{id}")).await.says("已到校");
        thursday.get(&teacher, "/warnings").await.says("这里没有预警");
        thursday
            .get(&thursday.log_in("school1").await, &format!("/cases/{case}"))
            .await
            .says("孩子已到校")
            .says("点名显示 2023-10-12 孩子已到校");
        let class = crate::web::frame::view::url_part(CLASS);
        let file = thursday.get(&teacher, &format!("/attendance/month.xlsx?class={class}&month=2023-10")).await;
        let sheets = baoxue_documents::read::read("x.xlsx", file.is(200).bytes.clone()).unwrap();
        let cells: Vec<String> =
            (0..sheets[0].height()).flat_map(|r| sheets[0].row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>()).collect();
        let n = |sign: &str| cells.iter().filter(|c| *c == sign).count();
        assert_eq!((n("×"), n("√"), n(&child(0).0)), (3, 41, 1), "eleven pupils, four days, three of them missed by one");
        let school = thursday.log_in("school1").await;
        let week = thursday.get(&school, "/attendance/week.xlsx?school=e/528801/2152000001/&day=2023-10-12").await;
        let sheets = baoxue_documents::read::read("x.xlsx", week.is(200).bytes.clone()).unwrap();
        let text = |i: usize| {
            (0..sheets[i].height())
                .flat_map(|r| sheets[i].row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>())
                .collect::<Vec<_>>()
                .join("|")
        };
        assert!(
            text(2).matches(&child(0).0).count() == 3
                && text(3).contains("红色")
                && text(3).contains("电话:没有见到")
                && text(3).contains("2023-10-12")
        );
        thursday.get(&school, "/attendance/week.xlsx?school=e/528801/2152000002/").await.is(404);
        thursday.get(&thursday.log_in("county").await, &format!("/attendance/month.xlsx?class={class}")).await.is(404);
        thursday
            .get(&teacher, &format!("/attendance/month?class={}", crate::web::frame::view::url_part(CLASS)))
            .await
            .says("×")
            .says(&child(0).0);
        thursday.get(&thursday.log_in("auditor").await, "/audit").await.says("发出预警");
    }
}

/// What is known later changes what was warned of: leave, a typo, a closure; and what rose with it falls with it.
#[tokio::test]
async fn what_is_known_later() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let (one, two, three) =
            (number_of(&app, &county, 0).await, number_of(&app, &county, 4).await, number_of(&app, &county, 8).await);
        let mut n = 10;
        for (day, text) in [(date(2023, 10, 9), "2023-10-09"), (date(2023, 10, 10), "2023-10-10")] {
            let app = on(&app, day);
            n += 1;
            let marks = [(one, "unexplained"), (two, "unexplained"), (three, "unexplained")];
            take(&app, &app.log_in("teacher1").await, morning(text, 0, n), &marks).await.is(303);
        }
        let app = on(&app, date(2023, 10, 11));
        let (teacher, school) = (app.log_in("teacher1").await, app.log_in("school1").await);
        app.get(&teacher, "/warnings").await.says("共 <b>3</b> 条").says("黄色");
        // two days of leave are more than a class teacher grants: asked, and nothing changes until it is granted
        let leave = [("kind", "sick"), ("from", "2023-10-09"), ("to", "2023-10-10"), ("reason", "水痘")];
        app.post(&teacher, &format!("/children/{one}/leave"), &leave).await.is(303);
        app.get(&teacher, "/warnings").await.says("共 <b>3</b> 条");
        let line = app.get(&teacher, "/leaves?waiting=1").await;
        line.says("待批").says("水痘");
        let id = line.text().split("/leaves/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        app.post(&teacher, &format!("/leaves/{id}/decision"), &[("version", "1"), ("answer", "grant")])
            .await
            .is(422)
            .says("2 个上课日的假由年级组长或教务处批");
        app.post(&school, &format!("/leaves/{id}/decision"), &[("version", "1"), ("answer", "grant")]).await.is(403);
        let principal = baoxue_domain::access::Role::Principal;
        let place = baoxue_domain::place::PlacePath::parse("e/528801/2152000001/").unwrap();
        app.office.add_person(None, "head1", "校长", &[(principal, place)]).await.unwrap();
        app.office.set_known_password("head1", super::support::PASSWORD).await.unwrap();
        let head = app.log_in("head1").await;
        app.post(&head, &format!("/leaves/{id}/decision"), &[("version", "1"), ("answer", "refuse")])
            .await
            .is(422)
            .says("写明原因");
        app.post(&head, &format!("/leaves/{id}/decision"), &[("version", "1"), ("answer", "grant")]).await.is(303);
        app.get(&teacher, "/warnings").await.says("共 <b>2</b> 条");
        app.get(&teacher, "/warnings?state=withdrawn").await.says(&child(0).0);
        app.get(&teacher, "/").await.says("撤销黄色预警");
        app.get(&teacher, &format!("/children/{one}")).await.says("2023-10-10 请假");
        // a wrong tap on Tuesday is put right: blue of Monday is left, closed by Tuesday
        take(
            &app,
            &teacher,
            Roll { day: "2023-10-10", check: "morning", base: 1, key: 20 },
            &[(one, "unexplained"), (three, "unexplained")],
        )
        .await
        .is(303);
        let page = app.get(&teacher, "/warnings").await;
        page.says("共 <b>1</b> 条");
        assert!(!page.text().contains(&child(4).0), "{}", page.text());
        app.get(&teacher, "/warnings?state=closed").await.says(&child(4).0).says("蓝色");
        // the old version stays readable, and says who took it
        app.get(
            &teacher,
            &format!("/roll/register?class={}&day=2023-10-10&check=morning", crate::web::frame::view::url_part(CLASS)),
        )
        .await
        .says("第 1 版:teacher1")
        .says("第 2 版:teacher1");
        // school was closed on Tuesday because of rain, declared afterwards: one day is left
        app.post(
            &school,
            "/calendar/days",
            &[("kind", "closed"), ("from", "2023-10-10"), ("to", "2023-10-10"), ("reason", "暴雨停课")],
        )
        .await
        .is(303);
        app.get(&teacher, "/warnings").await.says("蓝色").says("1 天");
        app.get(&school, "/calendar?month=2023-10").await.says("暴雨停课").says("2023-10-10 不上课");
        app.get(&app.log_in("school2").await, "/calendar?month=2023-10").await.says("2023-10-10 上课");
        let id = app.get(&school, "/calendar").await.number_after("/calendar/days/");
        app.post(&app.log_in("school2").await, &format!("/calendar/days/{id}/withdrawal"), &[]).await.is(404);
        app.post(&school, &format!("/calendar/days/{id}/withdrawal"), &[]).await.is(303);
        app.get(&teacher, "/warnings").await.says("黄色");
    }
}

/// Two people take one register, neither of whom knew of the other: it has both their marks, and says where they differ.
#[tokio::test]
async fn two_devices_on_one_register() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let (one, two) = (number_of(&app, &county, 0).await, number_of(&app, &county, 4).await);
        let (teacher, school) = (app.log_in("teacher1").await, app.log_in("school1").await);
        take(&app, &teacher, morning("2023-10-09", 0, 1), &[(one, "unexplained")]).await.is(303);
        // an "all present" that did not know of it takes nobody off
        take(&app, &school, morning("2023-10-09", 0, 2), &[(two, "sick")]).await.is(303);
        let page = app
            .get(
                &teacher,
                &format!("/roll/register?class={}&day=2023-10-09&check=morning", crate::web::frame::view::url_part(CLASS)),
            )
            .await;
        page.says("两人点的不一致");
        app.get(&teacher, "/roll").await.says("应到 11,实到 9,原因不明 1,两人点的不一致 2");
        // the same sent again is the same; a key is its maker's own
        take(&app, &teacher, morning("2023-10-09", 0, 1), &[(one, "unexplained")]).await.is(303);
        app.get(&teacher, "/roll").await.says("实到 9");
        take(&app, &school, morning("2023-10-09", 0, 1), &[]).await.is(422).says("编号已经用过");
        // whoever saw it answers
        take(&app, &teacher, morning("2023-10-09", 2, 3), &[(one, "late"), (two, "sick")]).await.is(303);
        let line = app.get(&teacher, "/roll").await;
        line.says("应到 11,实到 10");
        assert!(!line.text().contains("两人点的不一致"));
        // both at once, in one process or two: one register
        let (first, second) = ([(one, "unexplained")], [(two, "unexplained")]);
        let noon = |key| Roll { day: "2023-10-09", check: "noon", base: 0, key };
        let (a, b) = tokio::join!(take(&app, &teacher, noon(8), &first), take(&app, &school, noon(9), &second));
        a.is(303);
        b.is(303);
        app.get(&app.log_in("county").await, "/attendance?day=2023-10-09&check=noon").await.says("原因不明 2");
        // what cannot be
        for (roll, said) in [
            (morning("2023-10-14", 0, 30), "还没有到"),
            (morning("2023-10-08", 0, 31), ""),
            (morning("2023-10-01", 0, 32), "没有晨检"),
            (morning("2023-08-01", 0, 33), "只能补录"),
            (Roll { day: "2023-10-09", check: "evening", base: 0, key: 34 }, "没有晚点名"),
        ] {
            let a = take(&app, &teacher, roll, &[]).await;
            if said.is_empty() {
                a.is(303)
            } else {
                a.is(422).says(said)
            };
        }
        let foreign = [
            ("class", "e/528801/2152000002/三年级/三(1)班/"),
            ("day", "2023-10-09"),
            ("check", "morning"),
            ("key", "00000000000000000000000000000050"),
        ];
        app.post(&teacher, "/roll", &foreign).await.is(404);
        app.post(&app.log_in("village1").await, "/roll", &foreign).await.is(403);
    }
}

/// Two at once on one register, with different marks, again and again: each child has one warning.
#[tokio::test]
async fn many_at_once_open_one_warning() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let mut ids = Vec::new();
        for i in [0, 4, 8, 12, 16] {
            ids.push(number_of(&app, &county, i).await);
        }
        let (teacher, school) = (app.log_in("teacher1").await, app.log_in("school1").await);
        let sent: Vec<Vec<(i64, &str)>> =
            (0..8).map(|n| ids.iter().map(|c| (*c, if n % 2 == 0 { "unexplained" } else { "sent-home" })).collect()).collect();
        let all = sent.iter().enumerate().map(|(n, marks)| {
            let who = if n % 2 == 0 { &teacher } else { &school };
            take(&app, who, morning("2023-10-08", 0, 100 + n as u32), marks)
        });
        for a in futures_util::future::join_all(all).await {
            assert!([303, 409].contains(&a.status.as_u16()), "{}", a.text());
        }
        app.office.assess(&ids).await.unwrap();
        let rows = app
            .office
            .store
            .raw_all("SELECT child_id, rule, COUNT(*) FROM warning WHERE state <> 'withdrawn' GROUP BY child_id, rule HAVING COUNT(*) > 1", vec![])
            .await
            .unwrap();
        assert_eq!(rows.len(), 0, "one child, one rule, one warning");
        app.get(&school, "/warnings").await.says("共 <b>10</b> 条");
    }
}

/// What a lost answer makes people do: the same key with something else is a correction, with the same it is nothing; a call is never lost in silence.
#[tokio::test]
async fn the_answer_is_lost() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let (one, two) = (number_of(&app, &county, 0).await, number_of(&app, &county, 4).await);
        let teacher = app.log_in("teacher1").await;
        take(&app, &teacher, morning("2023-10-08", 0, 1), &[(one, "unexplained")]).await.is(303);
        for _ in 0..2 {
            take(&app, &teacher, morning("2023-10-08", 0, 1), &[(one, "sick"), (two, "unexplained")]).await.is(303);
        }
        let page = app
            .get(
                &teacher,
                &format!("/roll/register?class={}&day=2023-10-08&check=morning", crate::web::frame::view::url_part(CLASS)),
            )
            .await;
        page.says("第 2 版:teacher1");
        assert!(!page.text().contains("第 3 版") && !page.text().contains("两人点的不一致"), "{}", page.text());
        app.get(&teacher, "/warnings").await.says(&child(4).0).says("共 <b>1</b> 条");
        // the key of one register is no other's
        take(&app, &teacher, morning("2023-10-07", 0, 1), &[]).await.is(422).says("编号已经用过");
        let id = app.get(&teacher, "/warnings").await.number_after("/warnings/");
        let call = |words: &'static str| {
            [("key", "0123456789abcdef0123456789abcdef"), ("kind", "phone"), ("outcome", "thinking"), ("words", words)]
        };
        app.post(&teacher, &format!("/warnings/{id}/call"), &call("第一次")).await.is(303);
        app.post(&teacher, &format!("/warnings/{id}/call"), &call("第二次")).await.is(422).says("另一次联系");
    }
}

/// A closure that was a typo is taken back: what it took away is there again. Six single days of leave are six days.
#[tokio::test]
async fn what_is_taken_back_comes_back() {
    for app in apps().await {
        app.compared().await;
        let one = number_of(&app, &app.log_in("county").await, 0).await;
        let (teacher, school) = (app.log_in("teacher1").await, app.log_in("school1").await);
        take(&app, &teacher, morning("2023-10-08", 0, 1), &[(one, "unexplained")]).await.is(303);
        app.get(&teacher, "/warnings").await.says("共 <b>1</b> 条");
        let closed = [("kind", "closed"), ("from", "2023-10-07"), ("to", "2023-10-08"), ("reason", "填错了")];
        app.post(
            &school,
            "/calendar/days",
            &[&closed[..1], &[("from", "2023-01-01"), ("to", "2023-12-31"), ("reason", "填错了")]].concat(),
        )
        .await
        .is(422)
        .says("30 天以内");
        app.post(&school, "/calendar/days", &closed).await.is(303);
        app.get(&teacher, "/warnings").await.says("这里没有预警");
        let id = app.get(&school, "/calendar").await.number_after("/calendar/days/");
        app.post(&school, &format!("/calendar/days/{id}/withdrawal"), &[]).await.is(303);
        app.get(&teacher, "/warnings").await.says("共 <b>1</b> 条");
        // an absence that was warned of is not taken back by the class teacher alone
        let leave = |from: &'static str| [("kind", "sick"), ("from", from), ("to", from), ("reason", "病")];
        app.post(&teacher, &format!("/children/{one}/leave"), &leave("2023-10-08")).await.is(303);
        app.get(&teacher, "/warnings").await.says("共 <b>1</b> 条");
        app.get(&teacher, "/leaves?waiting=1").await.says("待批");
        let other = number_of(&app, &app.log_in("county").await, 4).await;
        app.post(&teacher, &format!("/children/{other}/leave"), &leave("2023-10-10")).await.is(303);
        app.post(&teacher, &format!("/children/{other}/leave"), &leave("2023-10-11")).await.is(303);
        let page = app.get(&teacher, "/leaves").await;
        page.says("已准").says("待批");
        app.post(&teacher, &format!("/children/{other}/leave"), &leave("2013-10-10")).await.is(422).says("只能登记");
        app.post(&teacher, &format!("/children/{other}/leave"), &leave("2023-10-11")).await.is(422).says("待批");
    }
}

/// Whoever leaves the list is waited for no longer; whoever goes to another class takes the warning along.
#[tokio::test]
async fn lists_change() {
    for app in apps().await {
        app.compared().await;
        let (one, two) = {
            let county = app.log_in("county").await;
            (number_of(&app, &county, 0).await, number_of(&app, &county, 4).await)
        };
        let teacher = app.log_in("teacher1").await;
        take(&app, &teacher, morning("2023-10-08", 0, 1), &[(one, "unexplained"), (two, "unexplained")]).await.is(303);
        app.get(&teacher, "/warnings").await.says("共 <b>2</b> 条");
        let other = CLASS.replace("三(1)班", "三(2)班");
        app.office
            .store
            .raw_all(&format!("UPDATE child SET school_path = '{other}' WHERE id = {one} RETURNING id"), vec![])
            .await
            .unwrap();
        app.office
            .store
            .raw_all(&format!("UPDATE child SET verdict = 'enrolled-not-present' WHERE id = {two} RETURNING id"), vec![])
            .await
            .unwrap();
        take(&app, &teacher, morning("2023-10-09", 0, 2), &[]).await.is(303);
        app.get(&teacher, "/warnings").await.says("这里没有预警");
        app.get(&teacher, "/warnings?state=closed").await.says("不在应到名单");
        let school = app.log_in("school1").await;
        app.get(&school, "/warnings").await.says("三(2)班").says("共 <b>1</b> 条");
        let form = [
            ("class", other.as_str()),
            ("day", "2023-10-09"),
            ("check", "morning"),
            ("base", "0"),
            ("key", "000000000000000000000000000000ab"),
        ];
        app.post(&school, "/roll", &form).await.is(303);
        app.get(&school, "/warnings").await.says("这里没有预警");
    }
}

/// Three of a class with one symptom on a day: whoever reports epidemics is told, once.
#[tokio::test]
async fn alike_symptoms() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let mut ids = Vec::new();
        for i in [0, 4, 8, 12] {
            ids.push(number_of(&app, &county, i).await);
        }
        let teacher = app.log_in("teacher1").await;
        let send = async |n: usize, base: &str, k: u32| {
            let fields: Vec<(String, &str)> =
                ids.iter().take(n).flat_map(|c| [(format!("mark-{c}"), "sick"), (format!("symptom-{c}"), "vomiting")]).collect();
            let key = key(k);
            let mut form =
                vec![("class", CLASS), ("day", "2023-10-09"), ("check", "morning"), ("base", base), ("key", key.as_str())];
            form.extend(fields.iter().map(|(n, v)| (n.as_str(), *v)));
            app.post(&teacher, "/roll", &form).await.is(303);
        };
        send(2, "0", 1).await;
        assert!(!app.get(&app.log_in("school1").await, "/").await.text().contains("呕吐"));
        send(3, "1", 2).await;
        send(4, "2", 3).await;
        let page = app.get(&app.log_in("school1").await, "/").await;
        page.says("三年级 三(1)班 2023-10-09 有 3 人呕吐");
        assert_eq!(page.text().matches("人呕吐").count(), 1, "told once");
        // whoever is ill is excused
        app.get(&teacher, "/warnings").await.says("这里没有预警");
        let school = app.log_in("school1").await;
        let file = app.get(&school, "/attendance/health.xlsx?school=e/528801/2152000001/&day=2023-10-09").await;
        let words = |i: usize| sheet_words(&file, i);
        assert!(words(0).contains("三(1)班|晨检|11|7|4|4|4"), "{}", words(0));
        assert!(words(1).contains(&child(12).0) && words(1).contains("呕吐"), "{}", words(1));
        app.get(&app.log_in("school2").await, "/attendance/health.xlsx?school=e/528801/2152000001/").await.is(404);
    }
}

/// Whoever is watched stands out on the list; whoever is on leave is on leave there.
#[tokio::test]
async fn watched_and_on_leave() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let (one, two) = (number_of(&app, &county, 0).await, number_of(&app, &county, 4).await);
        let teacher = app.log_in("teacher1").await;
        let register = format!("/roll/register?class={}", crate::web::frame::view::url_part(CLASS));
        app.post(&teacher, &format!("/children/{one}/watch"), &[("watch", "1"), ("reason", "")]).await.is(422);
        app.post(&teacher, &format!("/children/{one}/watch"), &[("watch", "1"), ("reason", "说要出去打工")]).await.is(303);
        app.get(&teacher, &format!("/children/{one}/leave")).await.says("说要出去打工");
        app.get(&teacher, &register).await.says("关注");
        // a day is the class teacher's to grant: at once
        let leave = [("kind", "personal"), ("from", "2023-10-09"), ("to", "2023-10-09"), ("reason", "家里有事")];
        app.post(&teacher, &format!("/children/{two}/leave"), &leave).await.is(303);
        app.get(&teacher, &register).await.says("事假 至 2023-10-09");
        app.post(&teacher, &format!("/children/{two}/leave"), &leave).await.is(422).says("已有一次请假");
        for (from, to, said) in
            [("2023-10-12", "2023-10-11", "止应在起之后"), ("2023-10-12", "2024-03-01", "休学"), ("x", "x", "2023-10-09 这样")]
        {
            let form = [("kind", "sick"), ("from", from), ("to", to), ("reason", "病")];
            app.post(&teacher, &format!("/children/{two}/leave"), &form).await.is(422).says(said);
        }
        // another school's child is nobody
        let other = number_of(&app, &county, 1).await;
        app.get(&teacher, &format!("/children/{other}/leave")).await.is(404);
        app.post(&teacher, &format!("/children/{one}/watch"), &[("watch", "0")]).await.is(303);
        assert!(!app.get(&teacher, &register).await.text().contains("关注</span>"));
        let officer = actor_of(&app.office, "county").await;
        assert!(app.office.own_class(&officer, CLASS, baoxue_domain::access::Action::TakeRoll).is_err());
    }
}

/// The first day of the term: reported class by class, who is missing is looked into the same hour, and on the third school day has a file; a child
/// whom no list knew is on the county's next roster.
#[tokio::test]
async fn the_first_day_of_a_term() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let (gone, late, ill) =
            (number_of(&app, &county, 0).await, number_of(&app, &county, 4).await, number_of(&app, &county, 8).await);
        let term = [("name", "2023 秋季学期"), ("from", "2023-10-09"), ("to", "2024-01-20")];
        app.post(&county, "/calendar/terms", &term).await.is(303);
        let first = date(2023, 10, 9);
        let morning_of = at(&app, first, 8, 20);
        let teacher = morning_of.log_in("teacher1").await;
        let address = format!("/roll/register?class={}&day=2023-10-09&check=first-day", crate::web::frame::view::url_part(CLASS));
        morning_of.get(&teacher, &address).await.says("开学报到").says("转学在办").says("名单上没有的孩子来了");
        morning_of.get(&teacher, "/first-day").await.says("1 个班,已报 <b>0</b>").says("未报 1 个");
        let form = [
            ("class", CLASS),
            ("day", "2023-10-09"),
            ("check", "first-day"),
            ("base", "0"),
            ("key", "000000000000000000000000000000f1"),
            (&*format!("mark-{gone}"), "unexplained"),
            (&*format!("whereabouts-{gone}"), "lost"),
            (&*format!("mark-{late}"), "unexplained"),
            (&*format!("mark-{ill}"), "sick"),
        ]
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
        let pairs: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let wrong: Vec<(&str, &str)> = pairs.iter().map(|(n, v)| (*n, if *v == "lost" { "mars" } else { *v })).collect();
        morning_of.post(&teacher, "/roll", &wrong).await.is(422).says("从列表中选择去向");
        morning_of.post(&teacher, "/roll", &pairs).await.is(303);
        morning_of
            .get(&teacher, "/first-day")
            .await
            .says("已报 <b>1</b>")
            .says("应到 11,实到 <b>8</b>(返校率 72.7%)")
            .says("未到 <b>3</b>")
            .says("联系不上")
            .says("去向未报")
            .says("病假");
        // the county sees it come in, with masked names
        let page = morning_of.get(&morning_of.log_in("county").await, "/first-day").await;
        page.says("4 个班,已报 <b>1</b>").says(&baoxue_domain::access::mask_name(&child(0).0));
        assert!(!page.text().contains(&child(0).0));
        morning_of.get(&morning_of.log_in("school2").await, "/first-day").await.says("已报的班没有未到的孩子");
        // an hour later: yellow, with the school
        let hour_later = at(&app, first, 10, 1);
        hour_later.office.assess_missing().await.unwrap();
        let teacher = hour_later.log_in("teacher1").await;
        hour_later.get(&teacher, "/warnings").await.says("共 <b>2</b> 条").says("黄色").says("开学未到");
        hour_later.get(&teacher, "/first-day").await.says("黄色预警");
        assert_eq!(count(&hour_later, &hour_later.log_in("county").await, SUSPECTED).await, "5", "no file yet");
        // one comes on the second day; the other one is gone on the third
        let second = on(&app, date(2023, 10, 10));
        take(&second, &second.log_in("teacher1").await, morning("2023-10-10", 0, 0xf2), &[(gone, "unexplained")]).await.is(303);
        let third = on(&app, date(2023, 10, 11));
        let teacher = third.log_in("teacher1").await;
        third.get(&teacher, "/first-day").await.says("2023-10-10 已到校");
        take(&third, &teacher, morning("2023-10-11", 0, 0xf3), &[(gone, "unexplained")]).await.is(303);
        let page = third.get(&teacher, "/first-day?day=2023-10-09").await;
        page.says("红色预警").says("劝返档案");
        let county = third.log_in("county").await;
        assert_eq!(count(&third, &county, SUSPECTED).await, "6");
        assert_eq!(third.office.store.unsound_cases().await.unwrap(), [0i64; 0]);
        let file = third.get(&teacher, "/first-day.xlsx?day=2023-10-09").await;
        let words = |i: usize| sheet_words(&file, i);
        assert!(words(0).contains("|11|8|72.7%|0|0|1|0|0|1|0|0|1|0"), "{}", words(0));
        assert!(words(1).contains(&child(0).0) && words(1).contains("联系不上"), "{}", words(1));
        // the county takes the sums, and no names
        let file = third.get(&county, "/first-day.xlsx?day=2023-10-09").await;
        assert_eq!(baoxue_documents::read::read("x.xlsx", file.is(200).bytes.clone()).unwrap().len(), 1);
    }
}

/// Who came though no list knew it: whoever is known elsewhere is said to the county; the others are in school without a record after the next comparison.
#[tokio::test]
async fn whoever_came_though_no_list_knew_it() {
    for app in apps().await {
        app.compared().await;
        let teacher = app.log_in("teacher1").await;
        let page = format!("/newcomers?class={}&day=2023-10-09", crate::web::frame::view::url_part(CLASS));
        app.get(&teacher, &page).await.says("三(1)班").says("没有名单外到校的孩子");
        let new_id = baoxue_domain::person::NationalId::complete("52880120140506091").unwrap().to_string();
        let form = |key: &'static str, name: &'static str, id: String| {
            vec![
                ("class".to_owned(), CLASS.to_owned()),
                ("day".to_owned(), "2023-10-09".to_owned()),
                ("key".to_owned(), key.repeat(32)),
                ("name".to_owned(), name.to_owned()),
                ("national_id".to_owned(), id),
                ("from".to_owned(), "外县转来".to_owned()),
            ]
        };
        let send = async |who: &str, form: Vec<(String, String)>| {
            let pairs: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            app.post(who, "/newcomers", &pairs).await
        };
        send(&teacher, form("1", "丁", new_id.clone())).await.is(422).says("请填写姓名");
        send(&teacher, form("1", "丁一一", "528801201405060911".into())).await.is(422).says("证件号不对");
        send(&teacher, form("1", "丁一一", String::new())).await.is(422).says("请填写出生日期");
        send(&teacher, form("1", &*Box::leak(child(0).0.into_boxed_str()), child(0).2)).await.is(422).says("就在本班名单上");
        send(&teacher, form("1", "丁一一", new_id.clone())).await.is(303);
        send(&teacher, form("1", "丁一一", new_id.clone())).await.is(303);
        // another child from the page that was sent: not lost
        let mut sister = form("1", "丁二二", String::new());
        sister.extend([("birth_date".to_owned(), "2014-05-06".to_owned()), ("sex".to_owned(), "女".to_owned())]);
        send(&teacher, sister).await.is(303);
        app.get(&teacher, "/newcomers").await.says("丁二二");
        let id = app.get(&teacher, "/newcomers").await.text();
        let id = id.split("丁二二").nth(1).unwrap().split("/newcomers/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        app.post(&teacher, &format!("/newcomers/{id}/withdrawal"), &[]).await.is(303);
        // child 20 is on no school's register: it has been looked for since the comparison
        send(&teacher, form("2", &*Box::leak(child(20).0.into_boxed_str()), child(20).2)).await.is(303);
        let list = app.get(&teacher, "/newcomers").await;
        list.says("丁一一").says("在校待建学籍").says("县内已有记录");
        assert_eq!(list.text().matches("在校待建学籍</span>").count(), 1, "sent twice is one");
        app.get(&app.log_in("school2").await, "/newcomers").await.says("没有名单外到校的孩子");
        let county = app.log_in("county").await;
        app.get(&county, "/").await.says("一名县内已有记录的孩子在别处到校");
        let seen = app.get(&county, "/newcomers").await;
        seen.says("把 1 名待建学籍的孩子做成在校名册");
        assert!(!seen.text().contains("丁一一"));
        let to = app.post(&county, "/newcomers/roster", &[]).await.is(303).location.clone();
        let batch = to.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        let mode = format!("mode:{batch}");
        app.post(&county, "/rosters/loading", &[("ids", &batch), (&mode, "add"), ("confirmed", "1")]).await.is(303);
        app.compared_by("county").await;
        app.get(&county, &format!("/search?q={new_id}")).await.says("在校待建学籍");
        app.get(&teacher, "/newcomers").await.says("已做成名册,待比对");
        app.post(&county, "/newcomers/roster", &[]).await.is(422).says("没有待建学籍的名单外学生");
    }
}

/// The evening roll of a class is of those who board; who is not back is said at once, and over when the child is seen.
#[tokio::test]
async fn nights_of_boarders() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let (one, two, day_pupil) =
            (number_of(&app, &county, 0).await, number_of(&app, &county, 4).await, number_of(&app, &county, 8).await);
        let school = app.log_in("school1").await;
        let boarding = [("kind", "boarding"), ("from", "2023-10-01"), ("to", "2024-01-20"), ("reason", "寄宿")];
        app.post(&school, "/calendar/days", &boarding).await.is(303);
        let teacher = app.log_in("teacher1").await;
        let evening = format!("/roll/register?class={}&day=2023-10-09&check=evening", crate::web::frame::view::url_part(CLASS));
        app.get(&teacher, &evening).await.says("还没有登记住校生").says("应到 11");
        let settings = format!("/roll/class?class={}", crate::web::frame::view::url_part(CLASS));
        app.get(&teacher, &settings).await.says("住校生 <small>0 人").says(&child(0).0);
        let ids = [one.to_string(), two.to_string()];
        app.post(&teacher, "/roll/class/boarders", &[("class", CLASS), ("boards", &ids[0]), ("boards", &ids[1])]).await.is(303);
        app.post(&teacher, "/roll/class/boarders", &[("class", CLASS), ("boards", "999999")]).await.is(422).says("名单有变动");
        app.get(&teacher, &settings).await.says("住校生 <small>2 人");
        app.get(&teacher, &evening).await.says("只点住校生").says("应到 2");
        let night = Roll { day: "2023-10-09", check: "evening", base: 0, key: 1 };
        take(&app, &teacher, night, &[(one, "unexplained"), (day_pupil, "unexplained")]).await.is(303);
        app.get(&teacher, &evening).await.says("应到 2");
        app.get(&teacher, "/warnings")
            .await
            .says("寄宿生夜间未归")
            .says("2023-10-09 起 1 晚")
            .says("共 <b>1</b> 条")
            .says("黄色");
        // at school in the morning: over
        let tuesday = on(&app, date(2023, 10, 10));
        let teacher = tuesday.log_in("teacher1").await;
        take(&tuesday, &teacher, morning("2023-10-10", 0, 2), &[]).await.is(303);
        tuesday.get(&teacher, "/warnings").await.says("这里没有预警");
        tuesday.get(&teacher, "/warnings?state=closed").await.says("寄宿生夜间未归").says("已到校");
        // who boards no more is not looked for in the evening
        tuesday.post(&teacher, "/roll/class/boarders", &[("class", CLASS), ("boards", &ids[1])]).await.is(303);
        let evening = evening.replace("10-09", "10-10");
        tuesday.get(&teacher, &evening).await.says("应到 1");
        // duties stand beside the check
        let account = actor_of(&tuesday.office, "school1").await.account.to_string();
        let duty = [("class", CLASS), ("check", "evening"), ("weekday", "2"), ("account", account.as_str())];
        tuesday.post(&teacher, "/roll/class/duties", &duty).await.is(303);
        tuesday.get(&teacher, "/roll?day=2023-10-10").await.says("值班:school1");
        tuesday.get(&tuesday.log_in("school1").await, "/roll?day=2023-10-10").await.says("值班:<b>您</b>");
        assert!(!tuesday.get(&teacher, "/roll?day=2023-10-09").await.text().contains("值班"), "only on Tuesdays");
        let foreign = [("class", CLASS), ("check", "evening"), ("weekday", "2"), ("account", "1")];
        tuesday.post(&teacher, "/roll/class/duties", &foreign).await.is(422).says("先由学校管理员授予代课");
        let id = tuesday.get(&teacher, &settings).await.number_after("/roll/class/duties/");
        tuesday.post(&teacher, &format!("/roll/class/duties/{id}/end"), &[("class", CLASS)]).await.is(303);
        assert!(!tuesday.get(&teacher, "/roll?day=2023-10-10").await.text().contains("值班"));
    }
}

/// Two of one household missing on one day: both are warned of at once, in whatever order it becomes known; and not when one is put right.
#[tokio::test]
async fn brothers_and_sisters() {
    for app in apps().await {
        let [household, students, roll] = super::support::rosters();
        let one_phone = household.1.replace("12800000006", "12800000004");
        app.loaded("county", &[(household.0, one_phone), students, roll]).await;
        let county = app.log_in("county").await;
        app.compared_by("county").await;
        let (one, two) = (number_of(&app, &county, 4).await, number_of(&app, &county, 6).await);
        let school = app.log_in("school1").await;
        let other = CLASS.replace("三(1)班", "三(2)班");
        take(&app, &school, morning("2023-10-08", 0, 1), &[(one, "unexplained")]).await.is(303);
        app.get(&school, "/warnings").await.says("共 <b>1</b> 条").says("蓝色");
        let mark = format!("mark-{two}");
        let key = key(2);
        let mut form = vec![
            ("class", other.as_str()),
            ("day", "2023-10-08"),
            ("check", "morning"),
            ("base", "0"),
            ("key", key.as_str()),
            (mark.as_str(), "unexplained"),
        ];
        app.post(&school, "/roll", &form).await.is(303);
        app.get(&school, "/warnings").await.says("共 <b>4</b> 条").says("同户孩子同日缺勤").says("黄色");
        // the second one had been there: both are taken back
        form[3].1 = "1";
        form[4].1 = "000000000000000000000000000000e2";
        form[5].1 = "late";
        app.post(&school, "/roll", &form).await.is(303);
        let page = app.get(&school, "/warnings").await;
        page.says("共 <b>1</b> 条");
        assert!(!page.text().contains("data-label=\"规则\">同户孩子同日缺勤"), "{}", page.text());
    }
}

/// A day on line: who lacks a device is helped, not warned of, until a later day on line says that it is solved.
#[tokio::test]
async fn a_day_on_line() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let (device, alone, missing) =
            (number_of(&app, &county, 0).await, number_of(&app, &county, 4).await, number_of(&app, &county, 8).await);
        let teacher = app.log_in("teacher1").await;
        app.get(&teacher, "/attendance/online").await.says("没有线上教学的班级");
        let register = format!("/roll/register?class={}&day=2023-10-09&check=morning", crate::web::frame::view::url_part(CLASS));
        assert!(!app.get(&teacher, &register).await.text().contains("无设备"));
        let teaching = [("class", CLASS), ("day", "2023-10-09"), ("taught", "语文第 5 课;数学练习")];
        app.post(&teacher, "/attendance/online", &teaching).await.is(422).says("不是线上教学日");
        let school = app.log_in("school1").await;
        let days = [("kind", "online"), ("from", "2023-10-09"), ("to", "2023-10-10"), ("reason", "暴雪")];
        app.post(&school, "/calendar/days", &days).await.is(303);
        app.get(&teacher, &register).await.says("无设备").says("无人辅导");
        let marks = [(device, "no-device"), (alone, "no-helper"), (missing, "unexplained")];
        take(&app, &teacher, morning("2023-10-09", 0, 1), &marks).await.is(303);
        app.post(&teacher, "/attendance/online", &teaching).await.is(303);
        let page = app.get(&teacher, "/attendance/online").await;
        page.says("应参加 <b>11</b>,参加 <b>9</b>").says("未参加(原因不明)1").says("无设备 1,无网络 0,无人辅导 1");
        page.says("语文第 5 课").says(&child(0).0).says("待解决");
        app.get(&county, "/attendance/online").await.says(&baoxue_domain::access::mask_name(&child(0).0));
        at(&app, date(2023, 10, 9), 11, 0).office.assess_missing().await.unwrap();
        let warned = app.get(&teacher, "/warnings").await;
        warned.says("共 <b>1</b> 条").says(&child(8).0);
        assert!(!warned.text().contains(&child(0).0), "no device is nobody's fault");
        let tuesday = on(&app, date(2023, 10, 10));
        let teacher = tuesday.log_in("teacher1").await;
        take(&tuesday, &teacher, morning("2023-10-10", 0, 2), &[(alone, "no-helper")]).await.is(303);
        tuesday.get(&teacher, "/attendance/online?day=2023-10-09").await.says("2023-10-10 已解决").says("待解决");
        let file = tuesday.get(&teacher, "/attendance/online.xlsx?day=2023-10-09").await;
        let words = |i: usize| sheet_words(&file, i);
        assert!(words(0).contains("三(1)班|11|9|0|1|1|0|1|语文第 5 课;数学练习"), "{}", words(0));
        assert!(
            words(1).contains(&format!("三(1)班|{}|", child(0).0)) && words(1).contains("无设备||2023-10-10"),
            "{}",
            words(1)
        );
        // the day is taken out of the calendar: what was chosen stays to be seen, and is saved as it is
        let school = tuesday.log_in("school1").await;
        let id = tuesday.get(&school, "/calendar?month=2023-10").await.number_after("/calendar/days/");
        tuesday.post(&school, &format!("/calendar/days/{id}/withdrawal"), &[]).await.is(303);
        let page = tuesday.get(&teacher, &register).await;
        page.says(&format!("name=\"mark-{device}\" value=\"no-device\" checked"));
        tuesday.post(&school, "/calendar/days", &days).await.is(303);
        // day by day: the same sums, of the class, the school and the county
        let calendar = tuesday.get(&teacher, "/attendance/calendar").await;
        calendar.says("2023-10-09 出勤率 81.8%(应到 11,实到 9,原因不明 1)").says("2023-10-10 出勤率 100.0%");
        let county = tuesday.log_in("county").await;
        tuesday.get(&county, "/attendance/calendar?place=e/528801/2152000001/").await.says("出勤率 81.8%");
        tuesday.get(&county, "/attendance/calendar?place=e/528801/2152000002/").await.says("这段时间没有点过名");
        tuesday.get(&tuesday.log_in("school2").await, "/attendance/calendar?place=e/528801/2152000001/").await.is(404);
    }
}

/// A spreadsheet of who was away is taken as rolls, once; what is not understood is said row by row, and then nothing is taken. Our own sheet of a
/// month is read back.
#[tokio::test]
async fn attendance_from_a_spreadsheet() {
    for app in apps().await {
        app.compared().await;
        let teacher = app.log_in("teacher1").await;
        let (one, two) = (child(0).0, child(4).0);
        let send = async |name: &str, bytes: &[u8]| app.upload(&teacher, "/roll/import", &[("file", Some(name), bytes)]).await;
        app.get(&teacher, "/roll/import").await.says("缺勤名单").says("点名册");
        let wrong = format!(
            "日期,时段,班级,姓名,情况\n2023-10-08,晨检,三(1)班,{one},飞走了\n2023-10-08,,三(9)班,{one},病假\n2023-10-14,,,{two},旷课\n"
        );
        let page = send("缺勤.csv", wrong.as_bytes()).await;
        page.says("有 3 处没看懂,一行也没有存").says("第 2 行").says("“飞走了”没看懂").says("不是您能点名的班");
        let early = "日期,班级,姓名,情况\n2023-10-14,三(1)班,,全到\n2023-10-07,三(1)班,没有这个人,病假\n";
        send("缺勤.csv", early.as_bytes()).await.says("名单上没有“没有这个人”").says("只能导入今天和 30 天以内的");
        app.get(&teacher, "/roll?day=2023-10-08").await.says("还没有点名");
        let right = format!(
            "日期,班级,姓名,情况,备注\n2023-10-07,三(1)班,,全到,\n2023-10-08,三(1)班,{one},旷课,没说原因\n2023/10/8,三(1)班,{two},病假,发烧\n"
        );
        send("缺勤.csv", right.as_bytes()).await.says("已读入点名 2 次").says("未到 2 人次");
        app.get(&teacher, "/roll?day=2023-10-08").await.says("应到 11,实到 9,原因不明 1");
        app.get(&teacher, "/roll?day=2023-10-07").await.says("应到 11,实到 11");
        // warned of as if it had been taken on the page, and not again by the same file
        app.get(&teacher, "/warnings").await.says("共 <b>1</b> 条").says(&one);
        send("缺勤.csv", right.as_bytes()).await.says("其中 2 次先前已读入");
        // what somebody took otherwise is flagged, and neither is lost
        let other = right.replace("旷课,没说原因", "病假,");
        send("缺勤2.csv", other.as_bytes()).await.says("有 1 人次与另一次点名不一致");
        app.get(&teacher, "/warnings").await.says("共 <b>1</b> 条");
        // the month that this program prints
        let class = crate::web::frame::view::url_part(CLASS);
        let file = app.get(&teacher, &format!("/attendance/month.xlsx?class={class}&month=2023-10")).await.is(200).bytes.clone();
        let page = send("点名册.xlsx", &file).await;
        page.says("已读入点名 2 次").says("未到 2 人次");
        assert!(!page.text().contains("不一致"), "{}", page.text());
        // child 30 is enrolled and not in school: nobody expects it, and the file is told so
        let school = app.log_in("school1").await;
        let off = format!("日期,班级,姓名,情况\n2023-10-09,三(2)班,{},旷课\n", child(30).0);
        let page = app.upload(&school, "/roll/import", &[("file", Some("缺勤3.csv"), off.as_bytes())]).await;
        page.says("有 1 人次不在那次点名的应到名单上").says(&format!("三(2)班 2023-10-09 晨检 {}", child(30).0));
        // another class's is not one's own
        let foreign = "日期,班级,姓名,情况\n2023-10-08,三(2)班,,全到\n";
        send("缺勤.csv", foreign.as_bytes()).await.says("不是您能点名的班");
        send("空.csv", b"").await.is(422);
        send("x.csv", "a,b\n1,2\n".as_bytes()).await.says("没有找到表头");
    }
}
