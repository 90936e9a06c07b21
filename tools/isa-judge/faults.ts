// npm run isa:faults [-- --record --seed S] [--rows R] [--json FILE]: every row with a memory operand, the
// operand at each byte of a page's end: half in a page that is read-only or missing, in either order, at the
// end of the canonical half, beyond a segment's limit, misaligned under RFLAGS.AC, watched by debug
// registers; repeated string instructions that something stops (interrupted.ts); and instructions around 15
// bytes before a missing page. State after the instruction, vector, error code and CR2 as this host's
// processor had them when isa/vectors/faults-*.vec were recorded; in the core by the interpreter, by the
// translator, and as supervisor, where by SDM vol. 3A 4.7 all is the same but bit 2 of a page fault's error
// code, and there is no alignment check (7.3).

import { buildCore, option, reportCounted, runSteps, StepError } from '../steps.ts';
import type { Decoded } from '../isa-gen/encoding.ts';
import { changesOf, differences, Field, type Change } from './delta.ts';
import { FAULTS_KNOWN, FLAGS_RESTORED } from './faults-known.ts';
import { isDocumented } from './documents.ts';
import { groupOf, makeCase, modesOf, rowKey, type Placed } from './generate.ts';
import { INTERRUPTED, interruptedCase, isString, watchOperand } from './interrupted.ts';
import { compare, decodedRows } from './judge.ts';
import { needSilicon, runOnSilicon, witnessName } from './silicon.ts';
import {
  CODE, CODE_BYTES, DATA, MODES, MODE_NAMES, PAGE, READ_ONLY_PAGE, DATA_BYTES, TF, type Case, type Mode, type
  Outcome,
} from './state.ts';
import { SupervisorCore } from './supervisor.ts';
import { readGroup, writeGroup, type RecordedRow } from './vectors.ts';

interface Kind {
  name: string;
  modes: readonly Mode[];
  /** `k`: bytes of the operand in front of the edge. */
  placed: (k: number) => Placed;
}

const EDGE = 16, ALL: readonly Mode[] = MODES, CANONICAL_END = 0x800000000000n, ALIGNED = 0x400;
const KINDS: readonly Kind[] = [
  { name: 'into a read-only page', modes: ALL, placed: (k) => ({ at: READ_ONLY_PAGE * PAGE - k }) },
  { name: 'into a missing page', modes: ALL, placed: (k) => ({ at: DATA_BYTES - k }) },
  { name: 'out of a missing page', modes: [2, 1], placed: (k) => ({ at: -k }) },
  { name: 'out of a read-only page', modes: [2, 1], placed: (k) => ({ at: (READ_ONLY_PAGE + 1) * PAGE - k }) },
  { name: 'alignment', modes: ALL, placed: (k) => ({ at: ALIGNED + k, alignment: true }) },
  { name: 'canonical', modes: [2], placed: (k) => ({ at: 0, linear: CANONICAL_END - BigInt(k) }) },
  { name: 'limit', modes: [1, 0], placed: (k) => ({ at: PAGE - k, limited: true }) },
  { name: 'watched', modes: ALL, placed: (k) => ({ at: ALIGNED + k }) },
];
/** Cases in which debug registers watch the operand. */
const WATCHED = 8;
/** Bytes in front of the edge, for operands longer than 16 bytes besides. */
const SHORT = Array.from({ length: EDGE + 1 }, (_, k) => k), LONG =
  [...SHORT, 27, 28, 80, 94, 107, 108, 160, 416, 512];
const PIECES = /^(FX|XS|XR|FLDENV|FRSTOR|FNSAVE|FNSTENV|FBLD|FBSTP)/;
/** One case in so many is translated as well. */
const TRANSLATED = 4;
const MAX_SHOWN = 30, BREAKPOINT = 3n, PAGE_FAULT = 14n, USER = 4n;
/** What privilege changes besides. */
const BY_PRIVILEGE = /^(far|io|system)$/, SELECTORS = /\b([ECSDFG]S|Sw)\b/;

interface Fault { c: Case; kind: Kind; n: number }

export function hasMemory(d: Decoded): boolean {
  if (isDocumented(d)
    || /^(INT|INT3|INTO|IRET|RETF|LEA|NOP|PREFETCHW?|UD[012])$/.test(d.row.name)) return false;
  if (d.row.ops === 'Ap' || d.row.feature === 'SHA') return false;
  if (d.encoding.modrm && d.encoding.mod !== '3'
    && !d.operands.some((op) => 'CD'.includes(op.place))) return true;
  return /^(string|stack)$/.test(groupOf(d)) || /^(XLAT|CALL|RET|INS|OUTS|MASKMOV|POP)/.test(d.row.name)
    || d.operands.some((op) => op.place === 'O');
}

function faultsOf(d: Decoded, mode: Mode, seed: number): Fault[] {
  const all = PIECES.test(d.row.name) ? LONG : SHORT;
  let n = 0;
  return KINDS.filter((kind) => kind.modes.includes(mode)).flatMap((kind) => {
    const watched = kind.name === 'watched', ks = watched ? all.slice(0, WATCHED) : all;
    return ks.map((k) => {
      const c = makeCase(d, mode, n, seed, kind.placed(k));
      if (watched) watchOperand(c, d, n, seed);
      return { c, kind, n: n++ };
    });
  });
}

/** First bytes that need more, are enough, undefined, or wrong with LOCK. */
const FETCHED: readonly (readonly number[])[] =
  [[0x90], [0x01, 0x03], [0xb8, 1, 2, 3, 4], [0x0f, 0x0b], [0xf0, 0x90], [0xeb, 0],
  [0x0f, 0x04], [0x0f, 0x38, 0xff, 0xc0], [0xc7, 0x03, 1, 2, 3, 4], [0x06], [0x81, 0xc3, 1, 2, 3, 4], [0x0f, 0xc7, 0xc8]];
const FETCH: Kind = { name: 'fetch', modes: ALL, placed: () => ({ at: ALIGNED }) };
const FETCH_KEY = 'fetch', MIDDLE = 0x800, PADDING = 0x2e, MAX_PADDING = 16;
const FROM_END = [1, 2, 3, 4, 5, 8, 13, 14, 15, 16];

/**
 * Instructions that become longer than 15 bytes by prefixes, in the middle of a page and before a missing
 * one.
 */
function fetchesOf(neutral: Decoded, mode: Mode, seed: number): Fault[] {
  const base = makeCase(neutral, mode, 0, seed, { at: ALIGNED });
  const out: Fault[] = [];
  for (const bytes of FETCHED) for (let padding = 0; padding <= MAX_PADDING; padding++) {
    for (const codeAt of [MIDDLE, ...FROM_END.map((n) => CODE_BYTES - n)]) {
      const code = [...Array<number>(padding).fill(PADDING), ...bytes].slice(0, CODE_BYTES - codeAt);
      const regs = base.regs.map((_, n) =>
        (mode === 2 || n < 8 ? BigInt((mode === 0 ? 0 : DATA) + ALIGNED) : 0n));
      out.push({ n: out.length, kind: FETCH, c: { ...base, codeAt, code, regs, flags: 0x202,
        rip: BigInt((mode === 0 ? 0 : CODE) + codeAt) } });
    }
  }
  return out;
}

const STOPPED: Kind = { name: 'REP', modes: ALL, placed: () => ({ at: ALIGNED }) };
const STOPPED_FILE = 'faults-rep';

const stoppedOf = (d: Decoded, mode: Mode, seed: number): Fault[] =>
  Array.from({ length: INTERRUPTED }, (_, n) => ({ c: interruptedCase(d, mode, n, seed), kind: STOPPED, n }));

/** What the user's outcome is for the supervisor. */
function forSupervisor(changes: readonly Change[]): Change[] {
  if (changes.find((x) => x.field === Field.VECTOR)?.value !== PAGE_FAULT) return [...changes];
  return changes.map((x) => (x.field === Field.ERROR ? { ...x, value: x.value & ~USER } : x))
    .filter((x) => x.field !== Field.ERROR || x.value !== 0n);
}

/** Of a fault, which leaves the instruction unfinished: not the INT3 behind it, nor #DB. */
const isFault = (x: Change): boolean => x.field === Field.VECTOR && x.value > BREAKPOINT;

const met = new Set<unknown>();

const sums = { rows: 0, cases: 0, faulted: 0, translated: 0, supervisor: 0, known: 0, failed: 0 };

function report(d: Decoded, { c, kind, n }: Fault, how: string, found: readonly string[]): void {
  if (found.length === 0) return;
  const known = FAULTS_KNOWN.find((each) => each.applies(d, kind.name));
  if (known !== undefined) { met.add(known); sums.known++; return; }
  if (++sums.failed > MAX_SHOWN) return;
  console.log(`${groupOf(d)}: ${rowKey(d)}, ${MODE_NAMES[c.mode]} bit, case ${n} (${kind.name}), ${
    Buffer.from(c.code).toString('hex')}, ${how}: ${found.join('; ')}`);
}

function check(core: SupervisorCore, d: Decoded, fault: Fault, theirs: readonly Change[]): void {
  const { c, kind, n } = fault, stepped = core.run(c);
  sums.cases++;
  if (theirs.some(isFault)) sums.faulted++;
  report(d, fault, 'interpreted', compare(d, c, changesOf(c, d, stepped), theirs));
  // With breakpoints all is left to the interpreter, as docs/core.md says.
  if (n % TRANSLATED === 0 && c.watch === undefined) {
    sums.translated++;
    const { outcome, expected } = core.translate(c, d, stepped);
    report(d, fault, 'translated', differences(changesOf(c, d, outcome), changesOf(c, d, expected), 'interpreted'));
  }
  if (kind === FETCH || BY_PRIVILEGE.test(groupOf(d)) || SELECTORS.test(d.row.ops) || /F$/.test(d.row.name)
    || kind.name === 'alignment') return;
  sums.supervisor++;
  report(d, fault, 'supervisor', compare(d, c, changesOf(c, d, core.asSupervisor(c)), forSupervisor(theirs)));
}

const isComparison = (d: Decoded): boolean => /^(CMPS|SCAS)$/.test(d.row.name);

/** As if with TF, as recorded cases are. */
const withTrap = (o: Outcome): Outcome => ({ ...o, flags: o.flags | TF });

/** A repeated instruction that is stopped; `neutral`: everything is compared. */
function checkStopped(core: SupervisorCore, d: Decoded, neutral: Decoded, fault: Fault,
  theirs: readonly Change[]): void {
  const { c } = fault;
  sums.cases++;
  sums.translated++;
  sums.supervisor++;
  if (theirs.some(isFault)) sums.faulted++;
  if (isComparison(d) && c.untraced === true && theirs.some(isFault)
    && theirs.some((x) => x.field === Field.FLAGS)) {
    theirs = theirs.filter((x) => x.field !== Field.FLAGS);
    met.add(FLAGS_RESTORED);
    sums.known++;
  }
  const against = (how: string, o: Outcome, expected: readonly Change[]): void =>
    report(d, fault, how, differences(changesOf(c, neutral, withTrap(o)), expected, 'silicon'));
  against('interpreted', core.run(c), theirs);
  against('translated', core.runTranslated(c), theirs);
  against('supervisor', core.asSupervisor(c), forSupervisor(theirs));
}

/** A row of which nothing is undefined. */
const neutralRow = (rows: readonly Decoded[]): Decoded => rows.find((d) => d.row.name === 'MOVDQU')!;

function record(rows: readonly Decoded[], seed: number): void {
  let bytes = 0;
  for (const group of new Set(rows.map(groupOf))) {
    const recorded = rows.filter((d) => groupOf(d) === group).map((d): RecordedRow => {
      const faults = MODES.map((mode) => (modesOf(d).includes(mode) ? faultsOf(d, mode, seed) : []));
      const outcomes = runOnSilicon(faults.flat().map(({ c }) => c));
      return { key: rowKey(d), seed, witness: witnessName(),
        counts: [faults[2]!.length, faults[1]!.length, faults[0]!.length],
        cases: faults.flat().map(({ c }, n) => changesOf(c, d, outcomes[n]!)) };
    });
    bytes += writeGroup(`faults-${group}`, recorded);
  }
  const neutral = neutralRow(rows), fetches = MODES.map((mode) => fetchesOf(neutral, mode, seed));
  const outcomes = runOnSilicon(fetches.flat().map(({ c }) => c));
  bytes += writeGroup(`faults-${FETCH_KEY}`, [{ key: FETCH_KEY, seed, witness: witnessName(),
    counts: [fetches[2]!.length, fetches[1]!.length, fetches[0]!.length],
    cases: fetches.flat().map(({ c }, n) => changesOf(c, neutral, outcomes[n]!)) }]);
  bytes += writeGroup(STOPPED_FILE, rows.filter(isString).map((d): RecordedRow => {
    const stopped = MODES.map((mode) => stoppedOf(d, mode, seed).map(({ c }) => c));
    const found = runOnSilicon(stopped.flat());
    return { key: rowKey(d), seed, witness: witnessName(), counts: [INTERRUPTED, INTERRUPTED, INTERRUPTED],
      cases: stopped.flat().map((c, n) => changesOf(c, neutral, withTrap(found[n]!))) };
  }));
  console.log(`isa/vectors/faults-*.vec: ${rows.length} rows, ${(bytes / 1024).toFixed(0)} KiB`);
}

await runSteps(async () => {
  const wanted = new RegExp(option('--rows') ?? '.');
  const rows = (await decodedRows()).filter((d) => hasMemory(d)
    && wanted.test(`${groupOf(d)}: ${rowKey(d)}`));
  if (process.argv.includes('--record')) {
    const seed = Number(option('--seed') ?? NaN);
    if (!Number.isSafeInteger(seed) || seed < 0) throw new StepError('isa:faults --record needs --seed with a number; it', 2);
    if (option('--rows') !== undefined) throw new StepError('isa:faults --record records all rows; it', 2);
    needSilicon('isa:faults --record');
    record(rows, seed);
  }
  buildCore();
  const core = new SupervisorCore();
  const recorded = new Map([...new Set(rows.map(groupOf))].flatMap((group) =>
    readGroup(`faults-${group}`).map((row): [string, RecordedRow] => [row.key, row])));
  for (const d of rows) {
    const row = recorded.get(rowKey(d));
    if (row === undefined) { console.log(`${rowKey(d)} has no fault vectors: npm run isa:faults -- --record`); sums.failed++; continue; }
    sums.rows++;
    let at = 0;
    for (const mode of MODES) {
      if (!modesOf(d).includes(mode)) continue;
      for (const fault of faultsOf(d, mode, row.seed)) check(core, d, fault, row.cases[at++]!);
    }
  }
  const neutral = neutralRow(await decodedRows());
  const stopped = new Map(readGroup(STOPPED_FILE).map((row): [string, RecordedRow] => [row.key, row]));
  for (const d of rows.filter(isString)) {
    const row = stopped.get(rowKey(d));
    if (row === undefined) throw new Error(`${rowKey(d)} is not in ${STOPPED_FILE}.vec`);
    MODES.flatMap((mode) => stoppedOf(d, mode, row.seed)).forEach((fault, n) =>
      checkStopped(core, d, neutral, fault, row.cases[n]!));
  }
  const fetched = readGroup(`faults-${FETCH_KEY}`)[0];
  if (wanted.test(FETCH_KEY) && fetched !== undefined) {
    MODES.flatMap((mode) => fetchesOf(neutral, mode, fetched.seed)).forEach((fault, n) =>
      check(core, neutral, fault, fetched.cases[n]!));
  }
  for (const each of FAULTS_KNOWN) {
    if (met.has(each) || option('--rows') !== undefined) continue;
    console.log(`nothing differs any more: ${each.what}`);
    sums.failed++;
  }
  console.log(`${sums.rows} rows, ${sums.cases} cases, ${sums.faulted} of them faults; ${sums.translated} translated as well, ${
    sums.supervisor} as supervisor as well; ${sums.known} known to differ, ${sums.failed} failed`);
  const all = sums.cases + sums.translated + sums.supervisor - sums.known;
  reportCounted('faults at each byte, interpreted, translated, as supervisor', all - sums.failed, sums.failed);
  if (sums.cases === 0) throw new StepError('isa:faults (no row matched)', 2);
  if (sums.failed > 0) throw new StepError('isa:faults', 1);
});
