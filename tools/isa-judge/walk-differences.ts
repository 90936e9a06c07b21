// What the decoder's witnesses are known to see otherwise, and why. The walk fails on a difference that no
// entry explains and on an entry that explains nothing. Mnemonics are compared in the SDM's spelling; NAMES
// turns objdump's into it.

import type { Decoded } from '../isa-gen/encoding.ts';
import type { Mode } from './state.ts';

export interface Difference {
  mode: Mode;
  code: Uint8Array;
  length: number;
  row: Decoded | undefined;
  /** objdump's mnemonic, '(bad)' for none. */
  name: string;
  /** Legacy prefixes in front. */
  prefixes: Set<number>;
  /** First byte that is no prefix, and the one behind it. */
  opcode: number;
  second: number;
}

export interface Known { what: string; why: string; applies: (d: Difference) => boolean }

const PREFIXES = new Set([0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3]);

export function describeCode(code: Uint8Array, mode: Mode): Pick<Difference, 'prefixes' | 'opcode'
  | 'second'> {
  const prefixes = new Set<number>();
  let at = 0;
  for (; at < code.length; at++) {
    const b = code[at]!;
    if (PREFIXES.has(b)) prefixes.add(b);
    else if (mode !== 2 || (b & 0xf0) !== 0x40) break;
  }
  return { prefixes, opcode: code[at]!, second: code[at + 1]! };
}

const CONDITIONS: Record<string, string> = { a: 'NBE', ae: 'NB', g: 'NLE', ge: 'NL', e: 'Z', ne: 'NZ' };
/** objdump's names for another size or form of a row. */
const SIZED = new RegExp('^(call|enter|leave|iret|jmp|pusha|popa|pushf|popf|push|pop|retf|ret|sysexit|sysret'
  + '|[ls][gi]dt|fldenv|fnstenv|fnsave|frstor)[dwq]$');
const ALIASES: Record<string, string> = { cdq: 'CWD', cqo: 'CWD', cwde: 'CBW', cdqe: 'CBW', jecxz: 'JCXZ',
  jrcxz: 'JCXZ',
  movabs: 'MOV', pextrq: 'PEXTRD', pinsrq: 'PINSRD', pcmpestriq: 'PCMPESTRI', pcmpestrmq: 'PCMPESTRM',
  'fndisi(8087': 'FNDISI', 'fneni(8087': 'FNENI', 'fnsetpm(287': 'FNSETPM', prefetchnta: 'PREFETCH', prefetcht0: 'PREFETCH',
  prefetcht1: 'PREFETCH', prefetcht2: 'PREFETCH' };

/** The SDM's mnemonic for objdump's, given the row that it should be. */
export function sdmName(name: string, row: Decoded): string {
  const condition = name.match(/^(j|set|cmov)(\w+)$/);
  if (condition
    && condition[2]! in CONDITIONS) return condition[1]!.toUpperCase() + CONDITIONS[condition[2]!]!;
  const sized = name.match(SIZED);
  if (sized) return sized[1]!.toUpperCase();
  if (/^(fx|x)(save|rstor)(c|opt)?64$/.test(name)) return name.slice(0, -2).toUpperCase();
  // REX.W of MOVD is MOVQ; 66 90 is XCHG AX,AX.
  if (name === 'movq' && row.row.name === 'MOVD') return 'MOVD';
  if (name === 'xchg' && row.row.name === 'NOP' && row.encoding.opcodes[0] === 0x90) return 'NOP';
  return ALIASES[name] ?? name.toUpperCase();
}

const BAD = '(bad)';
const file = (d: Difference): string => d.row?.row.file.replace('.isa.ts', '') ?? '';
const called = (d: Difference, pattern: RegExp): boolean => d.row !== undefined
  && pattern.test(d.row.row.name);
const isNearBranch = (d: Difference): boolean => file(d) === 'branch';
const isVex = (d: Difference): boolean => d.opcode === 0xc4 || d.opcode === 0xc5;
const has = (d: Difference, ...prefixes: number[]): boolean => prefixes.some((p) => d.prefixes.has(p));

/** Instructions of no CPU model here, by objdump's names: vectors of AVX and AVX-512, masks, and later or other makers' ones. */
const ABSENT = new RegExp(`^(?:${[
  'v.+', 'k\\w+', '\\{evex\\}', 'cmpn?\\w{1,2}xadd', 'tile\\w+', 'tdp\\w+', '(ld|st)tilecfg',
  'a(add|and|or|xor)', 'aes(dec|enc)(wide)?\\d+kl', 'encodekey\\d+', 'loadiwkey', 'gf2p8\\w+', 'enqcmds?', 'movdir(i|64b)',
  'wru?ss[dq]', 'rdssp[dq]', 'incssp[dq]', 'rstorssp', 'saveprevssp', 'setssbsy', 'clrssbsy', 'xrstors(64)?', 'xsaves(64)?',
  'inv(ept|vpid|pcid|lpga|lpgb)', 'vm\\w+', 'stgi', 'clgi', 'skinit', 'getsec', 'encl[suv]', 'pconfig', 'hreset', 'serialize',
  'x(begin[dw]?|end|abort|test|susldtrk|resldtrk)', 'xcrypt-\\w+', 'xsha\\d+', 'xstore-rng', 'montmul', 'femms', 'pfcmpge',
  'extrq', 'insertq', 'movnts[sd]', 'monitorx', 'mwaitx', 'clzero', 'rdpru', 'mcommit', 'tlbsync', 'psmash', 'pvalidate', 'rmp\\w+',
  'u?monitor', 'umwait', 'tpause', 'ptwrite', '(rd|wr)pkru', '(rd|wr)msr(list|ns)', 'seam\\w+', 'tdcall', 'clui|stui|testui|uiret|senduipi',
  'frstpm\\(287', 'wbnoinvd', 'mwait', 'rdpid',
].join('|')})$`);

export const DISASSEMBLER: readonly Known[] = [
  { what: 'REX in front of a legacy prefix', why: 'without effect (SDM vol. 2 2.2.1); objdump prints it as an instruction of its own',
    applies: (d) => d.name.startsWith('rex') },
  { what: 'LOCK with what cannot be locked', why: '#UD (SDM vol. 2 LOCK); objdump prints the instruction',
    applies: (d) => !d.row && has(d, 0xf0) },
  { what: 'VEX behind 66, F2, F3, LOCK or REX', why: '#UD (SDM vol. 2 2.3.2 to 2.3.4); objdump prints the instruction',
    applies: (d) => !d.row && isVex(d) && !ABSENT.test(d.name) && d.code[0] !== d.opcode },
  { what: 'instructions that no CPU model here has', why: '#UD; objdump knows them', applies: (d) => !d.row && ABSENT.test(d.name) },
  { what: 'MOV of test registers, 0F 24 and 0F 26', why: '#UD since the Pentium; objdump prints them',
    applies: (d) => !d.row && d.opcode === 0x0f && (d.second === 0x24 || d.second === 0x26) },
  { what: 'SWAPGS, RDFSBASE and its kind outside of 64-bit code', why: '#UD (SDM vol. 2); objdump prints them',
    applies: (d) => !d.row && d.mode !== 2 && /^(swapgs|(rd|wr)[fg]sbase)$/.test(d.name) },
  { what: '66, F2, F3 with an instruction marked NP', why: '#UD (SDM vol. 2 3.1.1.1); objdump ignores the prefix',
    applies: (d) => !d.row && d.opcode === 0x0f && has(d, 0x66, 0xf2, 0xf3) },
  { what: 'FWAIT', why: 'an instruction; objdump joins it to the x87 instruction behind it', applies: (d) => called(d, /^FWAIT$/) },
  { what: 'near branches with 66 in 64-bit code', why: 'the prefix is ignored (Intel); objdump shows AMD\'s view',
    applies: (d) => d.mode === 2 && isNearBranch(d) && has(d, 0x66) },
  { what: '0F 0D, 0F 18 to 0F 1F',
    why: 'reserved NOPs (SDM vol. 2 NOP, table A-3); objdump names CET, MPX, CLDEMOTE and hints, and finds forms bad',
    applies: (d) => called(d, /^(NOP|PREFETCHW?)$/) && d.opcode === 0x0f },
  { what: 'D6, SALC', why: 'executes on all processors; objdump calls it bad', applies: (d) => called(d, /^SALC$/) },
  { what: 'LFENCE, MFENCE, SFENCE with other ModRM.rm', why: 'ignored (SDM vol. 2 LFENCE); objdump calls most bad',
    applies: (d) => called(d, /^[LMS]FENCE$/) },
  { what: 'x87 aliases D8, DC to DF',
    why: 'FCOM, FCOMP, FXCH, FSTP in reserved positions, executed by all processors; objdump calls them bad',
    applies: (d) => file(d) === 'x87' && d.name === BAD },
  { what: 'F3 90 with REX.B', why: 'XCHG R8,rAX on processors; objdump prints PAUSE', applies: (d) => called(d, /^XCHG$/)
    && d.name === 'pause' },
  { what: 'F3 0F 09', why: 'WBINVD without WBNOINVD (SDM vol. 2 WBNOINVD); F2 is bad to objdump', applies: (d) => called(d, /^WBINVD$/) },
  { what: 'VMMCALL with a prefix', why: 'F2, F3: VMGEXIT, which is VMMCALL without SEV; 66 is bad to objdump', applies: (d) =>
    called(d, /^VMMCALL$/) },
  { what: 'prefixes without a meaning', why: 'ignored where SDM vol. 2 does not say NP or NFx; objdump calls the instruction bad',
    applies: (d) => d.row !== undefined && d.name === BAD && has(d, 0x66, 0xf2, 0xf3) },
];

export const SILICON: readonly Known[] = [
  { what: 'instructions that no CPU model here has', why: '#UD here; the witness has AVX, SSE4a, GFNI and others',
    applies: (d) => !d.row && (ABSENT.test(d.name) || isVex(d) || d.name.startsWith('rex')) },
  { what: 'LOCK MOV CR', why: '#UD (Intel); CR8 on AMD (AltMovCr8)',
    applies: (d) => !d.row && d.opcode === 0x0f && /^mov$/.test(d.name) && has(d, 0xf0) },
  { what: 'near branches with 66 in 64-bit code', why: 'the prefix is ignored (Intel); AMD takes it as operand size',
    applies: (d) => d.mode === 2 && isNearBranch(d) && has(d, 0x66) },
  { what: '0F 0D with a register', why: 'NOP (Intel); #UD on the witness', applies: (d) => called(d, /^PREFETCHW$/) },
  { what: 'MONITOR, MWAIT, CLAC, STAC, RSM', why: 'a row; #UD above CPL 0 or outside SMM, which is where the witness runs',
    applies: (d) => called(d, /^(MONITOR|MWAIT|CLAC|STAC|RSM)$/) },
  { what: 'UD0, UD1, UD2', why: 'rows, so that their length is known; they raise #UD', applies: (d) => called(d, /^UD[012]$/) },
  { what: 'MOV from and to segment, control and debug registers',
    why: 'the row\'s handler raises #UD for numbers that do not exist and CS as destination',
    applies: (d) => called(d, /^MOV$/) && /[SCD]/.test(d.row!.row.ops) },
  { what: 'SGDT, SIDT, SLDT, SMSW, STR', why: 'the witness\' kernel executes them for the program (UMIP) and steps on',
    applies: (d) => called(d, /^(SGDT|SIDT|SLDT|SMSW|STR)$/) },
];
