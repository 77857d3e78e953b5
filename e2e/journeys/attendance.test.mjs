import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { look, start } from "./support.mjs";

let place;
before(async () => { place = await start(); });
after(async () => {
  await place.stop();
  assert.deepEqual(place.problems, [], "nothing was wrong in the browser's console");
});

const figures = async (page) => (await page.textContent("main .purpose")).match(/蓝 \d+ 次、黄 \d+ 次、红 \d+ 次,涉及 \d+ 人/)[0];

test("a school's term gives 47 warnings by the rules; a mark that is put right takes one away, everywhere", async () => {
  const page = await place.as("xuexiao");
  await page.goto(`${place.base}/warnings?state=closed`);
  // 47 = 32 + 12 + 3, of 32 children (one report)
  assert.equal(await figures(page), "蓝 32 次、黄 12 次、红 3 次,涉及 32 人");
  assert.deepEqual(await look(page), []);
  const county = await place.as("xian");
  await county.goto(`${place.base}/warnings?state=closed`);
  assert.equal(await figures(county), "蓝 32 次、黄 12 次、红 3 次,涉及 32 人");

  // a child who was missing on one day, within the days that can still be put right
  const rows = await page.locator("tbody tr").evaluateAll((all) => all.map((r) => ({
    level: r.querySelector(".tag").textContent, name: r.querySelector("a").textContent, href: r.querySelector("a").getAttribute("href"), days: r.querySelector("[data-label=缺勤]").textContent,
  })));
  const blue = rows.find((r) => r.level === "蓝色" && r.days.slice(0, 10) > "2023-09-12");
  const day = blue.days.slice(0, 10);
  await page.goto(`${place.base}${blue.href}`);
  assert.deepEqual(await look(page), []);
  const child = (await page.getAttribute("a:has-text('儿童详情')", "href")).split("/").pop();
  await page.goto(`${place.base}/roll?day=${day}`);
  const classes = await page.locator("a.card").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
  for (const c of classes) {
    await page.goto(`${place.base}${c}`);
    if (await page.locator(`[name="mark-${child}"]`).count()) break;
  }
  await page.locator(`[name="mark-${child}"][value=present]`).check();
  await page.click("[data-roll-submit]");
  await page.waitForSelector("text=已点名");
  await page.goto(`${place.base}/warnings?state=closed`);
  assert.equal(await figures(page), "蓝 31 次、黄 12 次、红 3 次,涉及 31 人");
  await page.goto(`${place.base}/warnings?state=withdrawn`);
  await page.waitForSelector(`a:has-text("${blue.name}")`);
  await county.reload();
  assert.equal(await figures(county), "蓝 31 次、黄 12 次、红 3 次,涉及 31 人");
  await page.goto(`${place.base}/children/${child}`);
  assert.ok((await page.textContent("main")).includes(`${day} 到校`));
  await page.goto(`${place.base}/attendance/month?class=${encodeURIComponent(new URLSearchParams(classes[0].split("?")[1]).get("class"))}&month=2023-09`);
  assert.deepEqual(await look(page), []);
});

test("the first day, boarders, a newcomer and a spreadsheet on a teacher's phone; the county sees the sums come in", async () => {
  const page = await place.as("laoshi", { width: 360, height: 740 });
  await page.goto(`${place.base}/first-day`);
  assert.match(await page.textContent("main"), /1 个班,已报 1\s+个/);
  assert.deepEqual(await look(page), []);
  await page.goto(`${place.base}/roll`);
  const register = await page.locator("a.card").first().getAttribute("href");
  await page.goto(`${place.base}${register}`);
  // who boards: all of them by one tap
  await page.click("a:has-text('住校生、点名值班')");
  await page.click("[data-tick-all]");
  await page.click("button:has-text('登记住校生')");
  await page.waitForSelector("text=已登记:住校");
  assert.equal(await page.locator("input[name=boards]:not(:checked)").count(), 0);
  assert.deepEqual(await look(page), []);
  // a child whom no list knew
  await page.goto(`${place.base}${register}`);
  await page.click("a:has-text('名单上没有的孩子来了')");
  await page.fill("[name=name]", "温新来");
  await page.selectOption("[name=sex]", "女");
  await page.fill("[name=birth_date]", "2014-06-01");
  assert.deepEqual(await look(page), []);
  await page.click("button:has-text('登记')");
  await page.waitForSelector("td:has-text('温新来')");
  assert.deepEqual(await look(page), []);
  // what was noted on paper, by a spreadsheet of one line
  await page.goto(`${place.base}/roll/import`);
  await page.setInputFiles("[name=file]", { name: "缺勤.csv", mimeType: "text/csv", buffer: Buffer.from("日期,情况\n2023-10-07,飞走了\n") });
  await page.click("button:has-text('读入')");
  await page.waitForSelector("text=一行也没有存");
  assert.deepEqual(await look(page), []);
  await page.goto(`${place.base}/attendance/calendar`);
  assert.ok(await page.locator("td.h-5, td.h-4").count() > 5, "a term in colours");
  assert.deepEqual(await look(page), []);

  const county = await place.as("xian");
  await county.goto(`${place.base}/newcomers`);
  await county.waitForSelector("text=把 1 名待建学籍的孩子做成在校名册");
  assert.ok(!(await county.textContent("main")).includes("温新来"), "the bureau reads masked names");
  assert.deepEqual(await look(county), []);
  for (const path of ["/first-day", "/attendance/calendar"]) {
    await county.goto(`${place.base}${path}`);
    assert.deepEqual(await look(county), [], path);
  }
});
