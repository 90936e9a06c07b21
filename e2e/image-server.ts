// A server of disk images that can misbehave in every way that the page must explain. It is of another origin
// than the page, as image servers are.

import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { WORK } from './prepare.ts';

export class ImageServer {
  /** Cross-origin reading is allowed, and Content-Range shown. */
  cors = true;
  expose = true;
  ranges = true;
  version = '"1"';
  /** Answers for paths that match: a status, or a connection that is cut, or no answer at all. */
  trouble: { path: RegExp; what: number | 'cut' | 'silence' | 'damage'; times: number } | undefined;
  requests: string[] = [];
  #server: Server | undefined;

  async start(): Promise<string> {
    this.#server = createServer((request, response) => this.#answer(request, response));
    await new Promise<void>((resolve) => { this.#server?.listen(0, '127.0.0.1', resolve); });
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  }

  stop(): void {
    this.#server?.closeAllConnections();
    this.#server?.close();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    this.requests.push(path);
    const headers: Record<string, string> = { etag: this.version };
    if (this.cors) Object.assign(headers,
      { 'access-control-allow-origin': '*', 'access-control-allow-headers': 'range' });
    if (this.expose) headers['access-control-expose-headers'] = 'Content-Range, ETag';
    if (request.method === 'OPTIONS') {
      response.writeHead(204, headers).end();
      return;
    }
    const trouble = this.trouble !== undefined && this.trouble.times > 0 && this.trouble.path.test(path)
      ? this.trouble : undefined;
    if (trouble !== undefined) trouble.times--;
    if (trouble?.what === 'silence') return;
    if (trouble?.what === 'cut') {
      response.destroy();
      return;
    }
    const file = join(WORK, path);
    const status = typeof trouble?.what === 'number' ? trouble.what : existsSync(file) ? 200 : 404;
    if (status !== 200) {
      response.writeHead(status, headers).end();
      return;
    }
    if (trouble?.what === 'damage') {
      response.writeHead(200, headers).end('these are not the bytes that the name promises');
      return;
    }
    this.#send(file, request, response, headers);
  }

  #send(file: string, request: IncomingMessage, response: ServerResponse, headers: Record<string,
    string>): void {
    const { size } = statSync(file);
    const range = this.ranges ? /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') : null;
    if (range === null) {
      response.writeHead(200, { ...headers, 'content-length': String(size) });
      if (request.method === 'HEAD') response.end();
      else createReadStream(file).pipe(response);
      return;
    }
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]), size - 1)];
    response.writeHead(206, { ...headers, 'content-length': String(end - start + 1),
      'content-range': `bytes ${start}-${end}/${size}` });
    createReadStream(file, { start, end }).pipe(response);
  }
}
