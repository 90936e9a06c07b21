// What others make of the decoder walk's cases, and the file that keeps it: GNU objdump's length and mnemonic
// (Intel syntax, prefixes left out), and what this host's processor did (tools/silicon/walk.c).
// isa/vectors/decoder.walk: raw deflate of a JSON line (witnesses, mnemonics, cases of each part), then for
// each mode and part four columns of one byte per case: length, mnemonic low and high, silicon.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { ROOT, StepError } from '../steps.ts';
import { witnessName } from './silicon.ts';
import { MODES, MODE_NAMES, type Mode } from './state.ts';
import { SLOT, WALK, type WalkPart, slotsOf } from './walk-cases.ts';

const FILE = join(ROOT, 'isa/vectors/decoder.walk'), SOURCE = join(ROOT, 'tools/silicon/walk.c');
const PROGRAM = join(ROOT, 'build/silicon-walk'), VERSION = 1, MAX_OUTPUT = 2 ** 28, COLUMNS = 4;
const MACHINES = ['i8086', 'i386', 'i386:x86-64'] as const;
export const BAD = '(bad)';

/** The silicon column: 1 to 15 executed with that length, else one of these or FAULT + vector. */
export const enum Silicon { UNDEFINED = 0, UNKNOWN_LENGTH = 16, FAULT = 32, NOT_RUN = 255 }
const UD = 6, DB = 1;

export interface WalkResults { lengths: Uint8Array; names: Uint16Array; silicon: Uint8Array }
export interface Witness {
  disassembler: string;
  silicon: string;
  names: string[];
  /** By mode and name of part. */
  parts: Map<string, WalkResults>;
}
export const partKey = (mode: Mode, part: WalkPart): string => `${MODE_NAMES[mode]} bit, ${part.name}`;

const PREFIX_WORD = ['rep(?:z|nz|e|ne)?', 'data(?:16|32)', 'addr(?:16|32)', '[c-gs]s', 'bnd', 'notrack',
  'rex(?:\\.[WRXB]+)?', 'lock', '\\{vex\\d?\\}', 'x(?:acquire|release)'].join('|');
const PREFIX_WORDS = new RegExp(`^(?:(?:${PREFIX_WORD})\\s+)+(?=\\S)`);

/** objdump's answers for slots of 16 bytes. */
async function disassemble(slots: Uint8Array, mode: Mode, numberOf: (name: string) =>
  number): Promise<[Uint8Array, Uint16Array]> {
  const count = slots.length / SLOT, lengths = new Uint8Array(count), names = new Uint16Array(count);
  const file = join(ROOT, 'build/decoder-walk.bin');
  writeFileSync(file, slots);
  const child = spawn('objdump', ['-D', '-z', '-w', '-M', 'intel', '-b', 'binary', '-m', MACHINES[mode],
    file],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  let rest = '';
  const line = (text: string): void => {
    const colon = text.indexOf(':');
    // Most lines are the filler behind a case.
    if (text.charCodeAt(colon - 1) !== 0x30 || text[colon + 1] !== '\t') return;
    const at = parseInt(text, 16), tab = text.indexOf('\t', colon + 2);
    lengths[at / SLOT] = (text.slice(colon + 2, tab).trimEnd().length + 1) / 3;
    // Of some bad forms it prints the mnemonic, and (bad) as operand.
    names[at / SLOT] = numberOf(text.includes(BAD) ? BAD
      : text.slice(tab + 1).replace(PREFIX_WORDS, '').split(/[\s,]/)[0]!);
  };
  for await (const data of child.stdout) {
    const lines = (rest + (data as Buffer).toString('latin1')).split('\n');
    rest = lines.pop()!;
    lines.forEach(line);
  }
  return [lengths, names];
}

/** SYSCALL, SYSENTER, VMCALL, VMMCALL: they would reach a kernel or a hypervisor. */
function entersKernel(code: Uint8Array): boolean {
  let at = 0;
  while (at < 5 && code[at] !== 0x0f) at++;
  if (code[at] !== 0x0f) return false;
  const [opcode, modrm] = [code[at + 1], code[at + 2]];
  return opcode === 0x05 || opcode === 0x34 || opcode === 0x01 && (modrm === 0xc1 || modrm === 0xd9);
}

function execute(slots: Uint8Array, mode: Mode): Uint8Array {
  if (!existsSync(PROGRAM) || statSync(PROGRAM).mtimeMs < statSync(SOURCE).mtimeMs) {
    mkdirSync(join(ROOT, 'build'), { recursive: true });
    execFileSync('cc', ['-O1', '-fno-stack-protector', '-o', PROGRAM, SOURCE]);
  }
  const count = slots.length / SLOT, out = new Uint8Array(count).fill(Silicon.NOT_RUN), run: number[] = [];
  for (let n = 0; n < count; n++) if (!entersKernel(slots.subarray(n * SLOT, n * SLOT + SLOT))) run.push(n);
  const input = Buffer.alloc(1 + run.length * SLOT, mode);
  run.forEach((n, k) => input.set(slots.subarray(n * SLOT, n * SLOT + SLOT), 1 + k * SLOT));
  // Through a file: a pipe of this size is slow.
  const file = join(ROOT, 'build/decoder-walk.bin');
  writeFileSync(file, input);
  const stdin = openSync(file, 'r');
  const done = spawnSync(PROGRAM, [], { stdio: [stdin, 'pipe', 'inherit'], maxBuffer: MAX_OUTPUT });
  closeSync(stdin);
  if (done.status !== 0 || done.stdout.length !== 2 * run.length) throw new StepError('tools/silicon/walk.c',
    done.status ?? 1);
  run.forEach((n, k) => {
    const vector = done.stdout[2 * k]!, length = done.stdout[2 * k + 1]!;
    out[n] = vector === UD ? Silicon.UNDEFINED : vector !== DB ? Silicon.FAULT + vector : length
      || Silicon.UNKNOWN_LENGTH;
  });
  return out;
}

/** Asks both witnesses about every case and writes the file; its size in bytes. */
export async function recordWalk(): Promise<number> {
  const names: string[] = [], numbers = new Map<string, number>();
  const numberOf = (name: string): number => {
    const known = numbers.get(name);
    if (known !== undefined) return known;
    numbers.set(name, names.length);
    return names.push(name) - 1;
  };
  const counts: Record<string, number> = {}, columns: Uint8Array[] = [];
  for (const mode of MODES) for (const part of WALK) {
    const slots = slotsOf(part, mode);
    const [lengths, of] = await disassemble(slots, mode, numberOf);
    columns.push(lengths, Uint8Array.from(of, (n) => n & 255), Uint8Array.from(of, (n) => n >> 8),
      execute(slots, mode));
    counts[partKey(mode, part)] = lengths.length;
  }
  const disassembler = execFileSync('objdump', ['--version']).toString().split('\n')[0]!;
  const head = JSON.stringify({ version: VERSION, disassembler, silicon: witnessName(), names, counts });
  const packed = deflateRawSync(Buffer.concat([Buffer.from(`${head}\n`), ...columns]), { level: 9 });
  writeFileSync(FILE, packed);
  return packed.length;
}

export function readWitness(): Witness {
  if (!existsSync(FILE)) throw new StepError('isa/vectors/decoder.walk is missing (npm run isa:walk -- --record); isa:walk', 2);
  const bytes = inflateRawSync(readFileSync(FILE)), end = bytes.indexOf(10);
  const head = JSON.parse(bytes.subarray(0,
    end).toString()) as { version: number; disassembler: string; silicon: string;
    names: string[]; counts: Record<string, number> };
  if (head.version !== VERSION) throw new Error(`isa/vectors/decoder.walk has format ${head.version}, not ${VERSION}`);
  const parts = new Map<string, WalkResults>();
  let at = end + 1;
  for (const [key, count] of Object.entries(head.counts)) {
    const column = (n: number): Uint8Array => bytes.subarray(at + n * count, at + (n + 1) * count);
    const high = column(2), names = Uint16Array.from(column(1), (low, n) => low | high[n]! << 8);
    parts.set(key, { lengths: column(0), names, silicon: column(3) });
    at += COLUMNS * count;
  }
  return { disassembler: head.disassembler, silicon: head.silicon, names: head.names, parts };
}
