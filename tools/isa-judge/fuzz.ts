// npm run isa:fuzz -- --minutes M [--seed S]: streams of 50 instructions, most made from rows of the table
// and some of random bytes, run step by step on this host's processor and in the core; the whole state must
// agree where they end (a fault, the last step, or an instruction that a stream may not have). A difference
// is minimised: instructions are left out while it stays. Streams have no rows whose results silicon may
// choose (tools/isa-judge/undefined.ts).

import type { Decoded } from '../isa-gen/encoding.ts';
import { buildCore, runSteps, StepError } from '../steps.ts';
import { JudgedCore } from './core.ts';
import { changesOf, differences } from './delta.ts';
import { groupOf, isJudged, makeCase, modesOf } from './generate.ts';
import { decodedRows, wraps } from './judge.ts';
import { Random } from './random.ts';
import { runOnSilicon, unusable } from './silicon.ts';
import { CODE, DATA, End, MODES, MODE_NAMES, type Case, type Mode, type Outcome } from './state.ts';

const LENGTH = 50, BATCH = 200, GARBAGE = 25, CODE_AT = 0x400, MAX_CODE = 1000, NEAR = 0x40000, MAX_SHOWN =
  10;
/** Groups whose rows have the same result on every processor. */
const GROUPS = /^(alu|mov|shift|bit|muldiv|bcd|branch|stack|string|misc|mmx|sse-int|crypto)$/;
const CHOSEN =
  /^(CMPS|SH[LR]D|BS[FR]|PREFETCHW|POPF|PUSHF|POPA|ENTER|BOUND|UD|PAUSE|CALL|MASKMOV|CLFLUSH|CLWB)|^SHA/;

interface Stream { mode: Mode; pieces: number[][]; base: Case }

/** A row that no flag is undefined for: undefined flags would reach later instructions. */
const settled = (d: Decoded): boolean => isJudged(d) && GROUPS.test(groupOf(d)) && !CHOSEN.test(d.row.name)
  && !d.row.undef;

/** First bytes of what leaves flags undefined (multiplication, division, shifts), and of POPF and IRET. */
const UNSETTLED = new Set([0x69, 0x6b, 0xf6, 0xf7, 0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3, 0x9d, 0xcf, 0x0f]);

function garbage(random: Random): number[] {
  return Array.from({ length: 1 + random.below(6) }, () => random.below(256)).filter((b) =>
    !UNSETTLED.has(b));
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
  const pieces = Array.from({ length: LENGTH }, () => (random.one(GARBAGE) ? garbage(random)
    : withAddresses(makeCase(random.pick(usable), mode, random.below(100000), seed))));
  return { mode, pieces, base };
}

function caseOf(s: Stream): Case {
  const code = s.pieces.flat().slice(0, MAX_CODE);
  return { ...s.base, steps: LENGTH, codeAt: CODE_AT, code,
    rip: BigInt((s.mode === 0 ? 0 : CODE) + CODE_AT) };
}

/** Any row serves where nothing is undefined; one of SSE forgives which fault a misaligned operand has. */
function differs(core: JudgedCore, d: Decoded, s: Stream, silicon: Outcome): string[] {
  const c = caseOf(s);
  // What the runner's kernel does not let run is not compared.
  if (silicon.end === End.STOPPED || silicon.end === End.TIME) c.steps = Math.max(1, silicon.steps);
  if (silicon.steps === 0 && silicon.end !== End.FAULT) return [];
  const ours = core.run(c);
  const end = silicon.end === End.STOPPED || silicon.end === End.TIME ? End.DONE : silicon.end;
  const mine = changesOf(c, d, ours), theirs = changesOf(c, d, { ...silicon, end });
  if (wraps(c, mine, theirs)) return [];
  const found = differences(mine, theirs, 'silicon');
  if (ours.steps !== silicon.steps) found.push(`steps ${ours.steps}, silicon ${silicon.steps}`);
  return found;
}

function minimise(core: JudgedCore, d: Decoded, s: Stream): Stream {
  for (let n = s.pieces.length - 1; n >= 0; n--) {
    const shorter = { ...s, pieces: s.pieces.filter((_, k) => k !== n) };
    if (shorter.pieces.length > 0 && differs(core, d, shorter,
      runOnSilicon([caseOf(shorter)])[0]!).length > 0) s = shorter;
  }
  return s;
}

async function main(): Promise<void> {
  const value = (name: string): string
    | undefined => { const at = process.argv.indexOf(name); return at < 0 ? undefined : process.argv[at + 1];
    };
  const minutes = Number(value('--minutes') ?? 10), seed = Number(value('--seed') ?? Date.now() % 1e9);
  if (!(minutes > 0)) throw new StepError('isa:fuzz needs --minutes with a number above 0; it', 2);
  const why = unusable();
  if (why !== '') throw new StepError(`isa:fuzz needs an x86-64 processor under Linux and a C compiler (${why}); it`, 2);
  buildCore();
  const rows = (await decodedRows()).filter(settled), neutral = rows.find((d) => d.row.name === 'MOVDQU')!;
  const core = new JudgedCore(), random = new Random(seed), until = performance.now() + minutes * 60_000;
  let streams = 0, instructions = 0, failed = 0;
  while (performance.now() < until) {
    const batch = Array.from({ length: BATCH }, () => makeStream(rows, random));
    const silicon = runOnSilicon(batch.map(caseOf));
    batch.forEach((stream, n) => {
      streams++;
      instructions += silicon[n]!.steps;
      if (differs(core, neutral, stream, silicon[n]!).length === 0 || ++failed > MAX_SHOWN) return;
      const small = minimise(core, neutral, stream);
      console.log(`seed ${seed}, stream ${streams}, ${MODE_NAMES[stream.mode]} bit: ${small.pieces.map((p) =>
        Buffer.from(p).toString('hex')).join(' ')}: ${
        differs(core, neutral, small, runOnSilicon([caseOf(small)])[0]!).join('; ')}`);
    });
  }
  console.log(`seed ${seed}: ${streams} streams, ${instructions} instructions, ${failed} differences`);
  if (failed > 0) throw new StepError('isa:fuzz', 1);
}

await runSteps(main);
