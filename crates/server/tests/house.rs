//! The house keeps its shape: who may depend on whom, licences, crates that stand in the lock file twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("cargo metadata is JSON")
}

fn packages(m: &Value) -> &Vec<Value> {
    m["packages"].as_array().expect("packages")
}

fn text<'a>(v: &'a Value, key: &str) -> &'a str {
    v[key].as_str().unwrap_or_default()
}

#[test]
fn crates_depend_only_as_drawn() {
    // ARCHITECTURE.md draws this
    let allowed: BTreeMap<&str, &[&str]> = [
        ("baoxue-domain", &[][..]),
        ("baoxue-linkage", &[]),
        ("baoxue-documents", &[]),
        ("baoxue-store", &["baoxue-domain"]),
        ("baoxue", &["baoxue-documents", "baoxue-domain", "baoxue-linkage", "baoxue-store"]),
        ("baoxue-cluster", &["baoxue", "baoxue-linkage"]),
    ]
    .into();
    let m = metadata();
    let ours: Vec<&Value> = packages(&m).iter().filter(|p| p["source"].is_null()).collect();
    assert_eq!(ours.len(), allowed.len());
    for p in ours {
        let found: BTreeSet<&str> = p["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|d| d["source"].is_null())
            .map(|d| text(d, "name"))
            // its own tests ask the store for more than it gives others
            .filter(|name| *name != text(p, "name"))
            .collect();
        let expected: BTreeSet<&str> = allowed[text(p, "name")].iter().copied().collect();
        assert_eq!(found, expected, "{}", text(p, "name"));
    }
}

#[test]
fn domain_and_linkage_do_no_input_or_output() {
    let m = metadata();
    let io = ["tokio", "axum", "sqlx", "csv", "calamine", "rust_xlsxwriter", "parquet", "indicatif", "rand", "tempfile"];
    for p in packages(&m).iter().filter(|p| ["baoxue-domain", "baoxue-linkage"].contains(&text(p, "name"))) {
        for d in p["dependencies"].as_array().into_iter().flatten().filter(|d| d["kind"].is_null()) {
            assert!(!io.contains(&text(d, "name")), "{} must not use {}", text(p, "name"), text(d, "name"));
        }
    }
}

/// Free licences without a duty to publish; one of an `OR` is enough, all of an `AND` are needed.
const LICENCES: [&str; 15] = [
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "MPL-2.0",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "0BSD",
    "CC0-1.0",
    "BSL-1.0",
    "Apache-2.0 WITH LLVM-exception",
    // as free as BSD's; only the cluster annex brings it
    "bzip2-1.0.6",
    // the Independent JPEG Group's: asks to be named, which README does
    "IJG",
];

fn is_free(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|all| all.split(" OR ").any(|one| LICENCES.contains(&one.trim())))
}

#[test]
fn every_dependency_is_free_and_from_the_registry() {
    for p in packages(&metadata()).iter().filter(|p| !p["source"].is_null()) {
        let name = format!("{} {}", text(p, "name"), text(p, "version"));
        assert!(text(p, "source").starts_with("registry+"), "{name} comes from {}", text(p, "source"));
        assert!(is_free(text(p, "license")), "{name} has the licence {:?}", text(p, "license"));
    }
}

/// Crates that stand in the lock file more than once, each with the reason.
const TWICE: [(&str, &str); 12] = [
    ("base64", "0.22 by sqlx 0.9"),
    ("block-buffer", "0.10 under sqlx 0.9's sha2 0.10"),
    ("cpufeatures", "0.2 under sqlx 0.9's sha2 0.10"),
    ("crypto-common", "0.1 under sqlx 0.9's sha2 0.10"),
    ("digest", "0.10 under sqlx 0.9's sha2 0.10"),
    ("hashbrown", "0.16 by sqlx 0.9 and its hashlink"),
    ("miniz_oxide", "0.8 by png and its fdeflate; 0.9 by flate2 and zip"),
    ("sha2", "0.10 by sqlx 0.9; ours is 0.11"),
    ("windows-sys", "0.52 by ring, on Windows only"),
    (
        "getrandom",
        "0.3 by ahash and 0.2 by const-random (compile time), both of arrow 59; 0.4 by tempfile: none is our randomness",
    ),
    ("r-efi", "by the getrandom versions, on UEFI only"),
    ("syn", "3 by serde and clap, 2 by the macros of pathfinding, rkyv and zerocopy, which lag; compile time only"),
];

/// Names and versions of the packages that a plain build or its tests need: all but what only the cluster annex brings.
fn of_plain_build() -> BTreeSet<(String, String)> {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal,build,dev", "--target", "all", "--prefix", "none", "--no-dedupe"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let lines = String::from_utf8(out.stdout).expect("text");
    let package = |line: &str| {
        let (name, rest) = line.split_once(" v")?;
        Some((name.to_owned(), rest.split(' ').next()?.to_owned()))
    };
    lines.lines().filter_map(package).collect()
}

#[test]
fn the_annex_shares_the_formats_of_the_product() {
    let m = metadata();
    for name in ["arrow-array", "parquet", "object_store", "datafusion", "tokio"] {
        let versions: Vec<&str> = packages(&m).iter().filter(|p| text(p, "name") == name).map(|p| text(p, "version")).collect();
        assert_eq!(versions.len(), 1, "{name} {versions:?}");
    }
    let of_annex = |(name, _): &(String, String)| name.contains("datafusion") || name.contains("ballista");
    assert!(!of_plain_build().iter().any(of_annex), "a plain build compiles DataFusion");
}

#[test]
fn no_crate_stands_in_the_lock_file_twice_without_a_reason() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version) in of_plain_build() {
        versions.entry(name).or_default().insert(version);
    }
    let twice: BTreeSet<&str> = versions.iter().filter(|(_, v)| v.len() > 1).map(|(n, _)| n.as_str()).collect();
    let noted: BTreeSet<&str> = TWICE.iter().map(|(n, _)| *n).collect();
    assert_eq!(twice, noted, "what stands twice must have its reason, and a reason that is gone must go");
}

/// Our own sources below a folder, by path.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut open = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(folder)];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                out.push((path.display().to_string(), std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    assert!(!out.is_empty());
    out
}

/// What ARCHITECTURE.md says is never there. What does not compile needs no line here: SQL outside the store, and what hangs on a child or a finding
/// without a look-up.
#[test]
fn what_is_never_there() {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "-p", "baoxue", "--edges", "normal,features"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("cargo runs");
    let tree = String::from_utf8(out.stdout).expect("text");
    assert!(tree.contains("baoxue-store") && !tree.contains(r#"feature "raw""#), "the product could ask the database anything");
    let of_server: Vec<(String, String)> =
        sources("crates/server/src").into_iter().filter(|f| !f.0.contains("/tests/")).collect();
    // who asks for everybody's: a run, and what goes by the clock
    let for_all = [
        "newest_findings(",
        "established_children(",
        ".histories(",
        "overdue_tasks(",
        "expired_establishments(",
        ".child_of(",
        "newest_cases(",
        "children_with_open_cases(",
    ];
    let may = ["app/comparison/", "app/finding/dispatch.rs"];
    for (path, text) in &of_server {
        for look_up in for_all.iter().filter(|l| text.contains(**l)) {
            assert!(may.iter().any(|m| path.contains(m)), "{path} asks {look_up} without a jurisdiction");
        }
        let page = path.contains("/web/");
        for write in [".begin()", "store.note("] {
            assert!(!page || !text.contains(write), "{path}: a page begins no transaction; a use case does");
        }
        assert!(
            !text.contains("Jurisdiction::everywhere()") || path.contains("/cli/") || path.contains("/app/"),
            "{path} sees everything"
        );
    }
}

/// Folders below a folder of the checkout.
fn folders(of: &str) -> std::collections::BTreeSet<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(of);
    let entries = std::fs::read_dir(path).unwrap().map(Result::unwrap);
    entries.filter(|e| e.file_type().unwrap().is_dir()).map(|e| e.file_name().into_string().unwrap()).collect()
}

/// An area has one name on every floor.
#[test]
fn areas_have_one_name() {
    let areas = |of: &str, more: &[&str]| {
        let all = folders(of);
        more.iter().for_each(|m| assert!(all.contains(*m), "{of}/{m}"));
        all.into_iter().filter(|a| !more.contains(&a.as_str())).collect::<Vec<_>>()
    };
    let app = areas("crates/server/src/app", &["demo", "jobs", "link"]);
    assert_eq!(areas("crates/server/src/web", &["frame", "tests"]), app);
    assert_eq!(areas("crates/server/templates", &["frame", "components", "home"]), app);
    for area in areas("crates/store/src", &["ground", "common"]) {
        assert!(app.contains(&area), "store/{area} has no use cases of its name");
    }
}
