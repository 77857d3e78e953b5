//! A school year ends: classes move up, classes are renamed, schools are merged.

use super::support::{COUNTY, SCHOOLS, actor_of, apps};
use baoxue_domain::place::PlacePath;

#[tokio::test]
async fn a_school_year_rolls_over() {
    for app in apps().await {
        app.compared().await;
        let system = app.log_in("system").await;
        let school = format!("e/528801/{}/", SCHOOLS[0].0);
        app.get(&system, &format!("/places/school?path={school}")).await.is(200).says("三年级").says("三(1)班");
        app.get(&system, "/places/school?path=e/528802/1/").await.is(404);
        app.get(&system, "/places").await.says("柳林小学").says("学年升级");
        let teacher = app.log_in("teacher1").await;
        let before = app.get(&teacher, "/ledgers/school-age").await.text();
        // the highest grade of these schools is the third: an official says that it stays
        app.get(&system, "/places/roll-over").await.is(200).says("三年级不离校,升级");
        let grow: Vec<String> = SCHOOLS.iter().map(|s| format!("e/528801/{}/", s.0)).collect();
        let mut form: Vec<(&str, &str)> = grow.iter().map(|g| ("grow", g.as_str())).collect();
        // the rosters are of this school year already: nobody is moved up twice by a slip
        app.get(&system, "/places/roll-over").await.says("不要再升级");
        app.post(&system, "/places/roll-over", &form).await.is(422).says("确认班级还是上学年的");
        form.push(("sure", "1"));
        app.post(&system, "/places/roll-over", &form).await.is(303);
        app.get(&system, &format!("/places/school?path={school}")).await.says("四年级").says("四(1)班");
        let again = app.get(&system, "/places/roll-over").await;
        again.is(200).says("已经办过");
        app.post(&system, "/places/roll-over", &form).await.is(409);
        // the teacher went along with the class, and sees the same children
        let total = |text: &str| text.split("共 <b>").nth(1).and_then(|t| t.split('<').next()).unwrap_or("").to_owned();
        let after = app.get(&teacher, "/ledgers/school-age").await;
        after.says("四(1)班");
        assert_eq!(total(&after.text()), total(&before));
        assert_ne!(total(&before), "0");
        // a class gets another name
        let class = PlacePath::parse(&school).unwrap().child("四年级").child("四(1)班");
        let rename = [("path", class.as_str()), ("name", "四(3)班"), ("school", &school)];
        app.post(&system, "/places/renaming", &rename).await.is(303);
        app.get(&teacher, "/ledgers/school-age").await.says("四(3)班");
        assert_eq!(total(&app.get(&teacher, "/ledgers/school-age").await.text()), total(&before));
        app.post(&system, "/places/renaming", &rename).await.is(404);
        app.post(&system, "/places/renaming", &[("path", &school), ("name", "新名")]).await.is(422).says("样表");
        // a school is merged into the other; only into one of its kind
        app.post(&system, "/places/closing", &[("path", &school), ("into", COUNTY), ("from", "2023-10-09")]).await.is(422);
        let merge = [("path", grow[0].as_str()), ("into", grow[1].as_str()), ("from", "2023-10-09")];
        app.post(&system, "/places/closing", &merge).await.is(303);
        // whose rights would reach further waits for the security administrator
        let security = actor_of(&app.office, "security").await;
        for p in app.office.pending(&security).await.unwrap() {
            app.office.decide_request(Some(&security), p.request.id, true).await.unwrap();
        }
        let other = app.log_in("school2").await;
        app.get(&other, "/ledgers/school-age").await.says("共 <b>44</b> 人");
        assert_eq!(total(&app.get(&teacher, "/ledgers/school-age").await.text()), total(&before), "her class is there too");
        // the county officer has no part in it
        app.get(&app.log_in("county").await, "/places/roll-over").await.is(403);
    }
}

#[tokio::test]
async fn classes_count_and_see_what_does_not_agree() {
    for app in apps().await {
        app.compared().await;
        let teacher = app.log_in("teacher1").await;
        let page = app.get(&teacher, "/classes").await;
        page.is(200).says("柳林小学").says("三(1)班");
        let text = page.text();
        assert!(!text.contains("三(2)班"), "only her own class");
        let class = text.split("name=\"path\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let form = |roll: &'static str| {
            [("month", "2023-10"), ("path", class.as_str()), ("roll", roll), ("homework", ""), ("seats", "")]
        };
        app.post(&teacher, "/classes", &form("3")).await.is(303);
        app.get(&teacher, "/classes").await.says("点名比在校少");
        app.post(&teacher, "/classes", &form("x")).await.is(422).says("“x”不是整数");
        app.post(&teacher, "/classes", &form("900")).await.is(422).says("0 到 200");
        app.post(&teacher, "/classes", &[("month", "2023-09"), ("path", &class), ("roll", "3")]).await.is(422).says("本月");
        let other = class.replace("三(1)班", "三(2)班");
        app.post(&teacher, "/classes", &[("month", "2023-10"), ("path", &other), ("roll", "3")]).await.is(404);
        // the county sees its schools, and takes the table along
        let county = app.log_in("county").await;
        app.get(&county, "/classes").await.is(200).says("柳林小学").says("石桥小学");
        app.get(&county, "/classes?school=e/528801/2152000001/").await.says("点名比在校少");
        app.post(&county, "/classes", &form("3")).await.is(403);
        let sheet = app.get(&county, "/classes/export.xlsx").await;
        let sheets = baoxue_documents::read::read("x.xlsx", sheet.bytes).unwrap();
        let all: Vec<String> =
            (0..sheets[0].height()).map(|r| sheets[0].row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>().join("|")).collect();
        assert!(all.iter().any(|r| r.contains("柳林小学|三年级 三(1)班") && r.contains("点名比在校少")), "{all:?}");
        app.get(&app.log_in("village1").await, "/classes").await.is(403);
    }
}

/// Grade 9 of two schools against three diagnostic exams and the registration: who is missing, by school and exam.
#[tokio::test]
async fn grade_nine_against_its_exams() {
    for app in apps().await {
        let mut students = String::from("学校标识码,学校名称,姓名,性别,出生日期,身份证件号,年级,班级,学籍状态\n");
        let mut household = String::from("姓名,性别,出生日期,身份证件号,行政区划代码,户籍地址,户籍状态\n");
        let exam = "准考证号,学校名称,班级,姓名,身份证件号,性别,出生日期,是否缺考\n";
        let mut exams = [exam.to_owned(), exam.to_owned(), exam.to_owned(), exam.to_owned()];
        for i in 0..16usize {
            let (name, birth, id) = super::support::child(i);
            let school = SCHOOLS[i % 2];
            let village = super::support::VILLAGES[i % 2];
            household += &format!("{name},男,{birth},{id},{village},青禾县{i}组,在册\n");
            students += &format!("{},{},{name},男,{birth},{id},九年级,九(1)班,在读\n", school.0, school.1);
            for (n, e) in exams.iter_mut().enumerate() {
                // child 0 was never seen, child 2 not any more at the third, child 4 registered and stayed away
                if i == 0 || (i == 2 && n >= 2) {
                    continue;
                }
                let absent = if i == 4 && n == 3 { "是" } else { "否" };
                *e += &format!("24520{i:02},{},九(1)班,{name},{id},男,{birth},{absent}\n", school.1);
            }
        }
        let mut all = vec![("户籍.csv".to_owned(), household), ("学籍.csv".to_owned(), students)];
        let names = ["九年级一诊.csv", "九年级二诊.csv", "九年级三诊.csv", "中考报名.csv"];
        all.extend(names.iter().map(|n| (*n).to_owned()).zip(exams));
        app.loaded("county", &all).await;
        app.compared_by("county").await;
        let county = app.log_in("county").await;
        let page = app.get(&county, "/checks").await;
        page.is(200).says("一诊").says("二诊").says("三诊").says("中考报名");
        let name = |i: usize| baoxue_domain::access::mask_name(&super::support::child(i).0);
        let list = async |exam: &str| app.get(&county, &format!("/checks/1/exam-0-{exam}")).await.text();
        for (exam, second) in [("diagnostic-1", false), ("diagnostic-2", false), ("diagnostic-3", true), ("exam", true)] {
            let text = list(exam).await;
            assert!(text.contains("柳林小学") && text.contains(&name(0)), "{exam}: {text}");
            assert_eq!(text.contains(&name(2)), second, "{exam}");
        }
        app.get(&county, "/checks/1/exam-0-diagnostic-9").await.is(404);
        // without a reason nobody's name stands in it
        let masked = app.get(&county, "/checks/export.xlsx").await;
        let hidden = baoxue_documents::read::read("x.xlsx", masked.bytes).unwrap();
        assert!((0..hidden[1].height()).all(|r| hidden[1].row(r).all(|c| c.text != super::support::child(2).0)));
        app.post(&county, "/checks/export.xlsx", &[("reason", "")]).await.is(422).says("原因");
        let book = app.post(&county, "/checks/export.xlsx", &[("reason", "核对名册")]).await;
        let sheets = baoxue_documents::read::read("x.xlsx", book.bytes).unwrap();
        let lines = |i: usize| -> Vec<String> {
            let s = &sheets[i];
            (0..s.height()).map(|r| s.row(r).map(|c| c.text.to_owned()).collect::<Vec<_>>().join("|")).collect()
        };
        assert!(lines(0).iter().any(|r| r.starts_with("柳林小学|8|7|0|1|7|0|1|6|0|2|6|1|2")), "{:?}", lines(0));
        let who = super::support::child(2).0;
        assert!(
            lines(1).iter().any(|r| r.starts_with(&format!("三诊|{who}")))
                && !lines(1).iter().any(|r| r.starts_with(&format!("一诊|{who}")))
        );
        // a school sees its own
        let school2 = app.log_in("school2").await;
        let text = app.get(&school2, "/checks").await.text();
        assert!(text.contains("石桥小学") && !text.contains("柳林小学"), "{text}");
    }
}
