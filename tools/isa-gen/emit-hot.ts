// Writes the inner loop: one function with the hot switch. Regular forms are inlined from the same glue as
// the cold ones; branches and stack instructions have snippets of their own here (64-bit mode), and handlers
// in interp/ for the other modes.

import { HEADER, importsFor } from './emit.ts';
import type { Form } from './forms.ts';
import { HOT_STYLE, glueBody } from './glue.ts';
import type { SymbolInfo } from './symbols.ts';

/** decode/record.ts Op.FIRST. */
export const FIRST_HOT = 5;

/** Requirement bits of a form table entry (decoder.ts). */
const MODE64 = 0x8000;
const NATURAL = 0x4000;

export interface Snippet { body: string[]; requires: number }

/** Direct branches: disp is the page-relative target. */
const TAKE = ['t = <u64>recDisp(r);', 's = TAKEN;', 'break;'];

const jcc = (cc: number): Snippet => ({
  body: [`if (testCond(c, ${cc})) { ${TAKE.join(' ')} }`, 'r += 32; continue;'], requires: NATURAL,
});

/** Push the return address, then go to t (page-relative). */
const PUSH_RETURN = [
  'if (!canLeaveTo(c, t)) { s = Status.FAULT; break; }',
  's = writeValue<u64>(c, c.rsp - 8, c.ipBase + recOff(r) + recLen(r));',
  'if (s == Status.FAULT) break;',
  'c.rsp -= 8;',
  'if (s == Status.NEXT) { s = TAKEN; break; }',
  'c.rip = c.ipBase + t; s = Status.JUMP; break;',
];

const push = (value: string): string[] => [
  `const v: u64 = ${value};`,
  's = writeValue<u64>(c, c.rsp - 8, v);',
  'if (s != Status.FAULT) c.rsp -= 8;',
  'break;',
];

const RETURN = (extra: string): string[] => [
  'const h = readHost<u64>(c, c.rsp);',
  'if (!h) { s = Status.FAULT; break; }',
  't = load<u64>(h) - c.ipBase;',
  'if (!canLeaveTo(c, t)) { s = Status.FAULT; break; }',
  `c.rsp += 8${extra};`,
  's = TAKEN; break;',
];

const onFlag = (body: string[]): string[] => body;

export const SNIPPETS: Record<string, Snippet> = {
  ...Object.fromEntries(Array.from({ length: 16 }, (_, cc) => [`x_hJcc_cc${cc}`, jcc(cc)])),
  hJmp: { body: TAKE, requires: NATURAL },
  x_hCall_8: { body: ['t = <u64>recDisp(r);', ...PUSH_RETURN], requires: MODE64 },
  x_hRet_8: { body: RETURN(''), requires: MODE64 },
  x_hRetI_8: { body: RETURN(' + <u64>recImm(r)'), requires: MODE64 },
  x_hPushR_8: { body: push('readReg<u64>(c, recRm(r))'), requires: MODE64 },
  x_hPushI_8: { body: push('<u64>recImm(r)'), requires: MODE64 },
  x_hPopR_8: {
    body: [
      'const h = readHost<u64>(c, c.rsp);', 'if (!h) { s = Status.FAULT; break; }', 'const v = load<u64>(h);',
      'c.rsp += 8;', 'writeReg<u64>(c, recRm(r), v);', 'r += 32; continue;',
    ], requires: MODE64,
  },
  x_hLeave_8: {
    body: [
      'const h = readHost<u64>(c, c.rbp);', 'if (!h) { s = Status.FAULT; break; }', 'const v = load<u64>(h);',
      'c.rsp = c.rbp + 8;', 'c.rbp = v;', 'r += 32; continue;',
    ], requires: MODE64,
  },
  x_hJmpE_8: { body: ['if (recIsMem(r)) {', ...indirectMemory(),
    '} else t = readReg<u64>(c, recRm(r)) - c.ipBase;', 's = TAKEN; break;'], requires: MODE64 },
  x_hCallE_8: { body: ['if (recIsMem(r)) {', ...indirectMemory(),
    '} else t = readReg<u64>(c, recRm(r)) - c.ipBase;', ...PUSH_RETURN], requires: MODE64 },
  x_hLea_8: { body: ['writeReg<u64>(c, recReg(r), flatAddress(c, r));', 'r += 32; continue;'], requires: 0 },
  x_hLea_4: { body: ['writeReg<u32>(c, recReg(r), <u32>flatAddress(c, r));', 'r += 32; continue;'], requires: 0 },
  x_hCbw_8: { body: ['c.rax = <u64><i64><i32>c.rax;', 'r += 32; continue;'], requires: 0 },
  x_hCwd_8: { body: ['c.rdx = <u64>(<i64>c.rax >> 63);', 'r += 32; continue;'], requires: 0 },
  x_hCwd_4: { body: ['c.rdx = <u64><u32>(<i32>c.rax >> 31);', 'r += 32; continue;'], requires: 0 },
  hNop: { body: onFlag(['r += 32; continue;']), requires: 0 },
};

function indirectMemory(): string[] {
  return ['  const h = readHost<u64>(c, flatAddress(c, r));', '  if (!h) { s = Status.FAULT; break; }', '  t = load<u64>(h) - c.ipBase;'];
}

function caseText(form: Form, n: number): string {
  const body = SNIPPETS[form.name]?.body ?? glueBody(form, HOT_STYLE);
  return `      case ${n}: { // ${form.name}\n${body.map((l) => `        ${l}`).join('\n')}\n      }`;
}

export function emitHot(forms: Form[], symbols: Map<string, SymbolInfo>): string {
  const cases = forms.map((form, i) => caseText(form, FIRST_HOT + i)).join('\n');
  const text = TEMPLATE.replace('@CASES@', () => cases);
  const used = new Set(forms.filter((f) => f.uop).map((f) => f.uop!));
  return `${HEADER}\n${importsFor(text, symbols, used)}\n${text}`;
}

const TEMPLATE = `
/** Record at which execute stopped. */
export let stoppedAt: usize = 0;

/** Private to execute: go to page offset t. */
const TAKEN: i32 = 16;
/** Taken branches per call: there is no on-stack replacement in wasm, so the engine must see fresh calls. */
const FUEL: i32 = 50000;
const PAGE_MASK: u64 = ~(<u64>0xFFF);

/** Linear address of a record that is not COMPLEX (64-bit mode, no FS or GS). */
// @ts-ignore: decorator
@inline
function flatAddress(c: Cpu, r: usize): u64 {
  return load<u64>(changetype<usize>(c) + recBase(r)) +
    (load<u64>(changetype<usize>(c) + recIndex(r)) << <u64>recScale(r)) + recDisp(r);
}

/** Account for the records up to r and tell where execute stopped. */
function leave(c: Cpu, r: usize, bias: i64, s: i32): i32 {
  // Faults and retries are not counted.
  const done = <i64>r - bias + (s == Status.FAULT || s == Status.RETRY ? 0 : 32);
  c.instructions += <u64>(done >> 5);
  stoppedAt = r;
  return s;
}

/**
 * The inner loop: execute records from \`start\` until something other than the next record must happen.
 * \`index\` (u16 per page offset) and \`records\` are those of the page; an all-zero index makes every taken
 * branch leave. Returns a Status with \`stoppedAt\` set; after JUMP c.rip is valid. c.instructions has been
 * advanced.
 */
export function execute(c: Cpu, start: usize, index: usize, records: usize, attention: usize): i32 {
  let r = start;
  // Records executed before the one at r: (r - bias) / 32.
  let bias: i64 = <i64>start;
  let fuel: i32 = FUEL;
  let s: i32 = 0;
  let t: u64 = 0;
  for (;;) {
    switch (<u32>load<u16>(r)) {
      case Op.GENERIC: {
        s = call_indirect<i32>(load<u32>(r, 12), c, r);
        break;
      }
      case Op.LINK: {
        t = <u64>recOff(r);
        // Not an instruction.
        bias += 32;
        s = TAKEN;
        break;
      }
      case Op.STOP: {
        c.rip = (c.ipBase + recOff(r)) & c.ipMask;
        bias += 32;
        s = Status.JUMP;
        break;
      }
@CASES@
      default: {
        s = Status.RETRY;
        break;
      }
    }
    if (s == Status.NEXT) {
      r += 32;
      continue;
    }
    if (s != TAKEN) return leave(c, r, bias, s);
    if (t < 4096) {
      const n = <usize>load<u16>(index + (<usize>t << 1));
      if (n != 0 && --fuel > 0 && atomic.load<u32>(attention) == 0) {
        const to = records + (n << 5);
        bias += <i64>to - <i64>r - 32;
        r = to;
        continue;
      }
    } else {
      const target = c.ipBase + t;
      const to = jumpFind(c, target);
      if (to != 0 && --fuel > 0 && atomic.load<u32>(attention) == 0) {
        c.ipBase = target & PAGE_MASK;
        index = jumpIndex;
        records = jumpRecords;
        bias += <i64>to - <i64>r - 32;
        r = to;
        continue;
      }
    }
    return leave(c, r, bias, leaveTo(c, t));
  }
  return 0;
}
`;
