// npm run isa:walk [-- --record] [--json FILE]: the decoder of the core on every opcode map position, prefix
// combination and mode (walk-cases.ts) against what a foreign disassembler and a processor made of the same
// bytes (walk-witness.ts): a row of the same name and length, or undefined in both. `--record` asks the
// witnesses again: GNU objdump, and this host's processor (Linux on x86-64 with a C compiler).

import { buildCore, reportCounted, runSteps, StepError } from '../steps.ts';
import type { Decoded } from '../isa-gen/encoding.ts';
import { decodedRows } from './judge.ts';
import { RowDecoder } from './rows.ts';
import { needSilicon } from './silicon.ts';
import { MODES, MODE_NAMES } from './state.ts';
import { SLOT, WALK, slotsOf } from './walk-cases.ts';
import { type Difference, DISASSEMBLER, type Known, SILICON, describeCode,
  sdmName } from './walk-differences.ts';
import { BAD, Silicon, type Witness, partKey, readWitness, recordWalk } from './walk-witness.ts';

const MAX_SHOWN = 30;

export interface WalkResult {
  cases: number;
  rows: number;
  undefinedOpcodes: number;
  /** Rows of the table that some case is. */
  seen: Set<Decoded>;
  /** How many cases each entry explains. */
  known: Map<Known, number>;
  /** A line per difference that nothing explains. */
  failures: string[];
}

/** Lengths that silicon showed are meant for instructions that go on behind themselves. */
function jumps(row: Decoded): boolean {
  return row.operands.some((op) => op.place === 'J' && op.width === 'b');
}

function disassemblerAgrees(d: Difference, theirLength: number): boolean {
  if (d.row === undefined) return d.name === BAD;
  return d.length === theirLength && sdmName(d.name, d.row) === d.row.row.name;
}

function siliconAgrees(d: Difference, silicon: number): boolean {
  if (silicon === Silicon.NOT_RUN) return true;
  if ((silicon === Silicon.UNDEFINED) !== (d.row === undefined)) return false;
  return d.row === undefined || silicon >= Silicon.UNKNOWN_LENGTH || silicon === d.length || jumps(d.row);
}

function explain(d: Difference, list: readonly Known[], result: WalkResult, say: () => string): void {
  const known = list.find((each) => each.applies(d));
  if (known !== undefined) { result.known.set(known, (result.known.get(known) ?? 0) + 1); return; }
  const mine = d.row === undefined ? '#UD' : `${d.row.row.name}, ${d.length} bytes`;
  result.failures.push(`${MODE_NAMES[d.mode]} bit, ${Buffer.from(d.code).toString('hex')}: ${mine}, ${say()}`);
}

/** Walks every `step`th case. */
export function walk(rows: readonly Decoded[], witness: Witness, step: number): WalkResult {
  const decoder = new RowDecoder(rows);
  const result: WalkResult = { cases: 0, rows: 0, undefinedOpcodes: 0, seen: new Set(), known: new Map(),
    failures: [] };
  for (const mode of MODES) for (const part of WALK) {
    const slots = slotsOf(part, mode), theirs = witness.parts.get(partKey(mode, part));
    if (theirs?.lengths.length !== slots.length / SLOT) {
      throw new Error(`isa/vectors/decoder.walk does not fit "${partKey(mode, part)}": npm run isa:walk -- --record`);
    }
    for (let n = 0; n < theirs.lengths.length; n += step) {
      const code = slots.subarray(n * SLOT, (n + 1) * SLOT), { length, row } = decoder.decode(code, mode);
      const name = witness.names[theirs.names[n]!]!, silicon = theirs.silicon[n]!;
      result.cases++;
      if (row === undefined) result.undefinedOpcodes++;
      else { result.rows++; result.seen.add(row); }
      const d: Difference = { mode, code, length, row, name, prefixes: NONE, opcode: 0, second: 0 };
      const agreed = disassemblerAgrees(d, theirs.lengths[n]!), executed = siliconAgrees(d, silicon);
      if (agreed && executed) continue;
      Object.assign(d, describeCode(code, mode));
      if (!agreed) explain(d, DISASSEMBLER, result, () => `objdump ${name}, ${theirs.lengths[n]} bytes`);
      if (!executed) explain(d, SILICON, result, () => `silicon ${siliconText(silicon)}`);
    }
  }
  return result;
}
const NONE: Set<number> = new Set();

const siliconText = (silicon: number): string => (silicon === Silicon.UNDEFINED ? '#UD'
  : silicon < Silicon.UNKNOWN_LENGTH ? `${silicon} bytes` : `vector ${silicon - Silicon.FAULT}`);

/** What the whole walk must show besides: every entry of the tables explains something, every row was met. */
export function unmet(rows: readonly Decoded[], result: WalkResult): string[] {
  const idle = [...DISASSEMBLER, ...SILICON].filter((each) => !result.known.has(each));
  return [...idle.map((each) => `nothing differs any more: ${each.what} (tools/isa-judge/walk-differences.ts)`),
    ...rows.filter((d) => !result.seen.has(d)).map((d) => `no case is the row ${d.row.name} ${d.row.ops} [${d.row.enc}]`)];
}

async function main(): Promise<void> {
  const known = new Set(['--record', '--json']);
  const bad = process.argv.slice(2).find((arg) => arg.startsWith('--') && !known.has(arg));
  if (bad !== undefined) throw new StepError(`isa:walk does not know ${bad}; it knows ${[...known].join(' ')}; it`, 2);
  if (process.argv.includes('--record')) {
    needSilicon('isa:walk --record');
    const bytes = await recordWalk();
    console.log(`isa/vectors/decoder.walk: ${(bytes / 1024).toFixed(0)} KiB`);
  }
  buildCore();
  const rows = await decodedRows(), witness = readWitness();
  const result = walk(rows, witness, 1), failures = [...result.failures, ...unmet(rows, result)];
  failures.slice(0, MAX_SHOWN).forEach((line) => console.log(line));
  for (const [list, name] of [[DISASSEMBLER, witness.disassembler], [SILICON, witness.silicon]] as const) {
    console.log(`known differences from ${name}:`);
    for (const each of list) console.log(`  ${String(result.known.get(each) ?? 0).padStart(8)}  ${each.what}: ${each.why}`);
  }
  console.log(`${result.cases} cases: ${result.rows} are one of ${result.seen.size} rows, ${result.undefinedOpcodes} undefined, ${
    failures.length} failed`);
  reportCounted('decoder cases', result.cases - result.failures.length, failures.length);
  if (failures.length > 0) throw new StepError('isa:walk', 1);
}

if (process.argv[1]?.endsWith('walk.ts')) await runSteps(main);
