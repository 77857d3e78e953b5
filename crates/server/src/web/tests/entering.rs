use axum::body::Body;
use axum::http::{Request, header};

use super::support::{PASSWORD, apps, shared};
use crate::web::Need;

/// `tests/routes.txt` is what an official reads: every address with what it asks of the person.
#[tokio::test]
async fn every_route_is_in_the_table_and_closed_to_strangers() {
    let app = apps().await.remove(0);
    let table = crate::web::frame::routes::all(&shared(&app)).table;
    let mut out = String::from("# 页面与所需权限(由程序生成)\n# BAOXUE_BLESS=1 cargo test -p baoxue 重新生成\n");
    for (method, path, need) in &table {
        out.push_str(&format!("{method:<5} {path:<36} {}\n", need.label()));
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/routes.txt");
    if std::env::var_os("BAOXUE_BLESS").is_some() {
        std::fs::write(file, &out).unwrap();
    }
    assert_eq!(std::fs::read_to_string(file).unwrap_or_default(), out, "run with BAOXUE_BLESS=1 if the change is meant");
    for (method, path, need) in table {
        let path = path.replace("{*path}", "app.css").replace(['{', '}'], "");
        let a = if method == "GET" { app.get("", &path).await } else { app.post("", &path, &[]).await };
        if need == Need::Nobody {
            assert_ne!(a.status, 401, "{path}");
        } else if method == "GET" {
            assert!(a.location.starts_with("/log-in?next="), "{method} {path}: {}", a.status);
        } else {
            assert_eq!(a.status, 401, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_cookie_is_closed_and_ends_with_the_session() {
    for app in apps().await {
        let a = app.post("", "/log-in", &[("login", "county"), ("password", PASSWORD), ("next", "//evil.example")]).await;
        assert_eq!(a.location, "/");
        let cookie = a.cookie.unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = app.get(&cookie, "/").await;
        for (name, value) in [
            ("content-security-policy", "script-src 'self'"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
        ] {
            assert!(page.headers[name].to_str().unwrap().contains(value), "{name}");
        }
        assert!(!page.text().contains("<script>") && !page.text().contains(" style=") && !page.text().contains(" onclick="));
        app.post(&cookie, "/log-out", &[]).await.is(303);
        assert!(app.get(&cookie, "/").await.location.starts_with("/log-in"));
    }
}

#[tokio::test]
async fn another_sites_form_is_refused() {
    for app in apps().await {
        let cookie = app.log_in("county").await;
        for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
            let request =
                Request::post("/runs").header(header::COOKIE, &cookie).header(header::HOST, "localhost").header(name, value);
            app.ask(request.body(Body::empty()).unwrap()).await.is(403).says("不是从本系统的页面发出的");
        }
    }
}

#[tokio::test]
async fn first_passwords_are_changed_before_anything_else() {
    for app in apps().await {
        let first = app.office.reset_password("county", false).await.unwrap();
        let a = app.post("", "/log-in", &[("login", "county"), ("password", &first)]).await;
        let cookie = a.cookie.unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(app.get(&cookie, "/ledgers/suspected").await.location, "/me/password");
        let change = async |new: &str, again: &str| {
            app.post(&cookie, "/me/password", &[("old", &first), ("new", new), ("again", again)]).await
        };
        change("short", "short").await.is(200).says("密码至少 12 位");
        change("shanqiao-7-yusan", "other").await.is(200).says("两次输入的新密码不一样");
        assert_eq!(change("shanqiao-7-yusan", "shanqiao-7-yusan").await.location, "/");
        app.get(&cookie, "/ledgers/suspected").await.is(200);
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    for app in apps().await {
        let (here, there) = (app.log_in("school1").await, app.log_in("school1").await);
        let page = app.get(&here, "/me").await;
        let name = page.text().split("/me/sessions/").nth(1).unwrap().split('/').next().unwrap().to_owned();
        app.post(&here, &format!("/me/sessions/{name}/end"), &[]).await.is(303);
        assert!(app.get(&there, "/").await.location.starts_with("/log-in"));
        app.get(&here, "/").await.is(200);
        // nobody ends another's
        let other = app.log_in("school2").await;
        app.post(&other, &format!("/me/sessions/{name}/end"), &[]).await.is(404);
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_said_so() {
    for app in apps().await {
        let cookie = app.log_in("county").await;
        app.office.store.close().await;
        app.get(&cookie, "/").await.is(503).says("连不上数据库").says("已保存的内容不受影响");
    }
}
