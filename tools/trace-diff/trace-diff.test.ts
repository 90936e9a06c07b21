import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CompareOptions, type CompareResult, compareTraces } from './compare.ts';
import { QemuLogParser } from './qemu-log.ts';
import { rangeArgs, startQemu, usedRanges } from './qemu.ts';
import { formatLine, formatValue, REGISTERS, SkepTraceParser } from './record.ts';
import { Reporter } from './report.ts';
import { buildRom } from './rom.ts';
import { TraceSource } from './source.ts';
import { undefinedFlags } from './undefined-flags.ts';

type Step = Partial<Record<(typeof REGISTERS)[number], number | bigint>> & { text?: string };

const hex = (value: number | bigint | undefined, digits: number): string =>
  BigInt.asUintN(64, BigInt(value ?? 0)).toString(16).padStart(digits, '0');

/** What QEMU 7.2 writes for one instruction in 64-bit code. */
function qemuDump(step: Step): string {
  const code = step.text === undefined ? ''
    : `----------------\nIN: \n0x${hex(step.rip, 8)}:  90                       ${step.text}\n\n`;
  const row = (names: string[]): string => names.map((name) =>
    `${name.padEnd(3).toUpperCase()}=${hex(step[name as keyof Step] as number, 16)}`).join(' ');
  return `${code}${row(['rax', 'rbx', 'rcx', 'rdx'])}\n${row(['rsi', 'rdi', 'rbp', 'rsp'])}\n`
    + `${row(['r8', 'r9', 'r10', 'r11'])}\n${row(['r12', 'r13', 'r14', 'r15'])}\n`
    + `RIP=${hex(step.rip, 16)} RFL=${hex(step.rflags ?? 2, 8)} [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n`
    + 'ES =0018 0000000000000000 ffffffff 00cf9300\nCS =0010 0000000000000000 ffffffff 00af9b00\n'
    + 'CR0=80000011 CR2=0000000000000000 CR3=0000000000010000 CR4=00000020\n'
    + 'CCS=0000000000000000 CCD=0000000000000001 CCO=LOGICL\nEFER=0000000000000500\n';
}

function skepLine(step: Step, index: number): string {
  return `${index} 0 ${REGISTERS.map((name) => hex(step[name] ?? (name === 'rflags' ? 2 : 0), 1)).join(' ')}\n`;
}

/** Pieces of seven bytes: every field is cut somewhere. */
async function* pieces(text: string, size = 7): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size));
}

function compare(qemu: Step[], skep: Step[], options: Partial<CompareOptions> = {}): Promise<CompareResult> {
  return compareTraces(
    new TraceSource('QEMU', pieces(qemu.map(qemuDump).join('')), new QemuLogParser()),
    new TraceSource('Skep', pieces(skep.map(skepLine).join('')), new SkepTraceParser()), options);
}

const line = (rips: number[], more: (rip: number) => Step = () => ({})): Step[] =>
  rips.map((rip) => ({ rip, ...more(rip) }));

test('QEMU log: 64-bit dump, upper halves, disassembly', () => {
  const parser = new QemuLogParser();
  const records = parser.push(Buffer.from(qemuDump({ rip: 0xffffffff81000000n, rax: 0x123456789abcdef0n,
    r15: 7,
    rflags: 0x246, text: 'addq    $1, %rax' })));
  expect(records).toHaveLength(1);
  const record = records[0]!;
  expect(record.wide).toBe(true);
  expect(REGISTERS.map((_, index) => formatValue(record, index)).slice(0, 3))
    .toEqual(['ffffffff81000000', '123456789abcdef0', '0000000000000000']);
  expect(formatValue(record, REGISTERS.indexOf('r15'))).toBe('0000000000000007');
  expect(formatValue(record, REGISTERS.indexOf('rflags'))).toBe('00000246');
});

test('QEMU log: 16-bit dump, linear address of the code by CS.base', () => {
  const dump = '----------------\nIN: \n0x000fe05b:  2e 66 83 3e c8 61 00     cmpl     $0, %cs:0x61c8\n\n'
    + 'EAX=00000001 EBX=00000002 ECX=00000003 EDX=00060fb1\nESI=00000004 EDI=00000005 EBP=00000006 ESP=00000007\n'
    + 'EIP=0000e05b EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n'
    + 'ES =0000 00000000 0000ffff 00009300\nCS =f000 000f0000 0000ffff 00009b00\nEFER=0000000000000000\n';
  const [record] = new QemuLogParser().push(Buffer.from(dump));
  expect(record?.text).toBe('cmpl $0, %cs:0x61c8');
  expect(formatLine(record!)).toMatch(/^0 0 0000e05b 00000001 00000002 00000003 00060fb1 00000004 00000005 00000006 00000007 /);
});

test('Skep trace: comments, other CPUs, and a line that is cut', () => {
  const parser = new SkepTraceParser(1);
  const good = skepLine({ rip: 5 }, 0).replace(/^0 0/, '0 1');
  const records = parser.push(Buffer.from(`# a comment\n${skepLine({ rip: 9 }, 0)}${good}`));
  expect(records.map((record) => formatValue(record, 0))).toEqual(['0000000000000005']);
  expect(() => new SkepTraceParser().push(Buffer.from('1 0 1000 22\n'))).toThrow(/line 1 .* no rbx/);
  const cut = new SkepTraceParser();
  cut.push(Buffer.from('1 0 1000 22'));
  expect(cut.end()).toEqual([]);
});

test('equal traces have no difference', async () => {
  const steps = line([1, 2, 3, 4], (rip) => ({ rax: rip * 3 }));
  expect(await compare(steps, steps)).toMatchObject({ compared: 4, differences: [] });
});

test('the first differing instruction is the one before the differing state', async () => {
  const result = await compare(line([1, 2, 3, 4], (rip) => ({ rbx: rip > 2 ? 8n << 32n : 0 })),
    line([1, 2, 3, 4]));
  expect(result.end).toBe('difference');
  expect(result.differences[0]).toMatchObject({ at: 2, registers: [REGISTERS.indexOf('rbx')] });
  expect(formatValue(result.differences[0]!.before.at(-1)![0], 0)).toBe('0000000000000002');
  expect(new Reporter().summary(result)).toMatch(/rbx +before 0000000000000000 +QEMU 0000000800000000/);
});

test('start: begins at --from on both sides, and holds registers that differ until they are written', async () => {
  const qemu = line([7, 8, 10, 11, 12], (rip) => ({ r9: rip < 12 ? 5 : 1 }));
  const skep = line([9, 10, 11, 12], (rip) => ({ r9: rip < 12 ? 6 : 1 }));
  expect(await compare(qemu, skep, { from: [10, 0] })).toMatchObject({ compared: 3, differences: [],
    held: 1 });
  expect((await compare(qemu, skep, { from: [10, 0], holdStart: false })).differences).toHaveLength(1);
  expect((await compare(qemu, skep, { from: [99, 0] })).end).toBe('start not found');
  const wrong = line([10, 11, 12], (rip) => ({ r9: rip < 12 ? 6 : 2 }));
  expect((await compare(qemu, wrong, { from: [10, 0] })).differences[0]?.at).toBe(2);
});

test('masked registers and flags are not compared; others are', async () => {
  const a = line([1, 2, 3], () => ({ rsp: 1, rflags: 0x2 }));
  const b = line([1, 2, 3], () => ({ rsp: 2, rflags: 0x12 }));
  expect((await compare(a, b, { mask: new Set([REGISTERS.indexOf('rsp')]), holdStart: false })).differences).toEqual([]);
  const c = line([1, 2, 3], (rip) => ({ rsp: 1, rflags: rip === 3 ? 0x42 : 2 }));
  expect((await compare(a, c)).differences[0]).toMatchObject({ at: 2, flags: 0x40, registers: [] });
});

test('undefined flags may differ until they are defined again', async () => {
  const qemu = [{ rip: 1, text: 'imulq %rbx, %rax' }, { rip: 2, text: 'movq %rax, %rbx', rflags: 0x42 },
    { rip: 3, text: 'addq %rax, %rbx', rflags: 0x42 }, { rip: 4, text: 'nop' }, { rip: 5, text: 'nop', rflags: 0x42 }];
  const skep = qemu.map((step) => ({ rip: step.rip }));
  const result = await compare(qemu, skep);
  expect(result.differences[0]).toMatchObject({ at: 4, flags: 0x40 });
  expect(undefinedFlags('shll $4, %eax') & 0x800).toBe(0x800);
  expect(undefinedFlags('shll %eax')).toBe(0x10);
  expect(undefinedFlags('lock btsq %rax, (%rbx)') & 0x1).toBe(0);
  expect(undefinedFlags('addl $4, %eax')).toBe(0);
});

test('results that cannot be equal are held, and so is what follows from them', async () => {
  const steps = (time: number): Step[] =>
    [{ rip: 1, text: 'rdtsc' }, { rip: 2, rax: time, text: 'addq %rax, %rsi' },
    { rip: 3, rax: time, rsi: time, text: 'xorl %eax, %eax' }, { rip: 4, rsi: time, text: 'xorl %esi, %esi' }, { rip: 5 }];
  expect(await compare(steps(100), steps(300))).toMatchObject({ compared: 5, differences: [], held: 2 });
  expect((await compare(steps(100), steps(300), { ignore: new Set() })).differences[0]?.at).toBe(1);
  expect((await compare(steps(100), steps(300),
    { ignore: new Set(), ignoreAt: new Set(['1']) })).differences).toEqual([]);
});

test('a held value that comes back from memory later is known again', async () => {
  const steps = (id: number, wrong = id): Step[] => [{ rip: 1, text: 'cpuid' },
    { rip: 2, rbx: id, text: 'movl %ebx, (%rdi)' }, { rip: 3, rbx: id, text: 'xorl %ebx, %ebx' },
    ...line([4, 5, 6, 7]), { rip: 8, text: 'popq %rbp' }, { rip: 9, rbp: wrong, text: 'xorl %ebp, %ebp' },
      { rip: 10 }];
  expect((await compare(steps(1), steps(2), { taint: 3 })).differences).toEqual([]);
  expect((await compare(steps(1), steps(2, 7), { taint: 3 })).differences[0]?.at).toBe(8);
});

test('an interrupt that only one side takes is a detour', async () => {
  const plain = line([1, 2, 3, 4, 5], (rip) => ({ rax: rip }));
  const handler: Step[] = [{ rip: 100, rsp: 8 }, { rip: 101, rsp: 8, rax: 55 }, { rip: 102, rsp: 8 }];
  const interrupted = [...plain.slice(0, 2), ...handler, ...plain.slice(2)];
  expect(await compare(interrupted, plain)).toMatchObject({ compared: 5, differences: [],
    detours: [{ qemu: 3, skep: 0, at: 2 }] });
  expect(await compare(plain, interrupted)).toMatchObject({ compared: 5, differences: [],
    detours: [{ qemu: 0, skep: 3, at: 2 }] });
  expect((await compare(interrupted, plain, { window: 2 })).differences).toHaveLength(1);
});

test('a loop that waits for time runs longer on one side', async () => {
  const loop = (rounds: number, time: number): Step[] =>
    Array.from({ length: rounds }, (_, round): Step[] => [
    { rip: 1, rax: round === 0 ? 0 : time + round - 1, text: 'rdtsc' },
    { rip: 2, rax: time + round, text: 'cmpq %rax, %rbx' }, { rip: 3, rax: time + round, text: 'jb 1' }]).flat();
  const end = (rax: number): Step[] => [{ rip: 4, rax, text: 'xorl %eax, %eax' }, { rip: 5 }];
  const qemu = [...loop(3, 100), ...end(102)];
  const skep = [...loop(7, 300), ...end(306)];
  const result = await compare(qemu, skep);
  expect(result.differences).toEqual([]);
  expect(result.detours).toHaveLength(1);
});

test('a real difference goes on to the next one where asked', async () => {
  const qemu = line([1, 2, 3, 4, 5, 6, 7], (rip) => ({ rcx: rip === 3 || rip === 6 ? 1 : 0 }));
  const result = await compare(qemu, line([1, 2, 3, 4, 5, 6, 7]), { differences: 5 });
  expect(result.differences.map((difference) => difference.at)).toEqual([2, 4]);
});

test('repetitions: an instruction logged twice, and the iterations of REP', async () => {
  const rep = (from: number, step: number): Step[] =>
    Array.from({ length: from / step }, (_, index) =>
      ({ rip: 2, rcx: from - index * step, rdi: index * step }));
  const qemu = [{ rip: 1, rcx: 8 }, { rip: 1, rcx: 8 }, ...rep(8, 1), { rip: 3, rdi: 8 }];
  const skep = [{ rip: 1, rcx: 8 }, ...rep(8, 4), { rip: 3, rdi: 8 }];
  expect(await compare(qemu, skep)).toMatchObject({ compared: 3, differences: [] });
});

test('used ranges: joined where near, firmware pages and RAM above them apart', () => {
  const ram = new Uint8Array(0x200000);
  for (const at of [0x7c00, 0x9fff, 0x30000, 0xe0000, 0xfefff, 0x100000, 0x103000]) ram[at] = 1;
  expect(usedRanges(ram)).toEqual([[0x7000, 0xa000], [0x30000, 0x31000], [0xe0000, 0xe1000],
    [0xfe000, 0xff000],
    [0x100000, 0x104000]]);
});

test('ranges for QEMU are cut at the addresses to skip', () => {
  expect(rangeArgs(undefined, [])).toEqual([]);
  expect(rangeArgs('0x1000..0x1fff', [])).toEqual(['-dfilter', '0x1000..0x1fff']);
  expect(rangeArgs('0x1000+0x100', [0x1000n, 0x1010n])).toEqual(['-dfilter',
    '0x1001..0x100f,0x1011..0x10ff']);
  expect(rangeArgs(undefined, [0x5n])).toEqual(['-dfilter', '0x0..0x4,0x6..0xffffffffffffffff']);
});

test('the ROM refuses a table on top of its stub', () => {
  const start = { mode: 'long', entry: 0n, registers: new Map(), cr0: 0n, cr3: 0n, cr4: 0n, efer: 0n, pci: [] } as const;
  expect(() => buildRom(start, [[0xff000, new Uint8Array(16)]])).toThrow(/does not fit/);
});

const hasQemu = spawnSync('qemu-system-x86_64', ['--version']).status === 0;
test.skipIf(!hasQemu).each([
  // inc eax; add ebx, eax; jmp start: the same three instructions in each mode.
  ['real', 0x7c00, [0x66, 0x40, 0x66, 0x01, 0xc3, 0xeb, 0xf9]],
  ['protected', 0x100000, [0x40, 0x01, 0xc3, 0xeb, 0xfb]],
  ['long', 0x100000, [0xff, 0xc0, 0x01, 0xc3, 0xeb, 0xfa]],
] as const)('QEMU runs a flat image in %s mode from its entry', async (mode, address, code) => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-diff-test-'));
  const file = join(folder, 'flat.bin');
  writeFileSync(file, Uint8Array.from(code));
  const running = await startQemu({ program: { kind: 'raw', file, address, mode },
    qemu: 'qemu-system-x86_64', cpu: 'qemu64',
    memoryMiB: 16, skip: [], extra: [] });
  try {
    const lengths = mode === 'real' ? [2, 3] : mode === 'protected' ? [1, 2] : [2, 2];
    const rips = [address, address + lengths[0]!, address + lengths[0]! + lengths[1]!];
    let eax = 0;
    let ebx = 0;
    const skep = Array.from({ length: 30 }, (_, index): Step => {
      if (index % 3 === 1) eax++;
      if (index % 3 === 2) ebx += eax;
      return { rip: rips[index % 3]!, rax: eax, rbx: ebx, rsp: mode === 'real' ? address : 0x80000 };
    });
    const result = await compareTraces(new TraceSource('QEMU', running.log, new QemuLogParser()),
      new TraceSource('Skep', pieces(skep.map(skepLine).join('')), new SkepTraceParser()),
      { from: [address, 0], flags: 0, holdStart: false });
    expect(result).toMatchObject({ compared: 30, differences: [], end: 'end of Skep trace' });
  } finally {
    running.stop();
    rmSync(folder, { recursive: true });
  }
});
