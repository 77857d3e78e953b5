//! A phone without signal: what it keeps, what it sends, and what becomes of that when the world has changed meanwhile.

use axum::body::Body;
use axum::http::{Request, header};
use jiff::civil::date;
use ring::hmac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::cases::{proved, reported};
use super::ledgers::{PHOTO, count, on};
use super::support::{Answer, TestApp, actor_of, apps, child};
use crate::app::offline::records::signed_text;
use crate::app::offline::seal;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn parsed(a: &Answer) -> Value {
    serde_json::from_slice(&a.bytes).unwrap_or_else(|_| panic!("{} is no JSON: {}", a.status, a.text()))
}

/// A phone that somebody enrolled.
struct Phone {
    device: i64,
    secret: Vec<u8>,
    key: (i64, Vec<u8>),
}

impl Phone {
    async fn enrolled(app: &TestApp, who: &str) -> Self {
        let a = app.post(who, "/offline/devices", &[("name", "王村长的手机")]).await;
        let said = parsed(a.is(200));
        let data = parsed(app.get(who, &format!("/offline/data?device={}", said["device"])).await.is(200));
        assert_eq!(data["device"], true);
        Self {
            device: said["device"].as_i64().unwrap(),
            secret: unhex(said["secret"].as_str().unwrap()),
            key: (data["key"]["id"].as_i64().unwrap(), unhex(data["key"]["public"].as_str().unwrap())),
        }
    }

    async fn post(&self, app: &TestApp, path: &str, said: &str, body: Vec<u8>) -> Answer {
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.secret), said.as_bytes());
        let request = Request::post(path)
            .header(header::HOST, "localhost")
            .header("sec-fetch-site", "same-origin")
            .header("x-in-place", "1")
            .header("x-device", self.device.to_string())
            .header("x-mac", hex(mac.as_ref()));
        app.ask(request.body(Body::from(body)).unwrap()).await
    }

    async fn hello(&self, app: &TestApp) -> Answer {
        self.post(app, "/offline/hello", "hello", Vec::new()).await
    }

    fn sealed(&self, key: &str, record: &Value) -> Vec<u8> {
        seal::seal(self.key.0, &self.key.1, record.to_string().as_bytes(), key)
    }

    async fn send(&self, app: &TestApp, key: &str, record: &Value) -> Answer {
        let sealed = self.sealed(key, record);
        self.post(app, &format!("/offline/records/{key}"), &signed_text(key, None, &sealed), sealed).await
    }

    async fn send_part(&self, app: &TestApp, key: &str, n: i64, bytes: &[u8]) -> Answer {
        let sealed = seal::seal(self.key.0, &self.key.1, bytes, &format!("{key}:{n}"));
        self.post(app, &format!("/offline/records/{key}/parts/{n}"), &signed_text(key, Some(n), &sealed), sealed).await
    }
}

const KEY: &str = "00112233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100";

/// A visit of a form that this program and those before it wrote.
fn visit(case: i64, day: &str, words: &str) -> Value {
    let photo = hex(&Sha256::digest(PHOTO));
    json!({ "v": 1, "kind": "contact", "body": {
        "case": case, "version": 1, "also": [], "kind": "visit", "on": day, "outcome": "willing", "signed": "on-screen", "made_at": 1_696_820_400_000_i64,
        "detail": { "people": "王村长", "met": "奶奶", "words": words, "attitude": "", "wish": "", "witness": "", "typed_for": "", "next": "" },
        "photos": [photo], "signatures": [["guardian", photo], ["school", photo], ["cadre", photo]],
    } })
}

fn call(case: i64, day: &str, words: &str) -> Value {
    json!({ "v": 1, "kind": "contact", "body": { "case": case, "kind": "phone", "on": day, "outcome": "thinking", "detail": { "words": words } } })
}

/// A record that waits for its author, with a photo.
pub async fn held(app: &TestApp, who: &str, case: i64) {
    let phone = Phone::enrolled(app, who).await;
    phone.send(app, OTHER, &visit(case, "2023-10-12", "时间不对")).await.is(200).says("held");
    phone.send_part(app, OTHER, 0, PHOTO).await.is(200);
}

/// Recorded in the hills, sent in pieces and more than once, without a session: one visit, with its photo and three signatures.
#[tokio::test]
async fn a_visit_without_signal_goes_up_once() {
    for app in apps().await {
        app.compared().await;
        let village = app.log_in("village1").await;
        let case = reported(&app, &village, 22).await;
        let phone = Phone::enrolled(&app, &village).await;
        let data = parsed(app.get(&village, "/offline/data").await.is(200));
        let kept = &data["data"]["cases"][0];
        assert_eq!((kept["id"].as_i64(), kept["name"].as_str()), (Some(case), Some(child(22).0.as_str())));
        assert!(!data.to_string().contains(&child(22).2), "no numbers of identity cards on phones");

        let record = visit(case, "2023-10-09", "奶奶同意下周送来");
        // the connection breaks while it is sent, and both are under way at once
        let (a, b) = tokio::join!(phone.send(&app, KEY, &record), phone.send(&app, KEY, &record));
        for a in [&a, &b] {
            let said = parsed(a.is(200));
            assert_eq!((said["key"].as_str(), said["state"].as_str()), (Some(KEY), Some("done")), "{said}");
            assert_eq!(said["missing"], json!([0, 1, 2, 3]));
        }
        let page = app.get(&village, &format!("/cases/{case}")).await;
        page.says("1 次(家访 1 次)").says("奶奶同意下周送来").says("照片和签字 4 张,还在手机里").says("2023-10-09 11:00");
        // another photo than the one of the record is none of it
        phone.send_part(&app, KEY, 0, b"RIFF").await.is(422).says("不是同一张");
        for n in 0..4 {
            phone.send_part(&app, KEY, n, PHOTO).await.is(200);
            phone.send_part(&app, KEY, n, PHOTO).await.is(200);
        }
        let said = parsed(phone.send(&app, KEY, &record).await.is(200));
        assert_eq!((said["state"].as_str(), &said["missing"]), (Some("done"), &json!([])));
        let page = app.get(&village, &format!("/cases/{case}")).await;
        page.says("1 次(家访 1 次)").says("家长签字").says("手机照片1");
        let shown: std::collections::BTreeSet<String> =
            page.text().split("/proofs/").skip(1).map(|p| p.chars().take_while(char::is_ascii_digit).collect()).collect();
        assert!(!page.text().contains("还在手机里") && shown.len() == 4, "{shown:?}");
        // another text under the same key
        phone.send(&app, KEY, &visit(case, "2023-10-09", "别的话")).await.is(409).says("key-taken");
        phone.send_part(&app, OTHER, 0, PHOTO).await.is(404);
        // the ledger and the bureau's page know of it as of any other
        let county = app.log_in("county").await;
        app.get(&county, &format!("/cases/{case}")).await.says("1 次(家访 1 次)");
        app.get(&village, "/held").await.says("没有待处理的");
        app.get(&app.log_in("auditor").await, "/audit").await.says("启用离线设备").says("档案存入手机").says("登记联系家访");
    }
}

/// What the files refuse waits for its author with every word, and becomes what it says once she has mended it.
#[tokio::test]
async fn what_is_refused_waits_for_its_author() {
    for app in apps().await {
        app.compared().await;
        let (village, county) = (app.log_in("village1").await, app.log_in("county").await);
        let case = reported(&app, &village, 22).await;
        let phone = Phone::enrolled(&app, &village).await;
        // a phone whose clock is a day ahead
        let said = parsed(phone.send(&app, KEY, &call(case, "2023-10-10", "爸爸说国庆后送来")).await.is(200));
        assert_eq!(said["state"], "held");
        assert!(said["said"].as_str().unwrap().contains("还没有到"), "{said}");
        app.get(&village, "/today").await.says("手机上传后没有登记成的 1 条");
        app.get(&village, "/held").await.says("还没有到").says("本人记录的一次联系");
        let id = app.get(&village, "/held").await.number_after("/held/");
        app.get(&village, &format!("/held/{id}")).await.says("爸爸说国庆后送来").says("2023-10-10");
        app.get(&app.log_in("school1").await, &format!("/held/{id}")).await.is(404);
        app.get(&county, &format!("/held/{id}")).await.says("village1记录的一次联系");
        let form = |on: &'static str| [("kind", "phone"), ("outcome", "thinking"), ("on", on), ("words", "爸爸说国庆后送来")];
        app.post(&village, &format!("/held/{id}/submission"), &form("2023-10-11")).await.is(422).says("还没有到");
        app.post(&village, &format!("/held/{id}/submission"), &form("2023-10-09")).await.is(303);
        app.get(&village, &format!("/cases/{case}")).await.says("1 次(家访 0 次)").says("爸爸说国庆后送来");
        app.post(&village, &format!("/held/{id}/submission"), &form("2023-10-09")).await.is(404);
        assert_eq!(parsed(phone.send(&app, KEY, &call(case, "2023-10-10", "爸爸说国庆后送来")).await.is(200))["state"], "done");

        // the case was closed meanwhile: the words are not lost, and whoever does not want them says why
        proved(&app, &village, case).await;
        let ask = [("ask", "clear"), ("conclusion", "dead"), ("reason", "已故"), ("checkers", "甲、乙"), ("version", "")];
        let v = app.get(&village, &format!("/cases/{case}")).await.text();
        let v = v.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let ask: Vec<(&str, &str)> = ask[..4].iter().copied().chain([("version", v.as_str())]).collect();
        app.post(&village, &format!("/cases/{case}/asking"), &ask).await.is(303);
        let v = app.get(&county, &format!("/cases/{case}")).await.text();
        let v = v.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let agree = [("answer", "agree"), ("version", v.as_str())];
        app.post(&app.log_in("county2").await, &format!("/cases/{case}/decision"), &agree).await.is(303);
        let said = parsed(phone.send(&app, OTHER, &visit(case, "2023-10-09", "邻居说人已不在")).await.is(200));
        assert_eq!(said["state"], "held", "{said}");
        phone.send_part(&app, OTHER, 0, PHOTO).await.is(200);
        let id = app.get(&village, "/held").await.number_after("/held/");
        app.get(&village, &format!("/held/{id}")).await.says("邻居说人已不在").says("第 1 张").says("还有 3 张");
        app.get(&village, &format!("/held/{id}/parts/0")).await.is(200);
        app.post(&village, &format!("/held/{id}/putting-aside"), &[]).await.is(422).says("为什么");
        app.post(&village, &format!("/held/{id}/putting-aside"), &[("reason", "档案已核销")]).await.is(303);
        app.get(&village, "/held").await.says("没有待处理的");
        assert_eq!(
            parsed(phone.send(&app, OTHER, &visit(case, "2023-10-09", "邻居说人已不在")).await.is(200))["state"],
            "put-aside"
        );
        app.get(&app.log_in("auditor").await, "/audit").await.says("放弃:档案已核销");
        assert_eq!(app.office.store.unsound_cases().await.unwrap(), [0i64; 0]);
    }
}

/// A check after the return, two weeks later, where there is no signal: one, however often it is sent.
#[tokio::test]
async fn a_check_without_signal() {
    for app in apps().await {
        app.compared().await;
        let village = app.log_in("village1").await;
        let case = reported(&app, &village, 22).await;
        let version = async |app: &TestApp, who: &str| {
            let page = app.get(who, &format!("/cases/{case}")).await.text();
            page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
        };
        let v = version(&app, &village).await;
        let back = [("on", "2023-10-09"), ("placement", "other-school"), ("school", "柳林小学"), ("version", v.as_str())];
        app.post(&village, &format!("/cases/{case}/return"), &back).await.is(303);
        let v = version(&app, &village).await;
        app.post(&village, &format!("/cases/{case}/settlement"), &[("settled", "已编班"), ("version", v.as_str())]).await.is(303);
        let phone = Phone::enrolled(&app, &village).await;
        assert_eq!(parsed(app.get(&village, "/offline/data").await.is(200))["data"]["cases"][0]["check"], false);
        let check =
            |on: &str| json!({ "v": 1, "kind": "check", "body": { "case": case, "on": on, "present": true, "made_at": 1 } });
        let early = parsed(phone.send(&app, OTHER, &check("2023-10-09")).await.is(200));
        assert!(early["state"] == "held" && early["said"].as_str().unwrap().contains("2023-10-23"), "{early}");
        let later = on(&app, date(2023, 10, 23));
        let village = later.log_in("village1").await;
        assert_eq!(parsed(later.get(&village, "/offline/data").await.is(200))["data"]["cases"][0]["check"], true);
        for _ in 0..2 {
            assert_eq!(parsed(phone.send(&later, KEY, &check("2023-10-23")).await.is(200))["state"], "done");
        }
        later.get(&village, &format!("/cases/{case}")).await.says("还有 3 次回访").says("2023-10-23 在校");
        // what waited is of a day that has been: it says so, and can be put aside
        let id = later.get(&village, "/held").await.number_after("/held/");
        later.get(&village, &format!("/held/{id}")).await.says("本人的一次回访").says("还在校");
        later.post(&village, &format!("/held/{id}/submission"), &[("on", "2023-10-23")]).await.is(303);
        later.get(&village, &format!("/cases/{case}")).await.says("还有 3 次回访");
        later.get(&village, "/held").await.says("没有待处理的");
    }
}

/// A phone that was lost, its owner gone, a month without a log-in: nothing is taken on its word, nothing of it is lost.
#[tokio::test]
async fn a_lost_phone_is_ended_and_a_right_that_is_lost_is_none() {
    for app in apps().await {
        app.compared().await;
        let (village, county) = (app.log_in("village1").await, app.log_in("county").await);
        let case = reported(&app, &village, 22).await;
        let phone = Phone::enrolled(&app, &village).await;
        let said = parsed(phone.hello(&app).await.is(200));
        assert_eq!(
            (said["alive"].as_bool(), said["dropped_at"].as_i64(), said["cache_days"].as_i64()),
            (Some(true), Some(0), Some(7))
        );
        // logged out in that browser: what it keeps goes, what it has to send does not
        app.post(&village, "/log-out", &[]).await.is(303);
        app.get(&village, "/offline/data").await.is(303);
        let said = parsed(phone.hello(&app).await.is(200));
        assert_eq!(said["alive"], true);
        assert_eq!(parsed(phone.send(&app, KEY, &call(case, "2023-10-09", "登出以后传来")).await.is(200))["state"], "done");
        // whoever has not its secret is nobody
        let stranger = Phone { secret: vec![7; 32], device: phone.device, key: phone.key.clone() };
        stranger.hello(&app).await.is(404);
        stranger.send(&app, OTHER, &call(case, "2023-10-09", "假的")).await.is(404).says("not-found");
        // a record of a program to come stays on the phone
        let mut newer = call(case, "2023-10-09", "新");
        newer["v"] = json!(2);
        phone.send(&app, OTHER, &newer).await.is(409).says("newer");
        for broken in [json!({}), json!({ "v": 1, "kind": "contact", "body": { "case": "x" } }), json!("保学")] {
            phone.send(&app, OTHER, &broken).await.is(422).says("打不开");
        }
        // another county's file, or none
        assert_eq!(
            parsed(phone.send(&app, &OTHER.replace('f', "a"), &call(999, "2023-10-09", "没有这份")).await.is(200))["state"],
            "held"
        );

        // a month without a log-in
        let later = on(&app, date(2023, 11, 20));
        let said = parsed(phone.send(&later, OTHER, &call(case, "2023-10-09", "一个月后传来")).await.is(200));
        assert_eq!(said["state"], "held");
        assert!(said["said"].as_str().unwrap().contains("超过 30 天没有登录"), "{said}");
        assert_eq!(parsed(phone.hello(&later).await.is(200))["alive"], false);

        // lost: ended from the office, and its owner told
        let security = later.log_in("security").await;
        later.get(&security, "/people/village1").await.says("王村长的手机").says("手机丢失");
        later.post(&later.log_in("county").await, "/people/village1/end-devices", &[]).await.is(403);
        later.post(&security, "/people/village1/end-devices", &[]).await.is(303);
        later.get(&later.log_in("village1").await, "/").await.says("停用了您的离线手机 1 部");
        let said = parsed(phone.hello(&later).await.is(200));
        assert!(said["alive"] == false && said["dropped_at"].as_i64().unwrap() > 0);
        let third = "33333333333333333333333333333333";
        let said = parsed(phone.send(&later, third, &call(case, "2023-10-09", "捡到的人写的")).await.is(200));
        assert!(said["state"] == "held" && said["said"].as_str().unwrap().contains("已停用"), "{said}");

        // its owner left the office: the county takes over what she had recorded
        let security = actor_of(&later.office, "security").await;
        later.office.set_disabled(&security, "village1", true).await.unwrap();
        let county_later = later.log_in("county").await;
        let ids: Vec<String> = later
            .get(&county_later, "/held")
            .await
            .text()
            .split("/held/")
            .skip(1)
            .map(|t| t.split('"').next().unwrap().to_owned())
            .collect();
        let mut taken = false;
        for id in &ids {
            let page = later.get(&county_later, &format!("/held/{id}")).await;
            if page.text().contains("一个月后传来") {
                let form = [("kind", "phone"), ("outcome", "thinking"), ("on", "2023-10-09"), ("words", "一个月后传来")];
                later.post(&county_later, &format!("/held/{id}/submission"), &form).await.is(303);
                later.get(&county_later, &format!("/cases/{case}")).await.says("代 village1 录入");
                taken = true;
            }
        }
        assert!(taken, "{ids:?}");
        let _ = county;
        assert_eq!(count(&later, &county_later, "/ledgers/suspected").await, "5");
    }
}
