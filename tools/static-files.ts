// Files of a folder over HTTP, with Range requests (RFC 9110 section 14) and the page's own files compressed,
// for the servers of the page: `skep serve`, the previews of `npm start` and of the end-to-end tests.

import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { gzipSync } from 'node:zlib';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8', '.json': 'application/json', '.wasm': 'application/wasm', '.svg': 'image/svg+xml',
  '.png': 'image/png', '.ico': 'image/x-icon', '.map': 'application/json', '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json', '.woff2': 'font/woff2',
};

/** What makes a page cross-origin isolated, without which browsers give no shared memory. */
export const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
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

/** Kinds of files that compression makes smaller; those above the limit are guests' and have their own. */
const COMPRESSIBLE = new Set(['.html', '.js', '.mjs', '.css', '.json', '.wasm', '.svg', '.map', '.txt']);
const MOST_COMPRESSED = 4 << 20;
const packed = new Map<string, { mtimeMs: number; bytes: Buffer }>();

/** The file by gzip, made when it is first asked for; undefined where that is not wanted. */
function gzipped(file: string, request: IncomingMessage): Buffer | undefined {
  const { size, mtimeMs } = statSync(file);
  if (!COMPRESSIBLE.has(extname(file)) || size > MOST_COMPRESSED || request.headers.range !== undefined
    || !/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) return undefined;
  let entry = packed.get(file);
  if (entry?.mtimeMs !== mtimeMs) {
    entry = { mtimeMs, bytes: gzipSync(readFileSync(file)) };
    packed.set(file, entry);
  }
  return entry.bytes;
}

/** Answers GET and HEAD for a file, or a range of it. */
export function sendFile(file: string, request: IncomingMessage, response: ServerResponse,
  common: Readonly<Record<string, string>> = {}): void {
  const { size } = statSync(file);
  const headers = { ...common, 'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Accept-Ranges': 'bytes', 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding' };
  const small = gzipped(file, request);
  if (small !== undefined) {
    response.writeHead(200, { ...headers, 'Content-Encoding': 'gzip', 'Content-Length': small.length });
    response.end(request.method === 'HEAD' ? undefined : small);
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const start = range === null ? 0 : Number(range[1]);
  const end = range === null || range[2] === '' ? size - 1 : Math.min(Number(range[2]), size - 1);
  if (range !== null && start > end) {
    response.writeHead(416, { ...headers, 'Content-Range': `bytes */${size}` }).end();
    return;
  }
  response.writeHead(range === null ? 200 : 206, { ...headers, 'Content-Length': size === 0 ? 0 : end - start
    + 1,
    ...(range === null ? {} : { 'Content-Range': `bytes ${start}-${end}/${size}` }) });
  if (request.method === 'HEAD' || size === 0) {
    response.end();
    return;
  }
  createReadStream(file, { start, end }).on('error', () => response.destroy()).pipe(response);
}
