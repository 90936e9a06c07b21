// What the translator knows of an instruction (gen/lowering.ts, written by tools/isa-gen/emit-lowering.ts),
// and its memory: this CPU's work area in the arena. It holds one region at a time; what lasts of regions is
// shared (share.ts).

import { CodeMode } from "../cpu/state";
import { ARENA, ARENA_BYTES, MAX_CPUS } from "../lib/layout";
import { NODES } from "./sets";

/** What a row does. CMP and TEST are SUB and AND without a result. */
export const enum Lower {
  NONE = 0, MOV = 1, MOVZX = 2, MOVSX = 3, ADD = 4, OR = 5, AND = 6, SUB = 7, XOR = 8, INC = 9, DEC = 10,
    NEG = 11, NOT = 12,
  IMUL = 13, SHL = 14, SHR = 15, SAR = 16, CMOV = 17, SETCC = 18, CMP = 19, TEST = 20, LEA = 21, JCC = 22,
    JMP = 23, NOP = 24,
  PUSH = 25, PUSH_IMM = 26, POP = 27, LEAVE = 28, CALL = 29, RET = 30, CALL_E = 31, JMP_E = 32,
  ROL = 33, ROR = 34, BSWAP = 35, CBW = 36, CWD = 37, ADC = 46, SBB = 47,
  /** locked.ts; so are forms with a LOCK prefix. */
  XCHG = 48, XADD = 49, CMPXCHG = 50,
  /** bits.ts, shifts.ts, muldiv.ts. The flags of TZCNT to BZHI, but POPCNT's, are FlagKind.SZP. */
  BT = 110, BTS = 111, BTR = 112, BTC = 113, BSF = 114, BSR = 115, ANDN = 116, TZCNT = 117, LZCNT = 118,
  POPCNT = 119, SHLD = 120, SHRD = 121, MUL = 122, IMUL_ONE = 123, BLSR = 124, BLSMSK = 125, BLSI = 126,
  BZHI = 127, SHLX = 128, SHRX = 129, SARX = 130, RORX = 131, DIV = 132, IDIV = 133, MULX = 134,
  /** system.ts; from here to SYSTEM_LAST. */
  CLI = 100, STI = 101, SWAPGS = 102, PUSH_E = 103, PUSHF = 104, STAC = 105, CLAC = 106, MOV_FROM_SEG = 107,
  RDTSC = 108, SYSTEM_LAST = 108,
  /** Vec says which. */
  VECTOR = 64,
  /** Flt and Lane (float-mode.ts) say which. */
  FLOAT = 65,
  /** Fpu says which. */
  X87 = 80,
}

/** How a vector row is lowered (tools/isa-gen/vector-rows.ts). */
export const enum Vec {
  MOVA_LOAD = 1, MOVU_LOAD = 2, MOVA_STORE = 3, MOVU_STORE = 4, MOVD_TO = 5, MOVD_FROM = 6, MOVQ_LOAD = 7,
  MOVQ_STORE = 8, MOVSS_LOAD = 9, MOVSS_STORE = 10, MOVSD_LOAD = 11, MOVSD_STORE = 12, MOVLP_LOAD = 13,
  MOVLP_STORE = 14, MOVHP_LOAD = 15, MOVHP_STORE = 16,
  MASK = 17, BINARY = 18, SWAPPED = 19, UNARY = 20, SHIFT = 21, SHIFT_IMM = 22, MUL_HIGH = 23, MUL_WIDE = 24,
  SIGN = 25, PAIRS = 26, BLEND_XMM0 = 27,
  /** With a number that is no instruction: log2 of the element's bytes and more. */
  UNPACK = 40, SHUFFLE = 41, EXTEND = 42, BLEND = 43, INSERT = 44, EXTRACT = 45,
  PSHUFB = 50, PALIGNR = 51, PSLLDQ = 52, PSRLDQ = 53, SHUFPS = 54, SHUFPD = 55, MOVDDUP = 56, INSERTPS = 57,
  PMADDUBSW = 58, PMULHRSW = 59, PSADBW = 60, PTEST = 61, PEXTRW = 62,
}

/** x87 instructions by the handlers that they do without (tools/isa-gen/x87-rows.ts). */
export const enum Fpu {
  LD_M32 = 1, LD_M64 = 2, LD_M80 = 3, LD_STI = 4, LD_CONSTANT = 5, ILD_M16 = 6, ILD_M32 = 7, ILD_M64 = 8,
  ST_M32 = 9, ST_M64 = 10, STP_M80 = 11, ST_STI = 12, IST_M16 = 13, IST_M32 = 14, IST_M64 = 15, XCH = 16,
  ARITH_M32 = 17, ARITH_M64 = 18, ARITH_I32 = 19, ARITH_I16 = 20, ARITH_ST0 = 21, ARITH_STI = 22,
  ARITH_STI_POP = 23, COMPARE = 24, TST = 25, CHS = 26, ABS = 27, UNARY = 28, NSTSW_AX = 29, NSTSW = 30,
  LDCW = 31, NSTCW = 32, WAIT = 33, NOP = 34, FREE = 35, ROTATE = 36, CMOV = 37,
}

/**
 * Where its operands are. GE: with two registers the decoder has swapped them, so the destination is always
 * recRm.
 */
export const enum Place { EG = 1, GE = 2, EI = 3, E = 4, E_CL = 5, E_ONE = 6, GEI = 7, LEA = 8, NONE = 9,
  EG_CL = 10, EGI = 11, VEX = 12,
}

/** How an instruction is translated. */
export const enum Kind {
  /** Not at all: the region is left for the interpreter. */
  NONE = 0,
  NATIVE = 1,
  /** The interpreter's handler is called. */
  HELPER = 2,
  /** The same, and the region is left behind it. */
  ENDS = 3,
  /** The region is full: it is left for wherever this instruction is found. */
  CUT = 4,
}

/** One decoded instruction: the record, then what the translator adds. */
@unmanaged
export class Insn {
  rec0: u64; rec1: u64; rec2: u64; rec3: u64;
  /** Word of gen/lowering.ts. */
  lowering: u32;
  kind: Kind;
  /** 1 = somebody may see the flags that it writes. */
  flagsLive: u32;
  /** Its page, by number in the region. */
  page: u32;
  /** Address of the lasting copy of the record for its helper, 0 = none yet. */
  record: u32;
  /** 1 = a JMP to a lone RET (the kernel returns like this): one RET that counts as two instructions. */
  through: u32;
  /** Where its branch was recorded (trace.ts): guest page << 12 | offset. */
  from: u32;
  /** What its first access looks up for others (lookups.ts). */
  window: u32;
}
export const INSN_BYTES: u32 = 64;

/**
 * How a block ends. OWN: its last instruction leaves the region by itself; INDIRECT: JMP or CALL through a
 * register or memory.
 */
export const enum Term {
  EXIT = 0, JMP = 1, JCC = 2, FALL = 3, CALL = 4, RET = 5, OWN = 6, CUT = 7, INDIRECT = 8,
}

/**
 * A node of the flow graph. Node 0 is the dispatcher: it branches to the entries. Places inside the region
 * (`at`) are page number << 12 | page offset.
 */
@unmanaged
export class Block {
  /** Place of the first instruction. */
  at: u32;
  /** Instructions that are counted, the branch included. */
  count: u32;
  term: Term;
  /** Nodes; 0 = outside the region. */
  taken: u32;
  fall: u32;
  /** Place of the instruction at which an EXIT leaves; of the branch. */
  last: u32;
  /** Flags at the start and at the end (flags.ts, Desc). */
  flagsIn: u32;
  flagsOut: u32;
  /** 1 = the flags at the start may be seen. */
  liveIn: u32;
  /** Number in reverse postorder, from 0; the immediate dominator. */
  order: u32;
  dominator: u32;
  /** More than one forward edge leads here. */
  merge: u32;
  /** An edge leads back here from a node that it dominates. */
  loop: u32;
  /** 1 + place in the dispatcher's table, 0 = no entry. */
  entry: u32;
  /** Depth at which its label was opened: as a loop, and as the end of a block. */
  loopLabel: u32;
  blockLabel: u32;
  /** Node that the CALL at its end returns to. */
  site: u32;
  /** Where taken and fall are, from the start of page 0: also outside. */
  takenRel: i64;
  fallRel: i64;
  /** Top of the x87 stack at the start (x87-state.ts). */
  x87In: u32;
}
export const BLOCK_BYTES: u32 = 256;
/** Sets of nodes (sets.ts) behind a block's fields: nodes that branch to it, that it branches to and reaches. */
const enum BlockSet { PREDS = 128, SUCC = 160, REACHES = 192 }

export const MAX_BLOCKS: u32 = NODES - 2;
export const MAX_INSNS: u32 = 1200;
export const MAX_PAGES: u32 = 16;

/** A page of the region: guest page, distance from page 0 in pages, slot of the decoded-page cache. */
export const enum PageField { PHYS = 0, DELTA = 4, SLOT = 8 }
const PAGE_BYTES: u32 = 16;

/** The region being made is 32-bit code whose CS, DS, ES and SS span 4 GiB from 0 (else 64-bit code). */
export let code32: bool = false;
export function setCode32(on: bool): void { code32 = on; }
export function codeMode(): CodeMode { return code32 ? CodeMode.M32 : CodeMode.M64; }

/** Offsets in the work area. */
const enum Work {
  HEADS = 0, BLOCKS = 0x10000, QUEUE = 0x28000, ENTRIES = 0x29000, ORDER = 0x29100,
  PAGES = 0x29200, GATHERED = 0x29300, LIST = 0x29400, SITES = 0x29500, SLOTS = 0x29600, LOOKUPS = 0x2F000,
    CODE = 0x40000,
  REGIONS = 0x80000, REGIONS_END = 0x100000, INSN_AT = 0x100000, BLOCK_AT = 0x120000, INSNS = 0x130000,
    HINTS = 0x144000,
  TRACE_EDGES = 0x154000, TRACE_PAGES = 0x164000, OUTSIDE = 0x175000, END = 0x176000,
}
const WORK_BYTES: u32 = ARENA_BYTES / MAX_CPUS;
export const CODE_BYTES: u32 = Work.REGIONS - Work.CODE;
/** What this CPU knows of one region (regions.ts); there is room for as many as share.ts has. */
export const REGION_BYTES: u32 = 32;
export const REGION_ROOM: u32 = (Work.REGIONS_END - Work.REGIONS) / REGION_BYTES;
export const PAGE: u32 = 4096;
export const HEADS: u32 = 8192;
export const HEAD_BYTES: u32 = 8;

let work: usize = 0;

export function useWork(cpu: u32): void {
  assert(<u32>Work.END <= WORK_BYTES);
  work = ARENA + cpu * WORK_BYTES;
}
/** Hot-head counters. */
export function heads(): usize { return work + Work.HEADS; }
export function codeStart(): usize { return work + Work.CODE; }
/** What this CPU knows of each region (regions.ts). */
export function regionTable(): usize { return work + Work.REGIONS; }
/** u16 per place: 1 + number of the instruction there. */
export function insnAt(at: u32): usize { return work + Work.INSN_AT + (<usize>at << 1); }
/** u8 per place: the block that begins there, 0 = none. */
export function blockAt(at: u32): usize { return work + Work.BLOCK_AT + at; }
export function queueAt(n: u32): usize { return work + Work.QUEUE + (<usize>n << 1); }
/** u8 each: entries in the order of the dispatcher's table; nodes in reverse postorder. */
export function entryList(): usize { return work + Work.ENTRIES; }
export function orderList(): usize { return work + Work.ORDER; }
/** Bytes of an instruction that crosses its page. */
export function gathered(): usize { return work + Work.GATHERED; }
/** Functions for the host (regions.ts). */
export function installList(): usize { return work + Work.LIST; }
/** What trace.ts has recorded. */
export function tracePages(): usize { return work + Work.TRACE_PAGES; }
/** Places that a region has left out (discover.ts). */
export function outsideList(): usize { return work + Work.OUTSIDE; }
/** State of lookups.ts. */
export function lookupRoom(): usize { return work + Work.LOOKUPS; }
/** Places of hinted branches (bytes.ts). */
export function hintRoom(): usize { return work + Work.HINTS; }
export function traceEdges(): usize { return work + Work.TRACE_EDGES; }
/** Set of return sites. */
export function siteSet(): usize { return work + Work.SITES; }
/** Slots of an indirect branch's table (branch-table.ts). */
export function branchSlots(): usize { return work + Work.SLOTS; }
export function pageAt(k: u32): usize { return work + Work.PAGES + k * PAGE_BYTES; }
export function insn(n: u32): Insn { return changetype<Insn>(work + Work.INSNS + n * INSN_BYTES); }
export function block(n: u32): Block { return changetype<Block>(work + Work.BLOCKS + n * BLOCK_BYTES); }

// @ts-ignore: decorator
@inline
export function predsOf(b: Block): usize { return changetype<usize>(b) + BlockSet.PREDS; }
// @ts-ignore: decorator
@inline
export function succOf(b: Block): usize { return changetype<usize>(b) + BlockSet.SUCC; }
// @ts-ignore: decorator
@inline
export function reachesOf(b: Block): usize { return changetype<usize>(b) + BlockSet.REACHES; }

/** The instruction at a place that discovery has decoded. */
export function insnOf(at: u32): Insn { return insn(<u32>load<u16>(insnAt(at)) - 1); }

/** Forget what was at page number k. */
export function clearPage(k: u32): void {
  memory.fill(insnAt(k * PAGE), 0, PAGE * 2);
  memory.fill(blockAt(k * PAGE), 0, PAGE);
}
/** Forget what node n was. */
export function clearBlock(n: u32): void {
  memory.fill(changetype<usize>(block(n)), 0, BLOCK_BYTES);
}

/** Distance in bytes of a place from the start of page 0. */
export function relOf(at: u32): i64 {
  return ((<i64>load<i32>(pageAt(at >> 12), PageField.DELTA)) << 12) + <i64>(at & (PAGE - 1));
}

/** Instructions that one stands for beside itself. */
export function extraOf(b: Block): u32 { return b.term == Term.RET ? insnOf(b.last).through : 0; }

// @ts-ignore: decorator
@inline
export function lowerOp(i: Insn): Lower { return (i.kind == Kind.NATIVE ? i.lowering & 0xFF : 0) as Lower; }
/** Lowered by system.ts: looks operands up by itself, and may leave. */
// @ts-ignore: decorator
@inline
export function isSystem(o: Lower): bool { return o >= Lower.CLI && o <= Lower.SYSTEM_LAST; }
// @ts-ignore: decorator
@inline
export function lowerCond(i: Insn): u32 { return (i.lowering >> 8) & 15; }
// @ts-ignore: decorator
@inline
export function lowerPlace(i: Insn): Place { return ((i.lowering >> 12) & 15) as Place; }
/** Form of a vector row, and the number of its vector instruction. */
// @ts-ignore: decorator
@inline
export function lowerForm(i: Insn): Vec { return ((i.lowering >> 8) & 0xFF) as Vec; }
// @ts-ignore: decorator
@inline
export function lowerSimd(i: Insn): u32 { return (i.lowering >> 22) & 0xFF; }
/** log2 of the bytes of a source with a width of its own. */
// @ts-ignore: decorator
@inline
export function lowerSource(i: Insn): u32 { return ((i.lowering >> 16) & 3) - 1; }
/** Class of the handler: 1 = helper, 2 = ends the block. */
// @ts-ignore: decorator
@inline
export function lowerClass(word: u32): u32 { return (word >> 18) & 3; }
/** The helper touches neither general registers (but those of its address) nor flags. */
// @ts-ignore: decorator
@inline
export function isPure(i: Insn): bool { return (i.lowering & (1 << 20)) != 0; }
/** The helper uses no general registers but those of its operands and CL. */
export function isPlain(i: Insn): bool { return (i.lowering & (1 << 21)) != 0; }
/** Which registers not named by its operands the handler uses: 0 = not known. */
function fixedRegs(i: Insn): u32 {
  return i.kind == Kind.HELPER && (i.lowering & 0xFF) == 0 ? (i.lowering >> 22) & 3 : 0;
}
/** The handler uses RAX, RCX, RSI and RDI only, and no arithmetic flags. */
export function usesStringRegs(i: Insn): bool { return fixedRegs(i) == 1; }
/** The handler is CMPXCHG16B's: RAX, RBX, RCX, RDX, its address and the flags. */
export function usesPairs(i: Insn): bool { return fixedRegs(i) == 2; }
/** The helper may use XMM registers. */
// @ts-ignore: decorator
@inline
export function touchesVectors(i: Insn): bool { return (i.lowering & (1 << 30)) != 0; }
/** Form and argument of an x87 instruction. */
export function x87Form(i: Insn): Fpu { return ((i.lowering >> 8) & 0xFF) as Fpu; }
export function x87Argument(i: Insn): u32 { return (i.lowering >> 22) & 31; }
/** x87 or MMX registers are used. */
// @ts-ignore: decorator
@inline
export function touchesX87(i: Insn): bool { return i.lowering >> 31 != 0; }
// @ts-ignore: decorator
@inline
export function isHelper(i: Insn): bool { return i.kind == Kind.HELPER || i.kind == Kind.ENDS; }
