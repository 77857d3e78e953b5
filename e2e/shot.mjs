import { chromium } from "playwright-core";
const b = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--headless","--no-sandbox","--disable-gpu","--disable-quic","--no-first-run","--disable-background-networking","--disable-component-update","--disable-sync"] });
const base = "http://127.0.0.1:8099";
async function as(login, width, height, pages) {
  const c = await b.newContext({ viewport: { width, height } }); const p = await c.newPage();
  p.on("console", m => { if (m.type() === "error") console.log(login, "console:", m.text()); });
  await p.goto(base + "/log-in"); await p.fill("[name=login]", login); await p.fill("[name=password]", "qinghe-2023-yanshi"); await p.click("button[type=submit]");
  for (const [name, path, act] of pages) { await p.goto(base + path); if (act) await act(p); await p.screenshot({ path: `/tmp/dd/${name}.png`, fullPage: true }); }
  await c.close();
}
await as("xian", 1440, 900, [["list","/cases"],["board","/case-board"],["today","/today"],["home","/"],["legal","/cases?state=legal",async p=>{await p.click("#cases tbody a")}]]);
await as("zhen", 360, 740, [["ptoday","/today"],["plist","/cases"]]);
await as("cun", 360, 740, [["pvtoday","/today"],["pvcase","/cases",async p=>{const a=await p.$("#cases tbody a"); if(a) {await a.click(); await p.waitForLoadState();}}],["pvvisit","/cases",async p=>{const a=await p.$("#cases tbody a"); if(a){await a.click(); await p.waitForLoadState(); const v=await p.$("[name=kind][value=visit]"); if(v){await v.check(); await p.check("[name=signed][value=on-screen]");}}}]]);
await b.close();
