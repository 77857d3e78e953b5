// Rosters and proofs in S3-compatible storage, against a real server of it: two machines share them, a machine may lose its folder, a storage
// that is away is said plainly.
import { after, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { demo, freePort, PASSWORD, program, serve as start } from "../journeys/support.mjs";

const folder = mkdtempSync(join(tmpdir(), "baoxue-bucket-"));
const rosters = join(folder, "rosters");
execFileSync(program, ["demo-data", "--pupils", "500", "--out", rosters]);
const running = [];
let storage = null;
after(async () => {
  for (const p of running) await p.end();
  await storage?.close();
  rmSync(folder, { recursive: true, force: true });
});

const held = join(folder, "held");
async function startStorage(port) {
  const cli = fileURLToPath(new URL("../node_modules/s3rver/bin/s3rver.js", import.meta.url));
  const server = spawn(process.execPath, [cli, "--port", String(port), "--address", "127.0.0.1", "--directory", held, "--configure-bucket", "baoxue", "--silent"],
    { stdio: "ignore" });
  const ended = new Promise((done) => server.once("exit", done));
  for (let i = 0; i < 100; i++) {
    const there = await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false);
    if (there) return { async close() { server.kill("SIGKILL"); await ended; } };
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error("the storage does not start");
}
const objects = () => (existsSync(join(held, "baoxue")) ? readdirSync(join(held, "baoxue"), { recursive: true }).filter((f) => String(f).endsWith("_object")) : []);
const files = (data) => (existsSync(join(data, "files")) ? readdirSync(join(data, "files"), { recursive: true }).filter((f) => String(f).includes("/")) : []);

const env = { ...process.env, BAOXUE_S3_KEY: "S3RVER", BAOXUE_S3_SECRET: "S3RVER" };
async function serve(data, address) {
  const place = await start(data, running, { env, options: ["--files", address, ...demo(rosters)] });
  const base = `http://127.0.0.1:${place.port}`;
  const signs = { "sec-fetch-site": "same-origin" };
  const logIn = await fetch(`${base}/log-in`, { method: "POST", redirect: "manual", headers: signs, body: new URLSearchParams({ login: "xian", password: PASSWORD }) });
  const cookie = logIn.headers.get("set-cookie").split(";")[0];
  place.ask = async (path, options = {}) => {
    const a = await fetch(base + path, { redirect: "manual", ...options, headers: { cookie, ...signs } });
    return { status: a.status, text: await a.text() };
  };
  place.upload = (name) => {
    const body = new FormData();
    body.append("files", new Blob([readFileSync(join(rosters, "中考报名.csv"))]), name);
    return place.ask("/rosters", { method: "POST", body });
  };
  return place;
}

test("files are at home in a bucket", async () => {
  const port = await freePort();
  storage = await startStorage(port);
  const address = `s3+http://127.0.0.1:${port}/baoxue/qinghe`;
  const data = join(folder, "first");
  const first = await serve(data, address);
  assert.ok(objects().length >= 20, "originals and rows of ten rosters");
  // what lies there is encrypted
  const raw = Buffer.concat(objects().map((f) => readFileSync(join(held, "baoxue", String(f)))));
  assert.equal(raw.includes(Buffer.from("姓名")), false);
  const page = (await first.ask("/ledgers/suspected")).text;
  const child = page.match(/\/children\/(\d+)"/)[1];
  assert.match((await first.ask(`/children/${child}/rows`)).text, /第\d+ *行|第 \d+ 行/);
  await first.end();
  // the machine loses its files: everything comes back from the bucket
  rmSync(join(data, "files"), { recursive: true });
  const again = await serve(data, address);
  assert.match((await again.ask(`/children/${child}/rows`)).text, /第\d+ *行|第 \d+ 行/);
  assert.ok(files(data).length > 0, "fetched when it was needed");
  const doctor = () => spawnSync(program, ["doctor", "--data", data, "--files", address], { encoding: "utf8", env }).stdout;
  assert.match(doctor(), /✓ 加密文件齐全/);
  // the storage is away: what was there is read, nothing new is half kept
  await storage.close();
  const refused = await again.upload("不在.csv");
  assert.equal(refused.status === 303 ? (await again.ask("/rosters")).text.includes("不在.csv</a>") : false, false);
  assert.match(refused.text + (await again.ask("/rosters")).text, /连不上文件存储|名册/);
  assert.equal((await again.ask("/ledgers/suspected")).status, 200, "reading goes on");
  storage = await startStorage(port);
  assert.equal((await again.upload("回来.csv")).status, 303);
  assert.ok((await again.ask("/rosters")).text.includes("回来.csv"));
  await again.end();
  // another machine with the same database and key, and an empty folder
  const second = join(folder, "second");
  cpSync(data, second, { recursive: true, filter: (f) => !f.includes("/files") });
  const other = await serve(second, address);
  assert.match((await other.ask(`/children/${child}/rows`)).text, /第\d+ *行|第 \d+ 行/);
  await other.end();
  // a backup holds the files, and goes back into a folder without a bucket
  const backup = join(folder, "backup.bx");
  rmSync(join(second, "files"), { recursive: true, force: true });
  execFileSync(program, ["backup", "--data", second, "--files", address, backup], { env });
  const third = join(folder, "third");
  execFileSync(program, ["restore", "--data", third, "--key-file", join(data, "baoxue.key"), backup], { env });
  assert.match(spawnSync(program, ["doctor", "--data", third, "--key-file", join(data, "baoxue.key")], { encoding: "utf8" }).stdout, /✓ 加密文件齐全/);
  // without its keys the program says what is missing
  const without = spawnSync(program, ["doctor", "--data", data, "--files", address], { encoding: "utf8", env: { ...env, BAOXUE_S3_SECRET: "" } });
  assert.match(without.stdout + without.stderr, /没有文件存储的钥匙:请设环境变量 BAOXUE_S3_KEY 和 BAOXUE_S3_SECRET/);
});
