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
