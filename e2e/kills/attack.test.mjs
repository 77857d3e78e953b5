// What a stranger and a neighbour on the same machine try against the running program.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { connect as connectH2 } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { demo, PASSWORD, program, serve as start } from "../journeys/support.mjs";

const folder = mkdtempSync(join(tmpdir(), "baoxue-attack-"));
const rosters = join(folder, "rosters");
const running = [];
after(async () => {
  for (const p of running) await p.end();
  rmSync(folder, { recursive: true, force: true });
});
before(() => execFileSync(program, ["demo-data", "--pupils", "500", "--out", rosters]));

const serve = (data, how) => start(data, running, how);
const open = (port, text) => new Promise((done) => {
  const s = connect(port, "127.0.0.1", () => { if (text) s.write(text); done(s); });
  s.gone = new Promise((done) => s.once("close", done));
  s.on("error", () => {});
});
const healthy = async (port) => (await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(3000) })).status === 200;

test("half headers and silent sockets do not shut the door", async () => {
  const place = await serve(join(folder, "slow"), { limits: "ulimit -n 256;" });
  const all = [];
  for (let i = 0; i < 300; i++) all.push(await open(place.port, i % 3 ? "GET / HTTP/1.1\r\nHost: x\r\nX-A: " : ""));
  assert.ok(await healthy(place.port), "while they are there");
  for (let i = 0; i < 20; i++) assert.ok(await healthy(place.port));
  // whoever says nothing more is put out after its time
  await Promise.race([Promise.all(all.map((s) => s.gone)), new Promise((_, fail) => setTimeout(() => fail(new Error("still open after a minute")), 60_000))]);
  assert.ok(await healthy(place.port));
  await place.end();
});

test("the same over TLS, where Origin is compared over HTTP/2 too", async () => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost"], { stdio: "ignore" });
  const place = await serve(join(folder, "tls"), { limits: "ulimit -n 256;", options: ["--tls-cert", cert, "--tls-key", key, ...demo(rosters)] });
  const ca = readFileSync(cert);
  for (let i = 0; i < 150; i++) await open(place.port, "");
  // handshakes that are whole, and then nothing
  for (let i = 0; i < 100; i++) {
    await new Promise((done) => {
      const s = connectTls({ host: "127.0.0.1", servername: "localhost", port: place.port, ca }, done);
      s.on("error", done);
    });
  }
  const h2 = connectH2(`https://127.0.0.1:${place.port}`, { ca, servername: "localhost" });
  const ask = (headers, body) => new Promise((done, fail) => {
    const r = h2.request({ ":authority": `127.0.0.1:${place.port}`, ":path": "/log-in", ":method": "POST", "content-type": "application/x-www-form-urlencoded", ...headers });
    r.on("response", (h) => done(h[":status"]));
    r.on("error", fail);
    r.end(body);
  });
  const form = new URLSearchParams({ login: "xian", password: PASSWORD }).toString();
  const own = `https://127.0.0.1:${place.port}`;
  assert.equal(await ask({ origin: own }, form), 303, "an old browser, which sends Origin only");
  assert.equal(await ask({ origin: own, "sec-fetch-site": "same-origin" }, form), 303);
  assert.equal(await ask({ origin: "https://evil.example" }, form), 403);
  assert.equal(await ask({ origin: own.replace("https", "http") }, form), 403, "another scheme is another site");
  assert.equal(await ask({ origin: "https://evil.example", "sec-fetch-site": "none" }, form), 403);
  assert.equal(await ask({ referer: "https://evil.example/" }, form), 403);
  assert.equal(await ask({}, form), 403, "no sign at all");
  h2.close();
  await place.end();
});

test("files are the owner's alone, and a crash leaves no memory behind", async () => {
  const data = join(folder, "mine");
  const crash = join(folder, "crash");
  mkdirSync(crash);
  // the loosest mask, the widest limits
  const place = await serve(data, { limits: `umask 000; ulimit -c unlimited; cd ${crash};`, options: demo(rosters) });
  const open = [];
  const walk = (at) => {
    const s = statSync(at);
    if (s.mode & 0o077) open.push(at);
    if (s.isDirectory()) for (const f of readdirSync(at)) walk(join(at, f));
  };
  walk(data);
  assert.deepEqual(open, [], "nobody else reads them");
  assert.match(readFileSync(`/proc/${place.pid}/limits`, "utf8"), /Max core file size\s+0\s+0/);
  await place.end("SIGABRT");
  assert.deepEqual(readdirSync(crash), []);
  // an installation of an earlier version is closed when it starts, and the doctor sees one that is open
  execFileSync("chmod", ["-R", "go+rX", data]);
  const doctor = () => spawnSync(program, ["doctor", "--data", data], { encoding: "utf8" }).stdout;
  assert.match(doctor(), /✗ 数据文件夹里有 \d+ 处别人也能读/);
  assert.match(doctor(), /✗ 密钥与数据在同一个文件夹/);
  assert.match(doctor(), /✗ 审计封印写在数据文件夹里/);
  assert.match(doctor(), /✓ 出错时不会把内存写成文件/);
  const again = await serve(data, { options: demo(rosters) });
  await again.end();
  assert.match(doctor(), /✓ 数据文件夹只有本用户可读/);
});

test("the log is missed when it is gone", async () => {
  const data = join(folder, "log");
  const place = await serve(data, { options: demo(rosters) });
  await place.end();
  const verify = () => spawnSync(program, ["audit", "verify", "--data", data], { encoding: "utf8" });
  assert.equal(verify().status, 0, verify().stdout);
  const sql = (text) => execFileSync("sqlite3", [join(data, "baoxue.db"), text]);
  rmSync(join(data, "audit-heads.log"));
  assert.match(verify().stdout, /✗ 封印文件 .* 不见了/);
  sql("DELETE FROM audit; UPDATE counter SET next = 1 WHERE name = 'audit'; UPDATE counter SET next = 0 WHERE name = 'audit-heads'");
  const empty = verify();
  assert.match(empty.stdout, /✗ 日志被清空/);
  assert.notEqual(empty.status, 0);
});

test("whoever reads files has bounds that hold", async () => {
  const reader = spawn(program, ["read-file"], { stdio: ["pipe", "pipe", "ignore"], env: {} });
  const gone = new Promise((done) => reader.once("exit", done));
  // it sets its bounds before it reads anything
  let limits = "";
  for (let i = 0; i < 100 && !/Max address space\s+3221225472/.test(limits); i++) {
    await new Promise((done) => setTimeout(done, 20));
    limits = readFileSync(`/proc/${reader.pid}/limits`, "utf8");
  }
  assert.match(limits, /Max address space\s+3221225472\s+3221225472/);
  assert.match(limits, /Max cpu time\s+120\s+120/);
  assert.match(limits, /Max core file size\s+0\s+0/);
  // more than it may take: it ends, and nobody else does
  reader.stdin.on("error", () => {});
  const head = Buffer.alloc(9);
  head.write("P", 0);
  reader.stdin.write(head);
  const part = Buffer.alloc(64 << 20, 0xff);
  for (let i = 0; i < 70 && reader.exitCode === null; i++) {
    await new Promise((done) => (reader.stdin.write(part, () => done()) || reader.exitCode !== null ? done() : reader.stdin.once("drain", done)));
  }
  reader.stdin.end();
  const code = await gone;
  assert.notEqual(code, 0, "four gibibytes do not fit into three");
});
