// RGBA pixels as a PNG file (W3C PNG, third edition): 8-bit true colour without alpha, filter "up", one IDAT.
// The compressor is the host's own (CompressionStream, in browsers and in Node).

import { crc32 } from '../disk/crc32.ts';
import type { Picture } from './screen.ts';

const SIGNATURE = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];
const COLOR_TYPE_RGB = 2;
const FILTER_UP = 2;

function chunk(type: string, data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length + 12);
  const view = new DataView(out.buffer);
  view.setUint32(0, data.length);
  out.set(new TextEncoder().encode(type), 4);
  out.set(data, 8);
  view.setUint32(data.length + 8, crc32(out.subarray(4, data.length + 8)));
  return out;
}

/** zlib format (RFC 1950). */
async function deflate(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([data]).stream().pipeThrough(new CompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The picture's rows, filtered: each byte less the one above. */
function filterRows({ width, height, rgba }: Picture): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(height * (width * 3 + 1));
  let to = 0;
  for (let y = 0; y < height; y++) {
    out[to++] = FILTER_UP;
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * 4;
      for (let c = 0; c < 3; c++) {
        const above = y === 0 ? 0 : rgba[at + c - width * 4] ?? 0;
        out[to++] = (rgba[at + c] ?? 0) - above;
      }
    }
  }
  return out;
}

export async function encodePng(frame: Picture): Promise<Uint8Array> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, frame.width);
  view.setUint32(4, frame.height);
  header[8] = 8;
  header[9] = COLOR_TYPE_RGB;
  const chunks = [Uint8Array.from(SIGNATURE), chunk('IHDR', header),
    chunk('IDAT', await deflate(filterRows(frame))),
    chunk('IEND', new Uint8Array(0))];
  const out = new Uint8Array(chunks.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of chunks) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
