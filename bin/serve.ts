// `skep serve`: a static server for the built page, with the two headers that make a page cross-origin
// isolated.

import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot, ConfigError } from '../src/api/node.ts';
import { fileFor, ISOLATION_HEADERS, sendFile } from '../tools/static-files.ts';
import type { ServeArgs } from './args.ts';

const HEADERS = { ...ISOLATION_HEADERS, 'X-Content-Type-Options': 'nosniff' };

function answer(roots: readonly string[], request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, Allow: 'GET, HEAD' }).end();
    return;
  }
  const file = roots.map((root) => fileFor(root, request.url ?? '/')).find((found) => found !== undefined);
  if (file === undefined) {
    response.writeHead(404, { ...HEADERS, 'Content-Type': 'text/plain' }).end('Not found\n');
    return;
  }
  sendFile(file, request, response, HEADERS);
}

export function startServer(args: ServeArgs): Promise<Server> {
  const root = resolve(args.dir ?? fileURLToPath(new URL('dist/', packageRoot())));
  if (!existsSync(join(root, 'index.html'))) {
    throw new ConfigError(`The folder ${root} has no index.html.`,
      'Run npm run build, or name a folder with --dir.');
  }
  // The build leaves large guests where they were prepared (docs/guests.md).
  const roots = args.dir === undefined ? [root, fileURLToPath(new URL('public/', packageRoot()))] : [root];
  const server = createServer((request, response) => answer(roots, request, response));
  return new Promise((ready, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(error.code === 'EADDRINUSE'
      ? new ConfigError(`Port ${args.port} is in use.`, 'Choose another with --port.') : error));
    server.listen(args.port, args.host, () => ready(server));
  });
}

/** Serves until interrupted. */
export async function serveCommand(args: ServeArgs): Promise<number> {
  const server = await startServer(args);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : args.port;
  process.stdout.write(`Skep is served at http://${args.host === '0.0.0.0' ? 'localhost' : args.host}:${port}/ (Ctrl-C ends it)\n`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  server.closeAllConnections();
  server.close();
  return 0;
}
