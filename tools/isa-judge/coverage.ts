// skep bench isa-coverage: rows by group and vectors; each feature bit that CPUID announces in a CPU model
// (v1, v2) against the rows that it stands for, which are executed. Fails with a row without vectors, a row
// that no model announces, an announced bit that is not in FEATURES or whose rows are #UD, and with an absent
// instruction that is not #UD. CPUID is the core's own answer to user code (SDM vol. 2A, CPUID).

import { writeFileSync } from 'node:fs';
import type { Decoded } from '../isa-gen/encoding.ts';
import { buildCore, option, runSteps, StepError } from '../steps.ts';
import { JudgedCore } from './core.ts';
import { groupOf, makeCase, modesOf, rowKey } from './generate.ts';
import { decodedRows } from './judge.ts';
import { End, type Case } from './state.ts';
import { readGroup } from './vectors.ts';

/** CPUID result registers. */
const enum R { A = 0, C = 1, D = 2, B = 3 }
/** What a bit announces: a feature of the table, rows by name, or nothing that is an instruction. */
type Meaning = { feature: string } | { names: RegExp } | { other: string };
interface Leaf { leaf: number; sub: number; register: R; bits: Record<number, Meaning> }

const f = (feature: string): Meaning => ({ feature });
const names = (text: string): Meaning => ({ names: new RegExp(`^(${text})$`) });
const other = (text: string): Meaning => ({ other: text });

const FEATURES: readonly Leaf[] = [
  { leaf: 1, sub: 0, register: R.D, bits: {
    0: names('F[A-Z].*'), 1: other('VME'), 2: other('DE'), 3: other('PSE'), 4: f('TSC'),
    5: names('RDMSR|WRMSR'), 6: other('PAE'), 7: other('MCE'), 8: names('CMPXCHG8B'), 9: other('APIC'),
      11: f('SEP'),
    12: other('MTRR'), 13: other('PGE'), 14: other('MCA'), 15: f('CMOV'), 16: other('PAT'), 19: f('CLFSH'),
      23: f('MMX'),
    24: f('FXSR'), 25: f('SSE'), 26: f('SSE2'), 27: other('self snoop'), 28: other('HTT') } },
  { leaf: 1, sub: 0, register: R.C, bits: {
    0: f('SSE3'), 1: f('PCLMULQDQ'), 3: f('MONITOR'), 9: f('SSSE3'), 13: f('CMPXCHG16B'), 19: f('SSE4_1'),
    20: f('SSE4_2'), 21: other('x2APIC'), 22: f('MOVBE'), 23: f('POPCNT'), 24: other('TSC deadline'),
    25: f('AES'), 26: f('XSAVE'), 27: other('OSXSAVE'), 30: f('RDRAND'), 31: names('VMCALL|VMMCALL') } },
  { leaf: 7, sub: 0, register: R.B, bits: {
    0: f('FSGSBASE'), 1: other('IA32_TSC_ADJUST'), 3: f('BMI1'), 7: other('SMEP'), 8: f('BMI2'),
    9: other('ERMS'), 18: f('RDSEED'), 19: f('ADX'), 20: f('SMAP'), 23: f('CLFLUSHOPT'), 24: f('CLWB'),
      29: f('SHA') } },
  { leaf: 7, sub: 0, register: R.C, bits: { 2: other('UMIP'), 22: f('RDPID') } },
  { leaf: 7, sub: 0, register: R.D, bits: { 4: other('FSRM'), 26: other('IBRS, IBPB'), 27: other('STIBP'),
    29: other('IA32_ARCH_CAPABILITIES'), 31: other('SSBD') } },
  { leaf: 7, sub: 1, register: R.A, bits: { 11: other('FSRS') } },
  { leaf: 0xd, sub: 1, register: R.A, bits: { 0: f('XSAVEOPT'), 1: f('XSAVEC'), 2: names('XGETBV') } },
  { leaf: 0x80000001, sub: 0, register: R.C, bits: { 0: names('LAHF|SAHF'), 5: f('LZCNT'),
    8: names('PREFETCHW') } },
  { leaf: 0x80000001, sub: 0, register: R.D, bits: { 11: names('SYSCALL|SYSRET'), 20: other('NX'),
    26: other('1 GiB pages'), 27: f('RDTSCP'), 29: other('long mode') } },
];
/** Privileged, #UD in user mode, or leaving it: wasm/interp/*.test.ts executes them. */
const KERNEL_ONLY = /^(CLAC|STAC|MONITOR|MWAIT|RDMSR|WRMSR|XSETBV|SYSRET|SYSEXIT|SYSCALL|SYSENTER|VMM?CALL)$/;
/** What the machine does not have, and the undefined instructions: #UD everywhere. */
const ABSENT: readonly (readonly [name: string, code: string])[] = [
  ['UD0', '0fffc0'], ['UD1', '0fb9c0'], ['UD2', '0f0b'], ['INVPCID', '660f388200'], ['RSM', '0faa'],
  ['GETSEC', '0f37'], ['VMLAUNCH', '0f01c2'], ['VMRESUME', '0f01c3'], ['VMXOFF', '0f01c4'], ['VMPTRLD', '0fc730'],
  ['VMXON', 'f30fc730'], ['VMREAD', '0f78c0'], ['VMWRITE', '0f79c0'], ['INVEPT', '660f388000'],
  ['INVVPID', '660f388100'], ['VMRUN', '0f01d8'], ['VMLOAD', '0f01da'], ['VMSAVE', '0f01db'], ['STGI', '0f01dc'],
  ['CLGI', '0f01dd'], ['SKINIT', '0f01de'], ['INVLPGA', '0f01df'], ['XBEGIN', 'c7f800000000'], ['XEND', '0f01d5'],
  ['XSAVES', '0fc728'], ['XRSTORS', '0fc718'], ['RDPKRU', '0f01ee'], ['ENCLU', '0f01d7'],
  ['VADDPS', 'c5f058c0'], ['VADDPS (EVEX)', '62f1744858c0'],
];
const UNDEFINED = 6, TRIES = 8, SEED = 1;
const MODELS: Readonly<Record<string, number>> = { v1: 1, v2: 2 };

function codeCase(like: Decoded, code: number[]): Case {
  return { ...makeCase(like, 2, 0, SEED), code, flags: 0x202 };
}

function cpuid(core: JudgedCore, like: Decoded, leaf: number, sub: number): number[] {
  const c = codeCase(like, [0x0f, 0xa2]);
  c.regs[0] = BigInt(leaf);
  c.regs[1] = BigInt(sub);
  const { end, regs } = core.run(c);
  if (end !== End.DONE) throw new Error(`CPUID leaf ${leaf.toString(16)} faults`);
  return [0, 1, 2, 3].map((n) => Number(regs[n]! & 0xffffffffn));
}

function rowsOf(meaning: Meaning, rows: readonly Decoded[]): Decoded[] {
  if ('other' in meaning) return [];
  return rows.filter((d) => ('feature' in meaning ? d.row.feature === meaning.feature
    : meaning.names.test(d.row.name)));
}

/** Some case of the row gets further than the decoder. */
function executes(core: JudgedCore, d: Decoded): boolean {
  if (KERNEL_ONLY.test(d.row.name)) return true;
  const mode = modesOf(d)[0]!;
  return Array.from({ length: TRIES }, (_, n) => core.run(makeCase(d, mode, n, SEED)))
    .some((o) => o.end !== End.FAULT || o.vector !== UNDEFINED);
}

export interface Coverage { lines: string[]; problems: string[] }

/** Every announced bit of one model; adds the rows that it stands for to `announced`. */
function ofModel(name: string, core: JudgedCore, rows: readonly Decoded[], announced: Set<Decoded>,
  out: Coverage): void {
  const plain = rows.find((d) => d.row.name === 'ADD')!;
  let bits = 0, withRows = 0, executed = 0;
  for (const { leaf, sub, register, bits: meanings } of FEATURES) {
    const value = cpuid(core, plain, leaf, sub)[register]!;
    for (let n = 0; n < 32; n++) {
      if ((value >>> n & 1) === 0) continue;
      bits++;
      const where = `${name}: CPUID ${leaf.toString(16)}.${sub} ${'ACDB'[register]!} bit ${n}`;
      const meaning = meanings[n];
      if (meaning === undefined) { out.problems.push(`${where} is announced and not known here`); continue; }
      if ('other' in meaning) continue;
      const mine = rowsOf(meaning, rows);
      withRows++;
      if (mine.length === 0) out.problems.push(`${where} has no rows`);
      for (const d of mine) {
        announced.add(d);
        executed++;
        if (!executes(core, d)) out.problems.push(`${where}: ${rowKey(d)} is #UD`);
      }
    }
  }
  for (const [absent, code] of ABSENT) {
    const o = core.run(codeCase(plain, [...Buffer.from(code, 'hex')]));
    if (o.end !== End.FAULT || o.vector !== UNDEFINED) out.problems.push(`${name}: ${absent} is not #UD`);
  }
  out.lines.push(`${name}: ${bits} announced features, ${withRows} with instructions, ${executed} rows executed, ${
    ABSENT.length} absent instructions #UD`);
}

export function coverage(rows: readonly Decoded[]): Coverage {
  const out: Coverage = { lines: [], problems: [] };
  for (const group of new Set(rows.map(groupOf))) {
    const mine = rows.filter((d) => groupOf(d) === group);
    const recorded = new Set(readGroup(group).filter((r) => r.cases.length > 0).map((r) => r.key));
    const without = mine.filter((d) => !recorded.has(rowKey(d)));
    out.problems.push(...without.map((d) => `${group}: ${rowKey(d)} has no vectors`));
    out.lines.push(`${group.padEnd(10)} ${mine.length} rows, ${without.length} without vectors`);
  }
  const announced = new Set<Decoded>();
  for (const [name, model] of Object.entries(MODELS)) {
    ofModel(name, new JudgedCore(model), rows, announced, out);
  }
  const hidden = rows.filter((d) => d.row.feature !== undefined && !announced.has(d));
  out.problems.push(...hidden.map((d) => `${rowKey(d)}: no model announces ${d.row.feature}`));
  out.lines.push(`${rows.length} rows, ${hidden.length} that no model announces`);
  return out;
}

async function main(): Promise<void> {
  buildCore();
  const { lines, problems } = coverage(await decodedRows()), json = option('--json');
  for (const line of [...lines, ...problems]) console.log(line);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ lines, problems }, null, 2)}\n`);
  if (problems.length > 0) throw new StepError('isa-coverage', 1);
}

if (process.argv[1]?.endsWith('coverage.ts')) await runSteps(main);
