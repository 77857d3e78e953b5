// A full disk, and TLS: what a user is told, and that nothing is lost by it.
import { after, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demo, PASSWORD, program, serve as start } from "../journeys/support.mjs";

const folder = mkdtempSync(join(tmpdir(), "baoxue-trouble-"));
const rosters = join(folder, "rosters");
execFileSync(program, ["demo-data", "--pupils", "500", "--out", rosters]);
const running = [];
let mounted = null;
after(async () => {
  for (const place of running) await place.end();
  if (mounted) spawnSync("umount", [mounted]);
  rmSync(folder, { recursive: true, force: true });
});

const serve = (data, ...more) => start(data, running, { options: [...demo(rosters), ...more] });

/** A file system of a few megabytes; null where this user may not mount one. */
function smallDisk(megabytes) {
  const at = join(folder, "disk");
  mkdirSync(at);
  const done = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", at]);
  if (done.status !== 0) return null;
  mounted = at;
  return at;
}

test("a full disk is said plainly, and what was there stays", async (t) => {
  const disk = smallDisk(48);
  if (!disk) return t.skip("this user may not mount a small file system");
  const data = join(disk, "data");
  const place = await serve(data);
  const base = `http://127.0.0.1:${place.port}`;
  const logIn = await fetch(`${base}/log-in`, { method: "POST", redirect: "manual", headers: { "sec-fetch-site": "same-origin" }, body: new URLSearchParams({ login: "xian", password: PASSWORD }) });
  const cookie = logIn.headers.get("set-cookie").split(";")[0];
  const ask = async (path, options = {}) => {
    const a = await fetch(base + path, { redirect: "manual", ...options, headers: { cookie, "sec-fetch-site": "same-origin" } });
    return { status: a.status, text: await a.text() };
  };
  const upload = (name) => {
    const body = new FormData();
    body.append("files", new Blob([readFileSync(join(rosters, "户籍.xlsx"))]), name);
    return ask("/rosters", { method: "POST", body });
  };
  assert.equal((await upload("先到.xlsx")).status, 303);
  const before = (await ask("/ledgers/school-age")).text.match(/共 <b>([\d,]+)<\/b> 人/)[1];
  // the disk fills up to the last page
  const filler = join(disk, "filler");
  for (let size = 64 << 20; size >= 4096; size >>= 1) {
    try { writeFileSync(filler, Buffer.alloc(size), { flag: "a" }); } catch { /* as far as it goes */ }
  }
  const full = await upload("满了.xlsx");
  assert.equal(full.status, 507, full.text.slice(0, 500));
  assert.match(full.text, /磁盘已满,这次没有保存,原有内容不受影响/);
  const run = await ask("/runs", { method: "POST", body: new URLSearchParams() });
  assert.ok([303, 507].includes(run.status), run.text.slice(0, 500));
  // reading goes on
  const list = await ask("/rosters");
  assert.equal(list.status, 200);
  assert.ok(list.text.includes("先到.xlsx") && !list.text.includes("满了.xlsx"));
  assert.equal((await ask("/ledgers/school-age")).text.match(/共 <b>([\d,]+)<\/b> 人/)[1], before);
  // room again: the same upload does
  rmSync(filler);
  assert.equal((await upload("满了.xlsx")).status, 303, place.said());
  assert.ok((await ask("/rosters")).text.includes("满了.xlsx"));
  await place.end();
  const doctor = spawnSync(program, ["doctor", "--data", data], { encoding: "utf8" });
  assert.deepEqual(doctor.stdout.split("\n").filter((l) => l.startsWith("✗") && !l.includes("磁盘") && !/密钥与数据|审计封印/.test(l)), []);
});

test("TLS from a given certificate", async () => {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost"], { stdio: "ignore" });
  const place = await serve(join(folder, "tls"), "--tls-cert", cert, "--tls-key", key);
  const ask = (path, { method = "GET", headers = {}, body } = {}) => new Promise((done, fail) => {
    const r = request({ host: "127.0.0.1", servername: "localhost", port: place.port, path, method, headers, ca: readFileSync(cert) }, (a) => {
      let text = "";
      a.on("data", (b) => { text += b; });
      a.on("end", () => done({ status: a.statusCode, headers: a.headers, text }));
    });
    r.on("error", fail);
    r.end(body);
  });
  const form = new URLSearchParams({ login: "xian", password: PASSWORD }).toString();
  const logIn = await ask("/log-in", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded", origin: `https://127.0.0.1:${place.port}` }, body: form });
  assert.equal(logIn.status, 303);
  assert.match(logIn.headers["set-cookie"][0], /; Secure/);
  assert.match(logIn.headers["strict-transport-security"], /max-age=31536000/);
  const home = await ask("/", { headers: { cookie: logIn.headers["set-cookie"][0].split(";")[0] } });
  assert.equal(home.status, 200);
  assert.match(home.text, /工作台/);
  await assert.rejects(fetch(`http://127.0.0.1:${place.port}/`), "nothing answers without TLS");
  // the certificate ends in two days: its administrator reads it on her first page, others do not
  const system = new URLSearchParams({ login: "xitong", password: PASSWORD }).toString();
  const hers = await ask("/log-in", { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded", origin: `https://127.0.0.1:${place.port}` }, body: system });
  assert.match((await ask("/", { headers: { cookie: hers.headers["set-cookie"][0].split(";")[0] } })).text, /HTTPS 证书 30 天内到期/);
  assert.doesNotMatch(home.text, /HTTPS 证书/);
  const doctor = spawnSync(program, ["doctor", "--data", join(folder, "tls"), "--tls-cert", cert], { encoding: "utf8" });
  assert.match(doctor.stdout, /✗ 证书 30 天内到期/);
  await place.end();
});
