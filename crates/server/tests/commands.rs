//! The commands as a user runs them.

use std::path::Path;
use std::process::{Command, Output};

fn baoxue(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_baoxue")).args(args).current_dir(folder).output().expect("the program starts")
}

fn good(folder: &Path, args: &[&str]) -> String {
    let out = baoxue(folder, args);
    assert!(out.status.success(), "{args:?}: {}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).expect("output is UTF-8")
}

fn bad(folder: &Path, args: &[&str]) -> String {
    let out = baoxue(folder, args);
    assert!(!out.status.success(), "{args:?}");
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn what_is_no_roster_is_refused_with_the_way_out() {
    let f = folder();
    let check = |name: &str, bytes: &[u8], says: &str| {
        std::fs::write(f.path().join(name), bytes).unwrap();
        let said = bad(f.path(), &["check", name]);
        assert!(said.contains(says), "{name}: {said}");
        assert!(!said.contains("panicked"), "{name}: {said}");
    };
    check("空.xlsx", b"", "0 字节");
    check("图片.xlsx", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "图片");
    check("文档.xls", b"%PDF-1.7\n", "PDF");
    check("随机.xlsx", &(0..=255u8).cycle().take(4000).collect::<Vec<_>>(), "不是电子表格");
    check("没有表头.csv", "甲,乙\n1,2\n".as_bytes(), "找不到表头");
    check("只有一半.xlsx", b"PK\x03\x04\x14\0\0\0", "不完整");
    assert!(bad(f.path(), &["check", "没有这个文件.xlsx"]).contains("找不到文件"));
    // a good file cut short
    good(f.path(), &["template", "students", "--out", "样表.xlsx"]);
    let whole = std::fs::read(f.path().join("样表.xlsx")).unwrap();
    check("截断.xlsx", &whole[..whole.len() / 2], "不完整");
    assert!(bad(f.path(), &["template", "students", "--out", "样表.xlsx"]).contains("不会覆盖"));
    assert!(bad(f.path(), &["template", "花名册"]).contains("household(户籍)"));
}

/// A compound file (the container of .xls) whose table of sectors points back at itself: a reader that follows it never ends.
fn endless_xls() -> Vec<u8> {
    let mut file = vec![0xFF; 512 * 3];
    file[..8].copy_from_slice(&[0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1]);
    file[8..76].fill(0);
    file[24..32].copy_from_slice(&[0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0]);
    file[32] = 6;
    file[44] = 1;
    file[48] = 1;
    file[57] = 0x10;
    file[60..64].copy_from_slice(&[0xFE, 0xFF, 0xFF, 0xFF]);
    file[68..72].copy_from_slice(&[0xFE, 0xFF, 0xFF, 0xFF]);
    file[76..80].fill(0);
    file[512..516].copy_from_slice(&[0xFD, 0xFF, 0xFF, 0xFF]);
    file[516..520].copy_from_slice(&[1, 0, 0, 0]);
    file
}

#[test]
fn a_file_that_leads_in_a_circle_is_refused_with_a_sentence() {
    let dir = folder();
    std::fs::write(dir.path().join("在校.xls"), endless_xls()).expect("written");
    let said = bad(dir.path(), &["check", "在校.xls"]);
    assert!(said.contains("在校.xls") && said.contains("损坏"), "{said}");
    assert!(!said.contains("panicked") && !said.contains("sector"), "{said}");
}

#[test]
fn check_says_where_and_how_to_mend() {
    let f = folder();
    let text = "学籍名册,,,\n姓名,身份证件号,出生日期,学籍状态\n王小明,4.11E+17,2015-03-02,在读\n李小红,528801201503020012,农历2015年正月十二,在读\n合计,2,,\n";
    std::fs::write(f.path().join("学籍.csv"), text).unwrap();
    let said =
        good(f.path(), &["check", "学籍.csv", "--today", "2023-10-08", "--bad-rows", "退回.xlsx", "--save-mapping", "列.toml"]);
    assert!(said.contains("可用 2 行,未载入 0 行,跳过 1 行"), "{said}");
    assert!(said.contains("B3 第 3 行“身份证件号”“4.11E+17”是被 Excel 转成数字的号码"), "{said}");
    let back = baoxue_documents::read::read("x", std::fs::read(f.path().join("退回.xlsx")).unwrap()).unwrap();
    let row: Vec<&str> = back[0].row(3).map(|c| c.text).collect();
    assert_eq!(row[..3], ["3", "该值未采用", "王小明"]);
    assert!(row[4].starts_with("第 3 行"), "the reason stands beside its cell: {row:?}");
    let mapping = std::fs::read_to_string(f.path().join("列.toml")).unwrap();
    assert!(mapping.contains("\"姓名\" = \"name\"") || mapping.contains("姓名 = \"name\""), "{mapping}");
    let json: serde_json::Value = serde_json::from_str(&good(f.path(), &["check", "学籍.csv", "--json"])).unwrap();
    assert_eq!(json[0]["kind"], "student");
    // said otherwise
    std::fs::write(f.path().join("改.toml"), "\"学籍状态\" = \"忽略\"\n").unwrap();
    let json: serde_json::Value =
        serde_json::from_str(&good(f.path(), &["check", "学籍.csv", "--json", "--kind", "户籍", "--mapping", "改.toml"]))
            .unwrap();
    assert_eq!((&json[0]["kind"], &json[0]["columns"][3]["field"]), (&"household".into(), &serde_json::Value::Null));
    std::fs::write(f.path().join("错.toml"), "\"学籍状态\" = \"没有这个字段\"\n").unwrap();
    assert!(bad(f.path(), &["check", "学籍.csv", "--mapping", "错.toml"]).contains("没有这个字段"));
}

const LEFT: &str = "rec_id,name,id_no,dob,phone,p\n\
    L1,王小明,528801201503020012,2015-03-02,12000000001,1\nL2,李小红,528801201405180020,2014-05-18,12000000002,2\nL3,张三,,2013-01-02,12000000003,3\n";
const RIGHT: &str = "rec_id,name,id_no,dob,phone,p\n\
    R1,王晓明,528801201503020012,2015-03-02,12000000001,1\nR2,李小红,528801201405180020,2014-05-18,12000000009,2\nR9,赵六,52880120120607003X,2012-06-07,12000000008,9\n";

#[test]
fn link_writes_its_lists_the_same_for_any_threads_and_order() {
    let f = folder();
    std::fs::write(f.path().join("l.csv"), LEFT).unwrap();
    std::fs::write(f.path().join("r.csv"), RIGHT).unwrap();
    let mut turned: Vec<&str> = RIGHT.lines().collect();
    turned[1..].reverse();
    std::fs::create_dir(f.path().join("t")).unwrap();
    std::fs::write(f.path().join("t/r.csv"), turned.join("\r\n")).unwrap();
    let said = good(f.path(), &["link", "l.csv", "r.csv", "--out", "a", "--truth", "p", "--threads", "1"]);
    assert!(said.contains("匹配对:准确率 1.0000,召回率 1.0000"), "{said}");
    assert!(said.contains("候选召回率 1.00000"), "{said}");
    good(f.path(), &["link", "l.csv", "t/r.csv", "--out", "b", "--threads", "2"]);
    let read = |run: &str, file: &str| std::fs::read_to_string(f.path().join(run).join(file)).unwrap();
    for file in ["pairs.csv", "review.csv", "clusters.csv", "unmatched_left.csv", "unmatched_right.csv"] {
        assert_eq!(read("a", file), read("b", file), "{file}");
    }
    assert!(read("a", "pairs.csv").starts_with("left_id,right_id,probability,weight,rule,pattern\nL1,R1,"));
    assert_eq!(read("a", "unmatched_left.csv"), "left_id\nL3\n");
    assert_eq!(read("a", "unmatched_right.csv"), "right_id\nR9\n");
    let run: serde_json::Value = serde_json::from_str(&read("a", "run.json")).unwrap();
    assert_eq!((&run["links"], &run["settings_inferred"]), (&2.into(), &true.into()));
}

/// Who is on the first of several registers and not on another, with all rows of each child.
#[test]
fn link_lists_who_is_absent_from_a_register() {
    let f = folder();
    std::fs::write(f.path().join("l.csv"), LEFT).unwrap();
    std::fs::write(f.path().join("r.csv"), RIGHT).unwrap();
    let births = "rec_id,name,id_no,dob,phone,p\nB3,张三,,2013-01-02,12000000003,3\nB8,钱七,,2014-04-04,12000000007,8\n";
    std::fs::write(f.path().join("b.csv"), births).unwrap();
    let files = ["link", "l.csv", "r.csv", "b.csv", "--out", "a", "--truth", "p", "--report", "a.html"];
    let said =
        good(f.path(), &[&files[..], &["--absent-from", "r.csv", "--absent-from", "l.csv", "--absent-from", "./r.csv"]].concat());
    assert_eq!(said.matches("r 里没有的").count(), 1, "{said}");
    assert!(said.contains("l 里有、r 里没有的 1 人") && said.contains("r 里有、l 里没有的 1 人"), "{said}");
    assert!(said.contains("不在 r 的名单:准确率 1.0000,召回率 1.0000"), "{said}");
    let report = std::fs::read_to_string(f.path().join("a.html")).unwrap();
    assert!(report.contains("l 里有、r 里没有的 1 人"), "the report says so too");
    let read = |file: &str| std::fs::read_to_string(f.path().join("a").join(file)).unwrap();
    // a child of the birth register alone is on neither list
    assert_eq!(read("absent_from_right.csv"), "child,source,record_id\n1,l,L3\n1,b,B3\n");
    assert_eq!(read("absent_from_left.csv"), "child,source,record_id\n1,r,R9\n");
    let run: serde_json::Value = serde_json::from_str(&read("run.json")).unwrap();
    assert_eq!(run["absent"]["absent_from_right.csv"]["children"], 1);
    assert!(bad(f.path(), &[&files[..], &["--absent-from", "x.csv"]].concat()).contains("x.csv 不在要比对的文件之中"));
    // a list of another run must not be taken for one of this
    good(f.path(), &files);
    assert!(!f.path().join("a/absent_from_right.csv").exists());
}

/// What people said binds the pair and is set beside what the program thought of it; the weights learn from it only when asked.
#[test]
fn link_takes_decisions() {
    let f = folder();
    std::fs::write(f.path().join("l.csv"), LEFT).unwrap();
    std::fs::write(f.path().join("r.csv"), RIGHT).unwrap();
    good(f.path(), &["link", "l.csv", "r.csv", "--out", "a"]);
    let read = |file: &str| std::fs::read_to_string(f.path().join(file)).unwrap();
    let mut said: Vec<String> = read("a/pairs.csv").lines().map(str::to_owned).collect();
    said[0] += ",decision";
    said[1] += ",different";
    said[2] += ",";
    said.push("L3,R99,0.5,1,,0,same".to_owned());
    said.push("L3,R9,0.4,1,,0,同一人".to_owned());
    std::fs::write(f.path().join("said.csv"), said.join("\n")).unwrap();
    let out = good(f.path(), &["link", "l.csv", "r.csv", "--decisions", "said.csv", "--out", "b", "--report", "b.html"]);
    assert!(out.contains("采用人工认定 2 条;1 条说的记录已不在,1 条未填"), "{out}");
    assert!(out.contains("概率 0.4–0.5:认定 1 对,其中同一人 100%"), "{out}");
    let pairs = read("b/pairs.csv");
    assert!(!pairs.contains("L1,R1,") && pairs.contains("L3,R9,1.000000") && pairs.contains("人工认定"), "{pairs}");
    assert!(read("b.html").contains("与人工认定对照"));
    let json = |run: &str| serde_json::from_str::<serde_json::Value>(&read(&format!("{run}/run.json"))).unwrap();
    assert_eq!(json("a")["models"], json("b")["models"], "nothing is learned silently");
    assert_eq!((&json("b")["decisions_used"], &json("b")["reliability"][0]["same"]), (&2.into(), &1.into()));
    let out = good(f.path(), &["link", "l.csv", "r.csv", "--decisions", "said.csv", "--retrain", "--out", "c"]);
    assert!(out.contains("权重也从中学习"), "{out}");
    assert_ne!(json("a")["models"], json("c")["models"]);
    assert_eq!(json("c")["settings"]["retrain"], true);
    // what cannot be understood is said, and nothing is written
    std::fs::write(f.path().join("wrong.csv"), "left_id,right_id,decision\nL1,R1,perhaps\n").unwrap();
    assert!(
        bad(f.path(), &["link", "l.csv", "r.csv", "--decisions", "wrong.csv", "--out", "d"]).contains("第 2 行写的是“perhaps”")
    );
    assert!(bad(f.path(), &["link", "l.csv", "r.csv", "--decisions", "l.csv", "--out", "d"]).contains("不是认定表"));
    assert!(bad(f.path(), &["link", "l.csv", "r.csv", "--retrain", "--out", "d"]).contains("--decisions"));
    assert!(!f.path().join("d").exists());
}

#[test]
fn link_says_what_is_wrong_with_its_input() {
    let f = folder();
    std::fs::write(f.path().join("l.csv"), LEFT).unwrap();
    std::fs::write(f.path().join("twice.csv"), LEFT.replace("L2", "L1")).unwrap();
    std::fs::write(f.path().join("other.csv"), "a,b\n1,2\n").unwrap();
    std::fs::write(f.path().join("s.toml"), "id = \"rec_id\"\n[[column]]\nname = \"id_no\"\nkind = \"idcard\"\n").unwrap();
    assert!(bad(f.path(), &["link", "l.csv", "--out", "o"]).contains("--dedupe"));
    assert!(bad(f.path(), &["link", "l.csv", "twice.csv", "--out", "o"]).contains("“L1”出现了不止一次"));
    assert!(bad(f.path(), &["link", "other.csv", "other.csv", "--out", "o"]).contains("--settings"));
    assert!(bad(f.path(), &["link", "l.csv", "other.csv", "--out", "o"]).contains("other.csv"));
    let said = bad(f.path(), &["link", "l.csv", "l.csv", "--settings", "s.toml", "--out", "o"]);
    assert!(said.contains("第 4 行") && said.contains("national-id"), "{said}");
    assert!(!f.path().join("o").exists(), "nothing is half done");
    // a register of which only the heading came is no proof that children are missing
    std::fs::write(f.path().join("none.csv"), RIGHT.lines().next().unwrap()).unwrap();
    let said = good(f.path(), &["link", "l.csv", "none.csv", "--report", "r.html", "--out", "o"]);
    assert!(said.contains("提示:none 没有数据行"), "{said}");
    assert!(std::fs::read_to_string(f.path().join("r.html")).unwrap().contains("提示:none 没有数据行"));
}

#[test]
fn dedupe_finds_rows_of_one_child() {
    let f = folder();
    std::fs::write(
        f.path().join("one.csv"),
        format!("{LEFT}{}", RIGHT.lines().skip(1).map(|l| format!("{l}\n")).collect::<String>()),
    )
    .unwrap();
    good(f.path(), &["link", "one.csv", "--dedupe", "--out", "o"]);
    let clusters = std::fs::read_to_string(f.path().join("o/clusters.csv")).unwrap();
    assert_eq!(clusters.lines().count(), 5, "{clusters}");
    assert!(clusters.contains("1,one,L1\n1,one,R1\n"), "{clusters}");
}

/// A class is checked where the student register is among the files.
#[test]
fn check_of_several_files_knows_the_classes() {
    let f = folder();
    let head = "姓名,性别,出生日期,学校名称,班级";
    std::fs::write(f.path().join("学籍.csv"), format!("{head},学籍状态\n王小明,男,2015-03-02,柳林小学,三(1)班,在读\n")).unwrap();
    std::fs::write(f.path().join("在校.csv"), format!("{head},是否在校\n王小明,男,2015-03-02,柳林小学,三(7)班,是\n")).unwrap();
    let unknown = "第 2 行“班级”“三(7)班”在学籍名册中该校没有这个班";
    assert!(!good(f.path(), &["check", "在校.csv"]).contains(unknown));
    let said = good(f.path(), &["check", "在校.csv", "学籍.csv", "--bad-rows", "退回.xlsx"]);
    assert!(said.contains(unknown), "{said}");
    assert!(f.path().join("退回.xlsx").exists());
}

#[test]
fn mistakes_on_the_command_line_are_said_in_chinese() {
    let f = folder();
    let says = |args: &[&str], what: &str| {
        let said = bad(f.path(), args);
        assert!(said.contains(what) && !said.contains("error:"), "{args:?}: {said}");
    };
    says(&["chekc", "a.xlsx"], "没有“chekc”这个命令。是不是想写“check”");
    says(&["check"], "缺少参数:<文件>");
    says(&["check", "a.xlsx", "--jsno"], "没有“--jsno”这个参数。是不是想写“--json”");
    says(&["check", "a.xlsx", "--today", "明天"], "的内容“明天”不对");
    says(&["check", "a.xlsx", "--today"], "后面缺少内容");
    says(&["demo-data", "--pupils", "1", "--out", "x"], "--pupils");
}
