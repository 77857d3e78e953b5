// Starts the program with a small demo county on a free port, and a browser beside it.
import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, existsSync } from "node:fs";
import { randomFillSync } from "node:crypto";
import { tmpdir } from "node:os";
import { deflateSync } from "node:zlib";
import { join } from "node:path";
import { createServer } from "node:net";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const root = new URL("../..", import.meta.url).pathname;
export const program = ["release", "debug"].map((p) => join(root, "target", p, "baoxue")).filter(existsSync)
  .sort((a, b) => Number(execFileSync("stat", ["-c", "%Y", b])) - Number(execFileSync("stat", ["-c", "%Y", a])))[0];
export const PASSWORD = "qinghe-2023-yanshi";
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

/** A photo of noise, of so many pixels a side: a PNG of its three bytes a pixel. */
export function noise(side) {
  const table = Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });
  const crc = (bytes) => {
    let c = 0xffffffff;
    for (const b of bytes) c = table[(c ^ b) & 255] ^ (c >>> 8);
    return (c ^ 0xffffffff) >>> 0;
  };
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data]);
    const [length, end] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    end.writeUInt32BE(crc(body));
    return Buffer.concat([length, body, end]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(side, 0);
  head.writeUInt32BE(side, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.alloc(side * (side * 3 + 1));
  for (let y = 0; y < side; y++) randomFillSync(rows, y * (side * 3 + 1) + 1, side * 3);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk("IHDR", head), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

export const freePort = () => new Promise((done) => {
  const s = createServer().listen(0, "127.0.0.1", () => {
    const { port } = s.address();
    s.close(() => done(port));
  });
});

/**
 * The program serving a data folder, for tests without a browser. `limits` is run by the shell before it; `running` collects what has to be ended.
 */
export async function serve(data, running, { limits = "", options = [], env = process.env } = {}) {
  const port = await freePort();
  const server = spawn("sh", ["-c", `${limits} exec "$0" "$@"`, program, "serve", "--data", data, "--listen", `127.0.0.1:${port}`, ...options],
    { stdio: ["ignore", "pipe", "pipe"], env });
  let said = "";
  const ended = new Promise((done) => server.once("exit", done));
  const place = { port, pid: server.pid, said: () => said, async end(signal = "SIGTERM") { server.kill(signal); await ended; } };
  running.push(place);
  await new Promise((done, fail) => {
    const hear = (b) => { said += b; if (said.includes("保学已启动")) done(); };
    server.stdout.on("data", hear);
    server.stderr.on("data", hear);
    server.once("exit", (code) => fail(new Error(`ended with ${code}: ${said}`)));
  });
  return place;
}

/** What a demo county is served with. */
export const demo = (rosters) => ["--demo", rosters, "--demo-clock", "2023-10-09T09:00"];

/** The demo county served; `county: false` for an empty installation. */
export async function start({ pupils = 1500 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "baoxue-e2e-"));
  const rosters = join(folder, "rosters");
  execFileSync(program, ["demo-data", "--pupils", String(pupils), "--out", rosters]);
  const port = await freePort();
  const server = spawn(program, ["serve", "--data", join(folder, "data"), "--demo", rosters, "--demo-clock", "2023-10-09T09:00", "--listen", `127.0.0.1:${port}`]);
  let said = "";
  await new Promise((done, fail) => {
    const hear = (b) => {
      said += b;
      if (said.includes("保学已启动")) done();
    };
    server.stdout.on("data", hear);
    server.stderr.on("data", hear);
    server.on("exit", () => fail(new Error(said)));
  });
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  const problems = [];
  return {
    base: `http://127.0.0.1:${port}`, rosters, folder, problems,
    /** A page of somebody who is logged in. */
    async as(login, { width = 1280, scheme = "light" } = {}) {
      const context = await browser.newContext({ viewport: { width, height: width < 500 ? 740 : 900 }, colorScheme: scheme, locale: "zh-CN", acceptDownloads: true });
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      page.on("pageerror", (e) => problems.push(`${page.url()}: ${e.message}`));
      page.on("console", (m) => m.type() === "error" && !/status of (401|404|409|422)|ERR_INTERNET_DISCONNECTED/.test(m.text()) && problems.push(`${page.url()}: ${m.text()}`));
      page.on("request", (r) => !r.url().startsWith(this.base) && !/^(data|blob):/.test(r.url()) && problems.push(`a request left the server: ${r.url()}`));
      await page.goto(`${this.base}/log-in`);
      await page.fill("#login", login);
      await page.fill("#password", PASSWORD);
      await page.click("button[type=submit]");
      await page.waitForSelector("main h1");
      return page;
    },
    async stop() {
      await browser.close();
      server.removeAllListeners("exit");
      server.kill("SIGTERM");
      await new Promise((done) => server.on("exit", done));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Accessibility (WCAG 2.1 AA) and sideways scroll of the page as it stands. */
export async function look(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa"] }));
  const problems = found.violations.map((v) => `${page.url()} ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.html).join(" | ")}`);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (sideways > 0) problems.push(`${page.url()} scrolls sideways by ${sideways}`);
  return problems;
}
