// Decoder against a foreign disassembler: random bytes in 16-, 32- and 64-bit mode must be the same length,
// or undefined in both. What the two are known to see differently is listed below. Skipped where there is no
// objdump.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { Random } from './silicon-cases.ts';
import { CODE, CPU, Core, RECORD, buildCore } from './silicon-core.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const seed = Number(process.env['SEED'] ?? Date.now() % 1000000);
const SLOT = 32, SLOTS = 20000, NOP = 0x90;
const HANDLER = 12;

/** Instructions that this processor does not have, by objdump's names. */
const ABSENT = new RegExp('^(' + [
  'v\\w+', 'k\\w+', 'gf2p8\\w+', 'aes\\w+wide\\w+', 'aes(dec|enc)\\d+kl', 'encodekey\\w+', 'loadiwkey',
    'a(add|and|or|xor)', 'movdir\\w+', 'enqcmds?',
  'sha\\w+', 'aes\\w+', 'pclmul\\w+', 'getsec', 'femms', 'pf\\w+', 'pi2f\\w', 'pswapd', 'pmulhrw', 'pavgusb',
    'extrq', 'insertq', 'movnts[sd]', 'xsave[cs]?(opt)?(64)?', 'xrstors?(64)?',
  'inv\\w+', 'vm\\w+', 'stgi', 'clgi', 'skinit', 'enclu|enclv|encls',
    'u?monitorx?|u?mwaitx?|umonitor|tpause', 'x(store|crypt|sha|begin|abort|end|test)\\w*',
  'rd(rand|seed|pid|pkru)', 'wr(pkru|ussw?[dq]?|ss[dq])', 'rdssp\\w', 'incssp\\w',
    'rstorssp|saveprevssp|setssbsy|clrssbsy', 'clzero', 'ptwrite\\w?', 'wbnoinvd', 'cldemote',
  'serialize', 'xsusldtrk|xresldtrk', 'clui|stui|testui|uiret|senduipi', 'hreset', 'pconfig', 'rdpru',
    'mcommit', 'tlbsync', 'psmash|pvalidate|rmp\\w+',
  '[rw](rmsr|dmsr)(list|ns)', 'lkgs', 'seam\\w+|tdcall', 'bnd\\w+', 'fstpm?\\(287|f\\w+\\(287|f\\w+\\(8087',
    'cvt\\w+', 'ccs_\\w+', 'montmul', 'll?wpcb|slwpcb', 'erets|eretu',
].join('|') + ')');

/** Ours and objdump's opinion agree, or differ in a known way. */
function excused(mode: number, bytes: Uint8Array, undefinedHere: boolean, text: string): boolean {
  const badThere = text.includes('(bad)') || /\bud[012]/.test(text);
  if (undefinedHere && badThere) return true;
  // LOCK on what cannot be locked is #UD; objdump prints the instruction.
  if (undefinedHere && /\block\b/.test(text)) return true;
  // REX before a legacy prefix: objdump prints it as an instruction of its own.
  if (/\brex\S*$/.test(text.trim())) return true;
  const name = text.replace(/^((\{vex\d?\}|rep\w*|data(16|32)|addr(16|32)|[c-gs]s|bnd|notrack|rex\S*|lock)\s+)+/,
    '').split(/[\s,]/)[0]!;
  if (undefinedHere && ABSENT.test(name)) return true;
  // Near branches with 66 in 64-bit mode are 64 bits wide on Intel; objdump takes AMD's view.
  if (mode === 2 && bytes.includes(0x66)
    && /^(j\w+|call\w*|ret\w*|xbegin\w*|loop\w*)/.test(name)) return true;
  // FWAIT is an instruction; objdump joins it to the next x87 one. D6 is SALC. Reserved NOPs print as MPX or
  // as bad.
  if (bytes.includes(0x9b) || bytes.includes(0xd6) || /^(bnd|prefetch)/.test(name)) return true;
  // Prefixes that have no meaning with an instruction are ignored here and make it bad there.
  const prefixed = bytes.includes(0xf2) || bytes.includes(0xf3) || bytes.includes(0x66);
  if (badThere && !undefinedHere && prefixed) return true;
  // Rows of the 0F maps marked NP are undefined with a mandatory prefix; objdump prints them with a stray
  // prefix.
  if (undefinedHere && prefixed && bytes.includes(0x0f)) return true;
  // Undocumented aliases of x87 instructions (SDM vol. 2 appendix A leaves them blank).
  if (badThere && !undefinedHere
    && [0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf].some((b) => bytes.includes(b))) return true;
  // LFENCE MFENCE SFENCE ignore ModRM.rm.
  if (badThere && !undefinedHere && bytes.includes(0xae)) return true;
  if (undefinedHere && mode !== 2 && name === 'swapgs') return true;
  // MOV to and from test registers is gone since the Pentium.
  return undefinedHere && (/%tr\d/.test(text) || /(%\?|mov.*%cr\d|mov.*%db\d)/.test(text));
}

function slotBytes(random: Random, mode: number): number[] {
  const bytes: number[] = [];
  const prefix = random.below(8);
  if (prefix >= 1 && prefix <= 3) bytes.push([0x66, 0xf3, 0xf2][prefix - 1]!);
  if (random.below(12) === 0) bytes.push(0x67);
  if (random.below(20) === 0) bytes.push([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65][random.below(6)]!);
  if (mode === 2 && random.below(3) === 0) bytes.push(0x40 + random.below(16));
  const map = random.below(8);
  if (map >= 4) bytes.push(0x0f);
  if (map >= 6) bytes.push(map === 6 ? 0x38 : 0x3a);
  while (bytes.length < 14) bytes.push(random.below(256));
  while (bytes.length < SLOT) bytes.push(NOP);
  return bytes;
}

/** Length and text by offset. */
function disassemble(bytes: Uint8Array, mode: number): Map<number, { length: number; text: string }> {
  const file = `${ROOT}/build/decoder-test.bin`;
  writeFileSync(file, bytes);
  const machine = ['-mi8086', '-mi386', '-mi386:x86-64'][mode]!;
  const out = execFileSync('objdump', ['-D', '-w', '-b', 'binary', machine, file], { maxBuffer: 1 << 30 }).toString();
  const at = new Map<number, { length: number; text: string }>();
  for (const line of out.split('\n')) {
    const m = line.match(/^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(.*)$/);
    if (m) at.set(parseInt(m[1]!, 16), { length: m[2]!.trim().split(' ').length, text: m[3]! });
  }
  return at;
}

describe.skipIf(spawnSync('objdump', ['--version']).status !== 0)(`decoder (seed ${seed})`, () => {
  let core: Core;
  let undefinedIndex = 0;
  const decode = (bytes: Uint8Array, mode: number): number => {
    core.bytes.set(bytes, CODE);
    return core.exports.decodeInsn(CPU, CODE, bytes.length, 0, mode, RECORD);
  };
  beforeAll(() => {
    mkdirSync(`${ROOT}/build`, { recursive: true });
    core = new Core(buildCore(ROOT, 'decoder-test'));
    decode(Uint8Array.of(0x0f, 0x0b), 2);
    undefinedIndex = core.view.getUint32(RECORD + HANDLER, true);
  }, 180_000);

  test.each([[64, 2], [32, 1], [16, 0]])('%i-bit code agrees with objdump', (_bits, mode) => {
    const random = new Random(seed + mode);
    const bytes = Uint8Array.from(Array.from({ length: SLOTS }, () => slotBytes(random, mode)).flat());
    const theirs = disassemble(bytes, mode);
    const differing: string[] = [];
    let same = 0;
    for (let i = 0; i < SLOTS; i++) {
      const reference = theirs.get(i * SLOT);
      if (!reference) continue;
      const slot = bytes.subarray(i * SLOT, (i + 1) * SLOT);
      const length = decode(slot, mode);
      const undefinedHere = core.view.getUint32(RECORD + HANDLER, true) === undefinedIndex;
      if (!undefinedHere && length === reference.length && !reference.text.includes('(bad)')) { same++;
        continue; }
      if (excused(mode, slot.subarray(0, 14), undefinedHere, reference.text)) continue;
      differing.push(`${Buffer.from(slot.subarray(0, 14)).toString('hex')}: ${undefinedHere ? '#UD' : length}, ${reference.text}`);
    }
    expect(same).toBeGreaterThan(SLOTS * 0.4);
    expect(differing).toEqual([]);
  }, 60_000);

  test('too few bytes are 0, more than 15 are #GP', () => {
    const long = Uint8Array.from([...new Array(15).fill(0x66), NOP]);
    expect(decode(long, 2)).toBe(15);
    expect(core.view.getUint32(RECORD + HANDLER, true)).not.toBe(undefinedIndex);
    for (let n = 1; n < 7; n++) expect(decode(Uint8Array.of(0x48, 0x81, 0x05, 1, 2, 3, 4).subarray(0, n),
      2)).toBe(0);
    expect(decode(Uint8Array.of(0x0f), 1)).toBe(0);
  });

  test('a record names its operands', () => {
    const at = (offset: number): number => core.view.getUint8(RECORD + offset);
    // add %ah, %fs:-8(%r12,%r13,4) cannot carry REX: use %r9b.
    decode(Uint8Array.of(0x64, 0x47, 0x00, 0x4c, 0xac, 0xf8), 2);
    expect([at(6), at(8), at(9), at(10), at(5) & 3]).toEqual([9 * 8, 12 * 8, 13 * 8, 0x80 | 0x20 | 4, 3]);
    expect(core.view.getBigInt64(RECORD + 16, true)).toBe(-8n);
    // mov %ah, (%bx,%si) in 16-bit code.
    decode(Uint8Array.of(0x88, 0x20), 0);
    expect([at(6), at(8), at(9), at(10)]).toEqual([1, 3 * 8, 6 * 8, 3]);
    // RIP-relative: disp holds offset and length already.
    core.bytes.set([0x8b, 0x05, 0x10, 0, 0, 0], CODE);
    core.exports.decodeInsn(CPU, CODE, 15, 0x123, 2, RECORD);
    expect([at(8), core.view.getBigInt64(RECORD + 16, true)]).toEqual([136, 0x123n + 6n + 0x10n]);
  });
});
