// The morning roll of a county over HTTP with sessions: an open loop (latency counts from when a register should have been sent), repeats and
// conflicts among it; beside it the bare database doing the same rows in the same transactions.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:net";
import { randomBytes } from "node:crypto";

const [program, kind] = process.argv.slice(2);
const PUPILS = Number(process.env.PUPILS ?? 60000);
const RATE = Number(process.env.RATE ?? 400);
const LONG = Number(process.env.SECONDS_LONG ?? 30);
const PHONES = Number(process.env.PHONES ?? 500);
const TAKERS = 20;
const folder = mkdtempSync(join(tmpdir(), "baoxue-roll-"));
const port = await new Promise((done) => { const s = createServer().listen(0, "127.0.0.1", () => { const { port } = s.address(); s.close(() => done(port)); }); });
let database = [];
if (kind === "postgres") {
  const name = `r${Date.now()}`;
  execFileSync("psql", [`${process.env.BAOXUE_TEST_POSTGRES}/postgres`, "-qc", `CREATE DATABASE ${name}`]);
  database = ["--database", `${process.env.BAOXUE_TEST_POSTGRES}/${name}`];
}
const rosters = join(folder, "rosters");
execFileSync(program, ["demo-data", "--pupils", String(PUPILS), "--out", rosters]);
const began = performance.now();
const server = spawn(program, ["serve", "--data", join(folder, "data"), ...database, "--demo", rosters, "--demo-clock", "2023-10-09T08:10", "--demo-takers", String(TAKERS),
  "--listen", `127.0.0.1:${port}`]);
await new Promise((done, fail) => {
  let said = "";
  const hear = (b) => { said += b; if (said.includes("保学已启动")) done(); };
  server.stdout.on("data", hear); server.stderr.on("data", hear);
  server.once("exit", () => fail(new Error(said)));
});
console.log(`== ${kind}: ${PUPILS} pupils; demo with a school's term and a county's yesterday ready after ${((performance.now() - began) / 1000).toFixed(0)} s`);

const agent = new Agent({ keepAlive: true, maxSockets: PHONES });
const ask = (method, path, cookie, body) => new Promise((done, fail) => {
  const headers = { cookie, "sec-fetch-site": "same-origin", ...(body ? { "content-type": "application/x-www-form-urlencoded", "content-length": Buffer.byteLength(body) } : {}) };
  const r = request({ host: "127.0.0.1", port, method, path, headers, agent }, (a) => {
    const parts = [];
    a.on("data", (d) => parts.push(d));
    a.on("end", () => done({ status: a.statusCode, headers: a.headers, text: Buffer.concat(parts).toString() }));
  });
  r.on("error", fail);
  r.end(body);
});
const cookies = [];
for (let i = 1; i <= TAKERS; i++) {
  const a = await ask("POST", "/log-in", "", new URLSearchParams({ login: `taker${i}`, password: "qinghe-2023-yanshi" }).toString());
  if (a.status === 303) cookies.push(a.headers["set-cookie"].map((c) => c.split(";")[0]).find((c) => c.startsWith("baoxue=")));
}
// classes with their pupils, as each person's page lists them
const classes = [];
for (const cookie of cookies) {
  const page = (await ask("GET", "/roll", cookie)).text;
  for (const [, href] of page.matchAll(/href="(\/roll\/register\?[^"]+)"/g)) {
    const register = (await ask("GET", href.replaceAll("&#38;", "&").replaceAll("&amp;", "&"), cookie)).text;
    const path = register.match(/name="class" value="([^"]+)"/)?.[1];
    const pupils = [...register.matchAll(/name="note-(\d+)"/g)].map((m) => Number(m[1]));
    if (path && pupils.length) classes.push({ cookie, path, pupils });
  }
}
const size = classes.reduce((n, c) => n + c.pupils.length, 0) / classes.length;
console.log(`${classes.length} classes of ${size.toFixed(0)} pupils, ${cookies.length} people's sessions, ${PHONES} connections`);

// registers to send: every class, the checks of today and of the weeks before
const days = [];
for (let d = new Date("2023-10-08T12:00Z"); days.length < 14; d = new Date(d - 86400000)) {
  const day = d.toISOString().slice(0, 10);
  const off = [0, 6].includes(d.getUTCDay()) ? !["2023-10-07", "2023-10-08"].includes(day) : day >= "2023-09-29" && day <= "2023-10-06";
  if (!off && day >= "2023-09-11") days.push(day);
  if (day < "2023-09-11") break;
}
const todo = [];
for (const check of ["noon", "afternoon"]) for (const day of days) for (const c of classes) todo.push({ c, day, check });
const body = ({ c, day, check }, key, i) => {
  const f = new URLSearchParams({ class: c.path, day, check, base: "0", key });
  f.append(`mark-${c.pupils[i % c.pupils.length]}`, "sick");
  // one in ten does not know why the other is missing
  f.append(`mark-${c.pupils[(i * 7 + 3) % c.pupils.length]}`, i % 10 === 0 ? "unexplained" : "late");
  return f.toString();
};
const late = [];
let sent = 0, failed = 0, acknowledged = 0;
const registers = Math.min(todo.length, RATE * LONG);
const cpu0 = process.cpuUsage();
const start = performance.now();
const flying = [];
const one = async (item, key, i, due) => {
  try {
    const a = await ask("POST", "/roll", item.c.cookie, body(item, key, i));
    late.push(performance.now() - due);
    if (a.status === 303) acknowledged++; else { failed++; if (failed < 4) console.log(a.status, a.text.slice(0, 300)); }
  } catch { failed++; }
};
for (let i = 0; i < registers; i++) {
  const due = start + (i * 1000) / RATE;
  const wait = due - performance.now();
  if (wait > 1) await new Promise((done) => setTimeout(done, wait));
  const key = randomBytes(16).toString("hex");
  flying.push(one(todo[i], key, i, due));
  sent++;
  // one in twenty is sent twice, one in fifty is taken by two who do not know of each other
  if (i % 20 === 0) { flying.push(one(todo[i], key, i, due)); sent++; }
  if (i % 50 === 0) { flying.push(one(todo[i], randomBytes(16).toString("hex"), i + 1, due)); sent++; }
}
await Promise.all(flying);
const seconds = (performance.now() - start) / 1000;
const cpu = process.cpuUsage(cpu0);
late.sort((a, b) => a - b);
const at = (q) => late[Math.min(late.length - 1, Math.floor(late.length * q))].toFixed(0);
console.log(`${registers} registers (${sent} requests) in ${seconds.toFixed(1)} s: ${(registers / seconds).toFixed(0)} registers/s at ${RATE}/s asked; p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms; `
  + `${failed} failed; generator's own CPU ${((cpu.user + cpu.system) / 1e4 / seconds).toFixed(0)} % of one core`);

// nothing acknowledged is lost, nothing doubled
const shown = new Map();
for (const c of classes.slice(0, 40)) {
  const { day, check } = todo[0];
  const page = (await ask("GET", `/roll/register?class=${encodeURIComponent(c.path)}&day=${day}&check=${check}`, c.cookie)).text;
  shown.set(c.path, /name="base" value="[1-9]/.test(page));
}
console.log(`of the first ${shown.size} classes ${[...shown.values()].filter(Boolean).length} have the register that was acknowledged`);
const memory = Number(execFileSync("grep", ["VmRSS", `/proc/${server.pid}/status`]).toString().match(/(\d+)/)[1]) / 1024;
console.log(`memory ${memory.toFixed(0)} MB`);
server.removeAllListeners("exit");
server.kill("SIGTERM");
await new Promise((done) => server.once("exit", done));

// the bare database: the same rows, a transaction a register, synced
if (kind === "sqlite") {
  const script = `
import sqlite3, time, os, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode=WAL"); db.execute("PRAGMA synchronous=FULL")
db.execute("CREATE TABLE register (id INTEGER PRIMARY KEY, class_id, day, part, list_id, version, key UNIQUE, taken_at, taken_by, phone_at, changed_at, UNIQUE (class_id, day, part))")
db.execute("CREATE TABLE register_mark (register_id, child_id, version, mark, doubtful, detail, PRIMARY KEY (register_id, child_id, version))")
db.execute("CREATE INDEX m ON register_mark (child_id, register_id)")
n = 4000; t = time.time()
for i in range(n):
    db.execute("BEGIN IMMEDIATE")
    r = db.execute("INSERT INTO register VALUES (NULL,?,?,0,?,1,?,1,1,NULL,1)", (i % 1300, str(i // 1300), i % 1300, os.urandom(16).hex())).lastrowid
    for j in (1, 2): db.execute("INSERT INTO register_mark VALUES (?,?,1,1,0,NULL)", (r, i * 2 + j))
    db.execute("COMMIT")
print(f"bare SQLite, synced: {n / (time.time() - t):.0f} registers/s")`;
  console.log(spawnSync("python3", ["-c", script, join(folder, "bare.db")]).stdout.toString().trim());
} else {
  const sql = join(folder, "bare.sql");
  const url = database[1];
  execFileSync("psql", [url, "-qc", `CREATE TABLE bare (id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, c BIGINT, day TEXT, part BIGINT, key TEXT UNIQUE, at BIGINT);
    CREATE TABLE bare_mark (r BIGINT, child BIGINT, v BIGINT, mark BIGINT, PRIMARY KEY (r, child, v)); CREATE INDEX ON bare_mark (child, r)`]);
  writeFileSync(sql, `BEGIN;
INSERT INTO bare (c, day, part, key, at) VALUES (1, '2023-10-09', 1, gen_random_uuid()::text, 1) RETURNING id \\gset
INSERT INTO bare_mark VALUES (:id, 1, 1, 1);
INSERT INTO bare_mark VALUES (:id, 2, 1, 1);
COMMIT;
`);
  const bin = execFileSync("sh", ["-c", "ls -d /usr/lib/postgresql/*/bin | tail -1"]).toString().trim();
  const out = spawnSync(join(bin, "pgbench"), ["-n", "-f", sql, "-c", "4", "-j", "2", "-T", "8", url]).stdout.toString();
  console.log(`bare PostgreSQL, fsync on: ${Math.round(Number(out.match(/tps = ([\d.]+)/)?.[1] ?? 0))} registers/s`);
}
rmSync(folder, { recursive: true, force: true });
