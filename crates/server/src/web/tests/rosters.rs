//! Rosters that are added to, mended, withdrawn; schools and classes by name; runs that must not go on by themselves.

use baoxue_domain::access::Jurisdiction;
use baoxue_domain::place::PlacePath;
use baoxue_store::{BatchState, LedgerQuery, Order, binds};

use super::support::{COUNTY, TestApp, actor_of, apps, child, rosters};

async fn upload(app: &TestApp, who: &str, name: &str, text: &str) -> String {
    let answer = app.upload(who, "/rosters", &[("files", Some(name), text.as_bytes())]).await;
    answer.is(303);
    let page = app.get(who, "/rosters").await.text();
    page.split("name=\"ids\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

async fn run(app: &TestApp, who: &str) -> String {
    let started = app.post(who, "/runs", &[]).await;
    started.is(303);
    app.work().await;
    started.location
}

fn lines(text: &str, keep: impl Fn(usize, &str) -> bool) -> String {
    text.lines().enumerate().filter(|(i, l)| keep(*i, l)).map(|(_, l)| format!("{l}\n")).collect()
}

/// How many children there are by verdict.
async fn verdicts(app: &TestApp) -> Vec<(String, i64)> {
    let all = Jurisdiction::of([PlacePath::parse("g/52/").unwrap()].iter());
    let mut out = app.office.store.verdict_counts(&LedgerQuery::default(), &all).await.unwrap();
    out.sort();
    out
}

#[tokio::test]
async fn a_roster_is_added_to_and_mended_rows_go_back() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let before = verdicts(&app).await;
        // two transferred pupils in a sheet of their own
        let (name, birth, id) = child(20);
        let head = rosters()[1].1.lines().next().unwrap().to_owned();
        let two = format!(
            "{head}\n2152000001,柳林小学,{name},男,{birth},{id},三年级,三(1)班,在读\n2152000001,柳林小学,{},男,{},{},三年级,三(1)班,在读\n",
            child(22).0,
            child(22).1,
            child(22).2
        );
        let ids = upload(&app, &county, "转入.csv", &two).await;
        app.get(&county, "/rosters").await.says("怎样载入").says("补充(原有的都保留)").says("只替换表中的学校(乡镇)");
        app.post(&county, "/rosters/loading", &[("ids", &ids), (&format!("mode:{ids}"), "add")]).await.is(303);
        let loaded = app.office.store.batches(COUNTY, &[BatchState::Loaded], 10, 0).await.unwrap();
        assert_eq!(loaded.iter().filter(|b| b.source == "students").count(), 2, "both are in use");
        app.get(&county, "/rosters").await.says("<span class=\"tag\">补充");
        // rosters have changed since the run: every page says so, and offers the next one
        for page in ["/", "/ledgers/suspected", "/runs/1", "/findings"] {
            app.get(&county, page).await.says("名册在第 1 次比对").says("按现在的名册再比对一次");
        }
        let village = app.log_in("village1").await;
        let page = app.get(&village, "/ledgers/suspected").await;
        page.says("名册在第 1 次比对");
        assert!(!page.text().contains("再比对一次"));
        run(&app, &county).await;
        assert!(!app.get(&county, "/").await.text().contains("名册在第"));
        let count = |all: &[(String, i64)], v: &str| all.iter().find(|c| c.0 == v).map_or(0, |c| c.1);
        let now = verdicts(&app).await;
        assert_eq!(now.iter().map(|c| c.1).sum::<i64>(), 48, "nobody is lost");
        assert_eq!(count(&now, "household-no-record"), count(&before, "household-no-record") - 2);

        // one school sends its list anew: only its rows are replaced
        let school2 = lines(&rosters()[1].1, |i, l| i == 0 || l.starts_with("2152000002"));
        let ids = upload(&app, &county, "石桥小学.csv", &school2).await;
        app.post(&county, "/rosters/loading", &[("ids", &ids), (&format!("mode:{ids}"), "places")]).await.is(303);
        run(&app, &county).await;
        assert_eq!(verdicts(&app).await, now, "nothing has changed");
        // half of a school is a change of what is replaced
        let half = lines(&school2, |i, _| i < 8);
        let ids = upload(&app, &county, "石桥小学2.csv", &half).await;
        app.post(&county, "/rosters/loading", &[("ids", &ids), (&format!("mode:{ids}"), "places")])
            .await
            .is(409)
            .says("要替换掉的现有 22 行,这次 7 行");
        app.post(&county, &format!("/rosters/{ids}/withdrawal"), &[]).await.is(303);

        // bad rows come back, are put right, and go where they stood
        let bad = rosters()[0].1.replacen(&child(4).2, &format!("{}9", &child(4).2[..17]), 1);
        let bad = if bad == rosters()[0].1 { bad.replacen(&child(4).2[..17], "52880120131332345", 1) } else { bad };
        let ids = upload(&app, &county, "户籍11月.csv", &bad).await;
        app.post(&county, "/rosters/loading", &[("ids", &ids), (&format!("mode:{ids}"), "whole")]).await.is(303);
        let sheet = app.get(&county, &format!("/rosters/{ids}/bad-rows.xlsx")).await;
        let sheets = baoxue_documents::read::read("x.xlsx", sheet.bytes.clone()).unwrap();
        assert_eq!(sheets[0].height(), 3 + 1, "one row");
        let mut text: Vec<String> =
            (0..sheets[0].height()).map(|r| sheets[0].row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>().join(",")).collect();
        text.iter_mut().for_each(|l| *l = l.replace(&format!("{}9", &child(4).2[..17]), &child(4).2));
        let back = upload(&app, &county, "问题行.csv", &text.join("\n")).await;
        app.get(&county, "/rosters").await.says("<option value=\"mend\" selected>");
        app.post(&county, "/rosters/loading", &[("ids", &back)]).await.is(303);
        run(&app, &county).await;
        assert_eq!(verdicts(&app).await, now, "the mended row stands in place of the bad one");
        // withdrawn, the roster before is as it was
        app.post(&county, &format!("/rosters/{back}/withdrawal"), &[]).await.is(303);
        let loaded = app.office.store.batches(COUNTY, &[BatchState::Loaded], 10, 0).await.unwrap();
        assert_eq!(loaded.iter().filter(|b| b.source == "household").map(|b| b.id.to_string()).collect::<Vec<_>>(), [ids]);
    }
}

/// Whoever came only with a roster that is withdrawn disappears with it, and is not missed.
#[tokio::test]
async fn who_came_only_with_a_withdrawn_roster_disappears_with_it() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let mut roll = rosters()[2].1.clone();
        for i in 0..3 {
            roll += &format!("2152000001,柳林小学,孙外{},男,2014-05-0{},三年级,三(1)班,是\n", ["一", "二", "三"][i], i + 1);
        }
        let ids = upload(&app, &county, "在校2.csv", &roll).await;
        app.post(&county, "/rosters/loading", &[("ids", &ids)]).await.is(303);
        run(&app, &county).await;
        assert_eq!(verdicts(&app).await.iter().map(|c| c.1).sum::<i64>(), 51);
        app.post(&county, &format!("/rosters/{ids}/withdrawal"), &[]).await.is(303);
        app.get(&county, "/ledgers/school-age").await.says("名册在第 2 次比对").says("共 <b>51</b> 人");
        run(&app, &county).await;
        app.get(&county, "/runs/3").await.says("来源中消失 <b>0</b> 人");
        app.get(&county, "/ledgers/school-age?gone=1").await.says("共 <b>0</b> 人");
        app.get(&county, "/ledgers/school-age").await.says("共 <b>48</b> 人");
        // their numbers are not given to anybody else, and come back with them
        app.loaded("county", &[("在校2.csv".into(), roll)]).await;
        run(&app, &county).await;
        assert_eq!(verdicts(&app).await.iter().map(|c| c.1).sum::<i64>(), 51);
    }
}

/// A school without its code, a spelling away, under an old name; a class in three spellings: no phantom school, no phantom class.
#[tokio::test]
async fn schools_and_classes_are_known_by_name_too() {
    for app in apps().await {
        let system = app.log_in("system").await;
        // the school was called otherwise until today
        let was = "学校标识码,学校名称,所在乡镇代码\n2152000001,柳林完小,528801100\n";
        let form =
            |text: &'static str, day: &'static str| [("from", None, day.as_bytes()), ("file", Some("学校.csv"), text.as_bytes())];
        app.upload(&system, "/places", &form(was, "2023-10-01")).await.is(303);
        let is = "学校标识码,学校名称,所在乡镇代码\n2152000001,柳林小学,528801100\n";
        app.upload(&system, "/places", &form(is, "2023-10-09")).await.is(303);
        let county = app.log_in("county").await;
        let [household, students, roll] = rosters();
        let spell = |text: &str, spellings: &[(&str, &str, &str)]| {
            let mut rows: Vec<String> = text.lines().map(str::to_owned).collect();
            for (i, (school, class_from, class_to)) in spellings.iter().enumerate() {
                let row = rows.iter_mut().filter(|r| r.starts_with("2152000001") && r.contains(class_from)).nth(i).unwrap();
                *row = row.replacen("2152000001,柳林小学", school, 1).replacen(class_from, class_to, 1);
            }
            rows.join("\n") + "\n"
        };
        let odd = [
            (",柳林小学", "三(1)班", "叁(1)班"),
            (",柳林完小", "三(1)班", "1班"),
            (",青禾县柳林小学", "三(1)班", "三年级(1)班"),
            (",柳林中学小", "三(1)班", "三(1)班"),
        ];
        let files = [household, (students.0.clone(), spell(&students.1, &odd)), (roll.0.clone(), spell(&roll.1, &odd[..3]))];
        let parts: Vec<(&str, Option<&str>, &[u8])> =
            files.iter().map(|(n, t)| ("files", Some(n.as_str()), t.as_bytes())).collect();
        app.upload(&county, "/rosters", &parts).await.is(303);
        let staged = app.office.store.batches(COUNTY, &[BatchState::Staged], 10, 0).await.unwrap();
        let register = staged.iter().find(|b| b.source == "students").unwrap().id;
        let page = app.get(&county, &format!("/rosters/{register}")).await;
        page.says("不在学校名单中的学校").says("柳林中学小").says("学校不在学校名单中");
        // 认作: remembered for the next time
        let said = [("called:1", "柳林中学小"), ("school:1", "e/528801/2152000001/")];
        let again = app.post(&county, &format!("/rosters/{register}/reading"), &said).await;
        again.is(303);
        assert!(!app.get(&county, &again.location).await.text().contains("不在学校名单中"));
        app.post(&county, &format!("/rosters/{register}/reading"), &said).await.is(409);
        let elsewhere = [("called:1", "柳林中学小"), ("school:1", "e/528802/2152000001/")];
        app.post(&county, &format!("{}/reading", again.location), &elsewhere).await.is(422).says("不在学校名单中");
        let staged = app.office.store.batches(COUNTY, &[BatchState::Staged], 10, 0).await.unwrap();
        let ids: Vec<String> = staged.iter().map(|b| b.id.to_string()).collect();
        assert_eq!(ids.len(), 3, "one batch for each file");
        app.post(&county, "/rosters/loading", &[("ids", &ids.join(","))]).await.is(303);
        run(&app, &county).await;
        let page = app.get(&county, "/runs/1").await;
        page.says("<b>43</b> 人在学");
        assert!(!page.text().contains("没有交在校实名"), "every school has handed over its roll");
        let all = Jurisdiction::of([PlacePath::parse("g/52/").unwrap()].iter());
        let children = app.office.store.children(&LedgerQuery::default(), &all, Order::Verdict, 100, 0).await.unwrap().rows;
        let mut classes: Vec<String> = children.iter().filter_map(|c| c.school_path.clone()).collect();
        classes.sort();
        classes.dedup();
        assert_eq!(classes.len(), 4, "{classes:?}");
    }
}

/// A queued run whose inputs cannot be read, or that has none, fails; nobody is marked gone.
#[tokio::test]
async fn a_run_without_inputs_fails() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let before = verdicts(&app).await;
        for (i, inputs) in ["[{\"batch\":1}]", "[]", "nonsense"].into_iter().enumerate() {
            let officer = actor_of(&app.office, "county").await;
            let id = app.office.ask_for_run(&officer, true).await.unwrap();
            let mut tx = app.office.store.begin().await.unwrap();
            let sealed = app.office.store.vault().seal_text("run", inputs).unwrap();
            tx.raw_run("UPDATE run SET rosters = $1 WHERE id = $2", binds![sealed, id]).await.unwrap();
            tx.commit_untold("a test").await.unwrap();
            app.work().await;
            app.get(&county, &format!("/runs/{}", i + 2)).await.says("名册清单读不出来").says("名册和以前的结果不受影响");
            assert_eq!(verdicts(&app).await, before);
        }
    }
}

/// A run that would lose more than a tenth of the children stops and asks.
#[tokio::test]
async fn a_run_that_would_lose_many_children_asks() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let before = verdicts(&app).await;
        // every register comes cut short, and each loading was confirmed
        let short: Vec<(String, String)> =
            rosters().map(|(n, t)| (format!("短{n}"), lines(&t, |i, _| i == 0 || i <= 36))).into_iter().collect();
        app.loaded("county", &short).await;
        run(&app, &county).await;
        let page = app.get(&county, "/runs/2").await;
        page.says("原有 48 名儿童中的").says("消失属实,仍按此比对");
        assert_eq!(verdicts(&app).await, before, "nothing was saved");
        app.post(&county, "/runs", &[("accepts_gone", "1")]).await.is(303);
        app.work().await;
        let page = app.get(&county, "/runs/3").await.text();
        assert!(page.contains("来源中消失") && !page.contains("来源中消失 <b>0</b>"), "{page}");
        assert_ne!(verdicts(&app).await, before);
    }
}
