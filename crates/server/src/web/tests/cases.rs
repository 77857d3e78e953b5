//! From suspicion to return, as the people see it who do it: village, school, teacher, bureau.

use jiff::civil::date;

use super::ledgers::{PHOTO, answered, count, on, sheet, step};
use super::support::{Answer, TestApp, actor_of, apps, child};

const SUSPECTED: &str = "/ledgers/suspected";
const DROPOUT: &str = "/ledgers/dropout";

/// The number of child `i`.
pub async fn number_of(app: &TestApp, who: &str, i: usize) -> i64 {
    let found = app.get(who, &format!("/search?q={}", crate::web::frame::view::url_part(&child(i).0))).await.text();
    found.split("/children/").nth(1).unwrap_or_else(|| panic!("child {i}: {found}")).split('"').next().unwrap().parse().unwrap()
}

/// The case that a report opens.
pub async fn reported(app: &TestApp, who: &str, i: usize) -> i64 {
    let c = number_of(app, who, i).await;
    let form = [("note", "九月起没来,邻居说去了外地"), ("last_day", "2023-09-01"), ("cause", "working-away")];
    let a = app.post(who, &format!("/children/{c}/report"), &form).await;
    a.is(303);
    a.location.trim_start_matches("/cases/").parse().unwrap()
}

/// A proof of a case.
pub async fn proved(app: &TestApp, who: &str, case: i64) {
    app.upload(who, &format!("/cases/{case}/proofs"), &[("proofs", Some("证明.jpg"), PHOTO)]).await.is(303);
}

async fn version(app: &TestApp, who: &str, case: i64) -> String {
    let page = app.get(who, &format!("/cases/{case}")).await;
    page.is(200);
    page.text().split("name=\"version\" value=\"").nth(1).map_or("0", |v| v.split('"').next().unwrap()).to_owned()
}

/// A step of a case with the version that one sees.
async fn act(app: &TestApp, who: &str, case: i64, verb: &str, form: &[(&str, &str)]) -> Answer {
    let version = version(app, who, case).await;
    let form: Vec<(&str, &str)> = form.iter().copied().chain([("version", version.as_str())]).collect();
    app.post(who, &format!("/cases/{case}/{verb}"), &form).await
}

async fn contact(app: &TestApp, who: &str, case: i64, key: &str, fields: &[(&str, &str)], photo: bool) -> Answer {
    let mut parts: Vec<(&str, Option<&str>, &[u8])> = vec![("key", None, key.as_bytes())];
    parts.extend(fields.iter().map(|(n, v)| (*n, None, v.as_bytes())));
    if photo {
        parts.push(("photos", Some("家访.jpg"), PHOTO));
    }
    app.upload(who, &format!("/cases/{case}/contact"), &parts).await
}

async fn sound(app: &TestApp) {
    assert_eq!(app.office.store.unsound_cases().await.unwrap(), [0i64; 0]);
    assert_eq!(app.office.store.wrong_standings().await.unwrap(), [0i64; 0]);
}

/// A child is reported, visited, comes back, is looked after, leaves again, comes back, and is closed by somebody else than who asked: and
/// never stands on 辍学台账.
#[tokio::test]
async fn a_child_is_brought_back_and_stays() {
    for app in apps().await {
        app.compared().await;
        let (county, village) = (app.log_in("county").await, app.log_in("village1").await);
        assert_eq!(count(&app, &county, SUSPECTED).await, "5");
        let case = reported(&app, &village, 22).await;
        // one child, one question: what was still looked into became part of the file
        app.get(&county, "/findings?state=filed").await.says(&baoxue_domain::access::mask_name(&child(22).0));
        assert_eq!(count(&app, &county, SUSPECTED).await, "5", "it stood there already");
        app.get(&village, "/today").await.says("核实").says(&child(22).0).says("打电话");
        let page = app.get(&village, &format!("/cases/{case}")).await;
        page.says("控辍-2023-00001").says("疑似辍学台账").says("外出务工").says("2023-09-01").says("village1");
        // a call, sent twice, is one call
        let key = "0123456789abcdef0123456789abcdef";
        let call = [("kind", "phone"), ("outcome", "thinking"), ("on", "2023-10-09"), ("words", "奶奶说再想想")];
        contact(&app, &village, case, key, &call, false).await.is(303);
        contact(&app, &village, case, key, &call, false).await.is(303);
        app.get(&village, &format!("/cases/{case}")).await.says("1 次(家访 0 次)").says("奶奶说再想想").says("再考虑");
        // what cannot have been
        let at = |on: &'static str| [("kind", "phone"), ("outcome", "thinking"), ("on", on)];
        let other = "ffffffffffffffffffffffffffffffff";
        contact(&app, &village, case, other, &at("2023-10-10"), false).await.is(422).says("还没有到");
        contact(&app, &village, case, other, &at("2023-10-08"), false).await.is(422).says("早于这份档案的开始");
        let visit =
            [("kind", "visit"), ("outcome", "willing"), ("on", "2023-10-09"), ("signed", "on-paper"), ("people", "张干部")];
        contact(&app, &village, case, other, &visit, false).await.is(422).says("请附照片");
        contact(&app, &village, case, other, &visit[..3], true).await.is(422).says("签字情况");
        contact(&app, &village, case, other, &visit, true).await.is(303);
        app.get(&village, &format!("/cases/{case}")).await.says("2 次(家访 1 次)").says("张干部").says("纸质表已签字");
        act(&app, &village, case, "persuasion", &[]).await.is(303);
        act(&app, &village, case, "legal", &[]).await.is(422).says("至少 4 次(其中家访 2 次)");
        // back to school: off the ledger on that very day
        let back = [("placement", "other-school"), ("school", "柳林小学"), ("class", "三(1)班"), ("received_by", "王老师")];
        act(&app, &village, case, "return", &[&back[..], &[("on", "2023-10-10")]].concat()).await.is(422).says("还没有到");
        let old = version(&app, &village, case).await;
        act(&app, &village, case, "return", &[&back[..], &[("on", "2023-10-09")]].concat()).await.is(303);
        let twice: Vec<(&str, &str)> = [&back[..], &[("on", "2023-10-09"), ("version", old.as_str())]].concat();
        app.post(&village, &format!("/cases/{case}/return"), &twice).await.is(409).says("刚被别人办理过");
        assert_eq!(count(&app, &county, SUSPECTED).await, "4");
        assert_eq!(count(&app, &county, "/ledgers/returned").await, "1");
        app.get(&county, "/ledgers/returned").await.says("返校复学").says("办手续");
        app.get(&county, "/").await.says("已返校");
        act(&app, &village, case, "settlement", &[("settled", "已编班,学籍已转入")]).await.is(303);
        app.get(&village, &format!("/cases/{case}")).await.says("还有 4 次回访").says("2023-10-23");
        act(&app, &village, case, "asking", &[("ask", "close"), ("reason", "稳定")]).await.is(422).says("完成 4 次回访");
        // two weeks later it is gone again
        let later = on(&app, date(2023, 10, 24));
        let (county, village) = (later.log_in("county").await, later.log_in("village1").await);
        later.get(&village, "/today").await.says("回访").says("▲");
        act(&later, &village, case, "check", &[("present", "no")]).await.is(422).says("从哪天起");
        act(&later, &village, case, "check", &[("present", "no"), ("note", "昨天起没来"), ("on", "2023-10-23")]).await.is(303);
        assert_eq!(count(&later, &county, SUSPECTED).await, "5");
        assert_eq!(count(&later, &county, DROPOUT).await, "0");
        later.get(&county, "/cases?again=1").await.says("劝返中");
        later.get(&village, &format!("/cases/{case}")).await.says("再次离校 1 次").says("0 次(家访 0 次)");
        act(&later, &village, case, "return", &[&back[..], &[("on", "2023-10-24")]].concat()).await.is(303);
        act(&later, &village, case, "settlement", &[("settled", "学籍仍在校")]).await.is(303);
        for (day, n) in [(date(2023, 11, 7), 1), (date(2023, 11, 23), 2), (date(2023, 12, 25), 3), (date(2024, 2, 21), 4)] {
            let then = on(&app, day);
            let village = then.log_in("village1").await;
            act(&then, &village, case, "check", &[("present", "yes")]).await.is(303);
            let page = then.get(&village, &format!("/cases/{case}")).await;
            page.says(if n < 4 { "回访" } else { "申请销号" });
        }
        let end = on(&app, date(2024, 2, 22));
        let (county, village) = (end.log_in("county").await, end.log_in("village1").await);
        act(&end, &village, case, "asking", &[("ask", "close"), ("reason", "回访全部完成")]).await.is(303);
        end.get(&county, "/today").await.says("待审批").says("申请销号");
        // whoever asked does not decide; a village has no right to
        act(&end, &village, case, "decision", &[("answer", "agree")]).await.is(403);
        act(&end, &county, case, "decision", &[("answer", "refuse")]).await.is(422).says("请写明原因");
        act(&end, &county, case, "decision", &[("answer", "agree")]).await.is(303);
        end.get(&village, &format!("/cases/{case}")).await.says("已销号");
        end.get(&county, "/case-board").await.says("100.0%");
        assert_eq!(count(&end, &county, DROPOUT).await, "0");
        assert_eq!(count(&end, &county, "/cases?state=closed").await, "1");
        // as it was on a past day
        assert_eq!(count(&end, &county, &format!("{SUSPECTED}?as_of=2023-10-10")).await, "4");
        assert_eq!(count(&end, &county, &format!("{SUSPECTED}?as_of=2023-10-24")).await, "4");
        let look = end.get(&village, &format!("/cases/{case}/print")).await;
        assert!(!look.text().contains(&child(22).2));
        let word = end.get(&village, &format!("/cases/{case}/word/sheet")).await;
        word.is(200);
        let zip = end.post(&village, &format!("/cases/{case}/word.zip"), &[("reason", "上报上级")]).await;
        zip.is(200);
        if let Ok(folder) = std::env::var("BAOXUE_KEEP_PAPERS") {
            std::fs::write(format!("{folder}/papers.zip"), &zip.bytes).unwrap();
        }
        let print = end.post(&village, &format!("/cases/{case}/print"), &[("reason", "上报上级")]).await;
        print.says(&child(22).2).says("张干部").says("2023-10-24").says("一生一表");
        sound(&end).await;
        // reported once more: the same file goes on
        assert_eq!(reported(&end, &village, 22).await, case);
        end.get(&village, &format!("/cases/{case}")).await.says("再次离校 2 次").says("核实中").says("原档案继续");
        sound(&end).await;
    }
}

/// A finding that is upheld opens the child's file in the same moment; the file goes from hand to hand without ever being nobody's.
#[tokio::test]
async fn a_confirmed_dropout_has_an_owner_at_once_and_always() {
    for app in apps().await {
        app.compared().await;
        let (county, village, school, other) =
            (app.log_in("county").await, app.log_in("village1").await, app.log_in("school1").await, app.log_in("school2").await);
        let finding = answered(&app, 20, "dropped-out").await;
        let a = step(&app, &county, finding, "confirm", "").await;
        a.is(303);
        let case: i64 = a.location.trim_start_matches("/cases/").parse().unwrap();
        app.get(&county, &a.location).await.says("辍学台账").says("上坝村").says("已列入辍学台账");
        app.get(&county, &format!("/findings/{finding}")).await.says("控辍-2023-00001");
        sound(&app).await;
        // another town's school neither sees nor moves it
        app.get(&other, &a.location).await.is(404);
        app.post(&other, &format!("/cases/{case}/persuasion"), &[("version", "1")]).await.is(404);
        // offered, refused, offered, accepted
        let offer = [("ask", "transfer"), ("reason", "孩子在柳林小学读过"), ("place", "柳林小学")];
        act(&app, &village, case, "asking", &[("ask", "transfer"), ("reason", "x"), ("place", "上坝村")])
            .await
            .is(422)
            .says("不用移交");
        act(&app, &village, case, "asking", &offer).await.is(303);
        app.get(&school, "/today").await.says("待接收");
        app.get(&village, "/today").await.says("劝返");
        act(&app, &school, case, "reception", &[("answer", "refuse"), ("note", "从未在本校就读")]).await.is(303);
        sound(&app).await;
        app.get(&village, &format!("/cases/{case}")).await.says("从未在本校就读");
        act(&app, &village, case, "asking", &offer).await.is(303);
        // the giver goes on meanwhile
        let call = [("kind", "phone"), ("outcome", "unwilling"), ("on", "2023-10-09")];
        contact(&app, &village, case, "00000000000000000000000000000001", &call, false).await.is(303);
        act(&app, &school, case, "reception", &[("answer", "agree")]).await.is(303);
        app.get(&school, "/today").await.says("劝返").says(&child(20).0);
        assert!(!app.get(&village, "/today").await.text().contains(&format!("/cases/{case}\"")), "it is the school's now");
        sound(&app).await;
        // the bureau gives it back to the village
        app.post(&county, "/cases/assignment", &[("ids", &case.to_string()), ("place", "上坝村")]).await.is(303);
        app.get(&village, "/today").await.says(&child(20).0);
        app.get(&county, &format!("/cases/{case}")).await.says("柳林小学协同");
        sound(&app).await;
        // the law: four attempts, two of them visits; who may issue which paper
        for n in 2..5 {
            let visit = [("kind", "visit"), ("outcome", "not-met"), ("on", "2023-10-09"), ("signed", "nobody-there")];
            contact(&app, &village, case, &format!("{n:032}"), &visit, true).await.is(303);
        }
        act(&app, &village, case, "legal", &[]).await.is(303);
        let paper = |kind: &'static str| {
            [
                ("kind", kind),
                ("number", "青教责〔2023〕1号"),
                ("issued_on", "2023-10-09"),
                ("recipient", "家长某"),
                ("due_on", "2023-10-20"),
            ]
        };
        act(&app, &village, case, "papers", &paper("order")).await.is(422).says("由乡镇政府或县教育局制发");
        act(&app, &county, case, "papers", &paper("send")).await.is(303);
        app.get(&village, &format!("/cases/{case}"))
            .await
            .says("青教责〔2023〕1号")
            .says("未成年人保护法》第八十三条")
            .says("登记送达");
        let served = [("served_on", "2023-10-09"), ("service", "left"), ("witness", "邻居某"), ("result", "家长在场,拒签")];
        app.post(&village, &format!("/cases/{case}/papers/1"), &served).await.is(303);
        app.get(&county, &format!("/cases/{case}")).await.says("留置送达").says("拒签");
        // people who leave, places that end: the file stays owned
        let system = app.log_in("system").await;
        let closing = [("path", "g/52/5288/528801/528801100/528801100201/"), ("from", "2023-10-10")];
        app.post(&system, "/places/closing", &closing).await.is(422).says("1 份在办的劝返档案");
        app.get(&county, "/cases?state=legal&unit=g/52/5288/528801/528801100/528801100201/").await.says("依法控辍");
        let zip = app.post(&county, &format!("/cases/{case}/word.zip"), &[("reason", "上报上级")]).await;
        if let Ok(folder) = std::env::var("BAOXUE_KEEP_PAPERS") {
            std::fs::write(format!("{folder}/legal.zip"), &zip.bytes).unwrap();
        }
        // those of a whole list, a folder a case; who only looks gets none
        let town = "/cases/papers.zip?unit=g/52/5288/528801/528801100/528801100201/";
        let list = app.post(&county, town, &[("reason", "上报上级")]).await.is(200).bytes.clone();
        let mut names: Vec<String> =
            zip::ZipArchive::new(std::io::Cursor::new(list)).unwrap().file_names().map(|n| n.unwrap().into_owned()).collect();
        names.sort();
        assert!(names.len() > 5 && names.iter().all(|n| n.contains('/')), "{names:?}");
        assert!(names.iter().any(|n| n.contains("责令送被监护人接受义务教育通知书 青教责〔2023〕1号")), "{names:?}");
        app.post(&county, "/cases/papers.zip?state=closed", &[("reason", "上报上级")]).await.is(422).says("没有本单位办理的档案");
        app.post(&county, town, &[("reason", "")]).await.is(422);
        let word = app.get(&village, &format!("/cases/{case}/word/service?of=1")).await;
        word.is(200);
        app.get(&village, &format!("/cases/{case}/word/service?of=9")).await.is(404);
        app.get(&village, &format!("/cases/{case}/word/closing")).await.is(404);
        app.get(&other, &format!("/cases/{case}/word/sheet")).await.is(404);
        let (_, text, _) = sheet(&app, &county, "/cases/export.xlsx?state=legal").await;
        assert!(text.contains(&child(20).2) && text.contains("上坝村") && text.contains("控辍-2023-00001"), "{text}");
        sound(&app).await;
        let auditor = app.log_in("auditor").await;
        app.get(&auditor, "/audit?action=open-case").await.is(200);
        app.get(&auditor, "/audit").await.says("办理劝返").says("劝返档案");
    }
}

/// A clearing needs its proof, two who found it out, and somebody else who decides; when the proof runs out the file goes on.
#[tokio::test]
async fn a_cleared_case_goes_on_when_its_proof_runs_out() {
    for app in apps().await {
        app.compared().await;
        let (county, village) = (app.log_in("county").await, app.log_in("village1").await);
        let case = reported(&app, &village, 20).await;
        let clear =
            [("ask", "clear"), ("conclusion", "enrolled-elsewhere"), ("reason", "在外省就读"), ("checkers", "张三、李四")];
        act(&app, &village, case, "asking", &clear).await.is(422).says("须附在读证明");
        proved(&app, &village, case).await;
        act(&app, &village, case, "asking", &clear[..3]).await.is(422).says("两人");
        let nobody = [("ask", "clear"), ("conclusion", "nobody-found"), ("reason", "查无此人"), ("checkers", "张三、李四")];
        act(&app, &village, case, "asking", &nobody).await.is(422).says("须有 2 个单位");
        act(&app, &village, case, "asking", &clear).await.is(303);
        // until it is decided the child stands where it stood, and nothing else is done to it
        assert_eq!(count(&app, &county, SUSPECTED).await, "5");
        act(&app, &village, case, "persuasion", &[]).await.is(409).says("已经申请了核销");
        let decide = app.get(&county, &format!("/cases/{case}")).await;
        decide.says("省外就读").says("张三、李四").says("先看佐证");
        act(&app, &county, case, "decision", &[("answer", "agree")]).await.is(303);
        assert_eq!(count(&app, &county, SUSPECTED).await, "4");
        assert_eq!(count(&app, &county, "/ledgers/cleared").await, "1");
        app.get(&county, "/ledgers/cleared").await.says("省外就读").says("2024-03-01");
        sound(&app).await;
        // a run honours it
        app.compared_by("county").await;
        assert_eq!(count(&app, &county, SUSPECTED).await, "4");
        let term = on(&app, date(2024, 3, 1));
        let (county, village) = (term.log_in("county").await, term.log_in("village1").await);
        assert_eq!(count(&term, &county, SUSPECTED).await, "5");
        assert_eq!(term.office.reopen_expired(None).await.unwrap(), 1);
        assert_eq!(term.office.reopen_expired(None).await.unwrap(), 0, "once");
        term.get(&village, "/today").await.says("核实").says(&child(20).0);
        term.get(&village, &format!("/cases/{case}")).await.says("已于 2024-03-01 到期");
        sound(&term).await;
    }
}

/// A teacher reports a child whom every register has in school: it stands on the ledger, its school leads, its village helps.
#[tokio::test]
async fn a_teacher_reports_a_child_whom_registers_have_in_school() {
    for app in apps().await {
        app.compared().await;
        let (county, teacher, school, village) =
            (app.log_in("county").await, app.log_in("teacher1").await, app.log_in("school1").await, app.log_in("village1").await);
        let case = reported(&app, &teacher, 0).await;
        assert_eq!(count(&app, &county, SUSPECTED).await, "6");
        app.get(&county, SUSPECTED).await.says("核实中");
        app.get(&school, &format!("/cases/{case}")).await.says("由柳林小学负责,上坝村协同");
        app.get(&teacher, "/today").await.says(&child(0).0);
        app.get(&school, "/today").await.says(&child(0).0);
        // both lines speak to the family; only who leads moves it on
        let call = [("kind", "phone"), ("outcome", "willing"), ("on", "2023-10-09")];
        contact(&app, &village, case, "0000000000000000000000000000000a", &call, false).await.is(303);
        act(&app, &village, case, "persuasion", &[]).await.is(403);
        app.get(&village, &format!("/cases/{case}")).await.says(&child(0).0).says("1 次");
        // registers say the same as ever: that is no return
        app.compared_by("county").await;
        assert_eq!(count(&app, &county, SUSPECTED).await, "6");
        let back = [("placement", "former-school"), ("school", "柳林小学"), ("on", "2023-10-09")];
        act(&app, &teacher, case, "return", &back).await.is(303);
        assert_eq!(count(&app, &county, SUSPECTED).await, "5");
        assert_eq!(count(&app, &county, "/ledgers/returned").await, "1");
        sound(&app).await;
    }
}

/// What is sealed is told to whoever has the file and to the bureau, and to nobody else: not on pages, lists, exports or paper.
#[tokio::test]
async fn a_sealed_cause_is_other_to_everybody_else() {
    for app in apps().await {
        app.compared().await;
        let (county, village, school, teacher) =
            (app.log_in("county").await, app.log_in("village1").await, app.log_in("school1").await, app.log_in("teacher1").await);
        let case = reported(&app, &teacher, 0).await;
        act(&app, &school, case, "description", &[("cause", "religion"), ("whereabouts", "某寺")]).await.is(303);
        let cause = "<dt>原因</dt><dd>";
        app.get(&school, &format!("/cases/{case}")).await.says(&format!("{cause}宗教原因"));
        app.get(&county, &format!("/cases/{case}")).await.says(&format!("{cause}宗教原因"));
        for other in [&village, &teacher] {
            app.get(other, &format!("/cases/{case}")).await.says(&format!("{cause}其他"));
        }
        app.get(&school, &format!("/cases/{case}/print")).await.says("其他");
        let (_, text, _) = sheet(&app, &county, "/cases/export.xlsx?cause=other").await;
        assert!(text.contains("其他") && !text.contains("宗教"), "{text}");
        // no filter tells what the list does not
        assert_eq!(count(&app, &county, "/cases?cause=religion").await, count(&app, &county, "/cases").await);
        // whoever reads 其他 and saves does not wipe out what stands behind it
        act(&app, &teacher, case, "description", &[("cause", "other"), ("note", "家长拒接电话")]).await.is(303);
        app.get(&county, &format!("/cases/{case}")).await.says(&format!("{cause}宗教原因"));
        // signs of a crime: said first, until the police were told
        act(&app, &school, case, "description", &[("cause", "child-labour")]).await.is(303);
        app.get(&school, &format!("/cases/{case}")).await.says("应立即向公安机关报告");
        act(&app, &school, case, "description", &[("cause", "child-labour"), ("police", "10月9日报柳林派出所,回执 12")])
            .await
            .is(303);
        let told = app.get(&school, &format!("/cases/{case}")).await;
        assert!(!told.text().contains("应立即向公安机关报告"));
        told.says("强制报告");
        assert!(!app.get(&village, &format!("/cases/{case}")).await.text().contains("柳林派出所"), "told to who has the file");
    }
}

/// An installation of an earlier version: who was confirmed before there were files gets one, once.
#[tokio::test]
async fn dropouts_confirmed_before_there_were_cases_get_theirs() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        let finding = answered(&app, 20, "dropped-out").await;
        step(&app, &county, finding, "confirm", "").await.is(303);
        let mut tx = app.office.store.begin().await.unwrap();
        for sql in [
            "DELETE FROM case_ground",
            "DELETE FROM case_file",
            "DELETE FROM task WHERE subject_kind = 'case'",
            "DELETE FROM event WHERE subject_kind = 'case'",
        ] {
            tx.raw_run(sql, vec![]).await.unwrap();
        }
        tx.commit_untold("a test").await.unwrap();
        assert_eq!(app.office.open_missing_cases().await.unwrap(), 1);
        assert_eq!(app.office.open_missing_cases().await.unwrap(), 0);
        app.get(&county, "/cases").await.says("上坝村").says("劝返中");
        assert_eq!(count(&app, &county, DROPOUT).await, "1");
        sound(&app).await;
    }
}

/// The same answer to who asks for what is not hers, and for what is not there.
#[tokio::test]
async fn foreign_files_are_not_found() {
    for app in apps().await {
        app.compared().await;
        let (village, other) = (app.log_in("village1").await, app.log_in("school2").await);
        let case = reported(&app, &village, 20).await;
        proved(&app, &village, case).await;
        let mine = app.get(&village, &format!("/cases/{case}/proofs/1")).await;
        mine.is(200);
        assert_eq!(mine.headers.get("content-type").unwrap(), "image/jpeg");
        for path in ["", "/print", "/proofs/1"] {
            app.get(&other, &format!("/cases/{case}{path}")).await.is(404);
            app.get(&other, &format!("/cases/999{path}")).await.is(404);
        }
        for verb in ["persuasion", "asking", "return", "check", "description", "papers", "taking-back", "reception"] {
            app.post(
                &other,
                &format!("/cases/{case}/{verb}"),
                &[("version", "1"), ("ask", "close"), ("present", "yes"), ("answer", "agree")],
            )
            .await
            .is(404);
        }
        contact(&app, &other, case, "0000000000000000000000000000000b", &[], false).await.is(404);
        // a brother's box that was tampered with
        let call = [("kind", "phone"), ("outcome", "willing"), ("on", "2023-10-09"), ("also", "999")];
        contact(&app, &village, case, "0000000000000000000000000000000c", &call, false).await.is(404);
        app.get(&village, &format!("/cases/{case}")).await.says("0 次(家访 0 次)");
        // a program that calls itself a picture
        let parts: [(&str, Option<&str>, &[u8]); 1] = [("proofs", Some("照片.jpg"), b"MZ\x90\x00program")];
        app.upload(&village, &format!("/cases/{case}/proofs"), &parts).await.is(422).says("不是照片");
        let parts: [(&str, Option<&str>, &[u8]); 1] =
            [("proofs", Some("照片.svg"), b"<svg xmlns='http://www.w3.org/2000/svg'/>")];
        app.upload(&village, &format!("/cases/{case}/proofs"), &parts).await.is(422).says("不是照片");
        let actor = actor_of(&app.office, "county").await;
        assert!(app.office.seen_case(&actor, case, Some(1)).await.is_ok());
    }
}

/// Whatever people do, in whatever order, and whatever runs and the clock do meanwhile: an open file has its owner and deadline, the ledgers are
/// what events say, and whoever stands on 疑似 or 辍学台账 has exactly one open finding or file.
#[tokio::test]
async fn whatever_is_done_nobody_is_without_an_owner() {
    use crate::app::case::contact::{Contacting, Kept};
    use crate::app::case::opening::Report;
    use crate::app::case::work::{Asking, Returning};
    use baoxue_domain::case::{Ask, CaseStep};
    use baoxue_domain::ledger::Standing;
    use baoxue_store::{LedgerQuery, Listed, Order};
    for (seed, app) in apps().await.into_iter().enumerate() {
        app.compared().await;
        let mut state = 77 + seed as u64;
        let mut next = |n: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % n
        };
        let mut day = date(2023, 10, 9);
        let mut done = 0;
        let people = ["county", "county2", "village1", "school1", "teacher1"];
        for round in 0..220 {
            day = day.saturating_add(jiff::Span::new().days([0, 0, 0, 1, 3, 16][next(6) as usize]));
            let then = on(&app, day);
            let office = &then.office;
            let actor = actor_of(office, people[next(5) as usize]).await;
            let case = 1 + next(8) as i64;
            let at = office.seen_case(&actor, case, None).await.map(|s| s.case.version).unwrap_or(1);
            let today = day.to_string();
            let result = match next(16) {
                0 | 1 => {
                    let r = Report { note: "没来", ..Report::default() };
                    office.report(&actor, 1 + next(12) as i64 * 2, &r).await.map(|_| ())
                }
                2 => office.case_step(&actor, case, at, CaseStep::Persuade, "").await,
                3 | 4 => {
                    let key = format!("{round:032x}");
                    let c = Contacting { key: &key, kind: "phone", on: &today, outcome: "thinking", ..Contacting::default() };
                    office.record_contact(&actor, case, &c, Kept::default()).await.map(|_| ())
                }
                5 => office.ask_of_case(&actor, case, at, Ask::Confirm, &Asking { reason: "x", ..Asking::default() }).await,
                6 => {
                    let photo = vec![office.keep_proof("a.jpg", PHOTO.into()).await.unwrap()];
                    let _ = office.add_case_proofs(&actor, case, photo).await;
                    let code = ["enrolled-elsewhere", "dead", "wrong-id"][next(3) as usize];
                    let a = Asking { conclusion: code, reason: "x", checkers: "甲、乙", ..Asking::default() };
                    office.ask_of_case(&actor, case, at, Ask::Clear, &a).await
                }
                7 => {
                    let target = baoxue_domain::place::PlacePath::parse(
                        ["e/528801/2152000001/", "g/52/5288/528801/528801100/528801100201/"][next(2) as usize],
                    );
                    office
                        .ask_of_case(&actor, case, at, Ask::Transfer, &Asking { reason: "x", target, ..Asking::default() })
                        .await
                }
                8 | 9 => office.decide_case(&actor, case, at, next(3) > 0, "x").await,
                10 => office.take_back(&actor, case, at, "x").await,
                11 => {
                    let r = Returning { on: &today, placement: "former-school", school: "柳林小学", ..Returning::default() };
                    office.return_case(&actor, case, at, &r).await
                }
                12 => office.settle_case(&actor, case, at, "", "办妥").await,
                13 => office.check_case(&actor, case, at, "", next(3) > 0, "x").await,
                14 => office.reopen_case(&actor, case, at, "x").await,
                _ if round % 5 == 0 => {
                    then.compared_by("county").await;
                    Ok(())
                }
                _ => office.ask_of_case(&actor, case, at, Ask::Close, &Asking { reason: "x", ..Asking::default() }).await,
            };
            match result {
                Ok(()) => done += 1,
                Err(crate::app::office::OfficeError::Store(e)) => panic!("{e:?}"),
                Err(_) => {}
            }
            office.reopen_expired(None).await.unwrap();
            sound(&then).await;
            let j = baoxue_domain::access::Jurisdiction::everywhere();
            for standing in [Standing::Suspected, Standing::Dropout] {
                let listed = Some(Listed { standing, day: today.clone() });
                let q = LedgerQuery { listed, ..LedgerQuery::default() };
                for c in office.store.children(&q, &j, Order::Verdict, 100, 0).await.unwrap().rows {
                    let findings = office.store.findings_of(&c).await.unwrap().iter().filter(|f| f.state.is_pending()).count();
                    let files = office.store.cases_of(&c).await.unwrap().iter().filter(|k| k.facts.state.is_open()).count();
                    assert_eq!(findings + files, 1, "child {} on {day}: {findings} findings, {files} files", c.id);
                }
            }
        }
        assert!(done > 40, "only {done} steps were possible");
    }
}

/// What a review found: asks that outlive what they asked, days that come too late, words that are lost, proofs that serve twice.
#[tokio::test]
async fn nothing_is_left_behind_and_nothing_serves_twice() {
    for app in apps().await {
        app.compared().await;
        let (county, second, village, school) =
            (app.log_in("county").await, app.log_in("county2").await, app.log_in("village1").await, app.log_in("school1").await);
        // an offer ends when the child comes back or leaves again, and the file goes on
        let case = reported(&app, &village, 20).await;
        let back = [("placement", "other-school"), ("school", "柳林小学"), ("on", "2023-10-09")];
        act(&app, &village, case, "return", &back).await.is(303);
        act(&app, &village, case, "asking", &[("ask", "transfer"), ("reason", "x"), ("place", "柳林小学")]).await.is(303);
        act(&app, &village, case, "check", &[("present", "no"), ("note", "又走了")]).await.is(303);
        sound(&app).await;
        act(&app, &village, case, "asking", &[("ask", "confirm"), ("reason", "x")]).await.is(303);
        act(&app, &county, case, "decision", &[("answer", "agree")]).await.is(303);
        assert_eq!(count(&app, &county, DROPOUT).await, "1");
        // back on a day before the dropout was confirmed: it stands on no ledger all the same
        let later = on(&app, date(2023, 10, 12));
        let village3 = later.log_in("village1").await;
        act(&later, &village3, case, "return", &[("placement", "other-school"), ("school", "柳林小学"), ("on", "2023-10-09")])
            .await
            .is(303);
        let county3 = later.log_in("county").await;
        assert_eq!(count(&later, &county3, DROPOUT).await, "0");
        // a check before its time is none
        act(&later, &village3, case, "settlement", &[("settled", "办妥")]).await.is(303);
        act(&later, &village3, case, "check", &[("present", "yes")]).await.is(422).says("最多提前 5 天");
        // reported away while it should be back: it is gone again, and what was typed is kept
        assert_eq!(reported(&later, &village3, 20).await, case);
        later.get(&village3, &format!("/cases/{case}")).await.says("劝返中").says("外出务工").says("再次离校");
        assert_eq!(count(&later, &county3, DROPOUT).await, "1");
        sound(&later).await;
        // a question that is taken back gains no time
        let other = reported(&app, &village, 22).await;
        let due =
            |page: Answer| page.text().split("class=\"tag").nth(2).unwrap_or_default().chars().take(200).collect::<String>();
        let before = due(app.get(&village, &format!("/cases/{other}")).await);
        act(&app, &village, other, "asking", &[("ask", "confirm"), ("reason", "x")]).await.is(303);
        act(&app, &village, other, "taking-back", &[("note", "再核实")]).await.is(303);
        assert_eq!(due(app.get(&village, &format!("/cases/{other}")).await), before);
        // one key, two different records: nothing is lost in silence
        let key = "00000000000000000000000000000abc";
        let said = |words: &'static str| [("kind", "phone"), ("outcome", "thinking"), ("on", "2023-10-09"), ("words", words)];
        contact(&app, &village, other, key, &said("一"), false).await.is(303);
        contact(&app, &village, other, key, &said("一"), false).await.is(303);
        contact(&app, &village, other, key, &said("二"), false).await.is(422).says("已经登记过另一次联系");
        // a proof clears a child once; two who checked are two, and another unit is another one
        proved(&app, &village, other).await;
        let clear = |checkers: &'static str, vouched: &'static str| {
            [("ask", "clear"), ("conclusion", "nobody-found"), ("reason", "x"), ("checkers", checkers), ("vouched", vouched)]
        };
        act(&app, &village, other, "asking", &clear("张三、张三", "派出所")).await.is(422).says("两人");
        act(&app, &village, other, "asking", &clear("张三、李四", "本村")).await.is(422).says("2 个单位");
        act(&app, &village, other, "asking", &clear("张三、李四", "柳林派出所")).await.is(303);
        act(&app, &second, other, "decision", &[("answer", "agree")]).await.is(303);
        let next = on(&app, date(2023, 10, 20));
        let (county4, village4) = (next.log_in("county").await, next.log_in("village1").await);
        act(&next, &county4, other, "reopening", &[("note", "有人见到孩子")]).await.is(303);
        act(&next, &village4, other, "asking", &clear("张三、李四", "柳林派出所")).await.is(422).says("须附");
        sound(&next).await;
        // a legal paper follows persuasion, and names whoever it is served on
        let order = |who: &'static str| [("kind", "order"), ("number", "1"), ("issued_on", "2023-10-09"), ("recipient", who)];
        let third = reported(&app, &county, 2).await;
        act(&app, &county, third, "papers", &order("某")).await.is(422).says("转入依法控辍以后");
        // who is only told 其他 wipes out neither the cause nor what the police was told
        act(&app, &school, third, "description", &[("cause", "religion"), ("police", "报派出所")]).await.is(303);
        let teacher = app.log_in("village1").await;
        act(&app, &teacher, third, "description", &[("cause", "poverty"), ("whereabouts", "外省")]).await.is(303);
        app.get(&school, &format!("/cases/{third}")).await.says("宗教原因").says("报派出所").says("外省");
        // a sheet shows no more than the page does
        let page = app.get(&county, &format!("/cases/{third}/print")).await;
        assert!(!page.text().contains(&child(2).0), "the bureau reads names for a reason");
        let word = app.get(&county, &format!("/cases/{third}/word/sheet")).await;
        word.is(200);
    }
}

/// Whom a register has as a dropout stands on 辍学台账, and the file says so, though nobody here confirmed it.
#[tokio::test]
async fn a_file_names_the_ledger_on_which_its_child_stands() {
    for app in apps().await {
        let [household, students, roll] = super::support::rosters();
        let (name, birth, id) = child(20);
        let dropout = format!("2152000001,柳林小学,{name},男,{birth},{id},三年级,三(1)班,辍学\n");
        app.loaded("county", &[household, ("学籍.csv".into(), students.1 + &dropout), roll]).await;
        app.compared_by("county").await;
        let (county, village) = (app.log_in("county").await, app.log_in("village1").await);
        assert_eq!(count(&app, &county, DROPOUT).await, "1");
        let case = reported(&app, &village, 20).await;
        assert_eq!(count(&app, &county, DROPOUT).await, "1");
        let page = app.get(&county, &format!("/cases/{case}")).await;
        page.says(">辍学台账</span>");
        assert!(!page.text().contains("疑似辍学台账</span>"));
        app.get(&county, "/cases").await.says(">未确认</span>");
    }
}

/// Numbers of legal papers run per unit, kind and year, without gaps or repeats under two clerks at once; a void one keeps its number.
#[tokio::test]
async fn numbers_of_papers() {
    for app in apps().await {
        app.compared().await;
        let (county, village) = (app.log_in("county").await, app.log_in("village1").await);
        let (one, two) = (reported(&app, &village, 20).await, reported(&app, &village, 22).await);
        let urge = |number: &'static str| {
            [("kind", "urge"), ("number", number), ("issued_on", "2023-10-09"), ("recipient", "家长某"), ("due_on", "2023-10-20")]
        };
        for _ in 0..4 {
            let form = urge("");
            let (a, b) = tokio::join!(act(&app, &county, one, "papers", &form), act(&app, &county, two, "papers", &form));
            a.is(303);
            b.is(303);
        }
        let numbers = async |case: i64| -> Vec<u32> {
            let page = app.get(&county, &format!("/cases/{case}")).await.text();
            let list = page.split("<h2>依法文书</h2>").nth(1).unwrap().to_owned();
            list.split("教劝〔2023〕").skip(1).filter_map(|p| p.split('号').next()?.parse().ok()).collect()
        };
        let mut all = [numbers(one).await, numbers(two).await].concat();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all, (1..=8).collect::<Vec<u32>>());
        // another unit, and another kind, have numbers of their own
        act(&app, &village, one, "papers", &urge("")).await.is(303);
        app.get(&village, &format!("/cases/{one}")).await.says("上坝村劝〔2023〕1号");
        // a number that somebody typed is not given again
        act(&app, &county, one, "papers", &urge("教劝〔2023〕9号")).await.is(303);
        act(&app, &county, two, "papers", &urge("教劝〔2023〕9号")).await.is(422).says("本单位已经用过");
        act(&app, &county, two, "papers", &urge("")).await.is(303);
        assert_eq!(numbers(two).await.into_iter().max(), Some(10));
        // void: only by whoever issued it, only what was not served; the number stays, and the Word file is gone
        let id = app.get(&county, &format!("/cases/{one}")).await.number_after(&format!("/cases/{one}/papers/"));
        app.get(&county, &format!("/cases/{one}/word/urge?of={id}")).await.is(200);
        let void = format!("/cases/{one}/papers/{id}/void");
        app.post(&village, &void, &[("why", "写错")]).await.is(422).says("由制发单位作废");
        app.post(&county, &void, &[("why", "")]).await.is(422).says("写明作废的原因");
        app.post(&county, &void, &[("why", "姓名写错")]).await.is(303);
        app.post(&county, &void, &[("why", "姓名写错")]).await.is(409);
        app.get(&county, &format!("/cases/{one}")).await.says("作废</span>").says("姓名写错");
        app.get(&county, &format!("/cases/{one}/word/urge?of={id}")).await.is(404);
        act(&app, &county, one, "papers", &urge("")).await.is(303);
        assert_eq!(numbers(one).await.into_iter().max(), Some(11), "no number twice");
        sound(&app).await;
    }
}
