// Guest physical memory: which addresses are RAM, and the one way in which the core writes it outside the
// fast tables (docs/ordering.md: store, fence, then test the page's code state). RAM is one piece from 0;
// 0xA0000..0xBFFFF is the VGA window; 0xC0000..0xFFFFF is RAM as far as the host bridge's PAM registers say,
// for reads and writes separately (82441FX section 3.2.19), else the firmware's ROM; everything else that is
// not RAM belongs to chips (bus/mmio.ts).

import { Cpu } from "../cpu/state";
import { Control } from "../lib/control";
import { BOARD, CONTROL } from "../lib/layout";
import { Board } from "../bus/device";
import { mmioRead, mmioWrite } from "../bus/mmio";
import { codeWritten } from "./code-pages";

/** Host address of guest physical 0, and the number of RAM pages: constants of a machine, read once. */
export let ramBase: u32 = 0;
export let ramPages: u32 = 0;

const VGA_FIRST_PAGE: u32 = 0xa0;
const VGA_PAGES: u32 = 0x20;
/** From the VGA window to 1 MiB. */
const SPECIAL_PAGES: u32 = 0x60;

export function physInit(): void {
  ramBase = load<u32>(CONTROL + <usize>Control.RAM_BASE);
  ramPages = load<u32>(CONTROL + <usize>Control.RAM_PAGES);
}

/** True when reads and fetches of this guest page find RAM. */
// @ts-ignore: decorator
@inline
export function isRam(page: u64): bool {
  return page < <u64>ramPages
    && (<u32>page - VGA_FIRST_PAGE >= SPECIAL_PAGES || isShadow(<u32>page, Board.SHADOW_READ));
}

/** True when writes of this guest page go to RAM. */
// @ts-ignore: decorator
@inline
export function isWrittenRam(page: u64): bool {
  return page < <u64>ramPages
    && (<u32>page - VGA_FIRST_PAGE >= SPECIAL_PAGES || isShadow(<u32>page, Board.SHADOW_WRITE));
}

/** True when the guest page may stand in a write table: RAM to reads and to writes. */
export function isWritableRam(page: u64): bool {
  return isRam(page) && isWrittenRam(page);
}

/** A page of 0xA0..0xFF: does the mask of the PAM registers call it RAM? */
function isShadow(page: u32, which: Board): bool {
  const n = page - VGA_FIRST_PAGE;
  return n >= VGA_PAGES && (atomic.load<u64>(BOARD + <usize>which) >> <u64>(n - VGA_PAGES) & 1) != 0;
}

/** Host address of a RAM physical address. */
// @ts-ignore: decorator
@inline
export function ramHost(pa: u64): usize {
  return <usize>(ramBase + <u32>pa);
}

/** Read up to 8 bytes that do not cross a page, zero-extended. */
export function physRead(pa: u64, size: u32): u64 {
  if (!isRam(pa >> 12)) return mmioRead(pa, size);
  const h = ramHost(pa);
  switch (size) {
    case 1: return <u64>load<u8>(h);
    case 2: return <u64>load<u16>(h);
    case 4: return <u64>load<u32>(h);
    case 8: return load<u64>(h);
    default: {
      let v: u64 = 0;
      for (let i: u32 = 0; i < size; i++) v |= <u64>load<u8>(h + i) << (<u64>i << 3);
      return v;
    }
  }
}

/** Copy n bytes of one page out of guest memory. */
export function physReadBytes(pa: u64, n: u32, to: usize): void {
  if (isRam(pa >> 12)) {
    memory.copy(to, ramHost(pa), n);
    return;
  }
  let i: u32 = 0;
  while (i < n) {
    const size: u32 = n - i >= 8 ? 8 : n - i >= 4 ? 4 : n - i >= 2 ? 2 : 1;
    const v = mmioRead(pa + i, size);
    if (size == 8) store<u64>(to + i, v);
    else if (size == 4) store<u32>(to + i, <u32>v);
    else if (size == 2) store<u16>(to + i, <u16>v);
    else store<u8>(to + i, <u8>v);
    i += size;
  }
}

/** Copy n bytes into one page of guest memory. True = code of this CPU was hit. */
export function physWriteBytes(c: Cpu, pa: u64, n: u32, from: usize): bool {
  if (isWrittenRam(pa >> 12)) {
    const h = ramHost(pa);
    // Naturally aligned words must not tear for other CPUs (SDM 3A 9.1.1).
    if (n == 8) store<u64>(h, load<u64>(from));
    else if (n == 4) store<u32>(h, load<u32>(from));
    else if (n == 2) store<u16>(h, load<u16>(from));
    else if (n == 1) store<u8>(h, load<u8>(from));
    else memory.copy(h, from, n);
    return codeWritten(c, pa, n);
  }
  let i: u32 = 0;
  while (i < n) {
    const size: u32 = n - i >= 8 ? 8 : n - i >= 4 ? 4 : n - i >= 2 ? 2 : 1;
    let v: u64;
    if (size == 8) v = load<u64>(from + i);
    else if (size == 4) v = <u64>load<u32>(from + i);
    else if (size == 2) v = <u64>load<u16>(from + i);
    else v = <u64>load<u8>(from + i);
    mmioWrite(pa + i, size, v);
    i += size;
  }
  return false;
}
