import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { look, start } from "./support.mjs";

let place;
before(async () => { place = await start(); });
after(async () => {
  await place.stop();
  assert.deepEqual(place.problems, [], "nothing was wrong in the browser's console");
});

/** Counts what a thumb does: taps, and fields into which something is typed. */
function thumb(page) {
  const done = { taps: 0, typed: 0 };
  return {
    done,
    async tap(selector) { done.taps++; await page.click(selector); },
    async type(selector, text) { done.typed++; await page.fill(selector, text); },
  };
}

/** Draws a line on a canvas, as a finger would. */
async function sign(page, selector) {
  const canvas = page.locator(selector);
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  await page.mouse.move(box.x + 20, box.y + 20);
  await page.mouse.down();
  for (let i = 1; i < 9; i++) await page.mouse.move(box.x + 20 + i * 15, box.y + 20 + (i % 2) * 30);
  await page.mouse.up();
}

/** The county's own values, as its administrator sets them. */
async function set(name, value) {
  const admin = await place.as("xitong");
  await admin.goto(`${place.base}/settings`);
  const field = admin.locator(`#s-${name}`);
  await field.fill(value);
  await admin.locator(`form:has(#s-${name}) button[type=submit]`).click();
  await admin.waitForSelector(".said");
  await admin.context().close();
}

test("a child is reported, called, visited with signatures on the screen, and brought back, on a phone of 360 px", async () => {
  await set("check-days", "2,30");
  const phone = await place.as("xuexiao", { width: 360 });
  await phone.goto(`${place.base}/ledgers/school-age?verdict=enrolled-present`);
  await phone.goto(`${place.base}${await phone.locator("table.ledger tbody a[href^='/children/']").first().getAttribute("href")}`);
  await phone.click("text=报告疑似辍学");
  await phone.fill("#note", "三天没来,电话打不通");
  await phone.click("main form button:has-text('报告')");
  await phone.waitForSelector("text=劝返档案由牵头单位接着办");
  assert.deepEqual(await look(phone), []);
  const reported = new URL(phone.url()).pathname;

  // a call: at most six taps and one typed field (R-CASE; counted here, from the page that a phone opens in the morning)
  await phone.goto(`${place.base}/today`);
  const call = thumb(phone);
  await call.tap(`.work a.card[href="${reported}"]`);
  await call.tap("[name=outcome][value=thinking]");
  await call.type("#words", "家长说明天送来");
  await call.tap("#record button[type=submit]");
  await phone.waitForSelector("text=已记录");
  assert.ok(call.done.taps <= 6 && call.done.typed <= 1, JSON.stringify(call.done));
  console.log(`a call: ${call.done.taps} taps, ${call.done.typed} typed`);
  assert.match(await phone.textContent("main"), /1 次\(家访 0 次\)/);

  // a visit without a photo is refused at its field, and nothing that was chosen is gone
  await phone.check("[name=kind][value=visit]");
  await phone.check("[name=outcome][value=willing]");
  await phone.check("[name=signed][value=on-screen]");
  await phone.click("#record button[type=submit]");
  await phone.waitForSelector(".refusal >> text=请附照片");
  assert.ok(await phone.isChecked("[name=signed][value=on-screen]"));
  const photo = await phone.evaluate(async () => {
    const c = document.createElement("canvas");
    c.width = 800; c.height = 600;
    c.getContext("2d").fillRect(0, 0, 400, 300);
    const b = await new Promise((d) => c.toBlob(d, "image/png"));
    return Array.from(new Uint8Array(await b.arrayBuffer()));
  });
  await phone.setInputFiles("#photos", { name: "家访.png", mimeType: "image/png", buffer: Buffer.from(photo) });
  await sign(phone, "[data-sign=guardian]");
  await phone.click("#record button[type=submit]");
  await phone.waitForSelector(".refusal >> text=三方都签字");
  for (const who of ["school", "cadre"]) await sign(phone, `[data-sign=${who}]`);
  await phone.click("#record button[type=submit]");
  await phone.waitForSelector("text=2 次(家访 1 次)");
  assert.equal(await phone.locator("a:has-text('家长签字')").count(), 1);

  await phone.click("summary:has-text('孩子已返校')");
  await phone.click("text=登记返校");
  await phone.waitForSelector("text=已登记返校");
  await phone.fill("#settled", "已回原班,学籍在读");
  await phone.click("text=手续已办妥");
  await phone.waitForSelector("text=转入跟踪回访");
  const mine = new URL(phone.url()).pathname;

  // a county may ask for a check after two days: it is due at once then, and made with at most three taps
  await phone.goto(`${place.base}/today`);
  const check = thumb(phone);
  await check.tap(`.work a.card[href="${mine}"]`);
  await check.tap("button:has-text('还在校')");
  await phone.waitForSelector("text=已记录:在校");
  assert.ok(check.done.taps <= 3 && check.done.typed === 0, JSON.stringify(check.done));
  assert.deepEqual(await look(phone), []);
  const sheet = await phone.context().request.get(`${phone.url()}/word/sheet`);
  assert.equal((await sheet.body()).subarray(0, 2).toString(), "PK");
});

test("the bureau looks at the board, opens a number, and decides what it did not ask", async () => {
  const officer = await place.as("xian");
  await officer.goto(`${place.base}/case-board`);
  const open = officer.locator("tfoot td[data-label='立案'] a");
  const n = await open.textContent();
  await open.click();
  await officer.waitForSelector(`text=共 ${n} 份`);
  await officer.goto(`${place.base}/cases?state=open`);
  await officer.click("#cases tbody a >> nth=0");
  assert.deepEqual(await look(officer), []);
});
