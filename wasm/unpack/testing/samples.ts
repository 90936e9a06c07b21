// What the recorded frames unpack to, by name. The frames (samples/NAME.zst) were packed by zstd 1.5.4 with
// the options given here; every kind of block, literals, table and recent offset occurs in them.

/** xorshift32: the same bytes everywhere. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function random(count: number, seed: number, values = 256): Uint8Array {
  const next = generator(seed);
  return Uint8Array.from({ length: count }, () => (next() >>> 8) % values);
}

/** Words of a small vocabulary, with numbers between them. */
function words(count: number, seed: number): Uint8Array {
  const next = generator(seed);
  const vocabulary = Array.from({ length: 200 }, () =>
    String.fromCharCode(...Array.from({ length: 2 + next() % 9 }, () => 97
      + Math.min(next() % 26, next() % 26))));
  let text = '';
  while (text.length < count) text += `${vocabulary[Math.min(next() % 200, next() % 200)]} ${next() % 7 === 0 ? next() : ''}`;
  return new TextEncoder().encode(text.slice(0, count));
}

/** Records of 24 bytes whose fields move slowly, as tables of a kernel do. */
function records(count: number, seed: number): Uint8Array {
  const next = generator(seed);
  const out = new Uint8Array(count * 24);
  const view = new DataView(out.buffer);
  let address = 0xFFFFFFFF81000000n;
  for (let n = 0; n < count; n++) {
    address += BigInt(next() % 64) * 16n;
    view.setBigUint64(n * 24, address, true);
    view.setUint32(n * 24 + 8, next() % 16, true);
    view.setUint32(n * 24 + 12, n, true);
    view.setUint16(n * 24 + 16, next() % 5 === 0 ? next() & 0xFFFF : 7, true);
  }
  return out;
}

/** Short periods: matches that overlap what they write, at every distance below 20. */
function periods(): Uint8Array {
  const next = generator(9);
  const out: number[] = [];
  for (let round = 0; round < 60; round++) {
    const period = Array.from({ length: 1 + round % 20 }, () => next() & 255);
    for (let n = next() % 90 + 3 * period.length; n > 0; n--) out.push(period[n % period.length] ?? 0);
  }
  return Uint8Array.from(out);
}

function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

/** Name, options of zstd, content. */
export const SAMPLES: readonly (readonly [name: string, options: string, content: () => Uint8Array])[] = [
  ['empty', '-3', () => new Uint8Array(0)],
  ['byte', '-3', () => Uint8Array.of(0x5A)],
  ['zeros', '-3', () => new Uint8Array(300_000)],
  ['noise', '-3', () => random(3000, 1)],
  ['short-text', '-19', () => words(700, 2)],
  ['text', '-19', () => words(150_000, 3)],
  ['text-fast', '-1', () => words(40_000, 4)],
  ['records', '--ultra -22', () => records(7000, 5)],
  ['records-fast', '--fast=4', () => records(500, 6)],
  ['periods', '-12', () => periods()],
  ['few-values', '-5', () => random(20_000, 7, 5)],
  ['no-checksum', '-9 --no-check', () => words(5000, 8)],
  ['mixed', '--ultra -22', () => join(records(700, 10), random(400, 11), words(9000, 12), new Uint8Array(70_000),
    periods(), records(700, 10), words(9000, 12))],
];
