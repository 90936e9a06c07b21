// Service worker for static hosts that cannot send headers: adds the two that make the page cross-origin
// isolated (HTML standard, "cross-origin isolation"), so that the browser gives it shared memory. It caches
// nothing.

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

async function fetchIsolated(request) {
  const response = await fetch(request);
  // An opaque response of another origin cannot be changed: its own Cross-Origin-Resource-Policy decides.
  if (response.type === 'opaque' || response.type === 'opaqueredirect' || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  headers.set('Cross-Origin-Resource-Policy', 'same-origin');
  // Statuses without a body must be built without one (Fetch standard, "null body status").
  const body = [204, 205, 304].includes(response.status) ? null : response.body;
  return new Response(body, { status: response.status, statusText: response.statusText, headers });
}

self.addEventListener('fetch', (event) => {
  const { request } = event;
  // Chromium's developer tools ask so; a worker may not answer it (Fetch standard, request cache mode).
  if (request.cache === 'only-if-cached' && request.mode !== 'same-origin') return;
  event.respondWith(fetchIsolated(request));
});
