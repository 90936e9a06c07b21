// Fast system calls and SWAPGS (SDM vol. 2 SYSCALL SYSRET SYSENTER SYSEXIT SWAPGS; vol. 3A 5.8.7-5.8.8).
// Intel's rules: SYSCALL and SYSRET exist in 64-bit mode only, and a non-canonical return address faults at
// CPL 0. The segments are fixed: no descriptor is read.

import { deliverException } from "../cpu/events";
import { DR6_BS, Vector, raise, raiseDebug, raiseError } from "../cpu/exceptions";
import { readEflags } from "../cpu/flags";
import { Attr, Efer, Rflags, isCanonical, isProtected, setCpl, updateMode } from "../cpu/mode";
import { Cpu, FlagKind, Seg, Status, segment } from "../cpu/state";
import { nextIp, recOpSize } from "../decode/record";
import { Size } from "../mmu/frame";
import { setFlat } from "../mmu/segment";

const MASK32: u64 = 0xFFFFFFFF;
const SELECTOR_MASK: u32 = 0xFFFC;
const USER_RPL: u32 = 3;
const USER_DPL: u32 = 0x60;
/** RFLAGS bits that SYSRET takes from R11. */
const SYSRET_FLAGS: u64 = 0x3C7FD7;
const STAR_SYSCALL: u64 = 32;
const STAR_SYSRET: u64 = 48;
const STACK_STEP: u32 = 8;
const SYSRET64_STEP: u32 = 16;
const SYSEXIT_STEP: u32 = 16;
const SYSEXIT64_STEP: u32 = 32;
const DATA32: u32 = Attr.DATA | Attr.DB | Attr.G;
const CODE32: u32 = Attr.CODE_SEGMENT | Attr.DB | Attr.G;
const CODE64: u32 = Attr.CODE_SEGMENT | Attr.L | Attr.G;

/** Load the fixed CS and SS of privilege 0 or 3. */
function enter(c: Cpu, cs: u32, ss: u32, long: bool, user: bool): void {
  const dpl: u32 = user ? USER_DPL : 0;
  const rpl: u32 = user ? USER_RPL : 0;
  setFlat(c, Seg.CS, cs | rpl, (long ? CODE64 : CODE32) | dpl);
  setFlat(c, Seg.SS, ss | rpl, DATA32 | dpl);
  // From 64-bit code to 64-bit code nothing but the privilege changes.
  if (long && c.mode64 != 0) setCpl(c, user ? USER_RPL : 0);
  else updateMode(c);
}

export function hSyscall(c: Cpu, r: usize): i32 {
  if (c.mode64 == 0 || (c.efer & Efer.SCE) == 0) return raise(c, Vector.UD);
  c.rcx = nextIp(c, r);
  c.r11 = readEflags(c) & ~(<u64>Rflags.RF);
  c.eflags = (c.r11 & ~c.sfmask) | Rflags.FIXED;
  c.flagKind = FlagKind.EXPLICIT;
  c.rip = c.lstar;
  const cs = <u32>(c.star >> STAR_SYSCALL) & SELECTOR_MASK;
  enter(c, cs, cs + STACK_STEP, true, false);
  return Status.JUMP;
}

export function hSysret(c: Cpu, r: usize): i32 {
  if (c.mode64 == 0 || (c.efer & Efer.SCE) == 0) return raise(c, Vector.UD);
  if (c.cpl != 0) return raiseError(c, Vector.GP, 0);
  const long = recOpSize(r) == Size.QWORD;
  if (long && !isCanonical(c.rcx)) return raiseError(c, Vector.GP, 0);
  c.rip = long ? c.rcx : c.rcx & MASK32;
  c.eflags = (c.r11 & SYSRET_FLAGS) | Rflags.FIXED;
  c.flagKind = FlagKind.EXPLICIT;
  const base = <u32>(c.star >> STAR_SYSRET) & 0xFFFF;
  enter(c, long ? base + SYSRET64_STEP : base, base + STACK_STEP, long, true);
  if ((c.eflags & Rflags.TF) != 0) {
    // Other than after POPF and IRET the trap comes at once, as if the SYSCALL had just ended.
    raiseDebug(c, DR6_BS);
    deliverException(c);
  }
  return Status.JUMP;
}

export function hSysenter(c: Cpu, r: usize): i32 {
  const cs = <u32>c.sysenterCs & SELECTOR_MASK;
  if (!isProtected(c) || cs == 0) return raiseError(c, Vector.GP, 0);
  const long = c.longMode != 0;
  c.eflags &= ~(<u64>(Rflags.VM | Rflags.IF | Rflags.RF));
  c.rsp = long ? c.sysenterEsp : c.sysenterEsp & MASK32;
  c.rip = long ? c.sysenterEip : c.sysenterEip & MASK32;
  enter(c, cs, cs + STACK_STEP, long, false);
  return Status.JUMP;
}

export function hSysexit(c: Cpu, r: usize): i32 {
  const cs = <u32>c.sysenterCs & SELECTOR_MASK;
  if (!isProtected(c) || cs == 0 || c.cpl != 0) return raiseError(c, Vector.GP, 0);
  const long = recOpSize(r) == Size.QWORD;
  if (long && !(isCanonical(c.rcx) && isCanonical(c.rdx))) return raiseError(c, Vector.GP, 0);
  c.rsp = long ? c.rcx : c.rcx & MASK32;
  c.rip = long ? c.rdx : c.rdx & MASK32;
  const code = cs + (long ? SYSEXIT64_STEP : SYSEXIT_STEP);
  enter(c, code, code + STACK_STEP, long, true);
  return Status.JUMP;
}

export function hSwapgs(c: Cpu, r: usize): i32 {
  if (c.mode64 == 0) return raise(c, Vector.UD);
  if (c.cpl != 0) return raiseError(c, Vector.GP, 0);
  const gs = segment(c, Seg.GS);
  const base = gs.base;
  gs.base = c.kernelGsBase;
  c.kernelGsBase = base;
  return Status.NEXT;
}
