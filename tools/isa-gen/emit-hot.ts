// Writes the inner loops, one function with a hot switch each: 64-bit code; flat 32-bit code (all segments
// span 4 GiB from 0); and every other legacy code, whose addresses go through segment bases and limits.
// Regular forms are inlined from the same glue as the cold ones; branches and stack instructions have
// snippets here.

import { HEADER, importsFor } from './emit.ts';
import { type Form, TYPES } from './forms.ts';
import { type GlueStyle, glueBody } from './glue.ts';
import type { SymbolInfo } from './symbols.ts';

/** decode/record.ts Op.FIRST. */
export const FIRST_HOT = 5;

/** Requirement bits of a form table entry (decoder.ts). */
const MODE64 = 0x8000;
export const NATURAL = 0x4000;
export const LEGACY = 0x2000;

export interface Snippet { body: string[]; requires: number }

/** What differs between the inner loops. */
interface Variant {
  name: string;
  comment: string;
  style: GlueStyle;
  snippet: (form: Form) => string[] | undefined;
  has: (form: Form) => boolean;
  address: string;
  /** From a taken branch to page-relative t out of the page to the target's record. */
  leavePage: string;
}

/** Most stores do nothing but store. */
const ON = 'if (s == Status.NEXT) { r += 32; continue; }';

// An access whose page the TLB has makes one test.
const BYTES: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/** h = host address of the operand at `address`. */
type Access = (type: string, address: string) => string[];
const access = (table: string, slow: (bytes: number) => string): Access => (type, address) => [
  `const va: u64 = ${address};`, `const e = tlbEntry(c.${table}, va);`, 'let h = tlbHost(e, va);',
  `if (!tlbHit(e, va, ${BYTES[type]})) {`, `  h = ${slow(BYTES[type]!)};`, '  if (!h) { s = Status.FAULT; break; }', '}',
];
const read = access('tlbRead', (bytes) => `readSlow(c, va, ${bytes})`);
const rmw = access('tlbWrite', (bytes) => `rmwSlow(c, va, ${bytes}, true)`);

/** Store `value` at `address`; `done` where that was all, else s says what it was. */
const write = (type: string, address: string, value: string, done: string): string[] => [
  `const va: u64 = ${address};`, `const w: ${type} = ${value};`, `const e = tlbEntry(c.tlbWrite, va);`,
  `if (tlbHit(e, va, ${BYTES[type]})) { store<${type}>(tlbHost(e, va), w); ${done} }`,
  `s = writeValueSlow<${type}>(c, va, w);`,
];

/** Direct branches: disp is the page-relative target. */
const TAKE = ['s = DIRECT;', 'break;'];

const jcc = (cc: number): Snippet => ({
  body: [`if (testCond(c, ${cc})) { ${TAKE.join(' ')} }`, 'r += 32; continue;'], requires: NATURAL,
});

/** Push the return address, then go to t (page-relative). */
const pushReturn = (how: string): string[] => [
  'if (!canLeaveTo(c, t)) { s = Status.FAULT; break; }',
  ...write('u64', 'c.rsp - 8', 'c.ipBase + recOff(r) + recLen(r)',
    `c.rsp = va; returnRemember(c, r, va, w, index, records); s = ${how}; break;`),
  'if (s == Status.FAULT) break;',
  'c.rsp -= 8;',
  `if (s == Status.NEXT) { s = ${how}; break; }`,
  'c.rip = c.ipBase + t; s = Status.JUMP; break;',
];

const push = (value: string): string[] => [
  ...write('u64', 'c.rsp - 8', value, 'c.rsp = va; r += 32; continue;'),
  'if (s != Status.FAULT) c.rsp -= 8;',
  ON, 'break;',
];

/** To the record of entry `there` of the return cache. */
const FOLLOW = ['c.ipBase = target & PAGE_MASK;', 'index = returnIndex(there);',
  'records = returnRecords(there);',
  'const to = returnRecord(there);', 'bias += <i64>to - <i64>r - 32;', 'r = to;', 'continue;'].join(' ');

const RETURN = (extra: string): string[] => [
  ...read('u64', 'c.rsp'),
  'const target = load<u64>(h);',
  'const there = returnFind(c, va, target);',
  `if (there != 0 && goesOn(--fuel, attention)) { c.rsp += 8${extra}; ${FOLLOW} }`,
  't = target - c.ipBase;',
  'if (!canLeaveTo(c, t)) { s = Status.FAULT; break; }',
  `c.rsp += 8${extra};`,
  's = TAKEN; break;',
];

const onFlag = (body: string[]): string[] => body;

export const SNIPPETS: Record<string, Snippet> = {
  ...Object.fromEntries(Array.from({ length: 16 }, (_, cc) => [`x_hJcc_cc${cc}`, jcc(cc)])),
  hJmp: { body: TAKE, requires: NATURAL },
  x_hCall_8: { body: ['t = <u64>recDisp(r);', ...pushReturn('DIRECT')], requires: MODE64 },
  x_hRet_8: { body: RETURN(''), requires: MODE64 },
  x_hRetI_8: { body: RETURN(' + <u64>recImm(r)'), requires: MODE64 },
  x_hPushR_8: { body: push('readReg<u64>(c, recRm(r))'), requires: MODE64 },
  x_hPushI_8: { body: push('<u64>recImm(r)'), requires: MODE64 },
  x_hPopR_8: {
    body: [
      ...read('u64', 'c.rsp'), 'const v = load<u64>(h);',
      'c.rsp += 8;', 'writeReg<u64>(c, recRm(r), v);', 'r += 32; continue;',
    ], requires: MODE64,
  },
  x_hLeave_8: {
    body: [
      ...read('u64', 'c.rbp'), 'const v = load<u64>(h);',
      'c.rsp = c.rbp + 8;', 'c.rbp = v;', 'r += 32; continue;',
    ], requires: MODE64,
  },
  x_hJmpE_8: { body: ['if (recIsMem(r)) {', ...indirectMemory(),
    '} else t = readReg<u64>(c, recRm(r)) - c.ipBase;', 's = TAKEN; break;'], requires: MODE64 },
  x_hCallE_8: { body: ['if (recIsMem(r)) {', ...indirectMemory(),
    '} else t = readReg<u64>(c, recRm(r)) - c.ipBase;', ...pushReturn('TAKEN')], requires: MODE64 },
  x_hLea_8: { body: ['writeReg<u64>(c, recReg(r), flatAddress(c, r));', 'r += 32; continue;'], requires: 0 },
  x_hLea_4: { body: ['writeReg<u32>(c, recReg(r), <u32>flatAddress(c, r));', 'r += 32; continue;'], requires: 0 },
  x_hCbw_8: { body: ['c.rax = <u64><i64><i32>c.rax;', 'r += 32; continue;'], requires: 0 },
  x_hCwd_8: { body: ['c.rdx = <u64>(<i64>c.rax >> 63);', 'r += 32; continue;'], requires: 0 },
  x_hCwd_4: { body: ['c.rdx = <u64><u32>(<i32>c.rax >> 31);', 'r += 32; continue;'], requires: 0 },
  hNop: { body: onFlag(['r += 32; continue;']), requires: 0 },
};

function indirectMemory(): string[] {
  return [...read('u64', 'flatAddress(c, r)').map((l) => `  ${l}`), '  t = load<u64>(h) - c.ipBase;'];
}

/** Inside a hot switch; `address` is the variant's inline function. */
const style = (address: (type: string, write: boolean) => string): GlueStyle => ({
  address, leave: (s) => (s.startsWith('Status.') ? `s = ${s}; break;` : `s = ${s}; ${ON} break;`),
  next: 'r += 32; continue;', read, rmw,
  write: (type, at, value) => [...write(type, at, value, 'r += 32; continue;'), `${ON} break;`],
});

/** Nine of ten comparisons have a conditional branch behind them: it needs no turn of its own. */
function compared(uop: string, type: string): string[] | undefined {
  if (uop !== 'sub' && uop !== 'and') return undefined;
  const head = ['r += 32;', 'const j = <u32>load<u16>(r) - JCC;'];
  const tail = ['r += 32; continue;'];
  if (uop === 'and') return [...head, 'if ((j | 1) != 5) continue;',
    'if ((d == 0) != <bool>(j & 1)) { s = DIRECT; break; }', ...tail];
  return [...head, 'if (j >= 16) continue;', 'const mask = conditionMask(j);', 'if (mask == 0) continue;',
    `if (compares<${type}>(x, y, d, mask) != <bool>(j & 1)) { s = DIRECT; break; }`, ...tail];
}

/** No record of 64-bit code there is COMPLEX. */
const LONG: Variant = {
  name: 'execute',
  comment: '64-bit code',
  style: { ...style(() => 'flatAddress(c, r)'), compared },
  snippet: (form) => SNIPPETS[form.name]?.body,
  has: () => true,
  address: `export { stoppedAt } from "../interp/branch";

/** Number of the first of the 16 arms of Jcc. */
const JCC: u32 = @JCC@;

/** Which of what \`compares\` looks at makes condition j or j ^ 1 true; 0 for overflow and parity. */
// @ts-ignore: decorator
@inline
function conditionMask(j: u32): u32 { return (0xA8043210 >> ((j & 14) << 1)) & 15; }

/** Behind a comparison of x and y, d = x - y: below 1, equal 2, sign of the result 4, less 8. */
// @ts-ignore: decorator
@inline
function compares<T>(x: T, y: T, d: T, mask: u32): bool {
  const a = signExtend<T>(x);
  const b = signExtend<T>(y);
  return (((<u32>(a < b)) | (<u32>(a == b) << 1) | (<u32>(signExtend<T>(d) >> 63) << 2)
    | (<u32>(<i64>a < <i64>b) << 3)) & mask) != 0;
}

/** Linear address of a record that is not COMPLEX (no FS or GS). */
// @ts-ignore: decorator
@inline
function flatAddress(c: Cpu, r: usize): u64 {
  return load<u64>(changetype<usize>(c) + recBase(r)) +
    (load<u64>(changetype<usize>(c) + recIndex(r)) << <u64>recScale(r)) + recDisp(r);
}
`,
  leavePage: `const target = c.ipBase + t;
      if (s == DIRECT) {
        const there = farFind(c, r, target);
        if (there != 0 && goesOn(--fuel, attention)) {
          c.ipBase = target & PAGE_MASK;
          index = farIndex(there);
          records = farRecords(there);
          const to = farRecord(r);
          bias += <i64>to - <i64>r - 32;
          r = to;
          continue;
        }
      }
      const to = jumpFind(c, target);
      if (to != 0 && goesOn(--fuel, attention)) {
        if (s == DIRECT) farRemember(c, r, target);
        c.ipBase = target & PAGE_MASK;`,
};

const isLegacy = (form: Form): boolean => form.bytes !== 8 && form.places.every((p) => p.bytes !== 8);

/** Flat 32-bit code: the decoder leaves CS, FS, GS and 16-bit addresses to the cold functions. */
const FLAT: Variant = {
  name: 'executeFlat',
  comment: '32-bit code whose CS, DS, ES and SS span 4 GiB from 0 (cpu/mode.ts isFlat32)',
  style: style(() => 'flatAddress(c, r)'),
  snippet: (form) => legacySnippet(form, false),
  has: isLegacy,
  address: `/** Linear address: 32 bits of base + index + displacement. */
// @ts-ignore: decorator
@inline
function flatAddress(c: Cpu, r: usize): u64 {
  // Not in one expression: a load in a 64-bit context has 64 bits.
  const sum: u32 = load<u32>(changetype<usize>(c) + recBase(r)) +
    (load<u32>(changetype<usize>(c) + recIndex(r)) << recScale(r)) + <u32>recDisp(r);
  return <u64>sum;
}
// @ts-ignore: decorator
@inline
function stackAddress<T>(c: Cpu, sp: u64, write: bool): u64 { return sp; }
`,
  leavePage: `const target = (c.ipBase + t) & 0xFFFFFFFF;
      const to = jumpFind(c, target | JUMP_TAG_32);
      if (to != 0 && goesOn(--fuel, attention)) {
        c.ipBase = target & PAGE_MASK;`,
};

/** Everything else outside 64-bit mode: segment bases and limits, both address sizes. */
const SEGMENTED: Variant = {
  name: 'executeSegmented',
  comment: '16-bit code, and 32-bit code with other segments',
  style: style((type, write) => `segmentedAddress<${type}>(c, r, ${write})`),
  snippet: (form) => legacySnippet(form, true),
  has: isLegacy,
  address: `/** Offset within the segment, at the record's address size. */
// @ts-ignore: decorator
@inline
function offsetOf(c: Cpu, r: usize): u64 {
  const sum: u32 = load<u32>(changetype<usize>(c) + recBase(r)) +
    (load<u32>(changetype<usize>(c) + recIndex(r)) << recScale(r)) + <u32>recDisp(r);
  return <u64>(recAddrSize(r) == 0 ? sum & 0xFFFF : sum);
}
/** Linear address of sizeof<T>() bytes at an offset of a segment, or POISON (mmu/segment.ts). */
// @ts-ignore: decorator
@inline
function addressIn<T>(c: Cpu, seg: u32, offset: u64, write: bool): u64 {
  const s = segment(c, seg);
  const end = <u64>(write ? s.writeEnd : s.readEnd);
  if (offset + sizeof<T>() <= end) return (s.base + offset) & 0xFFFFFFFF;
  return segmentLinear(c, seg, offset, sizeof<T>(), write);
}
// @ts-ignore: decorator
@inline
function segmentedAddress<T>(c: Cpu, r: usize, write: bool): u64 {
  return addressIn<T>(c, recSeg(r), offsetOf(c, r), write);
}
// @ts-ignore: decorator
@inline
function stackAddress<T>(c: Cpu, sp: u64, write: bool): u64 {
  return addressIn<T>(c, Seg.SS, sp & c.stackMask, write);
}
`,
  leavePage: `const ip = c.ipBase + t;
      const va = (segment(c, Seg.CS).base + ip) & 0xFFFFFFFF;
      const to = jumpFind(c, jumpKey(c, va));
      const ipBase = ip - (va & 0xFFF);
      if (to != 0 && ip <= c.ipMask && pageWithinCode(c, ipBase) && goesOn(--fuel, attention)) {
        c.ipBase = ipBase;`,
};

/** Branches, stack and LEA of legacy code; the sizes of items are 2 and 4 bytes. */
function legacySnippet(form: Form, segmented: boolean): string[] | undefined {
  const type = TYPES[form.bytes];
  const size = form.bytes;
  // A target that wraps depends on where the page lies.
  const take = segmented ? ['t = wrapTarget(c, r);', 's = TAKEN;', 'break;'] : TAKE;
  const check = (committed: string): string =>
    (segmented ? `if (!canBranchTo(c, t)) { ${committed}s = Status.FAULT; break; }` : '');
  const address = segmented ? `segmentedAddress<${type}>(c, r, false)` : 'flatAddress(c, r)';
  const setSp = (value: string): string =>
    (segmented ? `setStackPointer(c, ${value});` : `c.rsp = <u64><u32>(${value});`);
  const sp = (less: number): string =>
    (segmented ? `(c.rsp - ${less}) & c.stackMask` : `<u64>(<u32>c.rsp - ${less})`);
  const store = (value: string, done: string): string[] => [
    `const sp: u64 = ${sp(size)};`,
    ...write(type!, `stackAddress<${type}>(c, sp, true)`, value, done),
  ];
  const fetchAt = (at: string): string[] => [
    ...read(type!, `stackAddress<${type}>(c, ${at}, false)`),
    `const v = load<${type}>(h);`,
  ];
  const top = segmented ? 'c.rsp' : '<u64><u32>c.rsp';
  const push = (value: string): string[] =>
    [...store(value, `${setSp('sp')} r += 32; continue;`), `if (s != Status.FAULT) { ${setSp('sp')} }`, ON, 'break;'];
  const call = (how: string): string[] => [
    check(''), ...store(`<${type}>(c.ipBase + recOff(r) + recLen(r))`, `${setSp('sp')} s = ${how}; break;`),
    'if (s == Status.FAULT) break;',
    setSp('sp'), `if (s == Status.NEXT) { s = ${how}; break; }`, 'c.rip = (c.ipBase + t) & c.ipMask;',
    's = Status.JUMP; break;',
  ];
  const indirect = ['if (recIsMem(r)) {', ...read(type!, address).map((l) => `  ${l}`), `  t = <u64>load<${type}>(h) - c.ipBase;`,
    `} else t = <u64>readReg<${type}>(c, recRm(r)) - c.ipBase;`];
  const ret = (extra: string): string[] => [...fetchAt(top), 't = <u64>v - c.ipBase;', check(''),
    setSp(`c.rsp + ${size}${extra}`), 's = TAKEN; break;'];
  const next = 'r += 32; continue;';
  const cc = /^x_hJcc_cc(\d+)$/.exec(form.name);
  if (cc) return [`if (testCond(c, ${cc[1]})) { ${take.join(' ')} }`, next];
  switch (form.handler) {
    case 'hJmp': return take;
    case 'hCall': return segmented ? ['t = wrapTarget(c, r);', ...call('TAKEN')]
      : ['t = <u64>recDisp(r);', ...call('DIRECT')];
    case 'hCallE': return [...indirect, ...call('TAKEN')];
    case 'hJmpE': return [...indirect, check(''), 's = TAKEN; break;'];
    case 'hRet': return ret('');
    case 'hRetI': return ret(' + <u64>recImm(r)');
    case 'hPushR': return push(`readReg<${type}>(c, recRm(r))`);
    case 'hPushI': return push(`<${type}>recImm(r)`);
    case 'hPopR': return [...fetchAt(top), setSp(`c.rsp + ${size}`), `writeReg<${type}>(c, recRm(r), v);`, next];
    case 'hLeave': {
      const bp = segmented ? 'c.rbp & c.stackMask' : '<u64><u32>c.rbp';
      return [`const bp: u64 = ${bp};`, ...fetchAt('bp'), setSp(`bp + ${size}`), `writeReg<${type}>(c, ${5 * 8}, v);`, next];
    }
    case 'hLea': return [`writeReg<${type}>(c, recReg(r), <${type}>${segmented ? 'offsetOf' : 'flatAddress'}(c, r));`, next];
    default: return SNIPPETS[form.name]?.body;
  }
}

function caseText(form: Form, n: number, v: Variant): string {
  const body = (v.snippet(form) ?? glueBody(form, v.style)).filter((line) => line !== '');
  return `      case ${n}: { // ${form.name}\n${body.map((l) => `        ${l}`).join('\n')}\n      }`;
}

/** Name of the file → text. `long` are the forms of all modes, `legacy` those of the other modes alone. */
export function emitHot(long: Form[], legacy: Form[], symbols: Map<string, SymbolInfo>): Map<string, string> {
  const all = [...long, ...legacy];
  const numbers = new Map(all.map((form, i) => [form.name, FIRST_HOT + i]));
  const emit = (v: Variant, forms: Form[]): string => {
    const cases = forms.map((form) => caseText(form, numbers.get(form.name)!, v)).join('\n');
    const text = TEMPLATE.replace('@CASES@', () => cases).replace('@NAME@', v.name)
      .replace('@COMMENT@', v.comment).replace('@ADDRESS@', v.address)
      .replace('@JCC@', String(numbers.get('x_hJcc_cc0'))).replace('@LEAVE_PAGE@', v.leavePage);
    const used = new Set(forms.filter((f) => f.uop).map((f) => f.uop!));
    return `${HEADER}\n${importsFor(text, symbols, used)}\n${text}`;
  };
  return new Map([
    ['wasm/gen/exec-hot.ts', emit(LONG, long)],
    ['wasm/gen/exec-flat.ts', emit(FLAT, all.filter(FLAT.has))],
    ['wasm/gen/exec-segmented.ts', emit(SEGMENTED, all.filter(SEGMENTED.has))],
  ]);
}

const TEMPLATE = `
/** Private to the inner loop: go to page offset t; go where the record's disp says. */
const TAKEN: i32 = 16;
const DIRECT: i32 = 17;
const PAGE_MASK: u64 = ~(<u64>0xFFF);

/** May a branch be followed? One test; \`attention\` is 0 or 1. */
// @ts-ignore: decorator
@inline
function goesOn(fuel: i32, attention: usize): bool {
  return (<u32>(fuel > 0) & <u32>(atomic.load<u8>(attention) == 0)) != 0;
}

@ADDRESS@
/**
 * The inner loop of @COMMENT@:
 * execute records from \`start\` until something other than the next record must happen. \`index\` (u16 per
 * page offset) and \`records\` are those of the page; an all-zero index makes every taken branch inside it
 * leave. Returns a Status with \`stoppedAt\` set; after JUMP c.rip is valid. c.instructions has been
 * advanced.
 */
export function @NAME@(c: Cpu, start: usize, index: usize, records: usize, attention: usize): i32 {
  let r = start;
  // Records executed before the one at r: (r - bias) / 32.
  let bias: i64 = <i64>start;
  let fuel = fuelLeft;
  let s: i32 = 0;
  let t: u64 = 0;
  for (;;) {
    switch (<u32>load<u16>(r)) {
      case Op.GENERIC: {
        s = call_indirect<i32>(load<u32>(r, 12), c, r);
        if (s == Status.NEXT) { r += 32; continue; }
        break;
      }
      case Op.LINK: {
        // Not an instruction.
        bias += 32;
        s = DIRECT;
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
    if (s == DIRECT) {
      const way = recWay(r);
      if (way >= NEAR && goesOn(--fuel, attention)) {
        bias += (<i64>way << 5) - 32;
        r += <isize>way << 5;
        continue;
      }
      t = <u64>recDisp(r);
    } else if (s != TAKEN) return leave(c, r, bias, s, fuel);
    if (t < 4096) {
      const n = <usize>load<u16>(index + (<usize>t << 1));
      if (n != 0) {
        const to = records + (n << 5);
        if (s == DIRECT) setWay(r, to);
        if (goesOn(--fuel, attention)) {
          bias += <i64>to - <i64>r - 32;
          r = to;
          continue;
        }
      }
    } else {
      @LEAVE_PAGE@
        index = jumpIndex;
        records = jumpRecords;
        bias += <i64>to - <i64>r - 32;
        r = to;
        continue;
      }
    }
    return leave(c, r, bias, leaveTo(c, t), fuel);
  }
  return 0;
}
`;
