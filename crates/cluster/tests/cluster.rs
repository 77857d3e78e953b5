//! One scheduler and two executors as processes on loopback: the same result as one process, whatever befalls them.

#![allow(clippy::disallowed_methods)] // waiting for other processes needs a clock

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;

const PROGRAM: &str = env!("CARGO_BIN_EXE_baoxue-cluster");
/// Guards against a hang; nothing takes nearly as long.
const PATIENCE: Duration = Duration::from_secs(240);

/// A process that is ended with the test.
struct Process(Child);

impl Process {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    /// SIGKILL.
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Nodes {
    scheduler: u16,
    processes: Vec<Process>,
    folder: tempfile::TempDir,
    store: String,
    /// Variables of all nodes and of the client.
    variables: Vec<(&'static str, String)>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A free port whose next one is free as well.
fn free_ports() -> u16 {
    (0..100)
        .map(|_| free_port())
        .find(|p| *p < u16::MAX && TcpListener::bind(("127.0.0.1", p + 1)).is_ok())
        .expect("two free ports side by side")
}

impl Nodes {
    /// A scheduler and executors of some versions (`None`: ours).
    fn start(executors: &[Option<&str>]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        std::fs::create_dir(&store).unwrap();
        Self::start_on(executors, folder, store.to_str().unwrap().to_owned(), Vec::new())
    }

    fn start_on(
        executors: &[Option<&str>],
        folder: tempfile::TempDir,
        store: String,
        variables: Vec<(&'static str, String)>,
    ) -> Self {
        let scheduler = free_port();
        let listen = format!("127.0.0.1:{scheduler}");
        let mut processes =
            vec![Process::start(Command::new(PROGRAM).envs(variables.clone()).args(["scheduler", "--listen", &listen]))];
        wait_for(|| std::net::TcpStream::connect(("127.0.0.1", scheduler)).is_ok());
        for version in executors {
            let own = format!("127.0.0.1:{}", free_ports());
            let mut command = Command::new(PROGRAM);
            command.envs(variables.clone()).args(["executor", "--scheduler", &listen, "--listen", &own, "--cores", "1"]);
            if let Some(v) = version {
                command.env("BAOXUE_CLUSTER_VERSION", v);
            }
            processes.push(Process::start(&mut command));
            wait_for(|| std::net::TcpStream::connect(&own).is_ok());
        }
        Self { scheduler, processes, folder, store, variables }
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn command(&self, name: &str) -> Command {
        let mut c = Command::new(PROGRAM);
        c.envs(self.variables.clone());
        c.args([name, "--scheduler", &format!("127.0.0.1:{}", self.scheduler), "--storage", &self.store]);
        c
    }

    fn link(&self, files: &[PathBuf], out: &Path) -> Command {
        let mut c = self.command("link");
        c.args(files).arg("--out").arg(out);
        c
    }
}

fn wait_for(mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < PATIENCE, "nothing came");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for(|| child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let out = run(command);
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

#[track_caller]
fn fails(command: &mut Command, says: &[&str]) {
    let out = run(command);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success(), "it should have failed");
    says.iter().for_each(|s| assert!(said.contains(s), "“{s}” is not in: {said}"));
}

/// Three registers of `n` invented children: the second and third written by other offices, with slips of the pen.
fn registers(folder: &Path, n: u64) -> Vec<PathBuf> {
    const SURNAMES: [&str; 12] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙"];
    const GIVEN: [&str; 24] = [
        "明", "芳", "伟", "娜", "强", "敏", "静", "磊", "军", "洋", "勇", "艳", "杰", "涛", "超", "霞", "平", "刚", "桂", "英",
        "文", "华", "玉", "兰",
    ];
    let pick = |seed: u64, of: u64| {
        let h = (seed ^ 0x5bd1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let h = (h ^ h >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (h ^ h >> 32) % of
    };
    let mut files = Vec::new();
    for (source, name) in ["household", "student", "births"].iter().enumerate() {
        let mut text = "rec_id,name,sex,dob,phone,address\n".to_owned();
        for i in 0..n {
            if source > 0 && pick(i * 7 + source as u64, 40) == 0 {
                continue;
            }
            let wrong = if source == 0 { 9 } else { pick(i * 31 + source as u64 * 17, 12) };
            let given = |k: u64| GIVEN[pick(i * 5 + k, 24) as usize];
            let second = if wrong == 0 { "某" } else { given(2) };
            let day = if wrong == 1 { 1 } else { 1 + pick(i * 11, 28) };
            let phone =
                if wrong <= 2 { 13_000_000_000 + pick(i * 13 + source as u64, 900_000_000) } else { 15_000_000_000 + i * 37 };
            writeln!(
                text,
                "{name}{i:07},{}{}{second},{},{}-{:02}-{day:02},{phone},青石县云岭镇第{}村{}号",
                SURNAMES[pick(i * 3, 12) as usize],
                given(1),
                if pick(i * 2 + 1, 2) == 0 { "男" } else { "女" },
                2008 + pick(i * 17, 10),
                1 + pick(i * 19, 12),
                pick(i * 23, 200),
                pick(i * 29, 400)
            )
            .unwrap();
        }
        let path = folder.join(format!("{name}.csv"));
        std::fs::write(&path, text).unwrap();
        files.push(path);
    }
    files
}

#[derive(clap::Parser)]
struct One {
    #[command(flatten)]
    link: baoxue::link::Args,
}

/// The same in this process alone.
fn alone(files: &[PathBuf], out: &Path) {
    alone_with(files, out, &[]);
}

fn alone_with(files: &[PathBuf], out: &Path, more: &[&Path]) {
    let args = [Path::new("baoxue"), Path::new("--out"), out].into_iter().chain(files.iter().map(PathBuf::as_path));
    let args = args.chain(more.iter().copied());
    baoxue::link::run(One::parse_from(args).link, &baoxue_linkage::InProcess).unwrap();
}

/// All lists of a result.
fn lists(out: &Path) -> BTreeMap<String, Vec<u8>> {
    let lists = std::fs::read_dir(out).unwrap().map(|f| f.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "csv"));
    lists.map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&p).unwrap())).collect()
}

fn same_lists(a: &Path, b: &Path) {
    let (a, b) = (lists(a), lists(b));
    assert!(a.len() >= 5 && a["pairs.csv"].len() > 10_000, "too little to compare");
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    a.iter().for_each(|(name, text)| assert!(*text == b[name], "{name} differs"));
}

#[test]
fn the_cluster_gives_what_one_process_gives() {
    let nodes = Nodes::start(&[None, None]);
    let folder = nodes.folder.path();
    let files = registers(folder, 6_000);
    for sources in [2, 3] {
        let (one, many) = (folder.join(format!("one{sources}")), folder.join(format!("many{sources}")));
        alone(&files[..sources], &one);
        succeeds(&mut nodes.link(&files[..sources], &many));
        same_lists(&one, &many);
        // any number of shares
        let few = folder.join(format!("few{sources}"));
        succeeds(nodes.link(&files[..sources], &few).args(["--shares", "3"]));
        same_lists(&one, &few);
    }
    // files by their address
    let by_address = folder.join("by_address");
    let address = |p: &PathBuf| PathBuf::from(format!("file://{}", p.display()));
    succeeds(&mut nodes.link(&files[..2].iter().map(address).collect::<Vec<_>>(), &by_address));
    same_lists(&folder.join("one2"), &by_address);
    // of one name in two places
    let two: Vec<PathBuf> = ["a", "b"].iter().map(|place| folder.join(place).join("roster.csv")).collect();
    for (to, from) in two.iter().zip(&files) {
        std::fs::create_dir(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    }
    succeeds(&mut nodes.link(&two.iter().map(address).collect::<Vec<_>>(), &by_address));
    let pairs = |out: &Path| lists(out)["pairs.csv"].clone();
    assert!(pairs(&by_address) == pairs(&folder.join("one2")), "each file is its own");
    assert_eq!(std::fs::read_dir(nodes.store()).unwrap().count(), 0, "a run leaves nothing in the storage");
}

/// An S3 server on loopback that keeps its buckets in a folder, until the test ends.
fn s3_server(root: &Path) -> u16 {
    let mut service = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    service.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let service = service.clone();
                tokio::spawn(async move {
                    let http = hyper_util::server::conn::auto::Builder::new(hyper_util::rt::TokioExecutor::new());
                    let _ = http.serve_connection(hyper_util::rt::TokioIo::new(socket), service).await;
                });
            }
        });
    });
    port
}

#[test]
fn storage_in_s3() {
    let folder = tempfile::tempdir().unwrap();
    let bucket = folder.path().join("s3/bucket");
    std::fs::create_dir_all(&bucket).unwrap();
    let port = s3_server(&folder.path().join("s3"));
    let variables = vec![
        ("AWS_ENDPOINT", format!("http://127.0.0.1:{port}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_REGION", "cn-north-1".to_owned()),
    ];
    let nodes = Nodes::start_on(&[None, None], folder, "s3://bucket/runs".to_owned(), variables);
    let folder = nodes.folder.path();
    let files = registers(folder, 6_000);
    let (one, many) = (folder.join("one"), folder.join("many"));
    alone_with(&files[..2], &one, &[Path::new("--absent-from"), &files[1]]);
    // one roster lies in the bucket as well
    std::fs::create_dir(bucket.join("rosters")).unwrap();
    std::fs::copy(&files[1], bucket.join("rosters/student.csv")).unwrap();
    let in_bucket = PathBuf::from("s3://bucket/rosters/student.csv");
    succeeds(nodes.link(&[files[0].clone(), in_bucket.clone()], &many).arg("--absent-from").arg(&in_bucket));
    same_lists(&one, &many);
    // a wrong key
    let out = folder.join("out");
    let secret = ("AWS_SECRET_ACCESS_KEY", "other");
    fails(nodes.link(&files[..2], &out).env(secret.0, secret.1), &["写不进存储", "s3://bucket/runs"]);
}

#[test]
fn rosters_are_compared_on_the_cluster() {
    let nodes = Nodes::start(&[None]);
    let folder = nodes.folder.path();
    let files = registers(folder, 300);
    let out = folder.join("result");
    let mut c = nodes.command("compare");
    c.arg("--household").arg(&files[0]).arg("--students").arg(&files[1]);
    succeeds(c.args(["--school-year", "2023", "--today", "2023-10-08", "--out"]).arg(&out));
    let children = std::fs::read_to_string(out.join("children.csv")).unwrap();
    assert!(children.lines().count() > 290, "{}", children.lines().count());
}

/// The run goes on with the other executor, to the same result.
#[test]
fn an_executor_killed_in_the_middle() {
    let mut nodes = Nodes::start(&[None, None]);
    let folder = nodes.folder.path().to_owned();
    let files = registers(&folder, 60_000);
    let (one, many) = (folder.join("one"), folder.join("many"));
    alone(&files[..2], &one);
    let mut child = nodes.link(&files[..2], &many).args(["--shares", "24"]).stderr(Stdio::piped()).spawn().unwrap();
    // the records of the first stage are written: executors are at work
    let store = nodes.store();
    let at_work = || {
        let runs = std::fs::read_dir(&store).unwrap().filter_map(|r| r.ok());
        runs.into_iter().any(|r| r.path().join("stage-0/records/000000.parquet").exists())
    };
    wait_for(|| at_work() || child.try_wait().unwrap().is_some());
    std::thread::sleep(Duration::from_millis(150));
    assert!(child.try_wait().unwrap().is_none(), "the run was over before the executor could be killed");
    nodes.processes[2].kill();
    let killed = Instant::now();
    wait_for(|| child.try_wait().unwrap().is_some());
    let out = child.wait_with_output().unwrap();
    println!("ended {:.1} s after the kill", killed.elapsed().as_secs_f64());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    same_lists(&one, &many);
    // and again, with who is left
    let again = folder.join("again");
    succeeds(&mut nodes.link(&files[..2], &again));
    same_lists(&one, &again);
}

#[test]
fn what_is_wrong_is_said() {
    let nodes = Nodes::start(&[None]);
    let folder = nodes.folder.path();
    let files = registers(folder, 50);
    let out = folder.join("out");
    // nobody there
    let nowhere = format!("127.0.0.1:{}", free_port());
    let link = |scheduler: &str, store: &Path, file: &Path| {
        let mut c = Command::new(PROGRAM);
        c.args(["link", "--scheduler", scheduler, "--storage"]).arg(store).arg(file).arg(&files[1]).arg("--out").arg(&out);
        c
    };
    let here = format!("127.0.0.1:{}", nodes.scheduler);
    fails(&mut link(&nowhere, &nodes.store(), &files[0]), &["连不上调度节点", &nowhere]);
    fails(&mut link("host", &nodes.store(), &files[0]), &["主机:端口"]);
    fails(&mut link(&here, Path::new("/no/such/store"), &files[0]), &["存储文件夹", "/no/such/store"]);
    fails(&mut link(&here, Path::new("ftp://host/store"), &files[0]), &["不支持"]);
    fails(&mut link(&here, &nodes.store(), Path::new("/no/such.csv")), &["无法读取文件", "/no/such.csv"]);
    fails(&mut link(&here, &nodes.store(), Path::new("file:///no/such.parquet")), &["读不到", "/no/such.parquet"]);
    assert!(!out.exists(), "nothing half-done");
    // an executor that finds no scheduler
    let own = format!("127.0.0.1:{}", free_ports());
    fails(Command::new(PROGRAM).args(["executor", "--scheduler", &nowhere, "--listen", &own]), &["连不上调度节点", &nowhere]);
    // a port that is taken
    fails(Command::new(PROGRAM).args(["scheduler", "--listen", &here]), &["不能在", "已被占用"]);
}

#[test]
fn nodes_of_another_version_are_refused() {
    let nodes = Nodes::start(&[Some("0.0.9")]);
    let files = registers(nodes.folder.path(), 50);
    let out = nodes.folder.path().join("out");
    fails(&mut nodes.link(&files[..2], &out), &["版本", env!("CARGO_PKG_VERSION")]);
    // a client of another version
    let nodes = Nodes::start(&[None]);
    fails(nodes.link(&files[..2], &out).env("BAOXUE_CLUSTER_VERSION", "9.9.9"), &["版本"]);
}

#[test]
fn a_cluster_without_executors_says_so() {
    let nodes = Nodes::start(&[]);
    let files = registers(nodes.folder.path(), 50);
    fails(&mut nodes.link(&files[..2], &nodes.folder.path().join("out")), &["没有执行节点"]);
}
