// kill -9 at any moment of import, loading, run, dispatch, answer, review, roll call, contact: after the restart nothing acknowledged is lost, nothing
// half-done is visible, a run resumes.
import { after, test } from "node:test";
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, noise, PASSWORD, program } from "../journeys/support.mjs";

const KILLS = Number(process.env.BAOXUE_KILLS ?? 55);
const LEASE = 3;
const folder = mkdtempSync(join(tmpdir(), "baoxue-kills-"));
const rosters = join(folder, "rosters");
execFileSync(program, ["demo-data", "--pupils", "500", "--out", rosters]);
const installations = [];
after(() => {
  // what a failed test left running
  for (const i of installations) i.server?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

// the same moments in every run of the test
let seed = 20231009;
const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

class Installation {
  constructor(name, database) {
    this.data = join(folder, name);
    this.database = database;
    installations.push(this);
    this.arguments = ["--data", this.data, ...(database ? ["--database", database] : [])];
  }
  async start() {
    this.port = await freePort();
    this.server = spawn(program, ["serve", ...this.arguments, "--demo", rosters, "--demo-clock", "2023-10-09T09:00", "--job-lease", String(LEASE),
      "--listen", `127.0.0.1:${this.port}`], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    await new Promise((done, fail) => {
      const hear = (b) => { said += b; if (said.includes("保学已启动")) done(); };
      this.server.stdout.on("data", hear);
      this.server.stderr.on("data", hear);
      this.server.once("exit", (code) => fail(new Error(`ended with ${code}: ${said}`)));
    });
  }
  async kill() {
    const gone = new Promise((done) => this.server.once("exit", done));
    this.server.kill("SIGKILL");
    await gone;
  }
  async ask(who, path, options = {}) {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, { redirect: "manual", ...options, headers: { cookie: this.cookies[who], "sec-fetch-site": "same-origin" } });
    return { status: answer.status, location: answer.headers.get("location"), text: await answer.text() };
  }
  form(who, path, fields) {
    return this.ask(who, path, { method: "POST", body: new URLSearchParams(fields) });
  }
  upload(who, path, fields) {
    const body = new FormData();
    for (const [n, v] of Object.entries(fields)) {
      if (v.bytes) body.append(n, new Blob([v.bytes]), v.name);
      else body.append(n, v);
    }
    return this.ask(who, path, { method: "POST", body });
  }
  async logIn(...people) {
    this.cookies = {};
    for (const login of people) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/log-in`, { method: "POST", redirect: "manual", headers: { "sec-fetch-site": "same-origin" }, body: new URLSearchParams({ login, password: PASSWORD }) });
      assert.equal(answer.status, 303);
      this.cookies[login] = answer.headers.get("set-cookie").split(";")[0];
    }
  }
  /** Writes into the database behind the program's back. */
  sql(text) {
    if (this.database) execFileSync("psql", [this.database, "-qc", text]);
    else execFileSync("sqlite3", ["-cmd", ".timeout 10000", join(this.data, "baoxue.db"), text]);
  }
  /** What the program itself says of its keys, files, database and log. */
  doctor() {
    const out = spawnSync(program, ["doctor", ...this.arguments], { encoding: "utf8" });
    const bad = out.stdout.split("\n").filter((l) => l.startsWith("✗") && !l.includes("磁盘") && !/密钥与数据|审计封印/.test(l));
    assert.deepEqual(bad, []);
  }
  async finished(run) {
    for (let i = 0; i < 150; i++) {
      const page = (await this.ask("xian", `/runs/${run}`)).text;
      if (page.includes("本辖区跟踪儿童")) return page;
      assert.ok(!page.includes("没有完成"), page);
      await sleep(200);
    }
    assert.fail(`run ${run} did not resume`);
  }
}

const photo = noise(260);
const students = readFileSync(join(rosters, "中考报名.csv"));

const names = ["import", "load", "run", "dispatch", "answer", "review", "roll", "contact"];
async function begin(what, i, place) {
  switch (what) {
    case "import": {
      const name = `名册${i}.csv`;
      const done = place.upload("xian", "/rosters", { files: { name, bytes: students } });
      return { done, async check(acknowledged) {
        const page = (await place.ask("xian", "/rosters")).text;
        if (acknowledged) assert.ok(page.includes(name), "an acknowledged roster is there");
        const id = page.match(new RegExp(`/rosters/(\\d+)">${name}`))?.[1];
        if (!id) return;
        // there at all, then whole: its rows and its original can be read
        assert.equal((await place.ask("xian", `/rosters/${id}`)).status, 200);
        const book = await place.ask("xian", `/rosters/${id}/bad-rows.xlsx`);
        assert.ok([200, 422].includes(book.status), book.text.slice(0, 400));
        place.staged = id;
      } };
    }
    case "load": {
      if (!place.staged) return null;
      const id = place.staged;
      place.staged = null;
      const done = place.form("xian", "/rosters/loading", { ids: id, [`mode:${id}`]: "whole", confirmed: "1" });
      return { done, async check(acknowledged) {
        const page = (await place.ask("xian", `/rosters/${id}`)).text;
        const state = ["在用", "待载入"].find((s) => page.includes(`名册 · ${s}`));
        assert.ok(state, page.slice(0, 2000));
        if (acknowledged) assert.equal(state, "在用");
        const list = (await place.ask("xian", "/rosters")).text.split("在用的名册")[1];
        assert.equal(list.split("<b>中考报名</b>").length - 1, 1, "one roster of the source is in use: the old one or the new one");
      } };
    }
    case "run": {
      const done = place.form("xian", "/runs", {});
      return { done, async check(acknowledged, answer) {
        const list = (await place.ask("xian", "/runs")).text;
        const newest = Number(list.match(/\/runs\/(\d+)"/)[1]);
        if (acknowledged) assert.ok(newest >= Number(answer.location.match(/\d+/)[0]));
        const page = await place.finished(newest);
        const children = page.match(/本辖区跟踪儿童 <b>([\d,]+)<\/b>/)[1];
        place.children ??= children;
        assert.equal(children, place.children, "the same rosters give the same children, however often the run was killed");
        const ledger = (await place.ask("xian", "/ledgers/school-age")).text;
        assert.ok(ledger.includes(`共 <b>${children}</b> 人`), "the ledger has every child once");
      } };
    }
    case "dispatch": {
      const page = (await place.ask("xian", `/findings?state=${i % 2 ? "open" : "dispatched"}`)).text;
      const id = page.match(/value="(\d+)" data-pick/)?.[1];
      if (!id) return null;
      const done = place.form("xian", "/findings/dispatch", { ids: id, days: "5" });
      const before = ((await place.ask("xian", `/findings/${id}`)).text.match(/<b>交办<\/b>/g) ?? []).length;
      return { done, async check(acknowledged) {
        const now = (await place.ask("xian", `/findings/${id}`)).text;
        const events = (now.match(/<b>交办<\/b>/g) ?? []).length;
        assert.ok(events === before || events === before + 1 || (acknowledged && events >= 1));
        if (acknowledged) assert.ok(now.includes("已交办未答复"));
      } };
    }
    case "answer": {
      const inbox = (await place.ask("xuexiao", "/inbox")).text;
      let id = inbox.match(/\/findings\/(\d+)"/)?.[1];
      if (!id) {
        // the county sends one back
        const answered = (await place.ask("xuexiao", "/inbox?state=done")).text.match(/\/findings\/(\d+)"/)?.[1];
        if (!answered) return null;
        const version = (await place.ask("xian", `/findings/${answered}`)).text.match(/name="version" value="(\d+)"/)?.[1];
        if (!version) return null;
        await place.form("xian", `/findings/${answered}/send-back`, { version, note: "请再核实" });
        id = answered;
      }
      const page = (await place.ask("xuexiao", `/findings/${id}`)).text;
      const version = page.match(/name="version" value="(\d+)"/)?.[1];
      if (!version) return null;
      const proofs = (t) => (t.match(new RegExp(`<li><a href="/findings/${id}/proofs/`, "g")) ?? []).length;
      const before = proofs(page);
      if (before >= 18) return null;
      const done = place.upload("xuexiao", `/findings/${id}/answer`, { version, disposition: "enrolled-elsewhere", note: "随父母", proofs: { name: "证明.jpg", bytes: photo } });
      return { done, async check(acknowledged) {
        const now = (await place.ask("xuexiao", `/findings/${id}`)).text;
        const answered = now.includes("待审核");
        if (acknowledged) assert.ok(answered, "an acknowledged answer is there");
        assert.equal(proofs(now), answered ? before + 1 : before, "the answer and its photo are there together or not at all");
        const proof = now.match(new RegExp(`/findings/${id}/proofs/(\\d+)`))?.[1];
        if (proof) assert.equal((await place.ask("xuexiao", `/findings/${id}/proofs/${proof}`)).status, 200);
      } };
    }
    case "roll": {
      const card = (await place.ask("xuexiao", "/roll")).text.match(/\/roll\/register\?class=([^&"]+)/)[1];
      const path = decodeURIComponent(card.replaceAll("&amp;", "&"));
      const day = `2023-09-${String(11 + (i % 8)).padStart(2, "0")}`;
      if (["2023-09-16", "2023-09-17"].includes(day)) return null;
      const check = i % 16 < 8 ? "noon" : "afternoon";
      const register = `/roll/register?class=${encodeURIComponent(path)}&day=${day}&check=${check}`;
      const version = (t) => Number(t.match(/name="base" value="(\d+)"/)[1]);
      const page = (await place.ask("xuexiao", register)).text;
      const before = version(page);
      const pupil = page.match(/name="note-(\d+)"/)[1];
      const fields = { class: path, day, check, base: String(before), key: i.toString(16).padStart(32, "0"), [`mark-${pupil}`]: i % 3 ? "unexplained" : "sick" };
      const done = place.form("xuexiao", "/roll", fields);
      return { done, async check(acknowledged) {
        const now = version((await place.ask("xuexiao", register)).text);
        assert.ok(now === before + 1 || (!acknowledged && now === before), "an acknowledged register is there");
        // the phone sends it once more: it is there once, and warned of as if nothing had happened
        assert.equal((await place.form("xuexiao", "/roll", fields)).status, 303);
        const after = (await place.ask("xuexiao", register)).text;
        assert.equal(version(after), before + 1);
        assert.match(after, new RegExp(`name="mark-${pupil}" value="${i % 3 ? "unexplained" : "sick"}" checked`));
      } };
    }
    case "contact": {
      const id = (await place.ask("xuexiao", "/cases")).text.match(/\/cases\/(\d+)"/)?.[1];
      if (!id) return null;
      const made = (t) => Number(t.match(/>(\d+) 次\(家访/)?.[1] ?? NaN);
      const before = made((await place.ask("xuexiao", `/cases/${id}`)).text);
      if (Number.isNaN(before)) return null;
      const fields = { key: i.toString(16).padStart(32, "c"), kind: "phone", outcome: "thinking", on: "2023-10-09", words: `第 ${i} 次` };
      const done = place.upload("xuexiao", `/cases/${id}/contact`, fields);
      return { done, async check(acknowledged) {
        const now = made((await place.ask("xuexiao", `/cases/${id}`)).text);
        assert.ok(now === before + 1 || (!acknowledged && now === before), "an acknowledged call is there");
        assert.equal((await place.upload("xuexiao", `/cases/${id}/contact`, fields)).status, 303);
        assert.equal(made((await place.ask("xuexiao", `/cases/${id}`)).text), before + 1, "sent twice, it is there once");
      } };
    }
    case "review": {
      // the kernel is sure of all in so small a county: a pair of the newest run is put before the officer by hand
      const hex = (column) => place.database ? `lpad(to_hex(${column}), 16, '0')` : `printf('%016x', ${column})`;
      place.sql(`INSERT INTO review_pair (run_id, left_source, left_fingerprint, left_batch, right_source, right_fingerprint, right_batch,
          probability_ppm, levels, state)
        SELECT (SELECT MAX(id) FROM run WHERE state = 'finished'), h.source, ${hex("h.fingerprint")}, h.batch_id, s.source, ${hex("s.fingerprint")},
          s.batch_id, 450000, '[]', 'open'
        FROM child_source h JOIN child_source s ON s.child_id = h.child_id + 1 AND s.source = 'students'
        WHERE h.source = 'household' ORDER BY h.child_id LIMIT 1 OFFSET ${i}`);
      const page = (await place.ask("xian", "/review")).text;
      const pair = page.match(/action="(\/review\/\d+\/\d+)"/)?.[1];
      assert.ok(pair, "the pair is shown");
      const decided = (t) => Number(t.match(/已认定 (\d+) 对/)[1]);
      const before = decided(page);
      const done = place.form("xian", pair, { judgement: i % 2 ? "different" : "same" });
      return { done, async check(acknowledged) {
        const now = decided((await place.ask("xian", "/review")).text);
        assert.ok(now === before + 1 || (!acknowledged && now === before));
      } };
    }
  }
}

async function torment(place) {
  await place.start();
  await place.logIn("xian", "xuexiao");
  let kills = 0;
  const count = { acknowledged: 0, cut: 0 };
  for (let i = 0; kills < KILLS; i++) {
    assert.ok(i < KILLS * 6, "nothing left to do");
    const what = names[i % names.length];
    const act = await begin(what, i, place);
    if (!act) continue;
    let answer = null;
    const asked = act.done.then((a) => { answer = a; }, () => {});
    await Promise.race([asked, sleep(random() ** 2 * (what === "run" ? 700 : 40))]);
    if (what === "run" && answer) await sleep(random() * 1500);
    await place.kill();
    await asked;
    kills++;
    const acknowledged = answer !== null && answer.status < 400;
    count[acknowledged ? "acknowledged" : "cut"]++;
    await place.start();
    place.doctor();
    await act.check(acknowledged, answer);
  }
  await place.kill();
  assert.ok(count.acknowledged > KILLS / 10 && count.cut > KILLS / 20, `both kinds of moments were met: ${JSON.stringify(count)}`);
  console.log(`${kills} kills, ${count.acknowledged} after the answer, ${count.cut} before it`);
}

test("SQLite survives kill -9 at any moment", () => torment(new Installation("sqlite")));

test("PostgreSQL survives kill -9 of the program at any moment", { skip: process.env.BAOXUE_TEST_POSTGRES ? false : "make test starts PostgreSQL" }, async () => {
  const name = `k${Date.now()}`;
  execFileSync("psql", [`${process.env.BAOXUE_TEST_POSTGRES}/postgres`, "-qc", `CREATE DATABASE ${name}`]);
  await torment(new Installation("postgres", `${process.env.BAOXUE_TEST_POSTGRES}/${name}`));
});

test("several processes on one database share the work, and each run is done once", { skip: process.env.BAOXUE_TEST_POSTGRES ? false : "make test starts PostgreSQL" }, async () => {
  const name = `s${Date.now()}`;
  execFileSync("psql", [`${process.env.BAOXUE_TEST_POSTGRES}/postgres`, "-qc", `CREATE DATABASE ${name}`]);
  const database = `${process.env.BAOXUE_TEST_POSTGRES}/${name}`;
  const pair = [new Installation("shared", database), new Installation("shared", database)];
  await pair[0].start();
  await pair[1].start();
  const asked = [];
  for (let i = 0; i < 6; i++) {
    const [victim, heir] = i % 2 ? pair : [...pair].reverse();
    for (const p of pair) await p.logIn("xian");
    const answer = await victim.form("xian", "/runs", {});
    assert.equal(answer.status, 303, answer.text);
    asked.push(Number(answer.location.match(/\d+/)[0]));
    // either of the two may have taken it: whichever it was, the other one ends it
    await sleep(random() * 900);
    await victim.kill();
    await heir.finished(asked.at(-1));
    await victim.start();
  }
  const rows = execFileSync("psql", [database, "-qtAc", "SELECT subject, COUNT(*) FROM audit WHERE action = 'finish-run' GROUP BY subject ORDER BY 1"], { encoding: "utf8" });
  const done = Object.fromEntries(rows.trim().split("\n").map((l) => l.split("|")));
  for (const run of asked) assert.equal(done[`run:${run}`], "1", `run ${run} was done once`);
  // what goes by the clock is one job for both
  const clock = execFileSync("psql", [database, "-qtAc", "SELECT kind, COUNT(*) FROM job WHERE kind IN ('escalate', 'reopen', 'sweep') GROUP BY kind ORDER BY 1"], { encoding: "utf8" });
  assert.equal(clock.trim(), "escalate|1\nreopen|1\nsweep|1");
  pair[0].doctor();
  for (const p of pair) await p.kill();
});
