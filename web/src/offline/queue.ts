// 待上传:记一次,只上传一次;没有被接收的一直留着,并说明为什么
import { mac } from "./people";
import { digest, hex, random, seal, text } from "./seal";
import type { Bytes } from "./seal";
import { Part, Person, Sent, store, Waiting } from "./store";

/** The form of what this program writes. */
const FORM = 1;
/** Sent records that can still be seen, and for how long an answer is waited for. */
const SHOWN = 20;
const PATIENCE = 30_000;

interface Receipt { key: string; state: string; said: string; changed: boolean; missing: number[] }
export interface Outcome { sent: number; left: number; trouble: string }

const covered = async (purpose: string, sealed: Bytes) => `${purpose}:${await digest(sealed)}`;

/**
 * Seals a record with its photos and puts it into the queue. It is on the phone for good when this returns. With a `slot` it takes the place of what was
 * recorded there before and nobody has tried to send.
 */
export async function add(
  p: Person, kind: string, label: string, body: (digests: string[]) => object, parts: Bytes[], slot?: string,
): Promise<void> {
  const key = hex(random(16));
  const digests = await Promise.all(parts.map(digest));
  const plain = text(JSON.stringify({ v: FORM, kind, body: body(digests) }));
  const sealed = await seal(p.key, plain, key);
  const rows: Part[] = [];
  for (const [n, bytes] of parts.entries()) {
    const s = await seal(p.key, bytes, `${key}:${n}`);
    rows.push({ key, n, sealed: s, mac: await mac(p, await covered(`${key}:${n}`, s)) });
  }
  const record: Waiting = {
    key, account: p.account, device: p.device, label, made: Date.now(), sealed, mac: await mac(p, await covered(key, sealed)), sent: false,
    ...(slot ? { slot } : {}),
  };
  const before = slot ? (await waiting()).filter((w) => w.slot === slot && w.account === p.account && !w.tried) : [];
  const tx = (await store()).transaction(["waiting", "parts"], "readwrite", { durability: "strict" });
  await Promise.all([tx.objectStore("waiting").add(record), ...rows.map((r) => tx.objectStore("parts").add(r)),
    ...before.map((w) => tx.objectStore("waiting").delete(w.key)), tx.done]);
  await tell();
}

export const waiting = async (): Promise<Waiting[]> => (await (await store()).getAll("waiting")).sort((a, b) => a.made - b.made);
export const sent = async (): Promise<Sent[]> => (await (await store()).getAll("sent")).sort((a, b) => b.at - a.at);

/** Other pages show how many wait. */
async function tell(): Promise<void> {
  localStorage.setItem("offline-waiting", String(await (await store()).count("waiting")));
}

class NoAnswer extends Error {}
class Refused extends Error {
  constructor(readonly code: string, said: string) { super(said); }
}

async function post(address: string, device: number, signature: string, body: Bytes): Promise<Receipt> {
  let answer: Response;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE);
  try {
    const headers = { "x-device": String(device), "x-mac": signature, "x-in-place": "1", "content-type": "application/octet-stream" };
    answer = await fetch(address, { method: "POST", body, headers, redirect: "manual", cache: "no-store", signal: stop.signal });
  } catch {
    throw new NoAnswer("没有连上服务器");
  } finally {
    clearTimeout(timer);
  }
  // a page of a hotel's network, of a proxy, of a log-in is no answer
  if (!answer.headers.get("content-type")?.startsWith("application/json")) {
    throw new NoAnswer(answer.status === 413 ? "内容太大,服务器没有收" : "没有连上服务器(网络可能要先登录),还在手机里");
  }
  const said = (await answer.json()) as Receipt & { said: string; code: string };
  if (answer.ok) return said;
  if (answer.status >= 500 || answer.status === 429) throw new NoAnswer("服务器忙,稍后再传");
  throw new Refused(said.code, said.said);
}

/** Signs anew what was signed by an enrolment that the server no longer knows: for the same person only. */
async function signAnew(w: Waiting, p: Person | undefined): Promise<boolean> {
  if (!p || p.account !== w.account || p.device === w.device) return false;
  const db = await store();
  w.device = p.device;
  w.mac = await mac(p, await covered(w.key, w.sealed));
  for (const part of await partsOf(w.key)) {
    part.mac = await mac(p, await covered(`${w.key}:${part.n}`, part.sealed));
    await db.put("parts", part);
  }
  await db.put("waiting", w);
  return true;
}

const partsOf = async (key: string): Promise<Part[]> => (await store()).getAll("parts", IDBKeyRange.bound([key, 0], [key, 1e9]));

/** Words first, photos after, each by itself: a line that breaks goes on where it was. */
async function sendOne(w: Waiting): Promise<void> {
  const db = await store();
  const here = (r: Receipt): Receipt => {
    // whatever answered was not asked this
    if (r.key !== w.key) throw new NoAnswer("没有连上服务器");
    return r;
  };
  // from now on the server may have it
  w.tried = true;
  await db.put("waiting", w);
  let receipt = here(await post(`/offline/records/${w.key}`, w.device, w.mac, w.sealed));
  w.sent = true;
  delete w.refused;
  const changed = w.slot ? "与另一次点名不一致的,已按更须留意的记下,请联网看一眼" : "这份档案在您记录之后有过变化,请看一眼";
  w.said = receipt.changed ? changed : receipt.said;
  await db.put("waiting", w);
  for (const part of await partsOf(w.key)) {
    if (receipt.missing.includes(part.n)) {
      receipt = here(await post(`/offline/records/${w.key}/parts/${part.n}`, w.device, part.mac, part.sealed));
    }
  }
  if (receipt.missing.length) throw new NoAnswer("照片没有传完");
  const tx = db.transaction(["waiting", "parts", "sent"], "readwrite");
  const done: Sent = { key: w.key, account: w.account, label: w.label, at: Date.now(), state: receipt.state, said: w.said ?? "" };
  void tx.objectStore("sent").put(done);
  void tx.objectStore("waiting").delete(w.key);
  void tx.objectStore("parts").delete(IDBKeyRange.bound([w.key, 0], [w.key, 1e9]));
  await tx.done;
}

let sending: Promise<Outcome> | null = null;

/** Sends what waits, the oldest first; one page of this browser at a time. */
export function send(people: Person[]): Promise<Outcome> {
  const run = () => sendAll(people).finally(() => (sending = null));
  const alone = async (): Promise<Outcome> => {
    if (!navigator.locks) return run();
    return navigator.locks.request("baoxue-offline", { ifAvailable: true }, async (lock) =>
      lock ? run() : { sent: 0, left: (await waiting()).length, trouble: "另一个页面正在上传" });
  };
  return (sending ??= alone().finally(() => (sending = null)));
}

async function sendAll(people: Person[]): Promise<Outcome> {
  const db = await store();
  let n = 0;
  let trouble = "";
  for (const w of await waiting()) {
    try {
      try {
        await sendOne(w);
      } catch (e) {
        const unknown = e instanceof Refused && e.code === "not-found";
        if (!unknown || !(await signAnew(w, people.find((p) => p.account === w.account)))) throw e;
        await sendOne(w);
      }
      n += 1;
    } catch (e) {
      if (e instanceof Refused) {
        w.refused = e.code === "not-found" ? "服务器不认识这部手机;请本人登录后重新启用,再上传" : e.message;
        await db.put("waiting", w);
        continue;
      }
      trouble = e instanceof NoAnswer ? e.message : "上传时出错,记录还在手机里";
      break;
    }
  }
  const old = (await sent()).slice(SHOWN);
  for (const s of old) await db.delete("sent", s.key);
  await tell();
  return { sent: n, left: (await waiting()).length, trouble };
}
