// The report of a region that differs from the interpreter (wasm/jit/check.ts, wasm/lib/check-report.ts) in
// words: where the region was entered, what differs, and the instructions as the interpreter executed them.

import {
  CONTROL, Control, CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_STATE, CPU_STATE_BYTES, CpuField, Difference, Exit,
  PAGE_BYTES, REPORT_STEP_BYTES, REPORT_STEPS, Report, SHADOW_AREA_BYTES, SHADOW_PAGES, SHADOW_REPORT,
} from './generated-layout.ts';

const REGISTERS = ['RAX', 'RCX', 'RDX', 'RBX', 'RSP', 'RBP', 'RSI', 'RDI', 'R8', 'R9', 'R10', 'R11', 'R12',
  'R13', 'R14', 'R15'];
/** Blocks behind the fields of Cpu (cpu/state.ts CpuBlock): start, end, name, bytes per item. */
const BLOCKS = [[0x400, 0x500, 'segment', 32], [0x500, 0x580, 'x87 register', 16], [0x600, 0x700, 'XMM', 16],
  [0x700, 0x800, 'YMM (upper half)', 16], [0x800, 0xC00, 'MSR', 8]] as const;
/** Differences of the state and instructions that are listed. */
const MOST_FIELDS = 16;
const MOST_STEPS = 48;
const EXIT_STATUS = 0x100;
const STATUS = ['NEXT', 'FAULT', 'END', 'JUMP', 'RETRY'];
/** Page copies, wasm/mmu/shadow.ts Area. */
const INTERPRETED = 1, REGION = 2;

const SENTENCES: Record<number, string> = {
  [Difference.STATE]: 'the state of the CPU differs',
  [Difference.MEMORY]: 'guest memory differs',
  [Difference.CANNOT_FOLLOW]: 'the interpreter faults, or touches other memory, where the region went on',
  [Difference.STATUS]: 'the last instruction ended otherwise than in the interpreter',
  [Difference.ENDLESS]: 'the interpreter does not reach the number of instructions of the region',
  [Difference.NEEDLESS]: 'the region left for a TLB miss that the interpreter does not have',
};

const hex = (value: bigint | number, digits = 16): string => `0x${value.toString(16).padStart(digits, '0')}`;

function fieldName(at: number): string {
  if (at < 0x80) return REGISTERS[at / 8] ?? '';
  if (at === CpuField.rip) return 'RIP';
  for (const [from, end, name, bytes] of BLOCKS) {
    if (at >= from && at < end) return `${name} ${Math.floor((at - from) / bytes)}, byte ${(at - from) % bytes}`;
  }
  return `state ${hex(at, 3)}`;
}

function exitName(word: number): string {
  if (word >= EXIT_STATUS) return `status ${STATUS[word - EXIT_STATUS] ?? word}`;
  return Object.entries(Exit).find(([, n]) => n === (word & 3))?.[0] ?? String(word);
}

function stateLines(view: DataView, before: number, shadow: number, first: number): string[] {
  const report = shadow + SHADOW_REPORT;
  const word = (at: number): bigint => view.getBigUint64(at, true);
  const region = (at: number): bigint => word(report + Report.REGION_STATE + at);
  const wanted = (at: number): boolean => at < 0x80 || at === CpuField.rip || at === first || at >= 0x400;
  const lines: string[] = [];
  for (let at = 0; at < CPU_STATE_BYTES && lines.length < MOST_FIELDS; at += 8) {
    const interpreted = word(shadow + CPU_STATE + at);
    if (!wanted(at) || region(at) === interpreted) continue;
    lines.push(`${fieldName(at)}: region ${hex(region(at))}, interpreter ${hex(interpreted)}, before ${
      hex(word(before + CPU_STATE + at))}`);
  }
  const flags = (which: number): string => hex(word(report + which), 8);
  if (flags(Report.FLAGS_REGION) !== flags(Report.FLAGS_INTERPRETED)) {
    lines.push(`RFLAGS: region ${flags(Report.FLAGS_REGION)}, interpreter ${
      flags(Report.FLAGS_INTERPRETED)}, before ${flags(Report.FLAGS_BEFORE)}`);
  }
  return lines;
}

function memoryLine(bytes: Uint8Array, view: DataView, shadow: number): string {
  const report = shadow + SHADOW_REPORT;
  const copy = view.getUint32(report + Report.COPY, true);
  const area = (which: number): Uint8Array => {
    const at = shadow + SHADOW_PAGES + which * SHADOW_AREA_BYTES + copy * PAGE_BYTES;
    return bytes.slice(at, at + PAGE_BYTES);
  };
  const [before, region, interpreted] = [area(0), area(REGION), area(INTERPRETED)];
  const first = region.findIndex((byte, at) => byte !== interpreted[at]);
  const piece = (page: Uint8Array): string => hexBytes(page.subarray(first, first + 16));
  const va = view.getBigUint64(report + Report.PAGE_VA, true) + BigInt(first);
  return `at ${hex(va)}: region ${piece(region)}, interpreter ${piece(interpreted)}, before ${piece(before)}`;
}

const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

function stepLines(bytes: Uint8Array, view: DataView, report: number): string[] {
  const steps = view.getUint32(report + Report.STEPPED, true);
  const shown = Math.min(steps, MOST_STEPS, REPORT_STEPS);
  return Array.from({ length: shown }, (_, n) => {
    const at = report + Report.STEP_RING + ((steps - shown + n) % REPORT_STEPS) * REPORT_STEP_BYTES;
    const length = bytes[at + REPORT_STEP_BYTES - 1] ?? 0;
    return `  ${hex(view.getBigUint64(at, true))}: ${hexBytes(bytes.slice(at + 8, at + 8 + length))}`;
  });
}

export function describeDifference(memory: WebAssembly.Memory): string {
  const view = new DataView(memory.buffer);
  const bytes = new Uint8Array(memory.buffer);
  const cpus = view.getUint32(CONTROL + Control.CPUS, true);
  const shadow = CPU_BLOCKS + cpus * CPU_BLOCK_BYTES;
  const report = shadow + SHADOW_REPORT;
  const word = (at: number): number => view.getUint32(report + at, true);
  const cpu = word(Report.CPU);
  const kind = word(Report.KIND);
  const before = CPU_BLOCKS + cpu * CPU_BLOCK_BYTES;
  const entry = view.getBigUint64(before + CPU_STATE + CpuField.rip, true);
  return [
    `translated code differs from the interpreter: ${SENTENCES[kind] ?? kind}; region entered at ${hex(entry)} on CPU ${
      cpu}, ${word(Report.INSTRUCTIONS)} instructions, left by ${exitName(word(Report.LEFT))}`,
    ...stateLines(view, before, shadow, word(Report.STATE_AT)),
    ...(kind === Difference.MEMORY ? [memoryLine(bytes, view, shadow)] : []),
    'interpreted:', ...stepLines(bytes, view, report),
  ].join('\n');
}
