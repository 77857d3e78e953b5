import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { join } from "node:path";
import { readdirSync, writeFileSync } from "node:fs";
import { look, start } from "./support.mjs";

let place;
before(async () => { place = await start(); });
after(async () => {
  await place.stop();
  assert.deepEqual(place.problems, [], "nothing was wrong in the browser's console");
});

test("drop → compare → dispatch → answer on a phone → clear → export", async () => {
  const officer = await place.as("xian");
  await officer.goto(`${place.base}/rosters`);
  const files = readdirSync(place.rosters).filter((f) => /^(户籍|学籍|在校实名)/.test(f)).map((f) => join(place.rosters, f));
  await officer.setInputFiles("#files", files);
  await officer.click("text=读取");
  await officer.waitForSelector("text=待载入 3 份");
  assert.equal(await officer.locator("section:has(h2:has-text('待载入')) tbody tr").count(), 3);
  await officer.click("text=全部载入并开始比对");
  await officer.waitForSelector("text=正在比对");
  await officer.waitForSelector("text=本辖区跟踪儿童", { timeout: 90_000 });
  assert.match(await officer.textContent("main"), /人未见就读记录/);

  // every number opens its list
  await officer.click("section[id='g-未见就读记录'] tbody a >> nth=0");
  await officer.waitForSelector("h1:has-text('适龄儿童台账')");
  const row = officer.locator("table.ledger tbody tr").first();
  const name = await row.locator("a").first().textContent();
  await row.locator("a").first().click();
  await officer.waitForSelector("#panel:not([hidden])");
  assert.ok((await officer.textContent("#panel")).includes(name), "a look aside without leaving the list");
  await officer.keyboard.press("Escape");
  assert.ok(await officer.locator("#panel").isHidden());

  await officer.goto(`${place.base}/findings`);
  if (await officer.locator("[data-pick]").count()) {
    await officer.check("[data-check-all]");
    await officer.click("text=交办勾选的");
    await officer.waitForSelector("text=已交办");
  }

  const phone = await place.as("xuexiao", { width: 360 });
  await phone.goto(`${place.base}/inbox`);
  await phone.click(".cards a >> nth=0");
  await phone.selectOption("#disposition", "enrolled-elsewhere");
  assert.match(await phone.textContent("[data-proof-hint]"), /需要:/);
  await phone.fill("#note", "已在外省就读,附学校证明");
  // a large photo is made small before it travels
  const big = await phone.evaluate(async () => {
    const c = document.createElement("canvas");
    c.width = 2000; c.height = 300;
    const g = c.getContext("2d");
    const noise = g.createImageData(2000, 300);
    for (let i = 0; i < noise.data.length; i += 65536) crypto.getRandomValues(noise.data.subarray(i, i + 65536));
    for (let i = 3; i < noise.data.length; i += 4) noise.data[i] = 255;
    g.putImageData(noise, 0, 0);
    const b = await new Promise((d) => c.toBlob(d, "image/png"));
    return Array.from(new Uint8Array(await b.arrayBuffer()));
  });
  writeFileSync(join(place.folder, "证明.png"), Buffer.from(big));
  await phone.setInputFiles("#proofs", join(place.folder, "证明.png"));
  await phone.waitForSelector("[data-photo-list] li");
  assert.match(await phone.textContent("[data-photo-list] li"), /证明\.jpg/);
  // what is refused is said at its field, and nothing that was typed or chosen is gone
  await phone.selectOption("#disposition", "dropped-out");
  await phone.fill("#note", " ");
  await phone.click("text=提交答复");
  await phone.waitForSelector("#note[aria-invalid] + .refusal >> text=请写明孩子现在的情况");
  assert.match(await phone.textContent("[data-photo-list] li"), /证明\.jpg/);
  assert.equal(await phone.evaluate(() => document.querySelector("#proofs").files.length), 1);
  await phone.context().setOffline(true);
  await phone.click("text=提交答复");
  await phone.waitForSelector(".refusal >> text=没有连上服务器,没有保存");
  await phone.context().setOffline(false);
  await phone.selectOption("#disposition", "enrolled-elsewhere");
  await phone.fill("#note", "已在外省就读,附学校证明");
  await phone.click("text=提交答复");
  await phone.waitForSelector("text=已答复,等县教育局审核");

  await officer.goto(`${place.base}/findings?state=answered`);
  await officer.click("#lines tbody a >> nth=0");
  await officer.waitForSelector(".proofs img");
  await officer.click("button:has-text('核销')");
  await officer.waitForSelector("text=已核销,当日起不在疑似辍学台账");

  await officer.goto(`${place.base}/ledgers/suspected`);
  assert.ok(!(await officer.textContent("table.ledger, .empty")).includes("已核销"), "who is cleared is on another list");
  await officer.click("summary:has-text('导出 Excel')");
  const [download] = await Promise.all([officer.waitForEvent("download"), officer.click("text=导出隐去姓名证件的")]);
  assert.match(download.suggestedFilename(), /^疑似辍学台账.*2023-10-09.*\.xlsx$/);
});

test("filters stay in the address, the search finds by initials and tails, revealing asks why", async () => {
  const officer = await place.as("xian");
  await officer.goto(`${place.base}/ledgers/school-age`);
  await officer.click("thead a >> text=出生日期");
  await officer.waitForURL(/sort=birth/);
  await officer.selectOption("select[name=place]", { index: 1 });
  await officer.waitForURL(/place=[ge]/);
  await officer.waitForLoadState();
  await officer.goBack();
  assert.match(officer.url(), /sort=birth/);
  await officer.click("table.ledger tbody tr >> nth=0 >> a", { modifiers: [] });
  // the next child of the list, without leaving it
  const first = await officer.textContent("#panel .panel-head b");
  await officer.click("#panel >> text=下一个");
  await officer.waitForFunction((name) => document.querySelector("#panel .panel-head b")?.textContent !== name
    || document.querySelectorAll("tr.chosen").length === 1, first);
  await officer.click("#panel >> text=打开详情");
  await officer.waitForSelector(".source", { timeout: 20_000 });
  assert.match(await officer.textContent("dl.facts"), /\*{4}/);
  await officer.click("summary:has-text('显示完整信息')");
  await officer.click("text=显示 10 分钟");
  await officer.waitForSelector("text=已显示完整信息");
  const id = await officer.locator("dl.facts dd").first().textContent();
  assert.match(id, /^\d{17}[\dX]$/);
  await officer.fill("#q", id.slice(-4));
  await officer.keyboard.press("Enter");
  await officer.waitForSelector("h1:has-text('查找')");
  assert.ok(await officer.locator("tbody tr").count() >= 1);
});

test("columns that one leaves out stay out", async () => {
  const officer = await place.as("xian");
  await officer.goto(`${place.base}/ledgers/suspected`);
  const shown = () => officer.locator("thead th:visible").allTextContents();
  assert.ok((await shown()).some((h) => h.includes("家长")));
  await officer.click("summary:has-text('选列')");
  await officer.uncheck(".columns label:has-text('家长') input");
  assert.ok(!(await shown()).some((h) => h.includes("家长")));
  await officer.reload();
  assert.ok(!(await shown()).some((h) => h.includes("家长")), "and after coming back");
});

test("every page of every role is accessible and fits, on phone and desktop, light and dark", async () => {
  const system = await place.as("xitong");
  await system.goto(`${place.base}/places`);
  const school = (await system.getAttribute("a[href^='/places/school']", "href")).split("path=")[1];
  await system.context().close();
  const pages = {
    xian: ["/", "/rosters", "/rosters/1", "/runs", "/runs/1", "/runs/1/report", "/review", "/ledgers/suspected", "/children/1", "/findings?state=dispatched", "/findings/1", "/checks", "/classes", "/place", "/hand-overs", "/search?q=w", "/help", "/me", "/today", "/cases?state=all", "/cases/1", "/cases/1/print", "/case-board", "/children/1/report"],
    xuexiao: ["/", "/inbox", "/today", "/cases", "/ledgers/school-age", "/checks", "/classes", "/place"],
    laoshi: ["/", "/classes"],
    xitong: ["/places", "/places/roll-over", `/places/school?path=${school}`, "/sources", "/settings"],
    anquan: ["/people", "/people/xian"],
    shenji: ["/audit", "/audit?verify=1"],
  };
  const problems = [];
  for (const [who, all] of Object.entries(pages)) {
    for (const [width, scheme] of [[1280, "light"], [360, "dark"]]) {
      const page = await place.as(who, { width, scheme });
      for (const path of all) {
        const answer = await page.goto(place.base + path);
        assert.equal(answer.status(), 200, `${who} ${path}`);
        problems.push(...await look(page));
      }
      await page.context().close();
    }
  }
  assert.deepEqual(problems, []);
});

test("switching place keeps the page and narrows it", async () => {
  const page = await place.as("xian");
  await page.goto(`${place.base}/ledgers/school-age`);
  const total = async () => Number((await page.textContent(".list-head b")).replace(",", ""));
  const all = await total();
  await page.click(".where a");
  await page.click("main button[name=at] >> text=柳林镇");
  await page.waitForURL(/\/ledgers\/school-age$/);
  assert.ok((await total()) < all && (await total()) > 0);
  assert.match((await page.textContent(".where")).replace(/\s+/g, " "), /青禾县 › 柳林镇/);
  await Promise.all([page.waitForEvent("load"), page.click(".where button >> text=回到全部")]);
  assert.equal(await total(), all);
});

test("the first page is light", async () => {
  const page = await place.as("xian");
  let bytes = 0;
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  session.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; });
  await page.goto(place.base);
  await page.waitForLoadState("networkidle");
  assert.ok(bytes > 1_000 && bytes < 300 * 1024, `${bytes} bytes`);
});

test("without scripts the work can be done all the same", async () => {
  const officer = await place.as("xian");
  const cookies = await officer.context().cookies();
  const context = await officer.context().browser().newContext({ javaScriptEnabled: false });
  await context.addCookies(cookies);
  const page = await context.newPage();
  await page.goto(`${place.base}/findings?state=dispatched`);
  await page.click("#lines tbody a >> nth=0");
  assert.match(await page.textContent("main"), /经过/);
  await page.goto(`${place.base}/ledgers/suspected`);
  await page.selectOption("select[name=sex]", "男");
  await page.click("text=筛选");
  assert.match(page.url(), /sex=/);
});
