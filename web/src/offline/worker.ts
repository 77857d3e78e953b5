// 没有信号也能打开:只存页面的壳,不存任何人的资料
declare const self: ServiceWorkerGlobalScope;
export {};

// the server writes the addresses in: another build is another worker
const KEPT = "__KEPT__".split(" ");
const NAME = `baoxue ${KEPT.join(" ")}`;
/** Pages of which the phone has its own, and for how long they are waited for before it is shown; others may take their time (an export does). */
const OWN = ["/", "/today", "/roll", "/cases", "/inbox"];
const PATIENCE = 8_000;

self.addEventListener("install", (e) => {
  e.waitUntil(caches.open(NAME).then((c) => c.addAll(KEPT)));
});
self.addEventListener("activate", (e) => {
  const old = caches.keys().then((names) => Promise.all(names.filter((n) => n.startsWith("baoxue ") && n !== NAME).map((n) => caches.delete(n))));
  e.waitUntil(old.then(() => self.clients.claim()));
});
// a page without a half-filled form asks for the new one
self.addEventListener("message", (e) => {
  if (e.data === "take-over") void self.skipWaiting();
});

const shell = async (): Promise<Response> => (await caches.match("/offline")) ?? Response.error();

/** A page of the site: from the network, or where there is none the phone's own. */
async function page(request: Request): Promise<Response> {
  const late = new Promise<Response | null>((done) => {
    if (OWN.includes(new URL(request.url).pathname)) setTimeout(() => done(null), PATIENCE);
  });
  try {
    return (await Promise.race([fetch(request), late])) ?? (await shell());
  } catch {
    return shell();
  }
}

self.addEventListener("fetch", (e) => {
  const url = new URL(e.request.url);
  if (e.request.method !== "GET" || url.origin !== location.origin) return;
  const kept = url.pathname + url.search;
  if (KEPT.includes(kept)) {
    e.respondWith(caches.match(kept).then((found) => found ?? fetch(e.request)));
  } else if (e.request.mode === "navigate") {
    e.respondWith(page(e.request));
  }
});
