// A static server that knows nothing of isolation, like the simplest web space: dist/ under a folder, no
// headers. Usage: tsx e2e/plain-server.ts PORT

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../dist', import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json',
};

createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  // The page must not depend on being at the root of its host.
  const inside = pathname.replace(/^\/some\/folder(?=\/|$)/, '');
  const path = join(ROOT, normalize(inside.endsWith('/') || inside === '' ? `${inside}/index.html` : inside));
  if (!path.startsWith(ROOT) || !existsSync(path) || !statSync(path).isFile()) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('not found');
    return;
  }
  response.writeHead(200, {
    'content-type': TYPES[extname(path)] ?? 'application/octet-stream', 'content-length': statSync(path).size,
  });
  createReadStream(path).pipe(response);
}).listen(Number(process.argv[2]), 'localhost');
