import { expect, it } from 'vitest';
import { download } from './download.ts';

const answering = (response: () => Response): typeof fetch => async () => response();

it('gives the bytes and reports progress up to the total', async () => {
  const parts = [new Uint8Array([1, 2, 3]), new Uint8Array([4, 5])];
  const body = () => new ReadableStream<Uint8Array>({ start(c) { parts.forEach((p) => c.enqueue(p)); c.close(); } });
  const seen: [number, number][] = [];
  const bytes = await download('k', {
    what: 'kernel', fetch: answering(() => new Response(body(), { headers: { 'content-length': '5' } })),
    onProgress: (loaded, total) => seen.push([loaded, total]),
  });
  expect([...bytes]).toEqual([1, 2, 3, 4, 5]);
  expect(seen).toEqual([[0, 5], [3, 5], [5, 5], [5, 5]]);
});

it('does not believe the length of a compressed answer', async () => {
  const seen: number[] = [];
  await download('k', {
    what: 'kernel', onProgress: (_loaded, total) => seen.push(total),
    fetch: answering(() => new Response('abcdef', { headers: { 'content-length': '2', 'content-encoding': 'gzip' } })),
  });
  expect(seen[0]).toBe(0);
  expect(seen.at(-1)).toBe(6);
});

it.each([
  ['404', () => new Response('', { status: 404 }), 'there is nothing at this address (404)'],
  ['500', () => new Response('', { status: 500 }), 'status 500'],
  ['a web page', () => new Response('<html>', { headers: { 'content-type': 'text/html; charset=utf-8' } }), 'is a web page'],
])('names address and reason: %s', async (_name, response, words) => {
  const loading = download('x/bzImage', { what: 'kernel', fetch: answering(response) });
  await expect(loading).rejects.toThrow(words);
  await expect(loading).rejects.toThrow('x/bzImage');
});

it('names a server that cannot be reached, and one that breaks off', async () => {
  const dead: typeof fetch = async () => { throw new TypeError('Failed to fetch'); };
  await expect(download('http://x.test/k', { what: 'kernel', fetch: dead })).rejects.toThrow('cannot be reached');
  const broken = () => new Response(new ReadableStream({ pull(c) { c.error(new TypeError('network')); } }));
  await expect(download('k', { what: 'kernel', fetch: answering(broken) })).rejects.toThrow('cannot be reached');
});
