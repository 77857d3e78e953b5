//! Accounts as somebody would attack them: each test tries what a probe did.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use baoxue_domain::access::{Action, Role};
use baoxue_domain::place::PlacePath;
use totp_rs::{Builder, Secret, Totp};

use super::support::{Answer, COUNTY, PASSWORD, TestApp, actor_of, apps, apps_with};
use crate::app::clock::Clock;

const NEW: &str = "shanqiao-7-yusan";

impl TestApp {
    /// A log-in from a network, with cookies of a browser.
    async fn try_from(&self, network: u8, cookies: &str, login: &str, password: &str) -> Answer {
        let address = std::net::SocketAddr::from(([10, 0, 0, network], 4000));
        let request = Request::post("/log-in")
            .header(header::HOST, "localhost")
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, cookies)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .extension(ConnectInfo(address));
        self.ask(request.body(Body::from(format!("login={login}&password={password}"))).unwrap()).await
    }
}

fn cookie_of(a: &Answer, name: &str) -> String {
    let all = a.headers.get_all(header::SET_COOKIE).iter().filter_map(|v| v.to_str().ok());
    let found = all.filter_map(|v| v.split(';').next()).find(|v| v.starts_with(&format!("{name}=")));
    found.unwrap_or("").to_owned()
}

async fn set_up_factor(app: &TestApp, cookie: &str) -> (Totp, String, String) {
    let page = app.get(cookie, "/second-factor/setup").await.text();
    let secret = page.split("<code>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let totp = Builder::new().with_secret(Secret::try_from_base32(&secret).unwrap()).build().unwrap();
    let used = totp.generate((app.office.now() / 1000) as u64).to_string();
    let a = app.post(cookie, "/second-factor/setup", &[("code", &used)]).await;
    a.is(303);
    (totp, used, cookie_of(&a, "baoxue"))
}

/// A wrong name and a wrong password sound the same, at every number of tries, and the owner's own browser is never kept out.
#[tokio::test]
async fn nobody_keeps_the_owner_out_and_nobody_learns_who_exists() {
    for app in apps().await {
        let own = app.try_from(1, "", "county", PASSWORD).await;
        let known = cookie_of(&own, "baoxue-device");
        assert!(known.len() > 64, "{known}");
        for i in 0..8 {
            let (a, b) = (app.try_from(2, "", "county", "x").await, app.try_from(2, "", "nobody", "x").await);
            assert_eq!(a.status, b.status);
            assert_eq!(a.text().replace("county", ""), b.text().replace("nobody", ""), "{i}");
            a.says(if i < 5 { "登录名或密码不对" } else { "连续输错多次,请 1 分钟后再试" });
        }
        app.try_from(2, "", "county", PASSWORD).await.is(401).says("请 1 分钟后再试");
        app.try_from(2, &known, "county", PASSWORD).await.is(303);
        app.try_from(3, "", "county", PASSWORD).await.is(303);
        app.try_from(2, "", "school1", PASSWORD).await.is(303);
        // the cookie of one person's browser opens no other's door
        let other = cookie_of(&app.try_from(4, "", "school2", PASSWORD).await, "baoxue-device");
        app.try_from(2, &other, "county", PASSWORD).await.is(401);
        // the owner is told
        let cookie = app.log_in("county").await;
        app.get(&cookie, "/").await.says("有人用您的登录名连续输错密码或动态码(网络地址 10.0.0.2)");
        app.post(&cookie, "/me/notices", &[]).await.is(303);
        assert!(!app.get(&cookie, "/").await.text().contains("连续输错"));
    }
}

/// The security administrator alone becomes nobody: not by a new account, not by a role, not by a reset, not by opening a closed one.
#[tokio::test]
async fn one_administrator_alone_opens_nothing() {
    for app in apps().await {
        let security = app.log_in("security").await;
        let page = app
            .post(&security, "/people", &[("login", "spy"), ("name", "某人"), ("role", "county-officer"), ("place", "528801")])
            .await;
        page.is(200).says("等另一名管理员复核后可用");
        let first = page.text().split("初始密码 <code>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        app.post("", "/log-in", &[("login", "spy"), ("password", &first)]).await.is(401);
        // she cannot confirm it herself
        let page = app.get(&security, "/confirmations").await;
        page.says("您是经办人,须由另一名管理员复核");
        let id = app.office.pending(&actor_of(&app.office, "security").await).await.unwrap()[0].request.id.to_string();
        app.post(&security, "/confirmations/confirm", &[("id", &id)]).await.is(303);
        app.post("", "/log-in", &[("login", "spy"), ("password", &first)]).await.is(401);
        // nor an account of her own name, nor a role for herself
        let own = [("login", "spy2"), ("name", "security"), ("role", "county-officer"), ("place", "528801")];
        app.post(&security, "/people", &own).await.is(422).says("不能给自己(同名的人)建账号");
        let grant = [("role", "cadre"), ("place", "528801100")];
        app.post(&security, "/people/security/grant", &grant).await.is(422).says("不能为自己");
        // a role waits, and gives nothing meanwhile
        app.post(&security, "/people/village1/grant", &grant).await.is(303);
        let cadre = app.log_in("village1").await;
        assert!(!app.get(&cadre, "/me").await.text().contains("柳林镇</td>"));
        // an account that was closed is not opened by one person
        app.post(&security, "/people/school1/disable", &[]).await.is(303);
        app.post(&security, "/people/school1/enable", &[]).await.is(303);
        app.post("", "/log-in", &[("login", "school1"), ("password", PASSWORD)]).await.is(401);
        // nobody else confirms, and the auditor does not either
        for who in ["auditor", "county"] {
            let cookie = app.log_in(who).await;
            app.post(&cookie, "/confirmations/confirm", &[("id", &id)]).await.is(403);
        }
        // the second administrator does, and then it works
        let system = app.log_in("system").await;
        app.get(&system, "/").await.says("账号和授权待复核");
        let pending = app.office.pending(&actor_of(&app.office, "system").await).await.unwrap();
        assert_eq!(pending.len(), 3);
        let ids: Vec<String> = pending.iter().map(|p| p.request.id.to_string()).collect();
        let form: Vec<(&str, &str)> = ids.iter().map(|id| ("id", id.as_str())).collect();
        app.post(&system, "/confirmations/confirm", &form).await.is(303);
        app.post("", "/log-in", &[("login", "spy"), ("password", &first)]).await.is(303);
        app.post("", "/log-in", &[("login", "school1"), ("password", PASSWORD)]).await.is(303);
        app.get(&cadre, "/me").await.says("柳林镇");
        // the owner is told who gave it to her
        app.get(&cadre, "/").await.says("security申请、系统复核");
        // the second click decides nothing twice
        app.post(&system, "/confirmations/confirm", &form).await.is(303);
        assert_eq!(app.office.store.grants(None).await.unwrap().len(), 11);
    }
}

/// 忘记密码: the owner chooses, the security administrator hears the code, another one confirms; no administrator ever sees a password.
#[tokio::test]
async fn a_forgotten_password_takes_two_administrators_and_is_seen_by_none() {
    for app in apps().await {
        let ask = async |login: &str| {
            let form = [("login", login), ("new", NEW), ("again", NEW), ("factor", "1")];
            let page = app.post("", "/forgotten", &form).await;
            page.is(200).says("还差一个电话");
            page.text().split("aria-label=\"核对码\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
        };
        let (code, nobody) = (ask("county").await, ask("nobody").await);
        assert_eq!(code.len(), nobody.len(), "whether a name exists is not told");
        let before = app.log_in("county").await;
        let security = app.log_in("security").await;
        app.get(&security, "/people").await.says("登录页上的重置申请").says("有重置申请");
        let page = app.get(&security, "/people/county").await;
        page.says("登录页上的重置申请");
        assert!(!page.text().contains(&code), "the administrator has to hear it");
        let vouch = async |code: &str| app.post(&security, "/people/county/vouch", &[("code", code)]).await;
        vouch("000000").await.is(422).says("核对码不对");
        vouch(&code).await.is(303);
        app.post("", "/log-in", &[("login", "county"), ("password", NEW)]).await.is(401);
        app.get(&before, "/").await.is(200);
        // the same person does not confirm it
        let id = app.office.pending(&actor_of(&app.office, "system").await).await.unwrap()[0].request.id.to_string();
        app.post(&security, "/confirmations/confirm", &[("id", &id)]).await.is(303);
        app.post("", "/log-in", &[("login", "county"), ("password", NEW)]).await.is(401);
        let system = app.log_in("system").await;
        app.get(&system, "/confirmations").await.says("重置密码和动态码").says("登录页上的申请");
        app.post(&system, "/confirmations/confirm", &[("id", &id)]).await.is(303);
        assert!(app.get(&before, "/").await.location.starts_with("/log-in"), "who was logged in is out");
        app.post("", "/log-in", &[("login", "county"), ("password", PASSWORD)]).await.is(401);
        let a = app.post("", "/log-in", &[("login", "county"), ("password", NEW)]).await;
        a.is(303);
        app.get(&cookie_of(&a, "baoxue"), "/").await.says("security核对、系统复核").says("不是您本人申请的");
        // five wrong codes end a wish; a weak password does not begin one
        ask("school1").await;
        for _ in 0..5 {
            app.post(&security, "/people/school1/vouch", &[("code", "000000")]).await.is(422);
        }
        let a = app.post(&security, "/people/school1/vouch", &[("code", "000000")]).await;
        a.is(422).says("没有待核对的申请");
        let weak = [("login", "school1"), ("new", "woaini1314520"), ("again", "woaini1314520")];
        app.post("", "/forgotten", &weak).await.is(200).says("太容易猜到");
    }
}

/// A first password that lies about is worth nothing after a week.
#[tokio::test]
async fn first_passwords_run_out() {
    for app in apps().await {
        let first = app.office.reset_password("county", false).await.unwrap();
        let mut late = app.office.clone();
        late.clock = Clock::starting_at(jiff::civil::date(2023, 10, 17).at(9, 0, 0, 0));
        let browser = Default::default();
        let said = late.log_in("county", &first, &browser).await.err().unwrap().to_string();
        assert!(said.contains("初始密码已过期"), "{said}");
        assert!(app.office.log_in("county", &first, &browser).await.is_ok());
    }
}

#[tokio::test]
async fn county_officers_give_a_second_factor_and_a_code_works_once() {
    for app in apps_with(|office| office.second_factor = true).await {
        let cookie = app.log_in("county").await;
        assert_eq!(app.get(&cookie, "/").await.location, "/second-factor/setup");
        app.post(&cookie, "/second-factor/setup", &[("code", "000000")]).await.is(200).says("动态码不对");
        // the secret is the program's own: one that is sent along is not looked at
        let mine = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
        let totp = Builder::new().with_secret(Secret::try_from_base32(mine).unwrap()).build().unwrap();
        let code = totp.generate((app.office.now() / 1000) as u64).to_string();
        app.post(&cookie, "/second-factor/setup", &[("secret", mine), ("code", &code)]).await.is(200).says("动态码不对");
        let (totp, used, raised) = set_up_factor(&app, &cookie).await;
        let code = |ms: i64| totp.generate((ms / 1000) as u64).to_string();
        assert_ne!(raised, cookie, "the session has a new token");
        app.get(&raised, "/rosters").await.is(200);
        assert!(app.get(&cookie, "/rosters").await.location.starts_with("/log-in"), "the old one is worth nothing");
        // another log-in asks again, and the same code does not do
        let again = app.log_in("county").await;
        assert_eq!(app.get(&again, "/").await.location, "/second-factor");
        app.post(&again, "/second-factor", &[("code", &used)]).await.is(200).says("已经用过");
        // a clock that is half a minute off is forgiven, one that is two minutes off is not
        app.post(&again, "/second-factor", &[("code", &code(app.office.now() + 120_000))]).await.is(200).says("动态码不对");
        let a = app.post(&again, "/second-factor", &[("code", &code(app.office.now() + 30_000))]).await;
        a.is(303);
        app.get(&cookie_of(&a, "baoxue"), "/rosters").await.is(200);
        // whoever may reveal or export is asked; a teacher is not
        let school = app.log_in("school1").await;
        assert_eq!(app.get(&school, "/").await.location, "/second-factor/setup");
        let teacher = app.log_in("teacher1").await;
        app.get(&teacher, "/").await.is(200);
    }
}

/// Who has stolen the password only changes nothing with it.
#[tokio::test]
async fn the_first_factor_alone_does_not_change_the_password() {
    for app in apps_with(|office| office.second_factor = true).await {
        let cookie = app.log_in("county").await;
        let form = [("old", PASSWORD), ("new", NEW), ("again", NEW)];
        assert_eq!(app.post(&cookie, "/me/password", &form).await.location, "/second-factor/setup", "not set up");
        let (_, _, raised) = set_up_factor(&app, &cookie).await;
        let thief = app.log_in("county").await;
        assert_eq!(app.get(&thief, "/me/password").await.location, "/second-factor");
        assert_eq!(app.post(&thief, "/me/password", &form).await.location, "/second-factor");
        assert_eq!(app.get(&thief, "/second-factor/setup").await.location, "/second-factor", "nor binds a phone");
        app.get(&raised, "/").await.is(200);
        app.log_in("county").await;
    }
}

/// Whoever has the password must not guess codes without end by logging in anew.
#[tokio::test]
async fn wrong_codes_count_across_log_ins() {
    for app in apps_with(|office| office.second_factor = true).await {
        let cookie = app.log_in("county").await;
        set_up_factor(&app, &cookie).await;
        let mut last = String::new();
        for _ in 0..5 {
            last = app.log_in("county").await;
            app.post(&last, "/second-factor", &[("code", "000000")]).await.is(200);
        }
        assert!(app.get(&last, "/second-factor").await.location.starts_with("/log-in"), "the session has ended");
        let a = app.post("", "/log-in", &[("login", "county"), ("password", PASSWORD)]).await;
        a.is(401).says("连续输错多次");
    }
}

/// Old passwords guessed in a stolen session end that session, and count against nobody else.
#[tokio::test]
async fn guessing_the_old_password_ends_the_session() {
    for app in apps().await {
        let (stolen, own) = (app.log_in("village1").await, app.log_in("village1").await);
        let guess = async |cookie: &str| app.post(cookie, "/me/password", &[("old", "x"), ("new", NEW), ("again", NEW)]).await;
        for _ in 0..5 {
            guess(&stolen).await.is(200).says("原密码不对");
        }
        guess(&stolen).await.is(401).says("登录已过期");
        app.get(&own, "/").await.is(200);
        app.log_in("village1").await;
        app.log_in("school1").await;
    }
}

#[tokio::test]
async fn sessions_of_an_account_are_few_and_end_together() {
    for app in apps().await {
        let first = app.log_in("school1").await;
        let mut all = Vec::new();
        for _ in 0..10 {
            all.push(app.log_in("school1").await);
        }
        assert!(app.get(&first, "/").await.location.starts_with("/log-in"), "the eleventh ends the oldest");
        let here = all.pop().unwrap();
        app.get(&here, "/me").await.says("退出其他所有设备");
        app.post(&here, "/me/sessions/end-others", &[]).await.is(303);
        for other in all {
            assert!(app.get(&other, "/").await.location.starts_with("/log-in"));
        }
        app.get(&here, "/").await.is(200);
    }
}

/// Rules of log-in are the security administrator's, within the bounds of the standard; the system administrator does not widen them.
#[tokio::test]
async fn rules_of_log_in_have_bounds_and_one_owner() {
    for app in apps().await {
        let (system, security) = (app.log_in("system").await, app.log_in("security").await);
        let set = async |who: &str, name: &str, value: &str| {
            app.post(who, "/settings", &[("name", name), ("value", value), ("from", "2023-10-09")]).await
        };
        assert!(!app.get(&system, "/settings").await.text().contains("idle-minutes"));
        set(&system, "idle-minutes", "10").await.is(403);
        app.get(&security, "/settings").await.says("无操作退出").says("登录规则");
        set(&security, "idle-minutes", "31").await.is(422).says("5 到 30");
        set(&security, "session-hours", "13").await.is(422).says("1 到 12");
        set(&security, "idle-minutes", "10").await.is(303);
        set(&security, "deadline-days", "9").await.is(403);
        // and they hold
        let school = app.log_in("school1").await;
        let token = school.split('=').nth(1).unwrap();
        let at = async |minutes: i8| {
            let mut later = app.office.clone();
            later.clock = Clock::starting_at(jiff::civil::date(2023, 10, 9).at(9, minutes, 30, 0));
            later.signed_in(token, None).await.unwrap().is_some()
        };
        assert!(at(9).await);
        assert!(!at(21).await, "ten minutes without a request");
    }
}

/// A role that is taken away is gone in sessions that are open.
#[tokio::test]
async fn a_role_taken_away_is_gone_at_once() {
    for app in apps().await {
        app.compared().await;
        let school = app.log_in("school1").await;
        app.get(&school, "/ledgers/school-age").await.is(200);
        let security = actor_of(&app.office, "security").await;
        let account = app.office.store.account_by_login("school1").await.unwrap().unwrap();
        let grant = app.office.store.grants(Some(account.id)).await.unwrap()[0].id;
        app.office.end_grant(&security, "school1", grant).await.unwrap();
        app.get(&school, "/ledgers/school-age").await.is(403);
    }
}

/// Merging schools gives nobody more children than before without a second person.
#[tokio::test]
async fn merged_schools_widen_nobodys_rights() {
    for app in apps().await {
        app.compared().await;
        let system = app.log_in("system").await;
        let school = app.log_in("school1").await;
        let a = app
            .post(
                &system,
                "/places/closing",
                &[("path", "e/528801/2152000001/"), ("into", "e/528801/2152000002/"), ("from", "2023-10-09")],
            )
            .await;
        a.is(303);
        let shown = app.get(&school, "/ledgers/school-age").await;
        assert_ne!(shown.status, 200, "{}", shown.text());
        app.get(&system, "/confirmations").await.says("您是经办人");
        let security = app.log_in("security").await;
        let pending = app.office.pending(&actor_of(&app.office, "security").await).await.unwrap();
        assert_eq!(pending.len(), 2, "the registrar and the teacher");
        for p in &pending {
            app.post(&security, "/confirmations/confirm", &[("id", &p.request.id.to_string())]).await.is(303);
        }
        app.get(&school, "/ledgers/school-age").await.is(200);
    }
}

/// Another county's administrators confirm nothing here.
#[tokio::test]
async fn what_waits_is_decided_inside_ones_own_county() {
    for app in apps().await {
        let elsewhere = PlacePath::parse("g/52/5288/528802/").unwrap();
        app.office.add_person(None, "system9", "邻县", &[(Role::SystemAdmin, elsewhere)]).await.unwrap();
        app.office.set_known_password("system9", PASSWORD).await.unwrap();
        let security = actor_of(&app.office, "security").await;
        let county = PlacePath::parse(COUNTY).unwrap();
        app.office.add_person(Some(&security), "new1", "新人", &[(Role::Cadre, county)]).await.unwrap();
        let id = app.office.pending(&security).await.unwrap()[0].request.id;
        let neighbour = app.log_in("system9").await;
        app.get(&neighbour, "/confirmations").await.says("没有待复核的事项");
        app.post(&neighbour, "/confirmations/confirm", &[("id", &id.to_string())]).await.is(303);
        assert_eq!(app.office.pending(&security).await.unwrap().len(), 1);
        // whoever vouched takes it back herself
        let own = app.log_in("security").await;
        app.post(&own, "/confirmations/refuse", &[("id", &id.to_string())]).await.is(303);
        assert!(app.office.pending(&security).await.unwrap().is_empty());
    }
}

/// Whoever may not answer a finding, or answers one that has moved on, sends nothing: the body is not read.
#[tokio::test]
async fn what_may_not_be_answered_is_not_read() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        app.post(&county, "/findings/dispatch", &[("all", "1"), ("list", "/findings?state=open"), ("days", "3")]).await.is(303);
        let village = app.log_in("village1").await;
        let mine = app.get(&village, "/inbox").await.text();
        let mine = mine.split("/findings/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let send = async |id: &str, version: &str| {
            let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
            let head = format!(
                "--XX\r\nContent-Disposition: form-data; name=\"version\"\r\n\r\n{version}\r\n--XX\r\nContent-Disposition: form-data; name=\"proofs\"; filename=\"a.jpg\"\r\n\r\n"
            );
            let counted = read.clone();
            let parts = futures_util::stream::unfold(0u32, move |i| {
                let (counted, head) = (counted.clone(), head.clone());
                async move {
                    let part = if i == 0 { head.into_bytes() } else { vec![7; 1 << 20] };
                    counted.fetch_add(part.len(), std::sync::atomic::Ordering::Relaxed);
                    (i < 60).then(|| (Ok::<_, std::io::Error>(axum::body::Bytes::from(part)), i + 1))
                }
            });
            let request = Request::post(format!("/findings/{id}/answer"))
                .header(header::COOKIE, &village)
                .header(header::HOST, "localhost")
                .header("sec-fetch-site", "same-origin")
                .header(header::CONTENT_TYPE, "multipart/form-data; boundary=XX");
            let a = app.ask(request.body(Body::from_stream(parts)).unwrap()).await;
            (a, read.load(std::sync::atomic::Ordering::Relaxed))
        };
        let (a, read) = send("999999", "1").await;
        a.is(404);
        assert_eq!(read, 0);
        let (a, read) = send(&mine, "999").await;
        a.is(409);
        assert!(read < 4 << 20, "{read}");
        // one that is too large is given up at its limit
        let version = app.get(&village, &format!("/findings/{mine}")).await.text();
        let version = version.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let (a, read) = send(&mine, &version).await;
        a.is(422).says("超过 10 MB");
        assert!(read < 16 << 20, "{read}");
    }
}

/// Names in names of files and of columns do not stand in the database.
#[tokio::test]
async fn no_name_stands_in_the_database() {
    let app = apps().await.remove(0);
    app.compared().await;
    let name = "欧阳诸葛端木";
    let officer = app.log_in("county").await;
    let roster = format!("姓名,性别,出生日期,身份证件号,户籍地址,{name}\n甲乙丙,男,2015-01-02,,柳林镇,1\n");
    let parts: [(&str, Option<&str>, &[u8]); 2] =
        [("person", None, name.as_bytes()), ("files", Some("户籍欧阳诸葛端木.csv"), roster.as_bytes())];
    app.upload(&officer, "/rosters", &parts).await;
    app.office
        .keep_proof(
            "欧阳诸葛端木死亡证明.webp",
            b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\0\0\0\x10\x07\x10\x11\x11\x88\x88\xfe\x07\0".to_vec(),
        )
        .await
        .unwrap();
    app.get(&officer, "/rosters").await.says(name);
    let id: i64 = app.office.store.raw_one("SELECT MAX(id) FROM batch", vec![]).await.unwrap().unwrap().int(0).unwrap();
    app.post(&officer, &format!("/rosters/{id}/reading"), &[("heading:0", name), ("field:0", "remarks")]).await.is(303);
    assert_eq!(app.office.store.heading_mapping(COUNTY, "household").await.unwrap()[name], "remarks");
    let folder = app._folder.as_ref().unwrap().path();
    let needle = name.as_bytes();
    let mut looked = 0;
    for file in ["baoxue.db", "baoxue.db-wal"] {
        let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
        looked += bytes.len();
        assert!(!bytes.windows(needle.len()).any(|w| w == needle), "{file}");
    }
    assert!(looked > 100_000);
}

/// Two answer the same finding at once: one is kept, the other is told, and the finding has one answer.
#[tokio::test]
async fn two_answers_at_once_are_one() {
    for app in apps().await {
        app.compared().await;
        let county = app.log_in("county").await;
        app.post(&county, "/findings/dispatch", &[("all", "1"), ("list", "/findings?state=open"), ("days", "3")]).await.is(303);
        let (one, two) = (app.log_in("village1").await, app.log_in("village1").await);
        let page = app.get(&one, "/inbox").await.text();
        let id = page.split("/findings/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let page = app.get(&one, &format!("/findings/{id}")).await.text();
        let version = page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let parts: [(&str, Option<&str>, &[u8]); 3] =
            [("version", None, version.as_bytes()), ("disposition", None, b"dropped-out"), ("note", None, "在家".as_bytes())];
        let path = format!("/findings/{id}/answer");
        let (a, b) = tokio::join!(app.upload(&one, &path, &parts), app.upload(&two, &path, &parts));
        let mut both = [a.status.as_u16(), b.status.as_u16()];
        both.sort_unstable();
        assert_eq!(both, [303, 409]);
        let county = actor_of(&app.office, "county").await.jurisdiction(Action::Dispatch).unwrap();
        let f = app.office.store.finding(id.parse().unwrap(), Some(&county), None).await.unwrap().unwrap();
        let events = app.office.store.events_of(&f).await.unwrap();
        assert_eq!(events.iter().filter(|e| e.kind == "answer").count(), 1);
    }
}

/// What a second look at the rules found: roles that arrive together, requests that outlive what they were for, names that look alike.
#[tokio::test]
async fn requests_do_not_go_round_the_rules() {
    for app in apps().await {
        let (security, system) = (actor_of(&app.office, "security").await, actor_of(&app.office, "system").await);
        let county = PlacePath::parse(COUNTY).unwrap();
        let confirm = async |id: i64| app.office.decide_request(Some(&system), id, true).await;
        let waiting = async || app.office.pending(&system).await.unwrap().into_iter().map(|p| p.request.id).collect::<Vec<_>>();
        // two roles that nobody may have together, asked for side by side
        app.office.add_person(Some(&security), "new1", "新人", &[(Role::Cadre, county.clone())]).await.unwrap();
        confirm(waiting().await[0]).await.unwrap();
        let grant = app.office.store.grants(None).await.unwrap().pop().unwrap().id;
        app.office.end_grant(&security, "new1", grant).await.unwrap();
        let account = app.office.store.account_by_login("new1").await.unwrap().unwrap();
        for role in [Role::SystemAdmin, Role::AuditAdmin] {
            let mut tx = app.office.store.begin().await.unwrap();
            let grants = [(role, county.clone())];
            let new = baoxue_store::NewRequest {
                account: account.id,
                grants: &grants,
                vouched_by: Some(security.account),
                expires_at: app.office.now() + 60_000,
                ..Default::default()
            };
            tx.request(&app.office.store, baoxue_store::RequestKind::Grant, &new, app.office.now()).await.unwrap();
            tx.commit_untold("a test").await.unwrap();
        }
        let ids = waiting().await;
        let (a, b) = tokio::join!(confirm(ids[0]), confirm(ids[1]));
        assert!(a.is_ok() != b.is_ok(), "one of the two");
        let roles = app.office.store.actor(&account, app.office.clock.today()).await.unwrap();
        assert_eq!(roles.grants.len(), 1);
        for id in waiting().await {
            app.office.decide_request(Some(&system), id, false).await.unwrap();
        }
        // closing an account ends what waited for it, and one that is open is not opened
        app.office.set_disabled(&security, "school1", true).await.unwrap();
        app.office.set_disabled(&security, "school1", false).await.unwrap();
        app.office.set_disabled(&security, "school1", true).await.unwrap();
        assert!(waiting().await.is_empty(), "closed again after it was asked for");
        let open = app.office.set_disabled(&security, "school2", false).await.unwrap_err().to_string();
        assert!(open.contains("没有停用"), "{open}");
        // names that look alike are one name; a refused log-in name is free again
        for name in ["secur ity", "Security", "secu·rity"] {
            let said = app.office.add_person(Some(&security), "new2", name, &[(Role::Cadre, county.clone())]).await.unwrap_err();
            assert!(said.to_string().contains("同名"), "{name}: {said}");
        }
        let hidden = app.office.add_person(Some(&security), "new2", "新\u{200b}人", &[(Role::Cadre, county.clone())]).await;
        assert!(hidden.unwrap_err().to_string().contains("看不见的字符"));
        app.office.add_person(Some(&security), "new2", "旧人", &[(Role::Cadre, county.clone())]).await.unwrap();
        app.office.decide_request(Some(&system), waiting().await[0], false).await.unwrap();
        app.office.add_person(Some(&security), "new2", "旧人", &[(Role::Cadre, county.clone())]).await.unwrap();
        // nobody ends her own right by mistake
        let own = app.office.store.grants(Some(security.account)).await.unwrap()[0].id;
        assert!(app.office.end_grant(&security, "security", own).await.is_err());
    }
}

/// A reset that took effect ends the others, and whom it concerns may refuse it.
#[tokio::test]
async fn whom_a_reset_concerns_may_refuse_it() {
    for app in apps().await {
        let ask = async |login: &str| {
            let page = app.post("", "/forgotten", &[("login", login), ("new", NEW), ("again", NEW)]).await.text();
            page.split("aria-label=\"核对码\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
        };
        let (security, system) = (app.log_in("security").await, app.log_in("system").await);
        let code = ask("system").await;
        app.get(&system, "/").await.says("有人在登录页").says("申请重置您的密码");
        app.get(&security, "/").await.says("登录页上的重置申请");
        app.post(&security, "/people/system/vouch", &[("code", &code)]).await.is(303);
        app.get(&system, "/confirmations").await.says("与您本人有关,须由另一名管理员复核");
        let id = app.office.pending(&actor_of(&app.office, "system").await).await.unwrap()[0].request.id.to_string();
        app.post(&system, "/confirmations/confirm", &[("id", &id)]).await.is(303);
        app.get(&system, "/").await.is(200);
        app.post(&system, "/confirmations/refuse", &[("id", &id)]).await.is(303);
        assert!(app.office.pending(&actor_of(&app.office, "security").await).await.unwrap().is_empty());
        // whoever's name it is, the answer does not tell it
        let named = [("login", "county"), ("new", "county2-county2-yusan"), ("again", "county2-county2-yusan")];
        let (a, b) = (app.post("", "/forgotten", &named).await, {
            let other = [("login", "nobody"), ("new", "county2-county2-yusan"), ("again", "county2-county2-yusan")];
            app.post("", "/forgotten", &other).await
        });
        assert_eq!(
            (a.text().contains("太容易猜到"), b.text().contains("太容易猜到")),
            (true, false),
            "the log-in name itself is known"
        );
        let codes = [ask("school1").await, ask("school1").await];
        app.post(&security, "/people/school1/vouch", &[("code", &codes[1])]).await.is(303);
        let id = app.office.pending(&actor_of(&app.office, "system").await).await.unwrap()[0].request.id.to_string();
        app.post(&system, "/confirmations/confirm", &[("id", &id)]).await.is(303);
        let again = app.post(&security, "/people/school1/vouch", &[("code", &codes[0])]).await;
        again.is(422).says("没有待核对的申请");
        // who tried is not named for whom it was tried
        let auditor = app.log_in("auditor").await;
        app.get(&auditor, "/audit?action=ask-password&login=未登录").await.says("school1 网络");
    }
}

/// A computer that a school shares is known to everybody who has logged in on it.
#[tokio::test]
async fn a_shared_browser_is_known_to_all_who_use_it() {
    for app in apps().await {
        let first = cookie_of(&app.try_from(1, "", "county", PASSWORD).await, "baoxue-device");
        let second = cookie_of(&app.try_from(1, &first, "school1", PASSWORD).await, "baoxue-device");
        assert_eq!(first, second, "one browser, one cookie");
        for _ in 0..6 {
            app.try_from(1, "", "county", "x").await.is(401);
        }
        app.try_from(1, "", "county", PASSWORD).await.is(401);
        app.try_from(1, &second, "county", PASSWORD).await.is(303);
    }
}

/// A school manages its own teachers alone: whom she lets in sees no more than she does. What reaches further takes the administrators.
#[tokio::test]
async fn a_school_manages_its_own_teachers_and_nobody_else() {
    const CLASS: &str = "e/528801/2152000001/三年级/三(1)班/";
    for app in apps().await {
        let school = app.log_in("school1").await;
        let page = app.get(&school, "/people").await;
        page.says("teacher1").says("班主任").says("代课");
        for other in ["school2", "village1", "county", "security", ">school1<"] {
            assert!(!page.text().contains(&format!("/people/{other}")), "{other}");
        }
        assert!(!page.text().contains("县教育局经办人"), "only a teacher's roles are offered");
        // a new teacher can work at once
        let new = [("login", "chen"), ("name", "陈示例"), ("role", "class-teacher"), ("place", ""), ("place_path", CLASS)];
        let page = app.post(&school, "/people", &new).await;
        page.is(200).says("现在就可用");
        let first = page.text().split("初始密码 <code>").nth(1).unwrap().split('<').next().unwrap().to_owned();
        let a = app.post("", "/log-in", &[("login", "chen"), ("password", &first)]).await;
        a.is(303);
        let cookie = cookie_of(&a, "baoxue");
        let change = [("old", first.as_str()), ("new", NEW), ("again", NEW)];
        app.post(&cookie, "/me/password", &change).await.is(303);
        // 代课: another class until a last day, which is told to the teacher
        let substitute =
            [("role", "class-teacher"), ("place_path", "e/528801/2152000001/三年级/三(2)班/"), ("until", "2023-10-20")];
        app.post(&school, "/people/chen/grant", &substitute).await.is(303);
        app.get(&school, "/people/chen").await.says("2023-10-20");
        app.get(&cookie, "/").await.says("school1给您授予了“班主任”");
        let chen = app.office.store.account_by_login("chen").await.unwrap().unwrap();
        let classes = async |day: jiff::civil::Date| app.office.store.actor(&chen, day).await.unwrap().grants.len();
        assert_eq!(classes(jiff::civil::date(2023, 10, 20)).await, 2);
        assert_eq!(classes(jiff::civil::date(2023, 10, 21)).await, 1);
        let past = [("role", "class-teacher"), ("place_path", "e/528801/2152000001/三年级/三(3)班/"), ("until", "2023-10-01")];
        app.post(&school, "/people/chen/grant", &past).await.is(422).says("截止日期已过");
        // a forgotten password: the teacher chooses, reads the code, and can work
        let ask = [("login", "chen"), ("new", "yuhou-3-qiqiao-x"), ("again", "yuhou-3-qiqiao-x")];
        let page = app.post("", "/forgotten", &ask).await.text();
        let code: String = page.split("核对码\">").nth(1).unwrap().chars().filter(char::is_ascii_digit).take(6).collect();
        app.get(&school, "/").await.says("登录页上的重置申请");
        app.get(&app.log_in("school2").await, "/").await.is(200);
        assert!(!app.get(&app.log_in("school2").await, "/").await.text().contains("登录页上的重置申请"));
        app.post(&school, "/people/chen/vouch", &[("code", &code)]).await.is(303);
        app.post("", "/log-in", &[("login", "chen"), ("password", "yuhou-3-qiqiao-x")]).await.is(303);
        // what opens more than the school's own classes is not hers to give
        for (role, place, says) in [
            ("registrar", "e/528801/2152000001/", "学校只能授予班主任"),
            ("county-officer", COUNTY, "管辖范围内没有"),
            ("class-teacher", "e/528801/2152000002/三年级/三(1)班/", "管辖范围内没有"),
            ("cadre", "g/52/5288/528801/528801100/", "管辖范围内没有"),
        ] {
            let grant = [("role", role), ("place", place)];
            app.post(&school, "/people/chen/grant", &grant).await.is(422).says(says);
            let new = [("login", "spy9"), ("name", "某人"), ("role", role), ("place", place)];
            app.post(&school, "/people", &new).await.is(422).says(says);
        }
        for other in ["school2", "village1", "county", "security", "school1"] {
            app.get(&school, &format!("/people/{other}")).await.is(404);
            app.post(&school, &format!("/people/{other}/disable"), &[]).await.is(404);
        }
        app.get(&school, "/confirmations").await.is(403);
        // a teacher is no manager
        app.get(&cookie, "/people").await.is(303);
        let teacher = app.log_in("teacher1").await;
        app.get(&teacher, "/people").await.is(403);
        // 兼任: who has an account elsewhere keeps it; a second person looks at it
        let other = app.log_in("school2").await;
        let both =
            [("login", "chen"), ("name", "陈示例"), ("role", "mentor"), ("place_path", "e/528801/2152000002/四年级/四(1)班/")];
        app.post(&other, "/people", &both).await.is(303);
        app.post(&other, "/people", &both).await.is(409);
        assert_eq!(classes(jiff::civil::date(2023, 10, 21)).await, 1, "nothing holds yet");
        let wrong = [both[0], ("name", "另一人"), both[2], both[3]];
        app.post(&other, "/people", &wrong).await.is(422).says("已有人用");
        let security = app.log_in("security").await;
        app.get(&security, "/confirmations").await.says("陈示例").says("石桥小学");
        // a wish makes nobody hers: not its account, not its password
        app.get(&other, "/people/chen").await.is(404);
        app.post(&other, "/people/chen/disable", &[]).await.is(404);
        app.get(&school, "/people/chen").await.is(200);
        let id = app.office.pending(&actor_of(&app.office, "security").await).await.unwrap()[0].request.id.to_string();
        app.post(&security, "/confirmations/confirm", &[("id", &id)]).await.is(303);
        assert_eq!(classes(jiff::civil::date(2023, 10, 21)).await, 2);
        // whoever managed her alone may know her password: it opens two schools to nobody
        app.post("", "/log-in", &[("login", "chen"), ("password", "yuhou-3-qiqiao-x")]).await.is(401);
        // of two schools, neither manages the account alone any more
        app.get(&school, "/people/chen").await.is(404);
        app.get(&security, "/people/chen").await.is(200);
        // she leaves: closed at once, and all of it is in the log
        app.post(&school, "/people/teacher1/disable", &[]).await.is(303);
        app.get(&teacher, "/").await.is(303);
        // what was closed is opened by two
        app.post(&school, "/people/teacher1/enable", &[]).await.is(303);
        app.post("", "/log-in", &[("login", "teacher1"), ("password", PASSWORD)]).await.is(401);
        let pending = app.office.pending(&actor_of(&app.office, "security").await).await.unwrap();
        let id = pending.iter().find(|p| p.request.login == "teacher1").unwrap().request.id.to_string();
        app.post(&security, "/confirmations/confirm", &[("id", &id)]).await.is(303);
        app.log_in("teacher1").await;
        // who is gone from everywhere is nobody's to take, nor an officer, nor a class that is a school
        for (login, role, at) in [("gone", Role::CountyOfficer, COUNTY), ("former", Role::ClassTeacher, CLASS)] {
            app.office.add_person(None, login, login, &[(role, PlacePath::parse(at).unwrap())]).await.unwrap();
            let who = app.office.store.account_by_login(login).await.unwrap().unwrap();
            let grant = app.office.store.grants(Some(who.id)).await.unwrap()[0].id;
            app.office.end_grant(&actor_of(&app.office, "security").await, login, grant).await.unwrap();
            let new = [("login", login), ("name", login), ("role", "class-teacher"), ("place", ""), ("place_path", CLASS)];
            app.post(&school, "/people", &new).await.is(422).says("请由安全管理员办理");
            app.get(&school, &format!("/people/{login}")).await.is(404);
            app.post(&school, &format!("/people/{login}/vouch"), &[("code", "000000")]).await.is(404);
        }
        let whole = [
            ("login", "li4"),
            ("name", "李四"),
            ("role", "class-teacher"),
            ("place", ""),
            ("place_path", "e/528801/2152000001/"),
        ];
        app.post(&school, "/people", &whole).await.is(422).says("须到班级");
        let auditor = app.log_in("auditor").await;
        app.get(&auditor, "/audit").await.says("school1");
    }
}
