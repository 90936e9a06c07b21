// IN OUT INS OUTS (SDM vol. 1 ch. 19, vol. 2). The chip answers inside the instruction, then RIP commits,
// once. A port is allowed when CPL <= IOPL, else by the I/O permission bitmap of a 32- or 64-bit TSS (SDM
// vol. 1 19.5.2); in virtual-8086 mode always by the bitmap. INS translates its destination for writing
// before it reads the port.

import { watchPort } from "../cpu/breakpoints";
import { Cpu, RAX, Seg, Status, segment } from "../cpu/state";
import { Vector, raiseError } from "../cpu/exceptions";
import { Attr, iopl, isProtected, isV86 } from "../cpu/mode";
import { pioRead, pioReadRun, pioWrite, pioWriteRun } from "../bus/pio";
import { readReg, recAddrMask, recImm, recOpSize, recSeg, writeReg } from "../decode/record";
import { checkWrite, linearAt, readHost, sysRead, writeValue } from "../mmu/access";
import {
  addSource, addTarget, findRun, isRepeated, runHost, setCount, shouldPause, step, wanted,
} from "./string-run";

/** Offset of the I/O map base in a TSS. */
const TSS_IO_MAP: u64 = 102;
/** Descriptor types 9 and Bh: available and busy 32- or 64-bit TSS. */
const TSS_TYPE_MASK: u32 = 0xD;
const TSS_TYPE: u32 = 9;

/** May this CPU use ports [port, port + size)? FAULT with #GP(0) pending when not. */
function checkPorts(c: Cpu, port: u32, size: u32): i32 {
  if (!isProtected(c) || (!isV86(c) && c.cpl <= iopl(c))) return Status.NEXT;
  const tr = segment(c, Seg.TR);
  if ((<u32>tr.attr & TSS_TYPE_MASK) != TSS_TYPE || (tr.attr & Attr.P) == 0 || tr.limit < <u32>TSS_IO_MAP
    + 1) {
    return raiseError(c, Vector.GP, 0);
  }
  const base = sysRead<u16>(c, tr.base + TSS_IO_MAP);
  if (!base) return Status.FAULT;
  const at = <u32>load<u16>(base) + (port >> 3);
  // Two bytes are always read, so that a wide access may cross a byte.
  if (at + 1 > tr.limit) return raiseError(c, Vector.GP, 0);
  const bits = sysRead<u16>(c, tr.base + at);
  if (!bits) return Status.FAULT;
  const mask: u32 = (<u32>1 << size) - 1;
  return ((<u32>load<u16>(bits) >> (port & 7)) & mask) != 0 ? raiseError(c, Vector.GP, 0) : Status.NEXT;
}

// @ts-ignore: decorator
@inline
function portOfDx(c: Cpu): u32 { return <u32>c.rdx & 0xFFFF; }

// @ts-ignore: decorator
@inline
function portOfImm(r: usize): u32 { return <u32>recImm(r) & 0xFF; }

function input<T>(c: Cpu, port: u32): i32 {
  const status = checkPorts(c, port, sizeof<T>());
  if (status) return status;
  watchPort(c, port, sizeof<T>());
  writeReg<T>(c, RAX, <T>pioRead(port, sizeof<T>()));
  return Status.NEXT;
}

/** A chip may have changed anything: back to the run loop, which polls. */
function output<T>(c: Cpu, port: u32): i32 {
  const status = checkPorts(c, port, sizeof<T>());
  if (status) return status;
  watchPort(c, port, sizeof<T>());
  pioWrite(port, sizeof<T>(), <u32>readReg<T>(c, RAX));
  return Status.END;
}

export function hInByteImm(c: Cpu, r: usize): i32 { return input<u8>(c, portOfImm(r)); }
export function hInByteDx(c: Cpu, r: usize): i32 { return input<u8>(c, portOfDx(c)); }
export function hInImm(c: Cpu, r: usize): i32 {
  return recOpSize(r) == 1 ? input<u16>(c, portOfImm(r)) : input<u32>(c, portOfImm(r));
}
export function hInDx(c: Cpu, r: usize): i32 {
  return recOpSize(r) == 1 ? input<u16>(c, portOfDx(c)) : input<u32>(c, portOfDx(c));
}
export function hOutByteImm(c: Cpu, r: usize): i32 { return output<u8>(c, portOfImm(r)); }
export function hOutByteDx(c: Cpu, r: usize): i32 { return output<u8>(c, portOfDx(c)); }
export function hOutImm(c: Cpu, r: usize): i32 {
  return recOpSize(r) == 1 ? output<u16>(c, portOfImm(r)) : output<u32>(c, portOfImm(r));
}
export function hOutDx(c: Cpu, r: usize): i32 {
  return recOpSize(r) == 1 ? output<u16>(c, portOfDx(c)) : output<u32>(c, portOfDx(c));
}

// INS ----------------------------------------------------------------------------------------------

function inputOne<T>(c: Cpu, r: usize, mask: u64, port: u32): i32 {
  const va = linearAt<T>(c, Seg.ES, c.rdi & mask, true);
  if (checkWrite(c, va, sizeof<T>())) return Status.FAULT;
  watchPort(c, port, sizeof<T>());
  const status = writeValue<T>(c, va, <T>pioRead(port, sizeof<T>()));
  if (status == Status.FAULT) return status;
  addTarget(c, r, step(c, sizeof<T>()));
  return status;
}

/** Elements read straight into a page. */
function inputRun<T>(c: Cpu, r: usize, mask: u64, port: u32, count: u64): u64 {
  const shift: u64 = sizeof<T>() == 1 ? 0 : sizeof<T>() == 2 ? 1 : 2;
  const want = wanted(c, count, shift);
  if (want == 0) return 0;
  const n = findRun(c, c.tlbWrite, Seg.ES, c.rdi & mask, mask, want, sizeof<T>(), true);
  const to = runHost;
  const done = pioReadRun(port, sizeof<T>(), to, n);
  for (let i: u32 = done; i < n; i += sizeof<T>()) store<T>(to + i, <T>pioRead(port, sizeof<T>()));
  addTarget(c, r, n);
  return <u64>n >> shift;
}

function ins<T>(c: Cpu, r: usize): i32 {
  const port = portOfDx(c);
  let status = checkPorts(c, port, sizeof<T>());
  if (status) return status;
  const mask = recAddrMask(r);
  if (!isRepeated(r)) return inputOne<T>(c, r, mask, port);
  let count = c.rcx & mask;
  while (count != 0) {
    let n = inputRun<T>(c, r, mask, port, count);
    if (n == 0) {
      status = inputOne<T>(c, r, mask, port);
      if (status == Status.FAULT) return status;
      n = 1;
    }
    count -= n;
    setCount(c, r, count);
    if (status != Status.NEXT || shouldPause(c)) return count != 0 ? Status.RETRY : status;
  }
  return Status.NEXT;
}

export function hInsByte(c: Cpu, r: usize): i32 { return ins<u8>(c, r); }
export function hIns(c: Cpu, r: usize): i32 { return recOpSize(r) == 1 ? ins<u16>(c, r) : ins<u32>(c, r); }

// OUTS ---------------------------------------------------------------------------------------------

function outputOne<T>(c: Cpu, r: usize, mask: u64, port: u32): i32 {
  const from = readHost<T>(c, linearAt<T>(c, recSeg(r), c.rsi & mask, false));
  if (!from) return Status.FAULT;
  watchPort(c, port, sizeof<T>());
  pioWrite(port, sizeof<T>(), <u32>load<T>(from));
  addSource(c, r, step(c, sizeof<T>()));
  return Status.NEXT;
}

/** Elements written straight from a page, by a chip that takes runs; 0 = none. */
function outputRun<T>(c: Cpu, r: usize, mask: u64, port: u32, count: u64): u64 {
  const shift: u64 = sizeof<T>() == 1 ? 0 : sizeof<T>() == 2 ? 1 : 2;
  const want = wanted(c, count, shift);
  if (want == 0) return 0;
  const n = findRun(c, c.tlbRead, recSeg(r), c.rsi & mask, mask, want, sizeof<T>(), false);
  if (n == 0) return 0;
  const done = pioWriteRun(port, sizeof<T>(), runHost, n);
  addSource(c, r, done);
  return <u64>done >> shift;
}

function outs<T>(c: Cpu, r: usize): i32 {
  const port = portOfDx(c);
  const status = checkPorts(c, port, sizeof<T>());
  if (status) return status;
  const mask = recAddrMask(r);
  if (!isRepeated(r)) {
    const one = outputOne<T>(c, r, mask, port);
    return one == Status.FAULT ? one : Status.END;
  }
  let count = c.rcx & mask;
  while (count != 0) {
    let n = outputRun<T>(c, r, mask, port, count);
    if (n == 0) {
      if (outputOne<T>(c, r, mask, port)) return Status.FAULT;
      n = 1;
    }
    count -= n;
    setCount(c, r, count);
    if (count != 0 && shouldPause(c)) return Status.RETRY;
  }
  return Status.END;
}

export function hOutsByte(c: Cpu, r: usize): i32 { return outs<u8>(c, r); }
export function hOuts(c: Cpu, r: usize): i32 { return recOpSize(r) == 1 ? outs<u16>(c, r) : outs<u32>(c, r); }
