// A county with months of runs, then every page at a constant rate. Latency as the load tool tells it (autocannon: p97.5, which is
// stricter than p95).
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createServer } from "node:net";
import autocannon from "autocannon";

const [program, kind] = process.argv.slice(2);
const CHILDREN = Number(process.env.CHILDREN ?? 60000);
const RUNS = Number(process.env.RUNS ?? 24);
const EACH = Number(process.env.SECONDS_EACH ?? 8);
const RATE = 50;
const folder = mkdtempSync(join(tmpdir(), "baoxue-bench-"));
const port = await new Promise((done) => { const s = createServer().listen(0, "127.0.0.1", () => { const { port } = s.address(); s.close(() => done(port)); }); });
const base = `http://127.0.0.1:${port}`;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const cookies = {};

let database = [];
if (kind === "postgres") {
  const name = `b${Date.now()}`;
  execFileSync("psql", [`${process.env.BAOXUE_TEST_POSTGRES}/postgres`, "-qc", `CREATE DATABASE ${name}`]);
  database = ["--database", `${process.env.BAOXUE_TEST_POSTGRES}/${name}`];
}
const rosters = join(folder, "rosters");
execFileSync(program, ["demo-data", "--pupils", String(Math.round(CHILDREN * 0.98)), "--out", rosters]);
const wanted = /^(户籍|学籍|在校实名|卫健出生)(-\d+)?\.xlsx$/;
if (process.env.FOUR_ROSTERS) {
  for (const f of readdirSync(rosters)) if (/\.(xlsx|xls|csv)$/.test(f) && !wanted.test(f)) rmSync(join(rosters, f));
}

// FINDINGS=1: the registers of schools are those of another, tiny county, so that nearly every child is a finding
if (process.env.FINDINGS) {
  const tiny = join(folder, "tiny");
  execFileSync(program, ["demo-data", "--pupils", "500", "--out", tiny]);
  const school = /^(学籍|在校实名)(-\d+)?\.xlsx$/;
  for (const f of readdirSync(rosters)) if (school.test(f) || /^上年|诊|中考|延缓/.test(f)) rmSync(join(rosters, f));
  for (const f of readdirSync(tiny)) if (school.test(f)) copyFileSync(join(tiny, f), join(rosters, f));
}

async function serve(...more) {
  const began = performance.now();
  const server = spawn(program, ["serve", "--data", join(folder, "data"), ...database, "--demo-clock", "2023-10-09T09:00", "--listen", `127.0.0.1:${port}`, ...more]);
  await new Promise((done, fail) => {
    let said = "";
    const hear = (b) => { said += b; if (String(b).includes("任务")) console.log(String(b).trim()); if (said.includes("保学已启动")) done(); };
    server.stdout.on("data", hear); server.stderr.on("data", hear);
    server.once("exit", () => fail(new Error(said)));
  });
  return { server, ms: performance.now() - began };
}
const memory = (pid) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)[1]) / 1024;
const peak = (pid) => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmHWM:\s+(\d+)/)[1]) / 1024;
async function ask(who, path, options = {}) {
  const a = await fetch(base + path, { redirect: "manual", ...options, headers: { cookie: cookies[who] ?? "", "sec-fetch-site": "same-origin" } });
  return { status: a.status, location: a.headers.get("location"), cookie: a.headers.get("set-cookie"), text: await a.text() };
}
const form = (who, path, fields) => ask(who, path, { method: "POST", body: new URLSearchParams(fields) });
async function logIn(login) { cookies[login] = (await form(login, "/log-in", { login, password: "qinghe-2023-yanshi" })).cookie.split(";")[0]; }
async function finished(run) {
  for (;;) {
    const page = (await ask("xian", run)).text;
    if (page.includes("本辖区跟踪儿童")) return page;
    if (page.includes("没有完成")) throw new Error(page);
    await sleep(50);
  }
}
async function drop(paths) {
  const body = new FormData();
  for (const p of paths) body.append("files", new Blob([readFileSync(p)]), basename(p));
  const a = await ask("xian", "/rosters", { method: "POST", body });
  if (a.status !== 303) throw new Error(a.text);
  return (await ask("xian", "/rosters")).text.match(/name="ids" value="([\d,]+)"/)[1];
}

console.log(`== ${kind}: ${CHILDREN} children`);
// CASES=20000x100: so many cases with so many events each, and their pages; the rosters stay as they are
const first = await serve("--demo", rosters, ...(process.env.CASES ? ["--demo-cases", process.env.CASES] : []));
await logIn("xian"); await logIn("xuexiao"); await logIn("shenji");

if (!process.env.CASES) {
// four rosters through the web: upload, load, run, three ledgers
  const four = readdirSync(rosters).filter((f) => wanted.test(f)).map((f) => join(rosters, f));
  let t = performance.now();
  const lap = () => { const now = performance.now(); const s = (now - t) / 1000; t = now; return s; };
  const ids = await drop(four);
  const upload = lap();
  const started = await form("xian", "/rosters/loading", { ids, confirmed: "1", then_run: "1" });
  await finished(started.location);
  const run = lap();
  for (const l of ["school-age", "suspected", "dropout"]) await ask("xian", `/ledgers/${l}/export.xlsx`);
  const ledgers = lap();
  console.log(`import ${upload.toFixed(1)} s, load and run ${run.toFixed(1)} s, three ledgers ${ledgers.toFixed(1)} s: ${(upload + run + ledgers).toFixed(1)} s in all`);
  
  // months over the same rosters
  for (let i = 2; i < RUNS; i++) {
    const started = await form("xian", "/runs", {});
    await finished(started.location);
  }
  const months = lap();
  console.log(`${RUNS - 2} further runs ${(months / Math.max(1, RUNS - 2)).toFixed(1)} s each; peak memory ${peak(first.server.pid).toFixed(0)} MB`);
}
first.server.removeAllListeners("exit");
first.server.kill("SIGTERM");
await new Promise((done) => first.server.once("exit", done));
const { server, ms } = await serve();
await sleep(3000);
console.log(`start ${ms.toFixed(0)} ms, idle ${memory(server.pid).toFixed(0)} MB`);

const list = (await ask("xian", "/ledgers/suspected")).text;
const child = list.match(/\/children\/(\d+)"/)[1];
const finding = (await ask("xian", "/findings?state=dispatched")).text.match(/\/findings\/(\d+)"/)?.[1] ?? "1";
const place = encodeURIComponent(list.match(/<option value="(g\/[^"]+)"/)[1]);
async function casePages() {
  const one = (await ask("xian", "/cases")).text.match(/\/cases\/(\d+)"/)[1];
  return [
    ["xian", "/today"], ["xuexiao", "/today"], ["xian", "/cases"], ["xian", `/cases?state=away&cause=poverty&place=${place}`], ["xian", "/cases?state=open&overdue=1&days=30"],
    ["xian", "/cases?page=300"], ["xian", "/cases?sort=unit"], ["xuexiao", "/cases"], ["xian", `/cases/${one}`], ["xian", "/case-board"],
  ];
}
const pages = (process.env.CASES ? (all) => all.filter((p) => /case|today|^\/$/.test(p[1])) : (all) => all)([
  ["xian", "/"], ["xian", "/ledgers/school-age"], ["xian", "/ledgers/school-age?page=600"], ["xian", `/ledgers/school-age?place=${place}`],
  ["xian", "/ledgers/school-age?sort=birth"], ["xian", "/ledgers/suspected"], ["xian", "/ledgers/suspected?on=2023-10-08"], ["xian", `/children/${child}`],
  ["xian", `/children/${child}/rows`], ["xian", "/search?q=whr"], ["xian", `/search?q=${encodeURIComponent("浩然")}`], ["xian", "/search?q=0021"],
  ["xian", "/findings?state=open"], ["xian", "/findings?state=all&page=150"], ["xian", `/findings?state=open&place=${place}`], ["xian", "/findings?state=open&sort=verdict"],
  ["xian", "/findings?state=open&per=500"], ["xian", "/findings/units"], ["xian", `/findings/${finding}`], ["xuexiao", "/"], ["xuexiao", "/inbox"], ["xuexiao", "/ledgers/school-age"],
  ...(process.env.CASES ? await casePages() : []),
  ["xian", "/rosters"], ["xian", "/runs"], ["xian", "/runs/1"], ["xian", "/review"], ["xian", "/checks"], ["shenji", "/audit"],
]);
// connections open and questions are prepared before anything is measured
await autocannon({ url: base + "/", connections: 10, overallRate: RATE, duration: 2, headers: { cookie: cookies.xian } });
console.log("page, at 50 requests/s".padEnd(52), "p50".padStart(6), "p97.5".padStart(6), "max".padStart(6), " errors");
for (const [who, path] of pages) {
  const r = await autocannon({ url: base + path, connections: 10, overallRate: RATE, duration: EACH, headers: { cookie: cookies[who] } });
  console.log(`${who} ${path}`.padEnd(52), String(r.latency.p50).padStart(6), String(r.latency.p97_5).padStart(6), String(r.latency.max).padStart(6), ` ${r.errors + r.non2xx}`);
}
console.log(`after the load ${memory(server.pid).toFixed(0)} MB`);
server.removeAllListeners("exit");
server.kill("SIGTERM");
await new Promise((done) => server.once("exit", done));
rmSync(folder, { recursive: true, force: true });
