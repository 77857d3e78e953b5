//! 人员和授权 (people and their roles): who may do what where, one by one or from a sheet, inside one's own places.

use std::collections::BTreeMap;
use std::sync::Arc;

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Actor, Deed, Jurisdiction, Role};
use baoxue_domain::place::PlacePath;
use baoxue_store::{Account, NewAccount, NewRequest, RequestKind, RequestState};
use jiff::civil::Date;

use crate::app::access::confirmations::{FIRST_MS, not_oneself, same_name};
use crate::app::access::managing::Managing;
use crate::app::access::password::{hash, new_password};
use crate::app::clock::civil;
use crate::app::office::{Office, OfficeError, Result};
use crate::app::place::search::Sought;

/// Bad rows that a refusal names.
const SAID_ROWS: usize = 20;
/// Rows of a sheet of people.
const MAX_PEOPLE: usize = 5_000;

/// A person of a spreadsheet.
struct NewPerson {
    login: String,
    name: String,
    grants: Vec<(Role, PlacePath)>,
}

/// What came of a person who was to be added.
#[derive(Debug)]
pub enum Added {
    /// A new account, with its first password.
    Account(String),
    /// She has an account elsewhere: the further right waits for a second person.
    Grant,
}

impl Office {
    /// An account that one manages: everything that was ever granted to it, or shall be, lies inside one's own place.
    pub async fn managed(&self, actor: &Actor, login: &str) -> Result<Account> {
        let managing = Managing::of(actor)?;
        let account = self.store.account_by_login(login).await?.ok_or(OfficeError::NotFound)?;
        let held = self.store.grants(Some(account.id)).await?;
        let wished = self.store.requests(RequestState::Vouched, Some(account.id), self.now()).await?;
        let reach = Managing::reach(account.id, &held, &wished, &self.clock.today().to_string());
        if managing.holds(&reach) { Ok(account) } else { Err(OfficeError::NotFound) }
    }

    /// Makes an account with its roles and gives its first password; it can be used when a second person has confirmed it. `by` is nobody
    /// when the program itself makes the first ones, which can be used at once, as can a school's own teachers'.
    pub async fn add_person(&self, by: Option<&Actor>, login: &str, name: &str, grants: &[(Role, PlacePath)]) -> Result<String> {
        let (login, name) = (login.trim(), name.trim());
        let managing = by.map(Managing::of).transpose()?;
        if let (Some(a), Some(m)) = (by, &managing) {
            for (role, path) in grants {
                m.may_grant(*role, path)?;
            }
            if same_name(name, &a.name) {
                return Err(OfficeError::Input("不能给自己(同名的人)建账号;请由另一名安全管理员办理".into()));
            }
        }
        check_person(login, name)?;
        if self.store.account_by_login(login).await?.is_some() {
            return Err(OfficeError::Input(format!("登录名“{login}”已有人用")));
        }
        for (role, path) in grants {
            if self.store.place_at(path, self.clock.today()).await?.is_none() && path.depth() <= 2 && by.is_some() {
                return Err(OfficeError::Input(format!("{}的范围“{path}”不存在", role.label())));
            }
        }
        check_apart(&[], grants)?;
        let password = new_password()?;
        let hashed = hash(&password)?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let new = NewAccount { login, name, password_hash: &hashed, first_until: now + FIRST_MS };
        let id = tx.add_account(&new, now).await?;
        match by.filter(|_| !managing.is_some_and(|m| m.school)) {
            None => {
                for (role, path) in grants {
                    tx.grant(id, *role, path, (self.clock.today(), None), by.map(|a| a.account), now).await?;
                }
            }
            Some(a) => {
                tx.set_disabled(id, Some(now)).await?;
                let new = NewRequest { account: id, grants, ..NewRequest::default() };
                self.vouch(&mut tx, a, RequestKind::Account, new).await?;
            }
        }
        let roles: Vec<&str> = grants.iter().map(|g| g.0.label()).collect();
        let detail = format!("{login} {}", roles.join("、"));
        self.audit_by(&mut tx, by, Deed::AddAccount, &format!("account:{id}"), &detail).await?;
        tx.commit().await?;
        Ok(password)
    }

    /// Adds a person whom an administrator or a school names. Somebody of that log-in and name who has an account elsewhere (调入, 兼任) keeps it, and
    /// the school's wish for a further right waits for a second person: the account opens other units too.
    pub async fn add_or_wish(&self, actor: &Actor, login: &str, name: &str, grants: &[(Role, PlacePath)]) -> Result<Added> {
        let managing = Managing::of(actor)?;
        let elsewhere = self.store.account_by_login(login.trim()).await?.filter(|a| managing.school && same_name(&a.name, name));
        match elsewhere {
            Some(account) => {
                for (role, path) in grants {
                    managing.may_grant(*role, path)?;
                }
                self.wish_for(actor, &account, grants).await?;
                Ok(Added::Grant)
            }
            None => Ok(Added::Account(self.add_person(Some(actor), login, name, grants).await?)),
        }
    }

    async fn wish_for(&self, actor: &Actor, account: &Account, grants: &[(Role, PlacePath)]) -> Result<()> {
        not_oneself(actor, account)?;
        if account.disabled_at.is_some() {
            return Err(OfficeError::field("login", "这个账号已停用,请由安全管理员办理"));
        }
        // administrators of another county could neither see nor refuse it
        let county = |p: &PlacePath| p.county();
        let here: Vec<Option<PlacePath>> = grants.iter().map(|g| county(&g.1)).collect();
        let there = self.store.actor(account, self.clock.today()).await?.grants;
        if there.is_empty() || there.iter().any(|g| !here.contains(&county(&g.path))) {
            return Err(OfficeError::field("login", "这个登录名在本县没有在用的账号,请由安全管理员办理"));
        }
        let held = self.store.actor(account, self.clock.today()).await?.grants;
        let held: Vec<(Role, PlacePath)> = held.into_iter().map(|g| (g.role, g.path)).collect();
        check_apart(&held, grants)?;
        let wished = self.store.requests(RequestState::Vouched, Some(account.id), self.now()).await?;
        if grants.iter().all(|g| held.contains(g) || wished.iter().any(|r| r.grants.contains(g))) {
            return Err(OfficeError::Conflict("已经有这项授权,或正待复核".into()));
        }
        let mut tx = self.store.begin().await?;
        let new = NewRequest { account: account.id, grants, ..NewRequest::default() };
        self.vouch(&mut tx, actor, RequestKind::Grant, new).await?;
        let told = format!("{}申请给您加授本校的角色,待管理员复核", actor.name);
        tx.tell(self.store.vault(), account.id, &told, self.now()).await?;
        let said: Vec<String> = grants.iter().map(|(role, path)| format!("{} {path}", role.label())).collect();
        self.audit(&mut tx, actor, Deed::Grant, &format!("account:{}", account.id), &said.join("、")).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives somebody a new first password and ends all of her sessions; with `forget_factor` the second factor too. On the command line only:
    /// in the browser the owner asks, and two confirm.
    pub async fn reset_password(&self, login: &str, forget_factor: bool) -> Result<String> {
        let account = self.store.account_by_login(login).await?.ok_or(OfficeError::NotFound)?;
        let password = new_password()?;
        let hashed = hash(&password)?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        tx.set_password(account.id, &hashed, Some(now + FIRST_MS), None).await?;
        tx.forget_devices(account.id, now).await?;
        if forget_factor {
            tx.set_totp(account.id, None).await?;
        }
        let detail = if forget_factor { "密码和动态码" } else { "密码" };
        tx.tell(self.store.vault(), account.id, &format!("{detail}已在服务器上用命令行重置"), now).await?;
        self.audit_by(&mut tx, None, Deed::ResetPassword, &format!("account:{}", account.id), detail).await?;
        tx.commit().await?;
        Ok(password)
    }

    /// Vouches for a further role, from the day on which a second person confirms it. A school gives its own teachers a class at once, 代课
    /// (a substitute) until a last day.
    pub async fn grant(&self, actor: &Actor, login: &str, role: Role, path: &PlacePath, until: Option<Date>) -> Result<()> {
        let managing = Managing::of(actor)?;
        managing.may_grant(role, path)?;
        let account = self.managed(actor, login).await?;
        not_oneself(actor, &account)?;
        let today = self.clock.today();
        let held = self.store.actor(&account, today).await?;
        let asked = self.store.requests(RequestState::Vouched, Some(account.id), self.now()).await?;
        let held = held.grants.into_iter().map(|g| (g.role, g.path));
        let held: Vec<(Role, PlacePath)> = held.chain(asked.into_iter().flat_map(|r| r.grants)).collect();
        if held.contains(&(role, path.clone())) {
            return Err(OfficeError::Conflict("已经有这项授权,或正待复核".into()));
        }
        check_apart(&held, &[(role, path.clone())])?;
        if self.store.place_at(path, today).await?.is_none() && path.depth() <= 2 {
            return Err(OfficeError::Input(format!("范围“{path}”不存在")));
        }
        let ends = match until {
            None => None,
            Some(_) if !managing.school => return Err(OfficeError::Input("有期限的授权只用于本校代课".into())),
            Some(last) if last < today => return Err(OfficeError::Input("截止日期已过".into())),
            Some(last) => Some(last.tomorrow().map_err(|_| OfficeError::Input("截止日期不对".into()))?),
        };
        let mut tx = self.store.begin().await?;
        if managing.school {
            tx.grant(account.id, role, path, (today, ends), Some(actor.account), self.now()).await?;
            let said = format!("{}给您授予了“{}”", actor.name, role.label());
            tx.tell(self.store.vault(), account.id, &said, self.now()).await?;
        } else {
            let grants = [(role, path.clone())];
            let new = NewRequest { account: account.id, grants: &grants, ..NewRequest::default() };
            self.vouch(&mut tx, actor, RequestKind::Grant, new).await?;
        }
        let last = until.map(|d| format!(" 至 {d}")).unwrap_or_default();
        self.audit(&mut tx, actor, Deed::Grant, &format!("account:{}", account.id), &format!("{} {path}{last}", role.label()))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Ends a grant today.
    pub async fn end_grant(&self, actor: &Actor, login: &str, grant: i64) -> Result<()> {
        let account = self.managed(actor, login).await?;
        if account.id == actor.account {
            return Err(OfficeError::Input("不能终止自己的授权;请由另一名安全管理员办理".into()));
        }
        let g = self.store.grants(Some(account.id)).await?.into_iter().find(|g| g.id == grant).ok_or(OfficeError::NotFound)?;
        let mut tx = self.store.begin().await?;
        if !tx.end_grant(grant, self.clock.today()).await? {
            return Err(OfficeError::Conflict("这项授权已经终止".into()));
        }
        // what a phone keeps is of rights that are others now
        tx.drop_offline_caches(account.id, self.now()).await?;
        self.audit(&mut tx, actor, Deed::EndGrant, &format!("account:{}", account.id), &format!("{} {}", g.role.label(), g.path))
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Closes an account at once, or vouches for its being reopened.
    pub async fn set_disabled(&self, actor: &Actor, login: &str, disabled: bool) -> Result<()> {
        let account = self.managed(actor, login).await?;
        if account.id == actor.account {
            return Err(OfficeError::Input("不能停用自己的账号".into()));
        }
        let mut tx = self.store.begin().await?;
        if disabled {
            tx.set_disabled(account.id, Some(self.now())).await?;
            // nothing that waited opens it again
            tx.withdraw_requests(account.id, None, Some(actor.account), self.now()).await?;
        } else if account.disabled_at.is_none() {
            return Err(OfficeError::Conflict("这个账号没有停用".into()));
        } else {
            not_oneself(actor, &account)?;
            let waits = self.store.requests(RequestState::Vouched, Some(account.id), self.now()).await?;
            if waits.iter().any(|r| matches!(r.kind, RequestKind::Account | RequestKind::Enable)) {
                return Err(OfficeError::Conflict("已在等待复核".into()));
            }
            let new = NewRequest { account: account.id, ..NewRequest::default() };
            self.vouch(&mut tx, actor, RequestKind::Enable, new).await?;
        }
        let deed = if disabled { Deed::DisableAccount } else { Deed::EnableAccount };
        self.audit(&mut tx, actor, deed, &format!("account:{}", account.id), login).await?;
        tx.commit().await?;
        Ok(())
    }

    /// People from a spreadsheet: 登录名, 姓名, 角色, 范围. Good rows become accounts; the answer is a workbook with 账号条 (slips with first passwords)
    /// unit by unit, and the rows that could not be used with the reason beside each. `address` is where the program is opened.
    pub async fn add_people(&self, actor: &Actor, name: &str, bytes: Vec<u8>, address: &str) -> Result<Vec<u8>> {
        let managing = Managing::of(actor)?;
        let sheets = crate::app::roster::reader::read(name, bytes).map_err(|e| OfficeError::Input(e.to_string()))?;
        let sheet = &sheets[0];
        let head = (0..sheet.height().min(10)).find(|r| sheet.row(*r).any(|c| c.text.trim() == "登录名"));
        let column = |h: &str| head.and_then(|r| sheet.row(r).position(|c| c.text.trim() == h));
        let (Some(head), Some(login), Some(person), Some(role), Some(place)) =
            (head, column("登录名"), column("姓名"), column("角色"), column("范围"))
        else {
            return Err(OfficeError::Input("没有认出“登录名、姓名、角色、范围”四列;请用样表".into()));
        };
        if sheet.height() > MAX_PEOPLE {
            return Err(OfficeError::Input(format!("一次最多 {MAX_PEOPLE} 人")));
        }
        let mut people: Vec<NewPerson> = Vec::new();
        let mut bad: Vec<BadRow> = Vec::new();
        for r in head + 1..sheet.height() {
            let cell = |c: usize| sheet.cell(r, c).text.trim().to_owned();
            if sheet.row(r).all(|c| c.text.trim().is_empty()) {
                continue;
            }
            let row = [cell(login), cell(person), cell(role), cell(place)];
            match self.person_of(actor, &managing, &row).await {
                // one person with several roles stands on several rows
                Ok(new) => match people.iter_mut().find(|p| p.login == new.login) {
                    Some(p) if p.name != new.name => {
                        let why = format!("登录名“{}”在表里属于两个姓名:{}、{}", new.login, p.name, new.name);
                        bad.push(BadRow { number: r + 1, row, why });
                    }
                    Some(p) => p.grants.extend(new.grants),
                    None => people.push(new),
                },
                Err(OfficeError::Input(why) | OfficeError::Field { said: why, .. }) => {
                    bad.push(BadRow { number: r + 1, row, why })
                }
                Err(e) => return Err(e),
            }
        }
        // a person one of whose rows cannot be used is not made by halves
        let (halves, people): (Vec<_>, Vec<_>) = people.into_iter().partition(|p| bad.iter().any(|b| b.row[0] == p.login));
        for p in halves {
            let roles: Vec<&str> = p.grants.iter().map(|g| g.0.label()).collect();
            let row = [p.login, p.name, roles.join("、"), String::new()];
            bad.push(BadRow { number: 0, row, why: "同一人的另一行有问题,改正后一起导入".into() });
        }
        let units = self.units_of(&people).await?;
        let mut slips: BTreeMap<String, Vec<Slip>> = BTreeMap::new();
        let mut wished = 0;
        for (NewPerson { login, name, grants }, unit) in people.iter().zip(units) {
            let roles: Vec<&str> = grants.iter().map(|g| g.0.label()).collect();
            match self.add_or_wish(actor, login, name, grants).await {
                Ok(Added::Account(password)) => {
                    let slip = Slip { login: login.clone(), name: name.clone(), roles: roles.join("、"), password };
                    slips.entry(unit).or_default().push(slip);
                }
                Ok(Added::Grant) => {
                    wished += 1;
                    let why = "已有账号;加授已提交,待管理员复核".to_owned();
                    bad.push(BadRow { number: 0, row: [login.clone(), name.clone(), roles.join("、"), unit], why });
                }
                Err(OfficeError::Input(why) | OfficeError::Field { said: why, .. } | OfficeError::Conflict(why)) => {
                    bad.push(BadRow { number: 0, row: [login.clone(), name.clone(), roles.join("、"), String::new()], why });
                }
                Err(e) => return Err(e),
            }
        }
        if slips.is_empty() && wished == 0 {
            let some: Vec<String> = bad.iter().take(SAID_ROWS).map(BadRow::said).collect();
            let said = if some.is_empty() { "表里没有人".to_owned() } else { some.join(";") };
            return Err(OfficeError::Input(format!("没有新建账号:{said}")));
        }
        let last = civil(self.now() + FIRST_MS).date();
        people_workbook(slips, bad, managing.school, address, last)
    }

    /// The school, village or town of each person, by name: whose sheet her slip stands on.
    async fn units_of(&self, people: &[NewPerson]) -> Result<Vec<String>> {
        let unit = |path: &PlacePath| if path.is_government() { path.clone() } else { path.school() };
        let units: Vec<Option<PlacePath>> = people.iter().map(|p| p.grants.first().map(|g| unit(&g.1))).collect();
        let paths: Vec<&str> = units.iter().flatten().map(PlacePath::as_str).collect();
        let names = self.store.place_names(&paths).await?;
        Ok(units.into_iter().map(|u| u.and_then(|u| names.get(u.as_str()).cloned()).unwrap_or_default()).collect())
    }

    /// A person as a row of a sheet says.
    async fn person_of(&self, actor: &Actor, managing: &Managing, [login, name, role, place]: &[String; 4]) -> Result<NewPerson> {
        let role = Role::find(role).ok_or_else(|| OfficeError::Input(format!("角色“{role}”不存在")))?;
        let path = self.place_named(Some(actor), place).await?;
        let path = path.ok_or_else(|| OfficeError::Input(format!("范围“{place}”没有找到")))?;
        check_person(login, name)?;
        managing.may_grant(role, &path)?;
        let taken = self.store.account_by_login(login).await?;
        if taken.is_some_and(|a| !managing.school || !same_name(&a.name, name)) {
            return Err(OfficeError::Input(format!("登录名“{login}”已有人用")));
        }
        Ok(NewPerson { login: login.clone(), name: name.clone(), grants: vec![(role, path)] })
    }

    /// A place by what people write: a code, a path, or a name with or without what it lies in, inside one's own places. `by` is nobody on the
    /// command line.
    pub async fn place_named(&self, by: Option<&Actor>, text: &str) -> Result<Option<PlacePath>> {
        let j = match by {
            Some(a) => Managing::of(a)?.within,
            None => Jurisdiction::everywhere(),
        };
        self.place_meant(&j, text, Sought::Anything).await
    }
}

/// A row that could not be used; 0 for what is not one row.
struct BadRow {
    number: usize,
    row: [String; 4],
    why: String,
}

impl BadRow {
    fn said(&self) -> String {
        match self.number {
            0 => format!("“{}”:{}", self.row[0], self.why),
            n => format!("第 {n} 行{}", self.why),
        }
    }
}

/// A slip of paper for one person.
struct Slip {
    login: String,
    name: String,
    roles: String,
    password: String,
}

/// 账号条: a sheet of slips for each unit, to be cut; and the rows that could not be used.
fn people_workbook(
    slips: BTreeMap<String, Vec<Slip>>,
    mut bad: Vec<BadRow>,
    school: bool,
    address: &str,
    last: Date,
) -> Result<Vec<u8>> {
    let columns = |all: &[(&str, f64)]| all.iter().map(|(h, w)| Column::new(h, *w)).collect::<Vec<_>>();
    let code = qr(address);
    let ready = if school { "即时可用" } else { "另一名管理员复核后可用" };
    let mut sheets = Vec::new();
    for (i, (unit, slips)) in slips.into_iter().enumerate() {
        let unit = if unit.is_empty() { "其他".to_owned() } else { unit };
        let row = |s: Slip| -> Vec<Value> {
            let scan = Value::Picture(code.clone());
            let open = format!("手机扫码或打开 {address}");
            vec![s.login.into(), s.name.into(), s.roles.into(), s.password.into(), last.to_string().into(), open.into(), scan]
        };
        let rows: Vec<Vec<Value>> = slips.into_iter().map(row).collect();
        sheets.push(TableSheet {
            // two villages may have one name
            name: format!("{}{}", i + 1, unit),
            title: Some(format!("{unit} 账号条")),
            subtitle: Some((format!("{ready},首次登录须修改密码。按行剪开,分别当面交给本人,然后删除本文件"), String::new())),
            columns: columns(&[
                ("登录名", 18.0),
                ("姓名", 12.0),
                ("角色", 24.0),
                ("初始密码", 20.0),
                ("初始密码有效至", 16.0),
                ("怎样登录", 36.0),
                ("扫码", 14.0),
            ]),
            rows: Box::new(rows.into_iter()),
            notes: Vec::new(),
        });
    }
    bad.sort_by_key(|b| b.number);
    if !bad.is_empty() {
        let rows = bad.into_iter().map(|b| {
            let number = if b.number == 0 { String::new() } else { b.number.to_string() };
            let [login, name, role, place] = b.row;
            vec![number.into(), login.into(), name.into(), role.into(), place.into(), Value::Marked(b.why)]
        });
        sheets.push(TableSheet {
            name: "没有新建的行".into(),
            title: Some("没有新建的行".into()),
            subtitle: Some(("改正后可单独再导入".into(), String::new())),
            columns: columns(&[
                ("原行号", 8.0),
                ("登录名", 18.0),
                ("姓名", 12.0),
                ("角色", 16.0),
                ("范围", 30.0),
                ("原因", 40.0),
            ]),
            rows: Box::new(rows.collect::<Vec<_>>().into_iter()),
            notes: Vec::new(),
        });
    }
    workbook(sheets).map_err(|e| OfficeError::Input(e.to_string()))
}

/// The sample sheet of people.
pub fn sample() -> Result<Vec<u8>> {
    let row = |all: [&str; 4]| all.map(Value::from).to_vec();
    let rows = vec![
        row(["t001", "示例甲", "班主任", "柳林中心小学 三(1)班"]),
        row(["t001", "示例甲", "学籍管理员", "柳林中心小学"]),
        row(["c001", "示例乙", "乡镇·村居干部", "柳林镇石桥村"]),
    ];
    let roles: Vec<Vec<Value>> = Role::ALL.iter().map(|r| vec![Value::from(r.label())]).collect();
    let sheet = |name: &str, heads: &[&str], rows: Vec<Vec<Value>>| TableSheet {
        name: name.into(),
        title: None,
        subtitle: None,
        columns: heads.iter().map(|h| Column::new(h, 24.0)).collect(),
        rows: Box::new(rows.into_iter()),
        notes: Vec::new(),
    };
    let all = vec![sheet("人员", &["登录名", "姓名", "角色", "范围"], rows), sheet("可用的角色", &["角色"], roles)];
    workbook(all).map_err(|e| OfficeError::Input(e.to_string()))
}

/// An address as a picture that a telephone reads (PNG); none where it cannot be drawn.
fn qr(address: &str) -> Option<Arc<[u8]>> {
    const DOTS: usize = 4;
    const MARGIN: usize = 4;
    let code = qrcode::QrCode::new(address.as_bytes()).ok()?;
    let side = code.width();
    let dark = |x: usize, y: usize| {
        let at = |n: usize| (n / DOTS).checked_sub(MARGIN).filter(|n| *n < side);
        at(x).zip(at(y)).is_some_and(|at| code[at] == qrcode::Color::Dark)
    };
    baoxue_documents::write::picture((side + 2 * MARGIN) * DOTS, dark)
}

fn check_person(login: &str, name: &str) -> Result<()> {
    if login.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(OfficeError::field("login", format!("登录名“{login}”请用小写字母")));
    }
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if name.contains(hidden) {
        return Err(OfficeError::field("name", "姓名里有看不见的字符,请重新输入"));
    }
    let good =
        (3..=32).contains(&login.len()) && login.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !good {
        return Err(OfficeError::field("login", format!("登录名“{login}”应为 3 到 32 个字母、数字或 - _ .")));
    }
    if name.is_empty() || name.chars().count() > 20 {
        return Err(OfficeError::field("name", "姓名不能为空,也不要超过 20 字"));
    }
    Ok(())
}

/// 三员分立: nobody is two of the administrators, and no administrator sees children.
pub(in crate::app) fn check_apart(held: &[(Role, PlacePath)], new: &[(Role, PlacePath)]) -> Result<()> {
    let mut roles: Vec<Role> = held.iter().chain(new).map(|g| g.0).collect();
    roles.sort_unstable();
    roles.dedup();
    let admin = roles.iter().filter(|r| r.group() == baoxue_domain::access::RoleGroup::Administration).count();
    if admin > 1 || (admin == 1 && roles.len() > 1) {
        return Err(OfficeError::Input("系统、安全、审计三员须分开,也不能兼任业务角色(三员分立)".into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administrators_are_apart() {
        let at = || PlacePath::parse("g/52/5288/528801/").unwrap();
        assert!(check_apart(&[], &[(Role::SystemAdmin, at())]).is_ok());
        assert!(check_apart(&[(Role::SystemAdmin, at())], &[(Role::AuditAdmin, at())]).is_err());
        assert!(check_apart(&[(Role::SystemAdmin, at())], &[(Role::CountyOfficer, at())]).is_err());
        assert!(check_apart(&[(Role::Registrar, at())], &[(Role::ClassTeacher, at())]).is_ok());
    }
}
