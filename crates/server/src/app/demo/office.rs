//! 示范县的日常 (a working demo): places, people, rosters imported and compared through the same code as a user would, some findings sent out.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use baoxue_domain::access::{Action, Actor, Role};
use baoxue_domain::finding::FindingState;
use baoxue_domain::place::PlacePath;
use baoxue_store::{CaseFilter, FindingFilter, RunState, Whose};

use super::PLACES_FILE;
use crate::app::office::Office;
use crate::app::place::tree::read_places;
use crate::app::roster::staging::{HandOver, Upload};

/// The password of all demo accounts.
pub const PASSWORD: &str = "qinghe-2023-yanshi";
const COUNTY: &str = "g/52/5288/528801/";
/// Places that are chosen once it is known where there is something to do.
const A_SCHOOL: &str = "school";
const A_VILLAGE: &str = "village";
const A_CLASS: &str = "class";
/// How long the demo's comparison may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// Log-in, name, role, where (a path, or the name of a school), what to try.
const PEOPLE: [(&str, &str, Role, &str, &str); 10] = [
    ("xian", "陈县办", Role::CountyOfficer, COUNTY, "县教育局:看比对结果、认定、交办核实、导出台账"),
    ("xian2", "林县办", Role::CountyOfficer, COUNTY, "县教育局另一位经办人:经办人自己申请的,由她审批"),
    ("xuexiao", "李学籍", Role::Registrar, A_SCHOOL, "学校:待核实里答复,传一张照片(可用手机宽度的窗口)"),
    ("xiaozhang", "何校长", Role::Principal, A_SCHOOL, "校长:看考勤和预警、批假、写校历"),
    ("cun", "王村干", Role::Cadre, A_VILLAGE, "村干部:只看得到本村;答复核实"),
    ("zhen", "赵镇长", Role::Cadre, "g/52/5288/528801/528801100/", "乡镇干部:看得到全镇"),
    ("laoshi", "周班主任", Role::ClassTeacher, A_CLASS, "班主任:点名(今天的还没点)、联系家长;本班学生不隐去姓名"),
    ("xitong", "孙系统", Role::SystemAdmin, COUNTY, "系统管理员:区划学校、参数"),
    ("anquan", "钱安全", Role::SecurityAdmin, COUNTY, "安全管理员:人员授权"),
    ("shenji", "吴审计", Role::AuditAdmin, COUNTY, "审计管理员:谁看过谁,日志是否完整"),
];

/// Fills an empty installation; one that is filled already is left as it is. `many`: so many more cases, each with so many events; `takers`: so many
/// accounts that take the roll of all schools among them.
pub async fn prepare(office: &Office, folder: &Path, many: Option<(usize, usize)>, takers: Option<usize>) -> anyhow::Result<()> {
    if office.store.account_by_login(PEOPLE[0].0).await?.is_some() {
        return Ok(());
    }
    let today = office.clock.today();
    let county = PlacePath::parse(COUNTY).context("示范县的路径")?;
    // the three administrators come first, from the command line, as in any installation
    for (login, name, role, ..) in
        PEOPLE.iter().filter(|p| matches!(p.2, Role::SystemAdmin | Role::SecurityAdmin | Role::AuditAdmin))
    {
        office.add_person(None, login, name, &[(*role, county.clone())]).await?;
        office.set_known_password(login, PASSWORD).await?;
    }
    let system = actor(office, "xitong").await?;
    let bytes = std::fs::read(folder.join(PLACES_FILE)).with_context(|| format!("{} 里没有示范县的区划", folder.display()))?;
    // the tree began long before the demo's day
    let began = jiff::civil::date(2020, 1, 1);
    office.put_places(&system, &read_places("区划学校划片.xlsx", bytes)?, began).await?;
    office.set(&system, "bureau", "青禾县教育局", today).await?;
    let security = actor(office, "anquan").await?;
    add(office, [&security, &system], |place| place.starts_with("g/"), &Chosen::default()).await?;
    println!("正在导入示范县的名册……");
    let officer = actor(office, "xian").await?;
    let mut uploads = Vec::new();
    let mut paths: Vec<_> = std::fs::read_dir(folder)?.filter_map(|f| f.ok()).map(|f| f.path()).filter(|p| p.is_file()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        uploads.push(Upload { name, bytes: std::fs::read(&path)? });
    }
    let by = HandOver { department: String::new(), person: "示范".into() };
    let mut ids = Vec::new();
    for s in office.stage(&officer, uploads, &by).await? {
        match s.outcome {
            Ok(id) => ids.push(id),
            Err(e) => bail!("{}:{e}", s.file_name),
        }
    }
    office.load(&officer, &ids, &Default::default(), true).await?;
    println!("正在比对……");
    let run = office.ask_for_run(&officer, false).await?;
    let watch = crate::app::clock::Stopwatch::start();
    loop {
        let r = office.store.run(COUNTY, run).await?.context("比对不见了")?;
        match r.state {
            RunState::Finished => break,
            RunState::Failed => bail!("示范县的比对没有完成:{}", r.problem.unwrap_or_default()),
            RunState::Running if watch.elapsed() > PATIENCE => bail!("示范县的比对太久没有完成"),
            RunState::Running => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    let second = actor(office, "xian2").await?;
    let cases = super::cases::prepare(office, &second, &officer).await?;
    println!("已建立 {cases} 份劝返档案,各阶段都有");
    if let Some((n, events)) = many {
        println!("另建 {} 份,用来测量", super::cases::many(office, &second, n, events).await?);
    }
    let chosen = dispatch_some(office, &officer).await?;
    add(office, [&security, &system], |place| !place.starts_with("g/"), &chosen).await?;
    if let Some(school) = &chosen.school {
        let takes = actor(office, "xuexiao").await?;
        let n = super::attendance::prepare(office, school, &takes, &officer).await?;
        println!("已点名 {n} 次:示范学校从九月起,其他学校昨天");
    }
    match takers {
        Some(n) => add_takers(office, [&security, &system], n).await,
        None => Ok(()),
    }
}

/// Accounts that take the roll of all schools among them, to measure by.
async fn add_takers(office: &Office, [security, system]: [&Actor; 2], n: usize) -> anyhow::Result<()> {
    let schools = office.store.places_below("e/528801/", office.clock.today(), &["school"]).await?;
    for i in 0..n {
        let login = format!("taker{}", i + 1);
        let own: Vec<(Role, PlacePath)> = schools.iter().skip(i).step_by(n).map(|s| (Role::Registrar, s.path.clone())).collect();
        if !own.is_empty() {
            office.add_person(Some(security), &login, "点名", &own).await?;
            office.set_known_password(&login, PASSWORD).await?;
        }
    }
    for p in office.pending(system).await? {
        office.decide_request(Some(system), p.request.id, true).await?;
    }
    Ok(())
}

/// A school, one of its classes and a village with findings in their inbox.
#[derive(Default)]
struct Chosen {
    school: Option<PlacePath>,
    village: Option<PlacePath>,
}

/// Accounts of those whose place fits: one administrator makes them, the other one confirms.
async fn add(office: &Office, [security, system]: [&Actor; 2], which: fn(&str) -> bool, chosen: &Chosen) -> anyhow::Result<()> {
    let administrators = [Role::SystemAdmin, Role::SecurityAdmin, Role::AuditAdmin];
    for (login, name, role, place, _) in PEOPLE.iter().filter(|p| which(p.3) && !administrators.contains(&p.2)) {
        let school = chosen.school.clone();
        let path = match *place {
            A_SCHOOL => school,
            A_CLASS => school.map(|s| s.child("三年级").child("三(1)班")),
            A_VILLAGE => chosen.village.clone(),
            p => PlacePath::parse(p),
        };
        let path = path.with_context(|| format!("示范县里没有给“{login}”的地方"))?;
        office.add_person(Some(security), login, name, &[(*role, path)]).await?;
        office.set_known_password(login, PASSWORD).await?;
    }
    for p in office.pending(system).await? {
        office.decide_request(Some(system), p.request.id, true).await?;
    }
    Ok(())
}

/// Two thirds of the findings are sent out, so that school and village find something in their inbox.
async fn dispatch_some(office: &Office, officer: &Actor) -> anyhow::Result<Chosen> {
    let j = officer.jurisdiction(Action::Dispatch).map_err(|e| anyhow::anyhow!("{e}"))?;
    let open = FindingFilter { states: vec![FindingState::Open], ..FindingFilter::default() };
    let (all, _) = office.store.findings(&open, &j, 5_000, 0).await?;
    let ids: Vec<i64> = all.iter().map(|f| f.id).filter(|id| id % 3 != 0).collect();
    if !ids.is_empty() {
        office.dispatch(officer, &ids, None, Some(3)).await?;
    }
    let sent = FindingFilter { states: vec![FindingState::Dispatched], ..FindingFilter::default() };
    let mut count: std::collections::BTreeMap<PlacePath, (usize, usize)> = std::collections::BTreeMap::new();
    for f in office.store.findings(&sent, &j, 5_000, 0).await?.0 {
        if let Some(unit) = f.unit_path.as_deref().and_then(PlacePath::parse) {
            count.entry(unit).or_default().0 += 1;
        }
    }
    // who has cases and findings, has something to try
    let (cases, _) = office.store.cases(&CaseFilter::default(), Whose::Seen(&j), 500, 0).await?;
    for unit in cases.iter().filter_map(|k| k.unit_path.as_deref().and_then(PlacePath::parse)) {
        if let Some(n) = count.get_mut(&unit) {
            n.1 += 1;
        }
    }
    let most = |government: bool| {
        let depth = if government { 5 } else { 2 };
        let fitting = count.iter().filter(|(p, _)| p.is_government() == government && p.depth() == depth);
        fitting.max_by_key(|(_, n)| (n.1 > 0, n.0)).map(|(p, _)| p.clone())
    };
    // a small demo may have no finding at a school or in a village
    let today = office.clock.today();
    let any = async |kind: &str| -> anyhow::Result<Option<PlacePath>> {
        let prefix = if kind == "school" { "e/528801/" } else { COUNTY };
        Ok(office.store.places_below(prefix, today, &[kind]).await?.into_iter().next().map(|p| p.path))
    };
    Ok(Chosen {
        school: match most(false) {
            Some(p) => Some(p),
            None => any("school").await?,
        },
        village: match most(true) {
            Some(p) => Some(p),
            None => any("village").await?,
        },
    })
}

async fn actor(office: &Office, login: &str) -> anyhow::Result<Actor> {
    let account = office.store.account_by_login(login).await?.with_context(|| format!("没有账号 {login}"))?;
    Ok(office.store.actor(&account, office.clock.today()).await?)
}

/// What a newcomer needs to look around.
pub fn print_log_ins() {
    println!("\n示范账号(口令都是 {PASSWORD}):");
    for (login, name, role, _, about) in PEOPLE {
        println!("  {login:<8} {name}  {}——{about}", role.label());
    }
    println!(
        "\n可以试试:用 xian 登录,看“比对”的结果和“人工认定”,在“今日”里审批一份档案;用 laoshi 在窄窗口里点名;用 xuexiao 答复一条核实、记一次家访、看预警;再用 shenji 看审计日志。"
    );
}
