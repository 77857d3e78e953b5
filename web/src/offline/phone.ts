// 离线办理:这一页没有信号也能打开
import { button, el, when } from "./dom";
import { dropStale, drop, endDrafts, hmacKey, keep, keepData, mac, people, readData, setPin, TRIES, unhex, unlock } from "./people";
import { add, Outcome, send, sent, waiting } from "./queue";
import type { SealKey } from "./seal";
import type { Person } from "./store";
import { allPresent, Class, expected, forget, Marks, Register, remember, rollForm, stands } from "./roll";
import { Case, Choices, visitForm } from "./visit";

interface Data {
  account: number; person: string; made_at: number; today: string; cases: Case[]; classes: Class[]; classes_left_out: number; left_out: number; choices: Choices & Marks;
  held: number;
}
interface Answer { data: Data; key: SealKey; device: boolean }

const main = document.querySelector<HTMLElement>("#offline")!;
const signal = document.querySelector<HTMLElement>("#signal")!;
const DAY = 86_400_000;
const PATIENCE = 10_000;
/** For how long the server is waited for where there is something to show. */
const SLOW = 2_500;

let person: Person | null = null;
let secret: CryptoKey | null = null;
let data: Data | null = null;
/** Where the data came from: just now, or from the phone. */
let fresh = false;
let said = "";
/** A form is open: nothing reloads the page. */
let busy = false;

async function json<T>(address: string, given: RequestInit = {}): Promise<{ ok: boolean; login: boolean; body: T | null }> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const headers = { "x-in-place": "1", ...(given.headers as Record<string, string>) };
    const answer = await fetch(address, { ...given, headers, redirect: "manual", cache: "no-store", signal: stop.signal });
    const login = answer.type === "opaqueredirect" || answer.status === 401 || answer.headers.has("x-go-to");
    if (!answer.headers.get("content-type")?.startsWith("application/json")) return { ok: false, login, body: null };
    return { ok: answer.ok, login, body: (await answer.json()) as T };
  } catch {
    return { ok: false, login: false, body: null };
  } finally {
    clearTimeout(timer);
  }
}

/** The server's day, counted on from when it was last heard. */
const dayOf = (): string => {
  if (!data) return "";
  const passed = fresh ? Date.now() - loadedAt : Date.now() - (person?.heard ?? Date.now());
  const now = new Date(data.made_at + Math.max(0, passed) + 8 * 3_600_000);
  return now.toISOString().slice(0, 10);
};
let loadedAt = 0;

function show(...what: (Node | string | null | false)[]): void {
  main.replaceChildren(...what.filter((w): w is Node | string => Boolean(w)));
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}
function online(is: boolean): void {
  signal.textContent = is ? "已联网" : "没有联网";
  signal.className = is ? "tag v-enrolled" : "tag v-explained";
}

/** Asks each enrolment whether it is still its own, and drops what is to be dropped. */
async function callHome(all: Person[]): Promise<boolean> {
  let heard = false;
  for (const p of all) {
    const headers = { "x-device": String(p.device), "x-mac": await mac(p, "hello") };
    const h = await json<{ alive: boolean; dropped_at: number; cache_days: number; now: number; key: SealKey }>("/offline/hello", { method: "POST", headers });
    if (!h.ok || !h.body) continue;
    heard = true;
    p.key = h.body.key;
    p.heard = Date.now();
    p.days = h.body.cache_days;
    await keep(p);
    if (!h.body.alive || (p.kept && p.kept.at <= h.body.dropped_at)) await drop(p);
  }
  return heard;
}

async function boot(): Promise<void> {
  const supported = "serviceWorker" in navigator && "indexedDB" in window && Boolean(window.crypto?.subtle);
  if (!supported) {
    const why = window.isSecureContext ? "这个浏览器不能离线办理(有些微信版本不支持)" : "网址不是 https,浏览器不允许离线办理";
    return show(el("p", { class: "problem" }, `${why}。请在手机自带的浏览器里打开本页,或联网办理。`), el("p", {}, el("a", { class: "btn btn-primary", href: "/today" }, "联网办理")));
  }
  void watchWorker();
  const all = await people();
  for (const p of all) await dropStale(p);
  const local = all.filter((p) => p.kept?.sealed);
  // what is on the phone is shown at once; the network may take its time
  if (!navigator.onLine && local.length > 0) {
    online(false);
    return chooser(local);
  }
  const network = (async () => {
    const heard = await callHome(all);
    const answer = await json<Answer>(`/offline/data${all.length ? `?device=${all.map((p) => p.device)[0]}` : ""}`);
    return { heard, answer };
  })();
  // bars without data: the phone's own is shown, and the server is waited for behind it
  if (local.length > 0) {
    const slow = await Promise.race([network.then(() => false), new Promise<boolean>((done) => setTimeout(() => done(true), SLOW))]);
    if (slow) {
      online(false);
      void network.then(({ heard, answer }) => {
        online(heard || answer.ok);
        if (answer.ok && answer.body && !data) void entered(answer.body, all);
      });
      return chooser(local);
    }
  }
  const { heard, answer } = await network;
  online(heard || answer.ok);
  if (answer.ok && answer.body) return entered(answer.body, all);
  const left = (await people()).filter((p) => p.kept?.sealed);
  if (heard || answer.login) void sendNow(false);
  if (left.length > 0) return chooser(left);
  const log = el("p", {}, el("a", { class: "btn btn-primary", href: "/log-in?next=/offline" }, "登录"));
  const none = answer.login || heard ? "请先登录,再在这部手机上启用离线办理。" : "没有联网,这部手机里也没有存档案。请到有信号的地方打开一次。";
  show(el("h1", {}, "离线办理"), el("p", { class: "empty" }, none), log, await queueBox());
}

/** Somebody is logged in: what she may see comes from the server, and the phone keeps it anew. */
async function entered(a: Answer, all: Person[]): Promise<void> {
  data = a.data;
  forget();
  fresh = true;
  loadedAt = Date.now();
  person = all.find((p) => p.account === a.data.account) ?? null;
  if (person && all[0] !== person) {
    const again = await json<Answer>(`/offline/data?device=${person.device}`);
    if (again.body) a = again.body;
  }
  if (!person || !a.device) return enrol(a, person);
  person.key = a.key;
  person.heard = Date.now();
  await keep(person);
  if (!person.lock) return choosePin(person);
  await renew(data);
  void sendNow(false);
  return list();
}

/** Fresh data: the phone keeps them, and what was said here of rolls is what the server says, but for what still waits. */
async function renew(d: Data): Promise<void> {
  data = d;
  loadedAt = Date.now();
  forget();
  await endDrafts("register:", new Set((await waiting()).map((w) => w.slot ?? "")));
  if (person) await keepData(person, d, d.made_at);
}

function enrol(a: Answer, before: Person | null): void {
  const name = el("input", { name: "name", required: true, maxlength: "30", value: `${a.data.person}的手机` });
  const trouble = el("p", { class: "problem", role: "alert", hidden: true });
  const form = el("form", { class: "box" }, trouble, el("label", {}, "这部手机叫什么 ", name),
    el("button", { class: "btn btn-primary", type: "submit" }, "在这部手机上启用"));
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const body = new URLSearchParams({ name: name.value });
    const answer = await json<{ device: number; secret: string; said: string }>("/offline/devices", { method: "POST", body });
    if (!answer.ok || !answer.body) {
      trouble.textContent = answer.body?.said ?? "没有连上服务器,请再点一次";
      trouble.hidden = false;
      return;
    }
    const p: Person = {
      account: a.data.account, name: a.data.person, device: answer.body.device, mac: await hmacKey(unhex(answer.body.secret)), key: a.key,
      heard: Date.now(), days: 7, kept: before?.kept, lock: before?.lock,
    };
    await keep(p);
    person = p;
    await navigator.storage?.persist?.();
    choosePin(p);
  });
  show(el("h1", {}, "离线办理"),
    el("p", {}, "启用后,本单位负责的劝返档案和本班名单会加密存在这部手机里,没有信号也能点名、查看档案、记录家访;联网后自动上传。退出登录时,存着的档案就删除。"),
    form, el("p", { class: "hint" }, "手机丢失请立即告诉安全管理员,或在“我的账号”里停用这部手机。"));
}

function choosePin(p: Person): void {
  const [one, two] = [0, 1].map(() => el("input", { type: "password", inputmode: "numeric", pattern: "[0-9]{6}", maxlength: "6", required: true, autocomplete: "off" }));
  const trouble = el("p", { class: "problem", role: "alert", hidden: true });
  const form = el("form", { class: "box" }, trouble, el("label", {}, "6 位数字密码 ", one!), el("label", {}, "再输一次 ", two!),
    el("button", { class: "btn btn-primary", type: "submit" }, "设好"));
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const easy = /^(\d)\1{5}$|^012345$|^123456$|^654321$/;
    trouble.hidden = one!.value === two!.value && !easy.test(one!.value);
    trouble.textContent = one!.value === two!.value ? "这个密码太容易猜,请换一个" : "两次输入的不一样";
    if (!trouble.hidden) return;
    secret = await setPin(p, one!.value);
    if (data) await keepData(p, data, data.made_at);
    void sendNow(false);
    list();
  });
  show(el("h1", {}, "设一个密码"), el("p", {}, `没有信号时打开档案要输它。连续输错 ${TRIES} 次,存在手机里的档案就删除;没有上传的记录不会丢。`), form);
}

/** Without a session: whose files are to be opened? */
function chooser(all: Person[]): void | Promise<void> {
  if (all.length === 1) return askPin(all[0]!);
  show(el("h1", {}, "谁在用"), ...all.map((p) => el("p", {}, button(p.name, () => void askPin(p)))));
}

async function askPin(p: Person): Promise<void> {
  const pin = el("input", { type: "password", inputmode: "numeric", pattern: "[0-9]{6}", maxlength: "6", required: true, autocomplete: "off", "aria-label": "6 位数字密码" });
  const trouble = el("p", { class: "problem", role: "alert", hidden: true });
  const form = el("form", { class: "box" }, trouble, el("label", {}, "密码 ", pin), el("button", { class: "btn btn-primary", type: "submit" }, "打开"));
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const opened = await unlock(p, pin.value);
    if (opened) {
      secret = opened;
      person = p;
      fresh = false;
      data = await readData<Data>(p, opened);
      if (data) await remember(p, opened, data.classes);
      return list();
    }
    pin.value = "";
    if (!p.lock) return show(el("p", { class: "problem" }, `连续输错 ${TRIES} 次,存着的档案已删除。没有上传的记录还在,联网后上传。`), await queueBox());
    trouble.textContent = `密码不对,还可以试 ${TRIES - p.lock.tries} 次`;
    trouble.hidden = false;
  });
  show(el("h1", {}, p.name), el("p", { class: "hint" }, "存在手机里的档案要密码才能看。"), form,
    el("p", {}, el("a", { href: "/log-in?next=/offline" }, "有信号,用登录名登录")), await queueBox());
  pin.focus();
}

async function queueBox(): Promise<HTMLElement> {
  const [waits, done] = await Promise.all([waiting(), sent()]);
  const box = el("section", { class: "box", "data-queue": String(waits.length) });
  if (said) box.append(el("p", { class: "said", role: "status" }, said));
  box.append(el("p", {}, el("b", {}, waits.length ? `${waits.length} 条待上传` : done.length ? "都已上传" : "没有待上传的"), " ",
    waits.length > 0 && button("现在上传", () => void sendNow(true))));
  for (const w of waits) {
    const state = w.refused ?? (w.sent ? "文字已上传,照片待传" : "待上传");
    box.append(el("p", { class: w.refused ? "problem" : "hint" }, `${w.label} · ${when(w.made)} · ${state}`));
  }
  const recent = done.filter((s) => Date.now() - s.at < 3 * DAY).slice(0, 5);
  for (const s of recent) {
    const held = s.state === "held";
    const line = el("p", { class: held ? "problem" : "hint" }, `${s.label} · ${when(s.at)} ${held ? "已上传,没有登记成" : "已上传"}${s.said ? `:${s.said}` : ""}`);
    if (held) line.append(" ", el("a", { href: "/held" }, "去处理"));
    box.append(line);
  }
  if (navigator.storage?.persisted && !(await navigator.storage.persisted())) {
    box.append(el("p", { class: "hint" }, "手机没有答应长期保存:空间不够时可能清掉,请尽快联网上传。"));
  }
  return box;
}

async function sendNow(asked: boolean): Promise<Outcome | null> {
  const o = await send(await people());
  if (o.sent) said = `已上传 ${o.sent} 条`;
  else if (asked) said = o.trouble || (o.left ? "" : "没有待上传的");
  if (o.trouble && !asked) said = "";
  online(!o.trouble || !/没有连上/.test(o.trouble) ? navigator.onLine : false);
  if (o.sent && fresh && person) {
    const again = await json<Answer>(`/offline/data?device=${person.device}`);
    if (again.ok && again.body) {
      await renew(again.body.data);
      if (!busy) {
        await list();
        return o;
      }
    }
  }
  const box = main.querySelector("[data-queue]");
  if (box && (o.sent || asked)) box.replaceWith(await queueBox());
  return o;
}

/** The day whose roll is shown. */
let rollDay = "";

function classCards(d: Data): HTMLElement[] {
  const days = [...new Set(d.classes.flatMap((c) => c.registers.map((r) => r.day)))].sort();
  if (!days.includes(rollDay)) rollDay = days.includes(dayOf()) ? dayOf() : days.filter((x) => x <= dayOf()).pop() ?? days[0] ?? "";
  const past = days.filter((x) => x <= dayOf() || x === rollDay);
  const select = el("select", { "aria-label": "日期", onchange: (e) => { rollDay = (e.target as HTMLSelectElement).value; void list(); } },
    ...past.map((x) => el("option", { value: x, selected: x === rollDay }, x === dayOf() ? `${x} 今天` : x)));
  const cards = d.classes.flatMap((c) => c.registers.filter((r) => r.day === rollDay).map((r) => el("li", { class: "work" },
    el("a", { class: "card", href: `#roll:${d.classes.indexOf(c)}:${r.day}:${r.check}` }, el("b", {}, c.name), " ", el("span", { class: "tag" }, r.label),
      el("small", {}, `${stands(c, r)} · 应到 ${expected(c, r).length}`)),
    r.version === 0 && !/已点/.test(stands(c, r)) && button("全到", () => void recorded(allPresent(person!, secret, c, r))))));
  const more = d.classes_left_out > 0 && el("p", { class: "hint" }, `另有 ${d.classes_left_out} 个班没有存进手机,请联网点名。`);
  return [el("h2", {}, "点名 ", select), ...(more ? [more] : []), cards.length ? el("ul", { class: "cards" }, ...cards) : el("p", { class: "empty" }, "这一天没有要点的名。")];
}

async function recorded(saving: Promise<string>): Promise<void> {
  said = `已存在手机里:${await saving}`;
  history.replaceState(null, "", location.pathname);
  await list();
  if (navigator.onLine) await sendNow(false);
}

async function roll(at: string): Promise<void> {
  const [, n, day, check] = at.split(":");
  const c = data?.classes[Number(n)];
  const r: Register | undefined = c?.registers.find((x) => x.day === day && x.check === check);
  if (!c || !r || !data || !person) return list();
  busy = true;
  const form = await rollForm(person, secret, c, r, data.choices, (label) => void recorded(Promise.resolve(label)));
  show(el("p", {}, el("a", { href: "#" }, "← 返回")),
    el("h1", {}, c.name, " ", el("small", {}, `${r.day} ${r.label} · 应到 ${expected(c, r).length}`)),
    r.day !== dayOf() && el("p", { class: "late" }, `▲ 补录 ${r.day} 的点名`),
    el("p", { class: "hint" }, "没到的点名字,再选原因;没点的都算到。"), form);
}

async function list(): Promise<void> {
  busy = false;
  if (!data || !person) return boot();
  const d = data;
  const card = (k: Case) => el("li", { class: "work" },
    el("a", { class: "card", href: `#${k.id}` }, el("b", {}, k.name), " ", el("span", { class: "tag" }, k.state),
      k.left && el("small", { class: k.overdue ? "late" : "" }, `${k.overdue ? "▲ " : ""}${k.left}`), el("small", {}, `${k.next} · ${k.school || k.address}`)),
    k.phone && el("a", { class: "btn", href: `tel:${k.phone}`, "aria-label": `给${k.name}家长打电话` }, "打电话"));
  show(el("div", { class: "head" }, el("h1", {}, d.person),
    el("p", { class: "purpose" }, fresh ? "刚从服务器取来,已存进手机" : `存在手机里的,${when(d.made_at)}取来`)),
  d.held > 0 && el("p", {}, el("a", { class: "btn", href: "/held" }, `手机记录待处理 ${d.held} 条`)),
  await queueBox(),
  ...(d.classes.length ? classCards(d) : []),
  el("h2", {}, "我的劝返档案 ", el("small", {}, `${d.cases.length} 份`)),
  d.left_out > 0 && el("p", { class: "hint" }, `另有 ${d.left_out} 份没有存进手机,请联网查看。`),
  d.cases.length ? el("ul", { class: "cards" }, ...d.cases.map(card)) : el("p", { class: "empty" }, "本单位没有在办的劝返档案。"),
  el("p", {}, el("a", { href: "/" }, "联网的完整页面")));
}

/** 回访: one tap where the child is still in school. */
function checkBox(k: Case): HTMLElement {
  const note = el("input", { maxlength: "2000", placeholder: "从哪天起、现在哪里" });
  const put = async (present: boolean): Promise<string> => {
    await add(person!, "check", present ? "回访:在校" : "回访:不在校", () => ({
      case: k.id, on: dayOf(), present, note: note.value.trim(), made_at: Date.now(),
    }), [], `check:${k.id}`);
    k.check = false;
    return present ? "回访:在校" : "回访:不在校";
  };
  const gone = el("form", {}, el("label", {}, "现在的情况 ", note), el("button", { class: "btn", type: "submit" }, "记录不在校"));
  gone.addEventListener("submit", (e) => {
    e.preventDefault();
    if (note.value.trim()) void recorded(put(false));
  });
  return el("section", { class: "box" }, el("h2", {}, "回访"), button("还在校", () => void recorded(put(true)), true),
    el("details", {}, el("summary", {}, "不在校了"), gone));
}

async function file(id: number): Promise<void> {
  const k = data?.cases.find((c) => c.id === id);
  if (!k || !data || !person) return list();
  busy = true;
  const fact = (head: string, value: string) => value && el("div", {}, el("dt", {}, head), el("dd", {}, value));
  const form = await visitForm(person, secret, k, data.cases, data.choices, dayOf, (label) => {
    said = `已存在手机里:${label}。联网后自动上传`;
    history.replaceState(null, "", location.pathname);
    void list().then(() => (navigator.onLine ? sendNow(false) : null));
  });
  show(el("p", {}, el("a", { href: "#" }, "← 我的劝返档案")),
    el("h1", {}, k.name, " ", el("small", {}, `${k.about} · ${k.number}`)),
    el("p", {}, el("span", { class: "tag" }, k.state), " ", el("span", { class: k.overdue ? "late" : "" }, k.left), ` 已劝返 ${k.attempts}`),
    el("dl", { class: "facts" }, fact("监护人", k.guardian), fact("住址", k.address), fact("学校", k.school), fact("上次联系", k.last)),
    k.phone && el("p", {}, el("a", { class: "btn", href: `tel:${k.phone}` }, `打电话 ${k.phone}`)),
    k.check && checkBox(k),
    el("h2", {}, "记一次联系或家访"), form);
}

const route = () => {
  const at = decodeURIComponent(location.hash.slice(1));
  void (/^\d+$/.test(at) ? file(Number(at)) : at.startsWith("roll:") ? roll(at) : list());
};
addEventListener("hashchange", () => { if (data) route(); });
addEventListener("online", () => { online(true); void sendNow(false); });
addEventListener("offline", () => online(false));
document.addEventListener("visibilitychange", () => { if (!document.hidden && navigator.onLine) void sendNow(false); });

/** A new release takes over when no form is open. */
async function watchWorker(): Promise<void> {
  const registered = await navigator.serviceWorker.register("/worker.js");
  const takeOver = () => { if (registered.waiting && navigator.serviceWorker.controller && !busy) registered.waiting.postMessage("take-over"); };
  takeOver();
  registered.addEventListener("updatefound", () => registered.installing?.addEventListener("statechange", takeOver));
  let had = Boolean(navigator.serviceWorker.controller);
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (had && !busy) location.reload();
    had = true;
  });
}

history.replaceState(null, "", location.pathname);
void boot();
