// Keeps the shell of the page: index.html and the files it has loaded, so that it opens without a network and says so.
// Everything else is none of its business: calls, uploads, and media, whose Range answers a cache would spoil.

const cacheName = "shell";
/** Files that are kept at most; the oldest go first. A build has about thirty. */
const most = 80;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || request.headers.has("Range")) return;
  if (url.pathname.startsWith("/assets/")) event.respondWith(asset(request));
  else if (request.mode === "navigate" && isPage(url.pathname)) event.respondWith(page(request));
});

/** Whether a path is one of the page's own: the others are answered by the platform. */
function isPage(path) {
  return !["/douyin", "/docs", "/embed/", "/media/", "/static/", "/uploads/"].some((prefix) => path.startsWith(prefix)) && !/\.\w+$/.test(path);
}

/** Files below /assets/ have a hash of their content in their name: what is kept stays right. */
async function asset(request) {
  const cache = await caches.open(cacheName);
  const kept = await cache.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request, answer.clone());
    const names = await cache.keys();
    await Promise.all(names.slice(0, Math.max(0, names.length - most)).map((name) => cache.delete(name)));
  }
  return answer;
}

/** The platform's answer, or the index that was kept from the home page when there is no network. */
async function page(request) {
  const cache = await caches.open(cacheName);
  try {
    const answer = await fetch(request);
    if (answer.ok && new URL(request.url).pathname === "/") await cache.put("/", answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match("/");
    if (kept) return kept;
    throw error;
  }
}
