import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { look, start } from "./support.mjs";

let place;
before(async () => { place = await start(); });
after(async () => {
  await place.stop();
  const offline = /Failed to fetch|ERR_FAILED|ERR_CONNECTION/;
  assert.deepEqual(place.problems.filter((p) => !offline.test(p)), [], "nothing was wrong in the browser's console");
});

const PIN = "280417";

/** A photo as a phone takes it: large, with noise, so that it has to be made smaller. */
const photo = (page) => page.evaluate(async () => {
  const c = document.createElement("canvas");
  c.width = 3000; c.height = 2000;
  const pen = c.getContext("2d");
  for (let i = 0; i < 4000; i++) {
    pen.fillStyle = `hsl(${(i * 37) % 360} 80% 50%)`;
    pen.fillRect((i * 97) % 3000, (i * 61) % 2000, 60, 60);
  }
  const b = await new Promise((d) => c.toBlob(d, "image/jpeg", 0.95));
  return Array.from(new Uint8Array(await b.arrayBuffer()));
});

async function sign(page, selector) {
  const canvas = page.locator(selector);
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  await page.mouse.move(box.x + 20, box.y + 20);
  await page.mouse.down();
  for (let i = 1; i < 9; i++) await page.mouse.move(box.x + 20 + i * 15, box.y + 20 + (i % 2) * 30);
  await page.mouse.up();
}

async function enrol(page) {
  await page.goto(`${place.base}/offline`);
  await page.click("text=在这部手机上启用");
  const fields = page.locator("input[type=password]");
  await fields.nth(0).fill(PIN);
  await fields.nth(1).fill(PIN);
  await page.click("text=设好");
  await page.waitForSelector("h2:has-text('我的劝返档案')");
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => true));
}

test("a visit where there is no signal: opened, recorded with photo and signatures, kept over a closed browser, sent once", async () => {
  let phone = await place.as("xuexiao", { width: 360 });
  await phone.goto(`${place.base}/ledgers/school-age?verdict=enrolled-present`);
  await phone.goto(`${place.base}${await phone.locator("table.ledger tbody a[href^='/children/']").first().getAttribute("href")}`);
  await phone.click("text=报告疑似辍学");
  await phone.fill("#note", "三天没来");
  await phone.click("main form button:has-text('报告')");
  await phone.waitForSelector("text=劝返档案由牵头单位接着办");
  const file = new URL(phone.url()).pathname;
  const id = file.split("/").pop();
  const name = (await phone.locator("main h1").textContent()).trim().split(/\s/)[0];
  await enrol(phone);
  assert.deepEqual(await look(phone), []);
  const context = phone.context();

  // in the hills: the page opens from the phone itself, behind its PIN
  await context.setOffline(true);
  const client = await context.newCDPSession(phone);
  await client.send("Emulation.setCPUThrottlingRate", { rate: 6 });
  const began = Date.now();
  await phone.goto(`${place.base}/offline`);
  await phone.waitForSelector("text=存在手机里的档案要密码才能看");
  console.log(`opened without signal in ${Date.now() - began} ms, CPU throttled 6 times`);
  await client.send("Emulation.setCPUThrottlingRate", { rate: 1 });
  await phone.fill("input[type=password]", "111111");
  await phone.click("button:has-text('打开')");
  await phone.waitForSelector("text=密码不对,还可以试 9 次");
  await phone.fill("input[type=password]", PIN);
  await phone.click("button:has-text('打开')");
  await phone.waitForSelector("text=存在手机里的");
  await phone.click(`a.card[href="#${id}"]`);
  await phone.waitForSelector("text=记一次联系或家访");
  assert.ok((await phone.textContent("main")).includes(name));

  // half filled, the browser dies: what was written is there again
  await phone.check("[name=outcome][value=willing]");
  await phone.fill("#words", "奶奶说下周一送回来");
  await phone.waitForTimeout(900);
  await phone.close();
  phone = await context.newPage();
  await phone.goto(`${place.base}/today`);
  await phone.waitForSelector("text=存在手机里的档案要密码才能看");
  await phone.fill("input[type=password]", PIN);
  await phone.click("button:has-text('打开')");
  await phone.click(`a.card[href="#${id}"]`);
  await phone.waitForFunction(() => document.querySelector("#words")?.value === "奶奶说下周一送回来");
  assert.ok(await phone.isChecked("[name=outcome][value=willing]"));

  await phone.click("button[type=submit]:has-text('存下')");
  await phone.waitForSelector("text=上门家访请附照片");
  await phone.setInputFiles("#photos", { name: "家访.jpg", mimeType: "image/jpeg", buffer: Buffer.from(await photo(phone)) });
  await phone.waitForSelector("text=照片 1(");
  const size = Number((await phone.textContent(".recent li")).match(/(\d+) KB/)[1]);
  assert.ok(size <= 300, `${size} KB`);
  await phone.check("[name=signed][value=on-screen]");
  for (const who of ["guardian", "school", "cadre"]) await sign(phone, `[data-sign=${who}]`);
  assert.deepEqual(await look(phone), []);
  await phone.click("button[type=submit]:has-text('存下')");
  await phone.waitForSelector("text=1 条待上传");
  const kept = await phone.evaluate(async () => {
    const db = await new Promise((d) => { const r = indexedDB.open("baoxue-offline"); r.onsuccess = () => d(r.result); });
    const all = await new Promise((d) => { const r = db.transaction("waiting").objectStore("waiting").getAll(); r.onsuccess = () => d(r.result); });
    return JSON.stringify({ label: all[0].label, text: new TextDecoder().decode(all[0].sealed) });
  });
  assert.ok(!kept.includes("奶奶") && !kept.includes(name), "what waits cannot be read on the phone");
  await phone.close();

  // a hotel's network answers everything with its own page: that is no receipt
  phone = await context.newPage();
  await context.route("**/offline/records/**", (r) => r.fulfill({ status: 200, contentType: "text/html", body: "<h1>请先登录无线网络</h1>" }));
  await context.setOffline(false);
  await phone.goto(`${place.base}/offline`);
  await phone.waitForSelector("text=1 条待上传");
  await phone.click("text=现在上传");
  await phone.waitForSelector("text=网络可能要先登录");
  await phone.waitForSelector("text=1 条待上传");
  await context.unroute("**/offline/records/**");

  // the village's signal is back; opening is enough
  await phone.goto(`${place.base}/offline`);
  await phone.waitForSelector("text=都已上传");
  assert.deepEqual(await look(phone), []);
  await phone.goto(`${place.base}${file}`);
  assert.match(await phone.textContent("main"), /1 次\(家访 1 次\)/);
  assert.equal(await phone.locator("a:has-text('家长签字')").count(), 1);
  assert.ok((await phone.textContent("main")).includes("奶奶说下周一送回来"));

  // logged out: nothing is kept to read
  await phone.goto(`${place.base}/me`);
  await phone.click("main form[action='/log-out'] button");
  await phone.waitForSelector("#login");
  await context.setOffline(true);
  await phone.goto(`${place.base}/offline`);
  await phone.waitForSelector("text=这部手机里也没有存档案");
  await context.setOffline(false);
});

test("ten wrong PINs and what is kept is gone; what waits is not", async () => {
  const phone = await place.as("xuexiao", { width: 360 });
  await enrol(phone);
  const context = phone.context();
  await phone.locator("a.card:not([href^='#roll'])").first().click();
  await context.setOffline(true);
  await phone.check("[name=kind][value=phone]");
  await phone.check("[name=outcome][value=thinking]");
  await phone.click("button[type=submit]:has-text('存下')");
  await phone.waitForSelector("text=1 条待上传");
  await phone.goto(`${place.base}/offline`);
  for (let i = 0; i < 10; i++) {
    await phone.fill("input[type=password]", "000001");
    await phone.click("button:has-text('打开')");
    await phone.waitForSelector(i < 9 ? `text=还可以试 ${9 - i} 次` : "text=存着的档案已删除");
  }
  await phone.waitForSelector("text=1 条待上传");
  await context.setOffline(false);
  await phone.goto(`${place.base}/offline`);
  await phone.waitForSelector("text=设一个密码");
});

test("the morning roll without signal: one tap when all are there, two names when two are not; two phones on one register", async () => {
  const phone = await place.as("laoshi", { width: 360 });
  await enrol(phone);
  const context = phone.context();
  await context.setOffline(true);
  await phone.goto(`${place.base}/offline`);
  await phone.fill("input[type=password]", PIN);
  await phone.click("button:has-text('打开')");
  await phone.waitForSelector("h2:has-text('点名')");
  // all are there: one tap
  const began = Date.now();
  await phone.click("button:has-text('全到')");
  await phone.waitForSelector("text=1 条待上传");
  console.log(`all present: 1 tap, ${Date.now() - began} ms`);
  assert.match(await phone.textContent("ul.cards"), /已点\(在手机里\):全到/);
  // no, two are not: the record that was not sent yet is replaced
  const again = Date.now();
  let taps = 0;
  const tap = async (s) => { taps++; await s.click(); };
  await tap(phone.locator("a.card").first());
  await phone.waitForSelector(".pupils");
  const names = await phone.locator(".pupils summary b").allTextContents();
  await tap(phone.locator(".pupils summary").nth(0));
  await tap(phone.locator(".pupils summary").nth(2));
  await tap(phone.locator(".pupils li").nth(2).locator("input[value=sick]"));
  assert.deepEqual(await look(phone), []);
  await tap(phone.locator("button[type=submit]"));
  await phone.waitForSelector("text=1 条待上传");
  console.log(`two absent of ${names.length}: ${taps} taps, ${Date.now() - again} ms`);
  assert.ok(taps <= 5, `${taps} taps`);
  assert.match(await phone.textContent("ul.cards"), /2 人没到/);
  // the phone is started anew
  await phone.close();
  const later = await context.newPage();

  // meanwhile the dean has taken the same roll on a computer, and knows of a third
  const dean = await place.as("xuexiao");
  await dean.goto(`${place.base}/roll`);
  await dean.locator("a.card", { hasText: "三(1)班" }).first().click();
  await dean.waitForSelector("[data-roll]");
  await dean.locator(".pupils summary").nth(1).click();
  await dean.click("[data-roll-submit]");
  await dean.waitForSelector("text=已点名");

  await context.setOffline(false);
  await later.goto(`${place.base}/offline`);
  await later.waitForSelector("text=都已上传");
  await later.waitForSelector("text=与另一次点名不一致");
  await dean.goto(`${place.base}/roll`);
  const line = await dean.locator("a.card", { hasText: "三(1)班" }).first().textContent();
  assert.match(line, /实到 \d+,原因不明 2,两人点的不一致 3/);
  assert.equal(names.length - Number(line.match(/实到 (\d+)/)[1]), 3);
});
