// Names of a Linux guest's kernel functions, read from the kernel's own table in guest memory
// (kernel/kallsyms.c, scripts/kallsyms.c of Linux 5.x and 6.x, x86-64). Distributions strip System.map, and
// with KASLR only the running kernel knows its addresses. Found by its shape: the token table holds the ten
// digits as "0\0" to "9\0". Left out: names of module functions, which the kernel keeps in each module.

/** Last symbol at or below an address. */
export interface Place {
  name: string;
  offset: number;
}

const TOKENS = 256;
const DIGIT_0 = 0x30;
/** Symbols from one marker to the next. */
const MARKER_STEP = 256;
const MAX_TOKEN = 64;
const TOKEN_INDEX_BYTES = 2 * TOKENS;
/** Further than that from a symbol is not in its function. */
const MAX_FUNCTION = 0x100000;
/** "0\0 1\0 2\0" as an aligned 32-bit word sees it, by the alignment of its start, and where the start is then. */
const DIGIT_WORDS = new Map([[0x00310030, 0], [0x33003200, 3], [0x00320031, 2], [0x32003100, 1]]);

const align = (value: number, to: number): number => Math.ceil(value / to) * to;

interface Tokens {
  start: number;
  texts: string[];
  /** First byte behind the token index. */
  end: number;
}

export class Kallsyms {
  private constructor(private readonly ram: Uint8Array, private readonly tokens: readonly string[],
    private readonly names: number, private readonly markers: Uint32Array,
    private readonly offsets: Int32Array, private readonly base: bigint, private readonly first: number) {}

  /** The table in guest RAM; undefined where there is none (no Linux, or not yet unpacked). */
  static find(ram: Uint8Array): Kallsyms | undefined {
    const words = new Uint32Array(ram.buffer, ram.byteOffset, ram.byteLength >> 2);
    for (let n = 0; n < words.length; n++) {
      const shift = DIGIT_WORDS.get(words[n] as number);
      if (shift === undefined) continue;
      const found = Kallsyms.at(ram, 4 * n - shift);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Number of symbols. */
  get size(): number {
    return this.offsets.length;
  }

  private static at(ram: Uint8Array, digits: number): Kallsyms | undefined {
    const tokens = readTokens(ram, digits);
    if (tokens === undefined) return undefined;
    const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
    const markers = readMarkers(view, tokens.start);
    if (markers === undefined) return undefined;
    const names = findNames(ram, view, markers);
    if (names === undefined) return undefined;
    // Linux 6.4 and later keep the offsets behind the tokens, earlier ones in front of everything.
    const { count, start } = names;
    const late = align(tokens.end, 8);
    const lateBase = align(late + 4 * count, 8);
    const earlyBase = start - 16;
    const places = [[late, lateBase], [earlyBase - align(4 * count, 8), earlyBase]] as const;
    for (const [offsetsAt, baseAt] of places) {
      if (offsetsAt < 0 || baseAt + 8 > ram.byteLength) continue;
      const base = view.getBigUint64(baseAt, true);
      if (base >> 31n !== 0x1FFFFFFFFn) continue;
      const offsets = new Int32Array(count);
      for (let n = 0; n < count; n++) offsets[n] = view.getInt32(offsetsAt + 4 * n, true);
      const firstNegative = offsets.findIndex((offset) => offset < 0);
      return new Kallsyms(ram, tokens.texts, start, markers.values, offsets, base, firstNegative);
    }
    return undefined;
  }

  /** Name and distance of the symbol that holds a kernel address. */
  lookup(address: bigint): Place | undefined {
    const distance = Number(address - this.base);
    if (distance < 0 || distance > 0x7FFFFFFF) return undefined;
    // With absolute per-CPU symbols, the others are kept as -1 - distance, behind them.
    const negative = this.first >= 0;
    const value = (n: number): number => (negative ? -1 - (this.offsets[n] as number)
      : (this.offsets[n] as number) >>> 0);
    let low = negative ? this.first : 0;
    let high = this.offsets.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value(middle) <= distance) low = middle + 1;
      else high = middle;
    }
    const index = low - 1;
    if (index < Math.max(this.first, 0)) return undefined;
    const offset = distance - value(index);
    return offset > MAX_FUNCTION ? undefined : { name: this.name(index), offset };
  }

  private name(index: number): string {
    let at = this.names + (this.markers[Math.floor(index / MARKER_STEP)] as number);
    for (let n = index % MARKER_STEP; n > 0; n--) {
      const { length, bytes } = nameLength(this.ram, at);
      at += length + bytes;
    }
    const { length, bytes } = nameLength(this.ram, at);
    let text = '';
    for (let n = 0; n < length; n++) text += this.tokens[this.ram[at + bytes + n] as number];
    // The first character is the symbol's type.
    return text.slice(1);
  }
}

/** A length below 128 takes a byte, a longer one two (Linux 6.1). */
function nameLength(ram: Uint8Array, at: number): { length: number; bytes: number } {
  const first = ram[at] as number;
  return first < 0x80 ? { length: first, bytes: 1 }
    : { length: (first & 0x7F) | ((ram[at + 1] as number) << 7), bytes: 2 };
}

/** The 256 NUL-terminated tokens around the one of "0", if their index follows them. */
function readTokens(ram: Uint8Array, digits: number): Tokens | undefined {
  for (let n = 0; n < 10; n++) {
    if (ram[digits + 2 * n] !== DIGIT_0 + n || ram[digits + 2 * n + 1] !== 0) return undefined;
  }
  let start = digits;
  for (let n = 0; n < DIGIT_0; n++) {
    const end = start - 1;
    start = end;
    while (start > 0 && ram[start - 1] !== 0) start--;
    if (end - start > MAX_TOKEN || start <= 0) return undefined;
  }
  const texts: string[] = [];
  const index: number[] = [];
  let at = start;
  for (let n = 0; n < TOKENS; n++) {
    let text = '';
    index.push(at - start);
    while (ram[at] !== 0 && text.length <= MAX_TOKEN) text += String.fromCharCode(ram[at++] as number);
    if (text.length > MAX_TOKEN) return undefined;
    texts.push(text);
    at++;
  }
  const indexAt = align(at, 8);
  const agrees = index.every((offset, n) => ((ram[indexAt + 2 * n] as number)
    | ((ram[indexAt + 2 * n + 1] as number) << 8)) === offset);
  return agrees ? { start, texts, end: indexAt + TOKEN_INDEX_BYTES } : undefined;
}

interface Markers {
  start: number;
  values: Uint32Array;
}

/**
 * Growing u32s from 0 that end before the tokens. Linux 6.2 and 6.3 have another table between: not found
 * there.
 */
function readMarkers(view: DataView, end: number): Markers | undefined {
  let at = end - 4;
  if (view.getUint32(at, true) === 0) at -= 4;
  const last = at;
  while (at >= 4 && view.getUint32(at, true) !== 0) {
    if (view.getUint32(at - 4, true) >= view.getUint32(at, true)) return undefined;
    at -= 4;
  }
  if (last - at < 8) return undefined;
  const values = Uint32Array.from({ length: (last - at) / 4 + 1 }, (_, n) =>
    view.getUint32(at + 4 * n, true));
  return { start: at, values };
}

/** Where the compressed names begin: their number stands before them, and they end at the markers. */
function findNames(ram: Uint8Array, view: DataView, markers: Markers):
{ start: number; count: number } | undefined {
  const { values } = markers;
  const most = values.length * MARKER_STEP;
  const lastMarker = values.at(-1) as number;
  const nearest = Math.floor((markers.start - lastMarker) / 8) * 8;
  for (let start = nearest; start > Math.max(8, nearest - MARKER_STEP * 512); start -= 8) {
    const count = view.getUint32(start - 8, true);
    if (count > most || count <= most - MARKER_STEP) continue;
    let at = start;
    let good = true;
    for (let n = 0; n < count && good; n++) {
      if (n % MARKER_STEP === 0) good = at - start === values[n / MARKER_STEP];
      const { length, bytes } = nameLength(ram, at);
      at += length + bytes;
    }
    if (good && markers.start - at < 8 && at <= markers.start) return { start, count };
  }
  return undefined;
}
