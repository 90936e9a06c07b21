// npm run isa:fuzz -- --minutes M [--seed S]: streams of 50 instructions, most made from rows of the table
// and some of random bytes, run step by step on this host's processor and in the core; the whole state must
// agree where they end (a fault, the last step, or an instruction that a stream may not have). Then the core
// runs the stream without steps, all of it translated before its first execution, to an INT3 where it ended,
// and must come to the same. A difference is minimised: instructions are left out while it stays. The core
// runs first and stops before an instruction whose result a processor may choose
// (tools/isa-judge/undefined.ts); silicon goes as far.

import type { Decoded } from '../isa-gen/encoding.ts';
import { buildCore, option, runSteps, StepError } from '../steps.ts';
import { changesOf, differences } from './delta.ts';
import { groupOf, makeCase, modesOf } from './generate.ts';
import { decodedRows, wraps } from './judge.ts';
import { Random } from './random.ts';
import { RowDecoder } from './rows.ts';
import { needSilicon, runOnSilicon } from './silicon.ts';
import { CODE, DATA, End, MODES, MODE_NAMES, type Case, type Mode, type Outcome } from './state.ts';
import { TranslatingCore, linearOf } from './translated.ts';
import { FLAG } from './undefined.ts';

/** Pieces of a stream that are exchanged. */
const MAX_EXCHANGES = 60;
const LENGTH = 50, BATCH = 200, GARBAGE = 25, CODE_AT = 0x400, MAX_CODE = 1000, NEAR = 0x40000, MAX_SHOWN =
  10;
/** INT3, which ends a stream. */
const FILLER = 0xcc;
/** Groups whose rows have the same result on every processor, but for flags. */
const GROUPS =
  /^(alu|mov|shift|bit|muldiv|bcd|branch|stack|string|misc|mmx|sse-int|sse-float|x87|crypto)$/;
/**
 * Rows that silicon has a choice in (docs/conformance.md), that show TF, RF or x87 pointers, and cache
 * instructions of which a processor may lack some.
 */
const CHOSEN =
  new RegExp(['^(CMPS|SH[LR]D|BS[FR]|PREFETCHW|POPF|PUSHF|POPA|ENTER|BOUND|UD|PAUSE|CALL|MASKMOV|CLFLUSH|CLWB',
    'SHA|RCP|RSQRT|FN?SAVE|FN?STENV|FRSTOR|FLDENV|F2XM1|FSIN|FCOS|FPTAN|FPATAN|FYL2X)'].join('|'));
/** Rows that write their flags only if a count is not 0. */
const BY_COUNT = /^(RO[LR]|RC[LR]|SH[LR]|SA[LR]|SCAS)$/;
/** Opcodes that are undefined here and may be later instructions elsewhere: VEX, EVEX, XOP and all of 0F. */
const LATER = new Set([0x0f, 0x62, 0x8f, 0xc4, 0xc5, 0xd6, 0xf1]);
const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

interface Stream { mode: Mode; pieces: number[][]; base: Case }

const settled = (d: Decoded): boolean =>
  GROUPS.test(groupOf(d)) && !CHOSEN.test(d.row.name);

const garbage = (random: Random): number[] =>
  Array.from({ length: 1 + random.below(6) }, () => random.below(256));

const ARITHMETIC = Object.values(FLAG).reduce((mask, bit) => mask | bit, 0);
const maskOf = (letters: string | undefined): number =>
  [...letters ?? ''].reduce((mask, letter) => mask | (FLAG[letter] ?? 0), 0);

/**
 * Follows a stream in the core: stops it before an instruction whose result a processor may choose, be it for
 * a flag that an earlier one left undefined.
 */
class Watch {
  last: Decoded | undefined;
  /** Address of the bytes of each instruction that was looked at. */
  places: number[] = [];
  lengths: number[] = [];
  /** Flags that are undefined now. */
  open = 0;
  constructor(private readonly decoder: RowDecoder, private readonly mode: Mode) {}

  stops = (code: Uint8Array): boolean => {
    this.complete();
    this.places.push(code.byteOffset);
    const { row, length } = this.decoder.decode(code, this.mode);
    this.lengths.push(length);
    this.last = row;
    // Too few bytes in the code pages: its fetch faults.
    if (row === undefined) return code.length > 0 && this.mayBeLater(code);
    return !settled(row) || this.isKnown(row, code) || (maskOf(row.row.reads) & this.open) !== 0;
  };

  /** The last instruction did not fault. */
  complete(): void {
    const row = this.last?.row;
    if (row === undefined) return;
    if (!BY_COUNT.test(row.name)) this.open &= ~maskOf(row.writes);
    this.open |= maskOf(row.undef);
    this.last = undefined;
  }

  /** Prefixes of branches that makers read differently (docs/conformance.md). */
  private isKnown({ row }: Decoded, code: Uint8Array): boolean {
    if (row.file !== 'branch.isa.ts') return false;
    const prefixes = code.subarray(0, code.findIndex((b) => !this.isPrefix(b)));
    return (this.mode === 2 && prefixes.includes(0x66))
      || (row.name.startsWith('LOOP') && (prefixes.includes(0xf2) || prefixes.includes(0xf3)));
  }

  private mayBeLater(code: Uint8Array): boolean {
    const first = code.find((b) => !this.isPrefix(b));
    return first === undefined || LATER.has(first);
  }

  /** Also a REX, which has no effect in front of another prefix (SDM vol. 2 2.2.1). */
  private isPrefix(b: number): boolean {
    return PREFIXES.has(b) || this.mode === 2 && (b & 0xf0) === 0x40;
  }
}

/** The code of a case behind MOVs of the addresses that its registers hold. */
function withAddresses(c: Case): number[] {
  const out: number[] = [];
  if (c.mode !== 0) {
    c.regs.forEach((value, n) => {
      if (value < BigInt(DATA - NEAR) || value > BigInt(DATA + NEAR)) return;
      if (n >= 8) out.push(0x41);
      out.push(0xb8 | n & 7, ...[0, 8, 16, 24].map((shift) => Number(value >> BigInt(shift)) & 255));
    });
  }
  return [...out, ...c.code];
}

function makeStream(rows: readonly Decoded[], random: Random): Stream {
  const mode = MODES[random.below(3)]!;
  const usable = rows.filter((d) => modesOf(d).includes(mode));
  const seed = random.next(), base = makeCase(random.pick(usable), mode, random.below(1000), seed);
  const pieces = Array.from({ length: LENGTH }, () => pieceOf(usable, mode, random, seed));
  return { mode, pieces, base };
}

function pieceOf(usable: readonly Decoded[], mode: Mode, random: Random, seed: number): number[] {
  if (random.one(GARBAGE)) return garbage(random);
  return withAddresses(makeCase(random.pick(usable), mode, random.below(100000), seed));
}

/**
 * Exchanges what ends the stream before its last step: most streams shall be long, and translated code is
 * entered at its start. One in four keeps its fault.
 */
function lengthen(bench: Bench, rows: readonly Decoded[], random: Random, s: Stream): Stream {
  const usable = rows.filter((d) => modesOf(d).includes(s.mode));
  for (let n = random.one(4) ? random.below(MAX_EXCHANGES) : MAX_EXCHANGES; n > 0; n--) {
    const { ours, watch, c } = follow(bench.core, bench.decoder, s);
    if (ours.end === End.DONE && c.steps === LENGTH) return s;
    const first = watch.places[0] ?? 0, ends: number[] = [];
    s.pieces.reduce((at, piece) => { ends.push(at + piece.length); return at + piece.length; }, 0);
    const of = watch.places.map((place) => ends.findIndex((end) => place >= first && place - first < end));
    const guilty = of.findLast((piece) => piece >= 0);
    if (guilty === undefined) return s;
    s = { ...s, pieces: [...s.pieces.filter((_, k) => k !== guilty),
      pieceOf(usable, s.mode, random, random.next())] };
  }
  return s;
}

function caseOf(s: Stream): Case {
  const code = s.pieces.flat().slice(0, MAX_CODE);
  return { ...s.base, steps: LENGTH, codeAt: CODE_AT, code, filler: FILLER,
    rip: BigInt((s.mode === 0 ? 0 : CODE) + CODE_AT) };
}

/** A stream as the core ran it: up to what `watch` stopped before, the fault, or the last step. */
interface Followed { c: Case; ours: Outcome; watch: Watch }

function follow(core: TranslatingCore, decoder: RowDecoder, s: Stream): Followed {
  const c = caseOf(s), watch = new Watch(decoder, s.mode);
  const ours = core.run(c, watch.stops);
  if (ours.end === End.STOPPED) {
    ours.end = End.DONE;
    watch.last = undefined;
    c.steps = Math.max(1, ours.steps);
  }
  if (ours.end === End.DONE) watch.complete();
  return { c, ours, watch };
}

function compareStream(f: Followed, silicon: Outcome, neutral: Decoded): string[] {
  const { c, ours, watch } = f;
  if (ours.end === End.DONE && ours.steps === 0) return [];
  // Flags that are undefined where the stream ends; a fault's instruction decides what else is.
  const keep = (o: Outcome): Outcome => ({ ...o, flags: o.flags & ~watch.open | c.flags & watch.open });
  const d = ours.end === End.FAULT && watch.last !== undefined ? watch.last : neutral;
  const mine = changesOf(c, d, keep(ours)), theirs = changesOf(c, d, keep(silicon));
  if (wraps(c, mine, theirs, ours.cr2 || silicon.cr2)) return [];
  const found = differences(mine, theirs, 'silicon');
  if (ours.steps !== silicon.steps) found.push(`steps ${ours.steps}, silicon ${silicon.steps}`);
  return found;
}

/**
 * Ends where `f` did, with an INT3 there; undefined: the place lies in what was executed before, or something
 * reads it.
 */
function closed(core: TranslatingCore, { c, ours, watch }: Followed): { c: Case; end: Outcome } | undefined {
  let code = c.code;
  if (ours.end === End.DONE) {
    const at = Number(linearOf(ours.segments[1]!, ours.rip) - BigInt(CODE)) - c.codeAt;
    if (at < 0 || at >= MAX_CODE) return undefined;
    const first = watch.places[0]!, executed = watch.places.slice(0, ours.steps);
    const within = (place: number, n: number): boolean =>
      at > place - first && at < place - first + watch.lengths[n]!;
    if (executed.some(within)) return undefined;
    code = [...code, ...Array<number>(Math.max(0, at + 1 - code.length)).fill(FILLER)];
    code[at] = FILLER;
  }
  const end = core.run({ ...c, code, steps: c.steps + 1 });
  return end.end === End.FAULT ? { c: { ...c, code }, end } : undefined;
}

/** Statistics of the translated runs. */
const translated = { streams: 0, inRegions: 0 };

/** What the stream comes to in translated code, beside the same in single steps. */
function compareTranslated({ core, neutral }: Bench, f: Followed): string[] {
  const stream = closed(core, f);
  if (stream === undefined) return [];
  const { outcome, inRegions } = core.stream(stream.c);
  translated.streams++;
  translated.inRegions += inRegions;
  // SDM vol. 2 REP: when SCAS faults, flags are what they were before its first iteration, not its last.
  const open = f.watch.open | (f.watch.last?.row.name === 'SCAS' ? ARITHMETIC : 0);
  const keep = (o: Outcome): Outcome => ({ ...o, flags: o.flags & ~open });
  return differences(changesOf(stream.c, neutral, keep(outcome)),
    changesOf(stream.c, neutral, keep(stream.end)),
    'interpreted').map((text) => `translated: ${text}`);
}

/** `core`, `decoder`: where streams run; `neutral`: a row of which nothing is undefined. */
interface Bench { core: TranslatingCore; decoder: RowDecoder; neutral: Decoded }

function differs(bench: Bench, s: Stream): string[] {
  const f = follow(bench.core, bench.decoder, s);
  return [...compareStream(f, runOnSilicon([f.c])[0]!, bench.neutral), ...compareTranslated(bench, f)];
}

function minimise(bench: Bench, s: Stream): Stream {
  for (let n = s.pieces.length - 1; n >= 0; n--) {
    const shorter = { ...s, pieces: s.pieces.filter((_, k) => k !== n) };
    if (shorter.pieces.length > 0 && differs(bench, shorter).length > 0) s = shorter;
  }
  return s;
}

async function main(): Promise<void> {
  const minutes = Number(option('--minutes') ?? 10), seed = Number(option('--seed') ?? Date.now() % 1e9);
  if (!(minutes > 0)) throw new StepError('isa:fuzz needs --minutes with a number above 0; it', 2);
  needSilicon('isa:fuzz');
  buildCore();
  const all = await decodedRows(), rows = all.filter(settled);
  const bench = { core: new TranslatingCore(), decoder: new RowDecoder(all),
    neutral: rows.find((d) => d.row.name === 'MOVDQU')! };
  const random = new Random(seed), until = performance.now() + minutes * 60_000;
  let streams = 0, instructions = 0, failed = 0;
  while (performance.now() < until) {
    const batch = Array.from({ length: BATCH }, () =>
      lengthen(bench, rows, random, makeStream(rows, random)));
    const followed = batch.map((stream) => follow(bench.core, bench.decoder, stream));
    const silicon = runOnSilicon(followed.map((f) => f.c));
    batch.forEach((stream, n) => {
      streams++;
      instructions += silicon[n]!.steps;
      const found = [...compareStream(followed[n]!, silicon[n]!, bench.neutral),
        ...compareTranslated(bench, followed[n]!)];
      if (found.length === 0) return;
      if (++failed > MAX_SHOWN) return;
      const small = minimise(bench, stream);
      console.log(`seed ${seed}, stream ${streams}, ${MODE_NAMES[stream.mode]} bit: ${small.pieces.map((p) =>
        Buffer.from(p).toString('hex')).join(' ')}: ${differs(bench, small).join('; ')}`);
    });
  }
  console.log(`seed ${seed}: ${streams} streams, ${instructions} instructions, ${failed} differences; translated ${
    translated.streams} streams, ${translated.inRegions} instructions in regions`);
  if (translated.inRegions === 0) throw new StepError('isa:fuzz (nothing was translated) ', 1);
  if (failed > 0) throw new StepError('isa:fuzz', 1);
}

await runSteps(main);
