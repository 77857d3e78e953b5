//! 人员和授权 (people and their roles): who may do what where, one by one or from a sheet, inside one's own places.

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Jurisdiction, Role};
use baoxue_domain::place::PlacePath;
use baoxue_store::{Account, NewAccount, NewRequest, RequestKind, RequestState};

use super::confirmations::{FIRST_MS, not_oneself, same_name};
use super::find_place::Sought;
use super::password::{hash, new_password};
use super::{Office, OfficeError, Result};

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

impl Office {
    /// An account that a security administrator manages: everything that was ever granted to it, or shall be, lies inside her own place.
    pub async fn managed(&self, actor: &Actor, login: &str) -> Result<Account> {
        let j = actor.jurisdiction(Action::ManageUsers)?;
        let account = self.store.account_by_login(login).await?.ok_or(OfficeError::NotFound)?;
        let held = self.store.grants(Some(account.id)).await?.into_iter().map(|g| g.path);
        let asked = self.store.requests(RequestState::Vouched, Some(account.id), self.now()).await?;
        let asked = asked.into_iter().flat_map(|r| r.grants).map(|g| g.1.to_string());
        let reach: Vec<String> = held.chain(asked).collect();
        if !reach.is_empty() && reach.iter().all(|p| j.covers(p)) { Ok(account) } else { Err(OfficeError::NotFound) }
    }

    /// Makes an account with its roles and gives its first password; it can be used when a second person has confirmed it. `by` is nobody
    /// when the program itself makes the first ones, which can be used at once.
    pub async fn add_person(&self, by: Option<&Actor>, login: &str, name: &str, grants: &[(Role, PlacePath)]) -> Result<String> {
        let (login, name) = (login.trim(), name.trim());
        if let Some(a) = by {
            for (_, path) in grants {
                may_grant_at(a, path)?;
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
        match by {
            None => {
                for (role, path) in grants {
                    tx.grant(id, *role, path, self.clock.today(), None, now).await?;
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
        self.audit_by(&mut tx, by, "add-account", &format!("account:{id}"), &detail).await?;
        tx.commit().await?;
        Ok(password)
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
        tx.forget_devices(account.id).await?;
        if forget_factor {
            tx.set_totp(account.id, None).await?;
        }
        let detail = if forget_factor { "密码和动态码" } else { "密码" };
        tx.tell(self.store.vault(), account.id, &format!("{detail}已在服务器上用命令行重置"), now).await?;
        self.audit_by(&mut tx, None, "reset-password", &format!("account:{}", account.id), detail).await?;
        tx.commit().await?;
        Ok(password)
    }

    /// Vouches for a further role, from the day on which a second person confirms it.
    pub async fn grant(&self, actor: &Actor, login: &str, role: Role, path: &PlacePath) -> Result<()> {
        may_grant_at(actor, path)?;
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
        let mut tx = self.store.begin().await?;
        let grants = [(role, path.clone())];
        let new = NewRequest { account: account.id, grants: &grants, ..NewRequest::default() };
        self.vouch(&mut tx, actor, RequestKind::Grant, new).await?;
        self.audit(&mut tx, actor, "grant", &format!("account:{}", account.id), &format!("{} {path}", role.label())).await?;
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
        self.audit(&mut tx, actor, "end-grant", &format!("account:{}", account.id), &format!("{} {}", g.role.label(), g.path))
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
        let what = if disabled { "disable-account" } else { "enable-account" };
        self.audit(&mut tx, actor, what, &format!("account:{}", account.id), login).await?;
        tx.commit().await?;
        Ok(())
    }

    /// People from a spreadsheet: 登录名, 姓名, 角色, 范围. Good rows become accounts; the answer is a workbook with their first passwords, and the rows
    /// that could not be used with the reason beside each.
    pub async fn add_people(&self, actor: &Actor, name: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
        actor.jurisdiction(Action::ManageUsers)?;
        let sheets = crate::app::reader::read(name, bytes).map_err(|e| OfficeError::Input(e.to_string()))?;
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
            match self.person_of(actor, &row).await {
                // one person with several roles stands on several rows
                Ok(new) => match people.iter_mut().find(|p| p.login == new.login) {
                    Some(p) if p.name != new.name => {
                        let why = format!("登录名“{}”在表里属于两个姓名:{}、{}", new.login, p.name, new.name);
                        bad.push(BadRow { number: r + 1, row, why });
                    }
                    Some(p) => p.grants.extend(new.grants),
                    None => people.push(new),
                },
                Err(OfficeError::Input(why)) => bad.push(BadRow { number: r + 1, row, why }),
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
        let mut out: Vec<Vec<Value>> = Vec::new();
        for NewPerson { login, name, grants } in &people {
            let roles: Vec<&str> = grants.iter().map(|g| g.0.label()).collect();
            match self.add_person(Some(actor), login, name, grants).await {
                Ok(password) => {
                    out.push(vec![login.as_str().into(), name.as_str().into(), roles.join("、").into(), password.into()]);
                }
                Err(OfficeError::Input(why)) => {
                    bad.push(BadRow { number: 0, row: [login.clone(), name.clone(), roles.join("、"), String::new()], why });
                }
                Err(e) => return Err(e),
            }
        }
        if out.is_empty() {
            let some: Vec<String> = bad.iter().take(SAID_ROWS).map(BadRow::said).collect();
            let said = if some.is_empty() { "表里没有人".to_owned() } else { some.join(";") };
            return Err(OfficeError::Input(format!("没有新建账号:{said}")));
        }
        people_workbook(out, bad)
    }

    /// A person as a row of a sheet says.
    async fn person_of(&self, actor: &Actor, [login, name, role, place]: &[String; 4]) -> Result<NewPerson> {
        let role = Role::find(role).ok_or_else(|| OfficeError::Input(format!("角色“{role}”不存在")))?;
        let path = self.place_named(Some(actor), place).await?;
        let path = path.ok_or_else(|| OfficeError::Input(format!("范围“{place}”没有找到")))?;
        check_person(login, name)?;
        may_grant_at(actor, &path)?;
        if self.store.account_by_login(login).await?.is_some() {
            return Err(OfficeError::Input(format!("登录名“{login}”已有人用")));
        }
        Ok(NewPerson { login: login.clone(), name: name.clone(), grants: vec![(role, path)] })
    }

    /// A place by what people write: a code, a path, or a name with or without what it lies in, inside one's own places. `by` is nobody on the
    /// command line.
    pub async fn place_named(&self, by: Option<&Actor>, text: &str) -> Result<Option<PlacePath>> {
        let j = match by {
            Some(a) => a.jurisdiction(Action::ManageUsers)?,
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

/// First passwords, and the rows that could not be used.
fn people_workbook(made: Vec<Vec<Value>>, mut bad: Vec<BadRow>) -> Result<Vec<u8>> {
    let columns = |all: &[(&str, f64)]| all.iter().map(|(h, w)| Column::new(h, *w)).collect::<Vec<_>>();
    let mut sheets = vec![TableSheet {
        name: "初始密码".into(),
        title: Some("新账号初始密码".into()),
        subtitle: Some((
            "由另一名管理员复核后可用,7 天内有效,首次登录须修改。请分别当面或电话告知本人,然后删除本文件".into(),
            String::new(),
        )),
        columns: columns(&[("登录名", 18.0), ("姓名", 12.0), ("角色", 30.0), ("初始密码", 20.0)]),
        rows: Box::new(made.into_iter()),
        notes: Vec::new(),
    }];
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

/// Rights are given inside one's own place only.
fn may_grant_at(actor: &Actor, path: &PlacePath) -> Result<()> {
    if actor.jurisdiction(Action::ManageUsers)?.covers(path.as_str()) {
        return Ok(());
    }
    Err(OfficeError::Input(format!("范围“{path}”不在您的管辖范围内,不能授权")))
}

fn check_person(login: &str, name: &str) -> Result<()> {
    if login.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(OfficeError::Input(format!("登录名“{login}”请用小写字母")));
    }
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if name.contains(hidden) {
        return Err(OfficeError::Input("姓名里有看不见的字符,请重新输入".into()));
    }
    let good =
        (3..=32).contains(&login.len()) && login.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if !good {
        return Err(OfficeError::Input(format!("登录名“{login}”应为 3 到 32 个字母、数字或 - _ .")));
    }
    if name.is_empty() || name.chars().count() > 20 {
        return Err(OfficeError::Input("姓名不能为空,也不要超过 20 字".into()));
    }
    Ok(())
}

/// 三员分立: nobody is two of the administrators, and no administrator sees children.
pub(super) fn check_apart(held: &[(Role, PlacePath)], new: &[(Role, PlacePath)]) -> Result<()> {
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
