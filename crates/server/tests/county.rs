//! The whole main job on a demo county whose truth is known.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use baoxue_documents::{CellKind, Sheet};

fn baoxue(folder: &Path, args: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_baoxue")).args(args).current_dir(folder).output().expect("the program starts");
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("output is UTF-8")
}

const ROSTERS: [&str; 10] = [
    "r/户籍.xlsx",
    "r/学籍.xlsx",
    "r/在校实名.xlsx",
    "r/卫健出生.xlsx",
    "r/乡村振兴.xls",
    "r/残联.xlsx",
    "r/延缓入学.xlsx",
    "r/中考报名.csv",
    "r/上年学籍.xlsx",
    "r/上年核销.xlsx",
];

fn compare(folder: &Path, rosters: &[&str], more: &[&str]) -> String {
    let fixed = ["--school-year", "2023", "--today", "2023-10-08", "--unit", "青禾县", "--out", "o"];
    baoxue(folder, &[&["compare"], rosters, &fixed, more].concat())
}

fn sheet(path: &Path) -> Sheet {
    baoxue_documents::read::read("x", std::fs::read(path).unwrap()).unwrap().remove(0)
}

fn records(path: &Path) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_path(path).unwrap().deserialize().collect::<Result<_, _>>().unwrap()
}

#[test]
fn the_county_is_judged_as_the_truth_says() {
    let f = tempfile::tempdir().unwrap();
    baoxue(f.path(), &["demo-data", "--pupils", "4000", "--seed", "7", "--out", "r"]);
    let said = compare(f.path(), &ROSTERS, &[]);
    assert!(said.contains("疑似辍学台账"), "{said}");

    // every child of the truth is found with its verdict; a clerk's error in a number makes a mismatch of a sound pupil
    let found: BTreeMap<String, String> = records(&f.path().join("o/children.csv"))
        .into_iter()
        .map(|mut r| (r["key"].clone(), r.remove("verdict").unwrap()))
        .collect();
    let named: BTreeMap<(String, String), String> = records(&f.path().join("o/children.csv"))
        .into_iter()
        .map(|r| ((r["name"].clone(), r["birth_date"].clone()), r["verdict"].clone()))
        .collect();
    let (mut right, mut wrong) = (0, Vec::new());
    for t in records(&f.path().join("r/truth/truth.csv")) {
        let by_name = || named.get(&(t["name"].clone(), t["birth_date"].clone()));
        let verdict = found.get(&t["national_id"]).or_else(by_name).map_or("", String::as_str);
        let clerk = t["verdict"] == "enrolled-present" && verdict == "identity-mismatch";
        if verdict == t["verdict"] || clerk { right += 1 } else { wrong.push((t["verdict"].clone(), verdict.to_owned())) }
    }
    assert!(right > 4000);
    assert!(wrong.len() <= 4, "{wrong:?}");
    // a child missed is the cost of a bug here
    let school = ["enrolled-present", "record-no-household", "double-record", "record-pending", "identity-mismatch"];
    let missing = ["never-enrolled", "household-no-record", "poor-not-enrolled", "disabled-not-placed", "recorded-dropout"];
    assert!(wrong.iter().all(|(t, v)| !(missing.contains(&t.as_str()) && school.contains(&v.as_str()))), "{wrong:?}");

    // the ledger as an office would look at it
    let ledger = sheet(&f.path().join("o/疑似辍学台账.xlsx"));
    assert_eq!(ledger.cell(0, 0).text, "青禾县疑似辍学台账");
    assert!(ledger.cell(1, 0).text.starts_with("单位:青禾县    2023—2024学年    共"));
    let head: Vec<&str> = ledger.row(2).map(|c| c.text).collect();
    assert_eq!(head[..5], ["序号", "姓名", "性别", "出生日期", "身份证件号"]);
    assert!((3..ledger.height()).all(|r| ledger.cell(r, 4).kind != CellKind::Number), "numbers of identity are text");
    let reason = ledger.cell(ledger.height() - 1, 11).text;
    assert!(reason.contains("在册") && reason.ends_with('。'), "{reason}");
    assert!(sheet(&f.path().join("o/名单/21-有户籍无学籍.xlsx")).row(3).any(|c| c.text.starts_with("户籍(户籍.xlsx第")));

    // a second run knows the first; a roster that lost rows loses nobody silently
    let said = compare(f.path(), &ROSTERS, &[]);
    assert!(said.contains("与 2023-10-08 相比:未见就读记录新增 0,减少 0"), "{said}");
    let said = compare(f.path(), &ROSTERS[1..4], &[]);
    assert!(f.path().join("o/来源中消失的儿童.xlsx").exists(), "{said}");
}

/// A household child and a pupil who may or may not be the same: another name, another number, no telephone.
#[test]
fn what_a_person_decides_is_honoured() {
    let f = tempfile::tempdir().unwrap();
    baoxue(f.path(), &["demo-data", "--pupils", "3000", "--seed", "3", "--out", "r"]);
    let rosters = ["r/户籍.xlsx", "r/学籍.xlsx", "r/在校实名.xlsx"];
    compare(f.path(), &rosters, &[]);
    // take a true pair of the run and call it different: both rows must come apart
    let path = f.path().join("o/review.xlsx");
    let review = sheet(&path);
    let heads: Vec<&str> = review.row(2).map(|c| c.text).collect();
    assert!(heads.contains(&"甲方指纹") && heads.contains(&"认定"), "{heads:?}");
    let summary = || -> serde_json::Value {
        serde_json::from_str(&std::fs::read_to_string(f.path().join("o/summary.json")).unwrap()).unwrap()
    };
    let decide = |left: &str, right: &str, word: &str| {
        let csv = format!("认定,甲方指纹,乙方指纹\n{word},{left},{right}\n,{left},{right}\n");
        std::fs::write(f.path().join("认定.csv"), csv).unwrap();
        compare(f.path(), &rosters, &["--decisions", "认定.csv"])
    };
    let said = decide("没有这个指纹", "也没有", "同一人");
    assert!(said.contains("采用 0 条,已失效(名册已改)的 1 条,未填 1 条"), "{said}");
    assert_eq!(summary()["decisions_outdated"], 1);
    let out = Command::new(env!("CARGO_BIN_EXE_baoxue"))
        .args(["compare", "r/户籍.xlsx", "r/学籍.xlsx", "--school-year", "2023", "--out", "o", "--decisions", "r/学籍.xlsx"])
        .current_dir(f.path())
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&out.stderr).contains("不是本系统生成的认定表"));
    assert!(f.path().join("o/summary.json").exists(), "a failed run leaves the result before it alone");
}

#[test]
fn mistakes_of_use_are_explained() {
    let f = tempfile::tempdir().unwrap();
    baoxue(f.path(), &["demo-data", "--pupils", "500", "--out", "r"]);
    let fails = |args: &[&str], says: &str| {
        let out = Command::new(env!("CARGO_BIN_EXE_baoxue")).args(args).current_dir(f.path()).output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.contains(says), "{args:?}: {said}");
    };
    fails(&["compare", "r/户籍.xlsx", "--school-year", "2023", "--out", "o"], "没有可比对的");
    fails(&["compare", "r/户籍.xlsx", "r/残联.xlsx", "--school-year", "2023", "--out", "o"], "没有学籍或在校实名");
    fails(&["compare", "r/户籍.xlsx", "r/学籍.xlsx", "--school-year", "23", "--out", "o"], "学年开始的年份");
    fails(&["compare", "r/户籍.xlsx", "r/学籍.xlsx", "--school-year", "2023", "--out", "r"], "不会覆盖");
    fails(&["demo-data", "--pupils", "1", "--out", "x"], "--pupils");
    assert!(!f.path().join("o").exists());
}

/// A pupil enrolled under a former name, without number or parents, is found by the name that the household register remembers.
#[test]
fn a_former_name_finds_the_child() {
    let f = tempfile::tempdir().unwrap();
    let given = ["浩然", "子轩", "欣怡", "梓涵", "思琪", "俊杰", "雨桐", "佳怡", "文博", "诗涵"];
    let (mut household, mut students) =
        (String::from("姓名,曾用名,性别,出生日期,户籍状态\n"), String::from("姓名,性别,出生日期,学籍状态\n"));
    for i in 0..80usize {
        let name = format!("{}{}", ["王", "李", "张", "刘", "陈", "杨", "黄", "赵"][i % 8], given[i / 8]);
        let (birth, sex) = (format!("201{}-{:02}-{:02}", i % 6, 1 + i % 12, 1 + i % 28), ["男", "女"][i % 2]);
        let (new, former) = if i == 33 { ("钱多多".to_owned(), name.as_str()) } else { (name.clone(), "") };
        household += &format!("{new},{former},{sex},{birth},在册\n");
        students += &format!("{name},{sex},{birth},在读\n");
    }
    std::fs::create_dir(f.path().join("r")).unwrap();
    std::fs::write(f.path().join("r/户籍.csv"), household).unwrap();
    std::fs::write(f.path().join("r/学籍.csv"), students).unwrap();
    compare(f.path(), &["r/户籍.csv", "r/学籍.csv"], &[]);
    let found = records(&f.path().join("o/children.csv"));
    assert_eq!(found.len(), 80);
    assert!(found.iter().all(|r| r["verdict"] == "enrolled-present"), "{found:?}");
    assert!(found.iter().any(|r| r["name"] == "钱多多" && r["sources"] == "户籍、学籍"));
}

#[test]
fn a_class_that_no_school_has_is_sent_back() {
    let f = tempfile::tempdir().unwrap();
    std::fs::create_dir(f.path().join("r")).unwrap();
    let head = "姓名,性别,出生日期,学校名称,班级";
    let student =
        format!("{head},学籍状态\n王小明,男,2015-03-02,柳林小学,三(1)班,在读\n李小红,女,2015-05-18,柳林小学,三(1)班,在读\n");
    let roll = format!("{head},是否在校\n王小明,男,2015-03-02,柳林小学,三(1)班,是\n李小红,女,2015-05-18,柳林小学,三(7)班,是\n");
    std::fs::write(f.path().join("r/学籍.csv"), student).unwrap();
    std::fs::write(f.path().join("r/在校.csv"), roll).unwrap();
    compare(f.path(), &["r/学籍.csv", "r/在校.csv"], &[]);
    let back = sheet(&f.path().join("o/问题行/在校-问题行.xlsx"));
    assert_eq!(back.height(), 4, "title, line, head and the one bad row");
    assert!(back.row(3).any(|c| c.text == "第 3 行“班级”“三(7)班”在学籍名册中该校没有这个班,请核对班级名称"));
    assert!(back.row(3).any(|c| c.text == "李小红"), "the row as it was");
}

/// Two rows that a person joins are one child in the next run, and nobody has vanished; parted, they are two again.
#[test]
fn a_persons_word_is_heard_by_the_next_run() {
    let f = tempfile::tempdir().unwrap();
    std::fs::create_dir(f.path().join("r")).unwrap();
    let (mut household, mut students) =
        (String::from("姓名,性别,出生日期,户籍状态\n"), String::from("姓名,性别,出生日期,学籍状态\n"));
    for i in 0..40usize {
        let name = format!(
            "{}{}",
            ["王", "李", "张", "刘"][i % 4],
            ["浩然", "子轩", "欣怡", "梓涵", "思琪", "俊杰", "雨桐", "佳怡", "文博", "诗涵"][i / 4]
        );
        household += &format!("{name},男,201{}-0{}-1{},在册\n", i % 6, 1 + i % 9, i % 9);
        let other = if i == 7 {
            ("钱多多".to_owned(), "2012-11-30".to_owned())
        } else {
            (name, format!("201{}-0{}-1{}", i % 6, 1 + i % 9, i % 9))
        };
        students += &format!("{},男,{},在读\n", other.0, other.1);
    }
    std::fs::write(f.path().join("r/户籍.csv"), household).unwrap();
    std::fs::write(f.path().join("r/学籍.csv"), students).unwrap();
    let rosters = ["r/户籍.csv", "r/学籍.csv"];
    compare(f.path(), &rosters, &[]);
    let before = records(&f.path().join("o/children.csv"));
    assert_eq!(before.len(), 41);
    let alone = |source: &str| before.iter().find(|r| r["sources"] == source).map(|r| r["rows"].clone()).unwrap();
    let say = |word: &str| {
        std::fs::write(
            f.path().join("认定.csv"),
            format!("认定,甲方指纹,乙方指纹\n{word},{},{}\n", alone("户籍"), alone("学籍")),
        )
        .unwrap();
        compare(f.path(), &rosters, &["--decisions", "认定.csv"])
    };
    let said = say("同一人");
    assert!(said.contains("采用 1 条") && said.contains("来源中消失 0 人"), "{said}");
    assert_eq!(records(&f.path().join("o/children.csv")).len(), 40);
    say("不是同一人");
    assert_eq!(records(&f.path().join("o/children.csv")).len(), 41);
}

/// Names that a spreadsheet would run are text in everything that is written, and nobody else on the machine reads it.
#[test]
fn names_that_look_like_formulas_stay_text() {
    let f = tempfile::tempdir().unwrap();
    std::fs::create_dir(f.path().join("r")).unwrap();
    let household = "姓名,性别,出生日期,身份证件号,户籍状态\n\"=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",男,2013-04-05,,在册\n-王小明,男,2013-05-06,,在册\n@李四,女,2014-05-06,,在册\n";
    std::fs::write(f.path().join("r/户籍.csv"), household).unwrap();
    std::fs::write(f.path().join("r/学籍.csv"), "姓名,性别,出生日期,身份证件号,学籍状态\n张三,男,2012-01-01,,在读\n").unwrap();
    compare(f.path(), &["r/户籍.csv", "r/学籍.csv"], &[]);
    let text = std::fs::read_to_string(f.path().join("o/children.csv")).unwrap();
    let names: Vec<String> = records(&f.path().join("o/children.csv")).into_iter().map(|r| r["name"].clone()).collect();
    assert!(names.iter().any(|n| n.contains("王小明")), "{text}");
    assert!(names.iter().all(|n| !n.starts_with(['=', '+', '-', '@', '\t', '\r'])), "{names:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |p: &str| std::fs::metadata(f.path().join(p)).unwrap().permissions().mode() & 0o077;
        assert_eq!((mode("o"), mode("o/children.csv")), (0, 0), "its owner's alone");
    }
}

/// 既有台账: a case from before the program keeps its visits, and the ledger shows them; a pupil without a record comes back as
/// the platform's own sheet, and values that differ from the platform are listed.
#[test]
fn old_cases_keep_their_visits_and_the_platform_is_not_typed_again() {
    let f = tempfile::tempdir().unwrap();
    std::fs::create_dir(f.path().join("r")).unwrap();
    let write = |name: &str, text: String| std::fs::write(f.path().join("r").join(name), text).unwrap();
    let (mut household, mut students, mut roll) = (
        String::from("姓名,性别,出生日期,身份证件号,户籍地址,户籍状态\n"),
        String::from("姓名,性别,出生日期,学校名称,班级,学籍状态\n"),
        String::from("学校标识码,姓名,性别,出生日期,学校名称,班级,是否在校\n"),
    );
    let given = ["浩然", "子轩", "欣怡", "梓涵", "思琪", "俊杰", "雨桐", "佳怡"];
    for i in 0..48usize {
        let name = format!("{}{}", ["王", "李", "张", "刘", "陈", "杨"][i % 6], given[i / 6]);
        let birth = format!("201{}-{:02}-{:02}", i % 5, 1 + i % 12, 1 + i % 28);
        household += &format!("{name},男,{birth},,青禾县柳林镇石桥村{i}组,在册\n");
        // 20 has dropped out, 21 has no record yet, 22 is a girl on the platform by mistake
        let sex = if i == 22 { "女" } else { "男" };
        if i != 20 && i != 21 {
            students += &format!("{name},{sex},{birth},柳林小学,三(1)班,在读\n");
        }
        if i != 20 {
            roll += &format!("2152000001,{name},男,{birth},柳林小学,三(1)班,是\n");
        }
        if i == 20 {
            let case = |day: &str, how: &str| format!("{name},男,{birth},厌学,辍学,{day},{how},李老师,不愿返校\n");
            let head = "姓名,性别,出生日期,辍学原因,当前状态,劝返日期,劝返方式,劝返人,劝返结果\n";
            write("劝返记录.csv", format!("{head}{}{}", case("2023-05-02", "家访"), case("2023-03-11", "电话")));
        }
    }
    write("户籍.csv", household);
    write("学籍.csv", students);
    write("在校.csv", roll);
    let said = compare(f.path(), &["r/户籍.csv", "r/学籍.csv", "r/在校.csv", "r/劝返记录.csv"], &[]);
    let found = records(&f.path().join("o/children.csv"));
    assert_eq!(found.len(), 48, "two visits are one child: {said}");
    assert_eq!(found.iter().filter(|r| r["verdict"] == "recorded-dropout").count(), 1);
    let has = |s: &baoxue_documents::Sheet, row: usize, text: &str| s.row(row).any(|c| c.text == text);
    let ledger = sheet(&f.path().join("o/辍学台账.xlsx"));
    assert!(has(&ledger, 3, "2023-03-11:电话 李老师 不愿返校\n2023-05-02:家访 李老师 不愿返校"));
    let upload = sheet(&f.path().join("o/国家平台/待建学籍导入表.xlsx"));
    assert_eq!(upload.height(), 2);
    assert!(has(&upload, 0, "政府购买学位") && has(&upload, 1, "2152000001") && has(&upload, 1, "20111022"));
    let read = baoxue_documents::read::read("x", std::fs::read(f.path().join("o/国家平台/学籍核对.xlsx")).unwrap()).unwrap();
    let counts: Vec<String> = read[0].row(3).map(|c| c.text.to_owned()).collect();
    assert_eq!(counts[1..8], ["柳林小学", "46", "47", "45", "1", "0", "1"]);
    let differing: Vec<String> = read[1].row(3).map(|c| c.text.to_owned()).collect();
    assert_eq!(differing[5..9], ["性别", "女", "男", "户籍"]);
}
