// A static server that knows nothing of isolation, like the simplest web space: dist/ under a folder, no
// headers. Usage: tsx e2e/plain-server.ts PORT

import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { fileFor, sendFile } from '../tools/static-files.ts';

const ROOT = fileURLToPath(new URL('../dist', import.meta.url));

createServer((request, response) => {
  // The page must not depend on being at the root of its host.
  const file = fileFor(ROOT, (request.url ?? '/').replace(/^\/some\/folder(?=\/|$)/, ''));
  if (file === undefined) response.writeHead(404, { 'content-type': 'text/plain' }).end('not found');
  else sendFile(file, request, response);
}).listen(Number(process.argv[2]), 'localhost');
