// 谁在用这部手机:设备、密码锁、存着的档案
import { hex, open, random, seal, text, unhex } from "./seal";
import type { Bytes, SealKey } from "./seal";
import { Person, store } from "./store";

const CURVE = { name: "ECDH", namedCurve: "P-256" };
const DAY = 86_400_000;
/** Wrong PINs after which what is kept is gone. */
export const TRIES = 10;
/** Rounds that make a PIN dear to guess; the key behind it cannot be taken out of the browser at all. */
const ROUNDS = 100_000;

export const hmacKey = (secret: Bytes): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
export const mac = async (p: Person, said: string): Promise<string> => hex(await crypto.subtle.sign("HMAC", p.mac, text(said)));

export const people = async (): Promise<Person[]> => (await store()).getAll("people");
export async function keep(p: Person): Promise<void> {
  await (await store()).put("people", p);
  localStorage.setItem("offline", "1");
}

async function pinKey(pin: string, salt: Bytes): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", text(pin), "PBKDF2", false, ["deriveKey"]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: ROUNDS };
  return crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** Gives a person a key of the phone's own for what it keeps, behind a PIN. */
export async function setPin(p: Person, pin: string): Promise<CryptoKey> {
  const pair = await crypto.subtle.generateKey(CURVE, true, ["deriveBits"]);
  const secret = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  const guard = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const [salt, iv] = [random(16), random(12)];
  const inner = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await pinKey(pin, salt), secret);
  const wrapped = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv }, guard, inner));
  p.lock = { salt, guard, iv, wrapped, tries: 0 };
  p.kept = { public: hex(await crypto.subtle.exportKey("raw", pair.publicKey)), at: 0 };
  await keep(p);
  return crypto.subtle.importKey("pkcs8", secret, CURVE, false, ["deriveBits"]);
}

/** The key for what is kept; null where the PIN is wrong. The tenth wrong one drops it. */
export async function unlock(p: Person, pin: string): Promise<CryptoKey | null> {
  if (!p.lock) return null;
  const { salt, guard, iv, wrapped } = p.lock;
  // counted before it is tried: closing the page does not give a try back
  p.lock.tries += 1;
  const last = p.lock.tries >= TRIES;
  await keep(p);
  try {
    const inner = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, guard, wrapped);
    const secret = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await pinKey(pin, salt), inner);
    p.lock.tries = 0;
    await keep(p);
    return await crypto.subtle.importKey("pkcs8", secret, CURVE, false, ["deriveBits"]);
  } catch {
    if (last) await drop(p);
    return null;
  }
}

const ownKey = (p: Person): SealKey => ({ id: 0, public: p.kept!.public });

/** Keeps what its owner may see; `at` is the server's time. */
export async function keepData(p: Person, data: unknown, at: number): Promise<void> {
  if (!p.kept) return;
  p.kept.sealed = await seal(ownKey(p), text(JSON.stringify(data)), `kept:${p.account}`);
  p.kept.at = at;
  await keep(p);
}

export async function readData<T>(p: Person, secret: CryptoKey): Promise<T | null> {
  if (!p.kept?.sealed) return null;
  return JSON.parse(new TextDecoder().decode(await open(secret, p.kept.sealed, `kept:${p.account}`))) as T;
}

/** Forgets what is kept to read. Records that were not sent stay: nobody can read them here. */
export async function drop(p: Person): Promise<void> {
  delete p.kept;
  delete p.lock;
  const db = await store();
  await keep(p);
  for (const d of await db.getAll("drafts")) if (d.account === p.account) await db.delete("drafts", d.form);
}

/** What was kept too long without a word of the server goes. */
export async function dropStale(p: Person): Promise<boolean> {
  if (!p.kept || Date.now() - p.heard < p.days * DAY) return false;
  await drop(p);
  return true;
}

/** Log-out: everybody's. */
export async function dropKept(): Promise<void> {
  for (const p of await people()) await drop(p);
}

// 填了一半的表
export async function keepDraft(p: Person, form: string, fields: Record<string, string>): Promise<void> {
  if (!p.kept) return;
  const sealed = await seal(ownKey(p), text(JSON.stringify(fields)), `draft:${form}`);
  await (await store()).put("drafts", { form, account: p.account, sealed });
}
export async function readDraft(p: Person, secret: CryptoKey | null, form: string): Promise<Record<string, string> | null> {
  const draft = secret && (await (await store()).get("drafts", form));
  if (!draft || draft.account !== p.account) return null;
  try {
    return JSON.parse(new TextDecoder().decode(await open(secret, draft.sealed, `draft:${form}`))) as Record<string, string>;
  } catch {
    return null;
  }
}
export const endDraft = async (form: string): Promise<void> => (await store()).delete("drafts", form);
/** Forms that the server knows better by now, but for those that still wait to be sent. */
export async function endDrafts(of: string, but: Set<string>): Promise<void> {
  const db = await store();
  for (const form of await db.getAllKeys("drafts")) if (form.startsWith(of) && !but.has(form)) await db.delete("drafts", form);
}
export { unhex };
