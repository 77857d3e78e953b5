// 封装:记下就封给县里的公钥,手机自己也再打不开。与 app/offline/seal.rs 一一对应
export interface SealKey { id: number; public: string }
/** What AES-GCM and HMAC are given: never memory that is shared. */
export type Bytes = Uint8Array<ArrayBuffer>;

const FORM = 1;
const PURPOSE = new TextEncoder().encode("baoxue offline 1");
const CURVE = { name: "ECDH", namedCurve: "P-256" };
const POINT = 65;
const NONCE = 12;
const HEAD = 1 + 4 + POINT + NONCE;

export const hex = (bytes: ArrayBuffer | Uint8Array): string =>
  Array.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes), (b) => b.toString(16).padStart(2, "0")).join("");
export const unhex = (text: string): Bytes => Uint8Array.from(text.match(/../g) ?? [], (h) => parseInt(h, 16));
export const random = (n: number): Bytes => crypto.getRandomValues(new Uint8Array(n));
export const text = (t: string): Bytes => new TextEncoder().encode(t) as Bytes;
export const digest = async (bytes: Bytes): Promise<string> => hex(await crypto.subtle.digest("SHA-256", bytes));

function joined(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

async function cipher(secret: CryptoKey, point: Bytes, other: CryptoKey): Promise<CryptoKey> {
  const shared = await crypto.subtle.deriveBits({ name: "ECDH", public: other }, secret, 256);
  const base = await crypto.subtle.importKey("raw", shared, "HKDF", false, ["deriveKey"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: joined(PURPOSE, point) };
  return crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** Seals to a public key, for a purpose: nothing sealed for one passes for another. */
export async function seal(key: SealKey, plain: Bytes, purpose: string): Promise<Bytes> {
  const to = await crypto.subtle.importKey("raw", unhex(key.public), CURVE, false, []);
  const once = await crypto.subtle.generateKey(CURVE, true, ["deriveBits"]);
  const point = new Uint8Array(await crypto.subtle.exportKey("raw", once.publicKey));
  const nonce = random(NONCE);
  const how = { name: "AES-GCM", iv: nonce, additionalData: text(purpose) };
  const sealed = await crypto.subtle.encrypt(how, await cipher(once.privateKey, point, to), plain);
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, key.id);
  return joined(Uint8Array.of(FORM), number, point, nonce, new Uint8Array(sealed));
}

/** Opens what was sealed to a key of this phone's own. */
export async function open(secret: CryptoKey, message: Bytes, purpose: string): Promise<Bytes> {
  const point = message.slice(5, 5 + POINT);
  const from = await crypto.subtle.importKey("raw", point, CURVE, false, []);
  const how = { name: "AES-GCM", iv: message.slice(5 + POINT, HEAD), additionalData: text(purpose) };
  return new Uint8Array(await crypto.subtle.decrypt(how, await cipher(secret, point, from), message.slice(HEAD)));
}
