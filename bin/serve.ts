// `skep serve`: a static server for the built page, with the two headers that make a page cross-origin
// isolated.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot, ConfigError } from '../src/api/node.ts';
import type { ServeArgs } from './args.ts';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
    '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.wasm': 'application/wasm',
    '.svg': 'image/svg+xml',
  '.png': 'image/png', '.ico': 'image/x-icon', '.map': 'application/json',
    '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json', '.woff2': 'font/woff2',
};
const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
};

/** The file that an address means, undefined outside of the folder or when it does not exist. */
export function fileFor(root: string, address: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(address.split(/[?#]/)[0] ?? '/');
  } catch {
    return undefined;
  }
  if (path.includes('\0')) return undefined;
  const file = join(root, normalize(`/${path}`));
  if (file !== root && !file.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined;
  if (!existsSync(file)) return undefined;
  if (!statSync(file).isDirectory()) return file;
  const index = join(file, 'index.html');
  return existsSync(index) ? index : undefined;
}

function answer(root: string, request: IncomingMessage, response: ServerResponse): void {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, Allow: 'GET, HEAD' }).end();
    return;
  }
  const file = fileFor(root, request.url ?? '/');
  if (file === undefined) {
    response.writeHead(404, { ...HEADERS, 'Content-Type': 'text/plain' }).end('Not found\n');
    return;
  }
  const { size } = statSync(file);
  const headers = { ...HEADERS, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'no-cache' };
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range === null ? 0 : Number(range[1]);
  const end = range === null || range[2] === '' ? size - 1 : Math.min(Number(range[2]), size - 1);
  if (range !== null && start > end) {
    response.writeHead(416, { ...headers, 'Content-Range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(range === null ? 200 : 206, { ...headers,
    'Content-Length': size === 0 ? 0 : end - start + 1,
    ...(range === null ? {} : { 'Content-Range': `bytes ${start}-${end}/${size}` }) });
  if (request.method === 'HEAD' || size === 0) {
    response.end();
    return;
  }
  createReadStream(file, { start, end }).on('error', () => response.destroy()).pipe(response);
}

export function startServer(args: ServeArgs): Promise<Server> {
  const root = resolve(args.dir ?? fileURLToPath(new URL('dist/', packageRoot())));
  if (!existsSync(join(root, 'index.html'))) {
    throw new ConfigError(`The folder ${root} has no index.html.`,
      'Run npm run build, or name a folder with --dir.');
  }
  const server = createServer((request, response) => answer(root, request, response));
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
