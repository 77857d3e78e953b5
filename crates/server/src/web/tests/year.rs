//! A school year ends: classes move up, classes are renamed, schools are merged.

use super::support::{COUNTY, SCHOOLS, apps};
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
        let form: Vec<(&str, &str)> = grow.iter().map(|g| ("grow", g.as_str())).collect();
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
        let other = app.log_in("school2").await;
        app.get(&other, "/ledgers/school-age").await.says("共 <b>44</b> 人");
        assert_eq!(total(&app.get(&teacher, "/ledgers/school-age").await.text()), total(&before), "her class is there too");
        // the county officer has no part in it
        app.get(&app.log_in("county").await, "/places/roll-over").await.is(403);
    }
}
