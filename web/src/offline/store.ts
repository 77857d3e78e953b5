// 手机里存的东西:谁的设备、给谁看的档案、还没上传的记录
import { DBSchema, IDBPDatabase, openDB } from "idb";
import type { Bytes, SealKey } from "./seal";

/** A person who enrolled this phone. */
export interface Person {
  account: number;
  name: string;
  device: number;
  /** Vouches for what is recorded; cannot be taken out. */
  mac: CryptoKey;
  /** To which records are sealed. */
  key: SealKey;
  /** What is kept to read is sealed to this key of the phone's own. */
  kept?: { public: string; sealed?: Bytes; at: number };
  /** The private half of it, behind a PIN and a key that cannot be taken out. */
  lock?: { salt: Bytes; guard: CryptoKey; iv: Bytes; wrapped: Bytes; tries: number };
  /** When the server was last heard of, by the phone's clock; and after how many days without it what is kept goes. */
  heard: number;
  days: number;
}

/** A record that waits to be sent, as it was sealed when it was made. */
export interface Waiting {
  key: string;
  account: number;
  device: number;
  /** What it is, without anybody's name: 家访 1 名儿童. */
  label: string;
  made: number;
  sealed: Bytes;
  mac: string;
  /** What it is of, where a later one takes its place before it is sent. */
  slot?: string;
  /** It was sent, and may have arrived. */
  tried?: boolean;
  /** The server has the words, and waits for photos. */
  sent: boolean;
  /** Why the server does not take it. */
  refused?: string;
  /** What the server said of it when it took it. */
  said?: string;
}

/** A photo or signature of a record. */
export interface Part { key: string; n: number; sealed: Bytes; mac: string }

/** What was sent: for a while it can be seen that it was. */
export interface Sent { key: string; account: number; label: string; at: number; state: string; said: string }

/** A half-filled form, sealed like what is kept. */
export interface Draft { form: string; account: number; sealed: Bytes }

interface Shape extends DBSchema {
  people: { key: number; value: Person };
  waiting: { key: string; value: Waiting };
  parts: { key: [string, number]; value: Part };
  sent: { key: string; value: Sent };
  drafts: { key: string; value: Draft };
}

let opened: Promise<IDBPDatabase<Shape>> | null = null;
export function store(): Promise<IDBPDatabase<Shape>> {
  opened ??= openDB<Shape>("baoxue-offline", 1, {
    upgrade(db) {
      db.createObjectStore("people", { keyPath: "account" });
      db.createObjectStore("waiting", { keyPath: "key" });
      db.createObjectStore("parts", { keyPath: ["key", "n"] });
      db.createObjectStore("sent", { keyPath: "key" });
      db.createObjectStore("drafts", { keyPath: "form" });
    },
    // a newer page waits for this one to close
    blocking: () => void opened?.then((db) => db.close()).finally(() => (opened = null)),
  });
  return opened;
}
