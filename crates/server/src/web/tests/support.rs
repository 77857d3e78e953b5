//! A small county in memory of the tests: two towns, two schools, forty-eight children, everybody who works there.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use baoxue_domain::access::{Actor, Role};
use baoxue_domain::place::PlacePath;
use baoxue_store::{NewPlace, Store, Vault, random};
use jiff::civil::date;
use tower::ServiceExt;

use crate::app::clock::Clock;
use crate::app::office::Office;
use crate::app::place::tree::PlacesRead;
use crate::app::roster::staging::{HandOver, Upload};
use crate::app::roster::supersede::Mode;
use crate::web::{App, site};

pub const PASSWORD: &str = "test-password-1";
pub const COUNTY: &str = "g/52/5288/528801/";
pub const SCHOOLS: [(&str, &str); 2] = [("2152000001", "柳林小学"), ("2152000002", "石桥小学")];
pub const VILLAGES: [&str; 2] = ["528801100201", "528801101201"];

/// Log-in, role, where.
pub const PEOPLE: [(&str, Role, &str); 9] = [
    ("county", Role::CountyOfficer, COUNTY),
    ("county2", Role::CountyOfficer, COUNTY),
    ("school1", Role::Registrar, "e/528801/2152000001/"),
    ("school2", Role::Registrar, "e/528801/2152000002/"),
    ("village1", Role::Cadre, "g/52/5288/528801/528801100/528801100201/"),
    ("teacher1", Role::ClassTeacher, "e/528801/2152000001/三年级/三(1)班/"),
    ("system", Role::SystemAdmin, COUNTY),
    ("security", Role::SecurityAdmin, COUNTY),
    ("auditor", Role::AuditAdmin, COUNTY),
];

pub struct TestApp {
    pub site: Router,
    pub office: Office,
    /// Lives as long.
    pub _folder: Option<tempfile::TempDir>,
}

/// An answer of the site.
pub struct Answer {
    pub status: StatusCode,
    pub location: String,
    pub cookie: Option<String>,
    pub headers: axum::http::HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The page without the line ends of its template: between two elements they say nothing, elsewhere they are a blank.
    pub fn text(&self) -> String {
        let whole = String::from_utf8_lossy(&self.bytes);
        let mut out = String::with_capacity(whole.len());
        for line in whole.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let begins = ["<a ", "<b>", "<span", "<small", "<button", "<code"].iter().any(|tag| line.starts_with(tag));
            let ended = ["</a>", "</b>", "</span>", "</small>", "</code>"].iter().any(|tag| out.ends_with(tag));
            let words = !line.starts_with('<');
            if !out.is_empty() && if out.ends_with('>') { ended && words } else { begins || words } {
                out.push(' ');
            }
            out.push_str(line);
        }
        out
    }

    /// Fails with the page's text unless it says this.
    pub fn says(&self, what: &str) -> &Self {
        assert!(self.text().contains(what), "{} does not say “{what}”:\n{}", self.status, self.text());
        self
    }

    /// The number behind the first of these words: `/warnings/12`.
    pub fn number_after(&self, what: &str) -> String {
        let text = self.text();
        let rest = text.split(what).skip(1).find(|r| r.starts_with(|c: char| c.is_ascii_digit()));
        rest.unwrap_or_else(|| panic!("no {what}…: {text}")).chars().take_while(char::is_ascii_digit).collect()
    }

    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{} {}", self.location, self.text());
        self
    }
}

/// Databases of the tests: SQLite, and PostgreSQL where `make test` started one.
async fn stores() -> Vec<(Store, tempfile::TempDir)> {
    let vault = || Vault::from_text(&Vault::new_key_file().unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("baoxue.db").display());
    let mut out = vec![(Store::open(&url, folder.path(), vault()).await.unwrap(), folder)];
    match std::env::var("BAOXUE_TEST_POSTGRES") {
        Ok(server) => {
            let folder = tempfile::tempdir().unwrap();
            let name = format!("t{}", u64::from_be_bytes(random().unwrap()));
            let admin = Store::open(&format!("{server}/postgres"), folder.path(), vault()).await.unwrap();
            admin.raw_all(&format!("CREATE DATABASE {name}"), vec![]).await.unwrap();
            admin.close().await;
            out.push((Store::open(&format!("{server}/{name}"), folder.path(), vault()).await.unwrap(), folder));
        }
        Err(_) => assert!(std::env::var_os("BAOXUE_REQUIRE_POSTGRES").is_none(), "BAOXUE_TEST_POSTGRES is not set"),
    }
    out
}

/// The county on every database, people in place, nothing imported. 9 October 2023 is a Monday.
pub async fn apps() -> Vec<TestApp> {
    apps_with(|_| {}).await
}

/// The same, with an office that is set up otherwise.
pub async fn apps_with(set_up: fn(&mut Office)) -> Vec<TestApp> {
    let mut out = Vec::new();
    for (store, folder) in stores().await {
        store.migrate().await.unwrap();
        let mut office = Office::new(store, Clock::starting_at(date(2023, 10, 9).at(9, 0, 0, 0)));
        set_up(&mut office);
        let place = |kind: &str, code: &str, name: &str, path: &str| NewPlace {
            kind: kind.into(),
            code: code.into(),
            name: name.into(),
            path: PlacePath::parse(path).unwrap(),
            town_path: None,
        };
        let places = vec![
            place("county", "528801", "青禾县", COUNTY),
            place("town", "528801100", "柳林镇", "g/52/5288/528801/528801100/"),
            place("town", "528801101", "石桥镇", "g/52/5288/528801/528801101/"),
            place("village", VILLAGES[0], "上坝村", "g/52/5288/528801/528801100/528801100201/"),
            place("village", VILLAGES[1], "下坝村", "g/52/5288/528801/528801101/528801101201/"),
            place("school", SCHOOLS[0].0, SCHOOLS[0].1, "e/528801/2152000001/"),
            place("school", SCHOOLS[1].0, SCHOOLS[1].1, "e/528801/2152000002/"),
        ];
        office.add_person(None, "system", "系统", &[(Role::SystemAdmin, PlacePath::parse(COUNTY).unwrap())]).await.unwrap();
        let system = actor_of(&office, "system").await;
        let read = PlacesRead { places, ..PlacesRead::default() };
        office.put_places(&system, &read, date(2020, 1, 1)).await.unwrap();
        for (login, role, path) in PEOPLE {
            if login != "system" {
                office.add_person(None, login, login, &[(role, PlacePath::parse(path).unwrap())]).await.unwrap();
            }
            office.set_known_password(login, PASSWORD).await.unwrap();
        }
        out.push(served(office, Some(folder)));
    }
    out
}

pub async fn actor_of(office: &Office, login: &str) -> Actor {
    let account = office.store.account_by_login(login).await.unwrap().unwrap();
    office.store.actor(&account, office.clock.today()).await.unwrap()
}

/// Children 0 to 47, alternating between the towns. 20 to 23 are on no school's register; 30 is on the register and not in school.
pub fn rosters() -> [(String, String); 3] {
    let mut household = String::from("姓名,性别,出生日期,身份证件号,监护人,监护人电话,行政区划代码,户籍地址,户籍状态\n");
    let mut students = String::from("学校标识码,学校名称,姓名,性别,出生日期,身份证件号,年级,班级,学籍状态\n");
    let mut roll = String::from("学校标识码,学校名称,姓名,性别,出生日期,年级,班级,是否在校\n");
    for i in 0..48usize {
        let (name, birth, id) = child(i);
        let (school, town) = (SCHOOLS[i % 2], ["柳林镇上坝村", "石桥镇下坝村"][i % 2]);
        household += &format!(
            "{name},男,{birth},{id},家长{},1280000{i:04},{},青禾县{town}{}组,在册\n",
            given(i + 3),
            VILLAGES[i % 2],
            i % 9 + 1
        );
        if !(20..24).contains(&i) {
            students += &format!("{},{},{name},男,{birth},{id},三年级,三({})班,在读\n", school.0, school.1, i / 2 % 2 + 1);
            let here = if i == 30 { "否" } else { "是" };
            roll += &format!("{},{},{name},男,{birth},三年级,三({})班,{here}\n", school.0, school.1, i / 2 % 2 + 1);
        }
    }
    [("户籍.csv".into(), household), ("学籍.csv".into(), students), ("在校.csv".into(), roll)]
}

fn given(i: usize) -> String {
    let a = ["浩", "子", "欣", "梓", "思", "俊", "雨", "佳"][i % 8];
    let b = ["然", "轩", "怡", "涵", "琪", "杰", "桐", "文"][i / 8 % 8];
    format!("{a}{b}")
}

/// Name, birth date and number of child `i`.
pub fn child(i: usize) -> (String, String, String) {
    let birth = format!("201{}-{:02}-{:02}", 2 + i % 4, 1 + i % 12, 1 + i % 28);
    let first = format!("528801{}{:03}", birth.replace('-', ""), 2 * i + 1);
    let id = baoxue_domain::person::NationalId::complete(&first).unwrap().to_string();
    (format!("{}{}", ["王", "李", "张", "刘", "陈", "杨"][i % 6], given(i)), birth, id)
}

impl TestApp {
    pub async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.site.clone().oneshot(request).await.unwrap();
        let header = |n: header::HeaderName| response.headers().get(n).and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
        let cookie = response
            .headers()
            .get_all(header::SET_COOKIE)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .find(|v| v.starts_with("baoxue="))
            .map(str::to_owned);
        Answer {
            status: response.status(),
            location: header(header::LOCATION),
            cookie,
            headers: response.headers().clone(),
            bytes: to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec(),
        }
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, who).header(header::HOST, "localhost");
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    pub async fn post(&self, who: &str, path: &str, form: &[(&str, &str)]) -> Answer {
        let body: Vec<String> = form
            .iter()
            .map(|(n, v)| {
                format!(
                    "{}={}",
                    crate::web::frame::view::url_part(n).replace('/', "%2F"),
                    crate::web::frame::view::url_part(v).replace('/', "%2F")
                )
            })
            .collect();
        let request = Request::post(path)
            .header(header::COOKIE, who)
            .header(header::HOST, "localhost")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(body.join("&"))).unwrap()).await
    }

    /// A form with files: field, file name (none for text), content.
    pub async fn upload(&self, who: &str, path: &str, parts: &[(&str, Option<&str>, &[u8])]) -> Answer {
        let mut body = Vec::new();
        for (field, file, content) in parts {
            body.extend_from_slice(b"--XX\r\n");
            let name = file.map_or(String::new(), |f| format!("; filename=\"{f}\""));
            body.extend_from_slice(format!("Content-Disposition: form-data; name=\"{field}\"{name}\r\n\r\n").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--XX--\r\n");
        let request = Request::post(path)
            .header(header::COOKIE, who)
            .header(header::HOST, "localhost")
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "multipart/form-data; boundary=XX");
        self.ask(request.body(Body::from(body)).unwrap()).await
    }

    /// The system administrator confirms what waits.
    pub async fn confirm_all(&self) {
        let system = actor_of(&self.office, "system").await;
        for p in self.office.pending(&system).await.unwrap() {
            self.office.decide_request(Some(&system), p.request.id, true).await.unwrap();
        }
    }

    /// The cookie of a log-in.
    pub async fn log_in(&self, login: &str) -> String {
        let a = self.post("", "/log-in", &[("login", login), ("password", PASSWORD)]).await;
        a.is(303);
        a.cookie.unwrap().split(';').next().unwrap().to_owned()
    }

    /// Does what jobs are there.
    pub async fn work(&self) {
        let worker = tokio::spawn(self.office.clone().work(baoxue_store::Lane::Long));
        for _ in 0..600 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            let busy = self.office.store.raw_one("SELECT COUNT(*) FROM run WHERE state = 'running'", vec![]).await.unwrap();
            if busy.unwrap().int(0).unwrap() == 0 {
                break;
            }
        }
        worker.abort();
    }

    /// The rosters imported and compared by the county officer.
    pub async fn compared(&self) {
        self.loaded("county", &rosters()).await;
        self.compared_by("county").await;
    }

    /// Rosters imported and in use.
    pub async fn loaded(&self, login: &str, rosters: &[(String, String)]) {
        let officer = actor_of(&self.office, login).await;
        let uploads =
            rosters.iter().map(|(name, text)| Upload { name: name.clone(), bytes: text.clone().into_bytes() }).collect();
        let staged = self.office.stage(&officer, uploads, &HandOver::default()).await.unwrap();
        let ids: Vec<i64> = staged.into_iter().map(|s| s.outcome.unwrap()).collect();
        let whole = ids.iter().map(|id| (*id, Mode::Whole)).collect();
        self.office.load(&officer, &ids, &whole, true).await.unwrap();
    }

    /// A run, to its end.
    pub async fn compared_by(&self, login: &str) {
        let officer = actor_of(&self.office, login).await;
        self.office.ask_for_run(&officer, false).await.unwrap();
        self.work().await;
    }
}

/// An office with its site.
pub fn served(office: Office, folder: Option<tempfile::TempDir>) -> TestApp {
    TestApp { site: site(app_of(&office)), office, _folder: folder }
}

fn app_of(office: &Office) -> App {
    App {
        office: office.clone(),
        tls: false,
        proxy: false,
        cautions: Default::default(),
        uploads: Default::default(),
        banner: None,
    }
}

/// The application itself, for its table of routes.
pub fn shared(app: &TestApp) -> Arc<App> {
    Arc::new(app_of(&app.office))
}
