// What the CPU sees of video memory: the window at 0xA0000..0xBFFFF through the graphics controller
// (set/reset, rotate, logic functions, bit mask, latches, four write and two read modes; odd/even, chain-4
// and planar addressing: IBM Video Subsystem, "Graphics Controller", "Sequencer"), or as a linear bank of a
// Bochs VBE mode; and the linear frame buffer, which is plain memory and comes here only where the TLB cannot
// serve it.

import { VRAM, VRAM_BYTES } from "../../lib/layout";
import {
  Dispi, DispiEnable, Gfx, GfxMode, Seq, SeqMemory, Vga, dispi, gfx, planes, seq, spread, touch,
} from "./state";

const WINDOW_BYTES: u32 = 0x20000;
const BANK_SHIFT: u32 = 16;
const BANK_MASK: u32 = 0xFFFF;
const PLANAR_BPP: u32 = 4;
const NOTHING: u32 = 0xFF;
const OUTSIDE: u32 = 0xFFFFFFFF;
const LINEAR_MASK: u32 = VRAM_BYTES - 1;
/** Plane addresses of the whole memory: banks of a 16-colour VBE mode go beyond 64 KiB. */
const PLANE_MASK: u32 = (VRAM_BYTES >> 2) - 1;

const enum Function { REPLACE = 0, AND = 1, OR = 2, XOR = 3 }

/**
 * Offset in the memory map that Graphics Misc selects (a VBE mode: the bank, 64 KiB from 0xA0000), OUTSIDE
 * where the adapter does not answer.
 */
function windowOffset(dev: Vga, offset: u32): u32 {
  if (isVbe(dev)) return offset < 0x10000 ? offset : OUTSIDE;
  switch (gfx(dev, Gfx.MISC) >> 2 & 3) {
    case 0: return offset & (WINDOW_BYTES - 1);
    case 1: return offset < 0x10000 ? offset : OUTSIDE;
    case 2: return offset - 0x10000 < 0x8000 ? offset - 0x10000 : OUTSIDE;
    default: return offset - 0x18000 < 0x8000 ? offset - 0x18000 : OUTSIDE;
  }
}

// @ts-ignore: decorator
@inline
function isVbe(dev: Vga): bool {
  return (dispi(dev, Dispi.ENABLE) & DispiEnable.ON) != 0;
}

/** Address of a byte of the present bank. */
// @ts-ignore: decorator
@inline
function banked(dev: Vga, at: u32): usize {
  return VRAM + <usize>((dispi(dev, Dispi.BANK) << BANK_SHIFT) + (at & BANK_MASK) & LINEAR_MASK);
}

/** The four planes' bytes at a plane address of the present bank. */
// @ts-ignore: decorator
@inline
function word(dev: Vga, a: u32): usize {
  if (!isVbe(dev)) return planes(a);
  return VRAM + <usize>(((dispi(dev, Dispi.BANK) << BANK_SHIFT) + (a & BANK_MASK) & PLANE_MASK) << 2);
}

/** A byte of host data on its way through set/reset, function and bit mask: four planes. */
function compose(dev: Vga, v: u32): u32 {
  const mode = gfx(dev, Gfx.MODE) & GfxMode.WRITE;
  const latch = dev.latch;
  if (mode == 1) return latch;
  const rotate = gfx(dev, Gfx.ROTATE) & 7;
  let mask = gfx(dev, Gfx.BIT_MASK);
  let x: u32;
  if (mode == 2) {
    x = spread(v);
  } else {
    const turned = (v >> rotate | v << (8 - rotate)) & 0xFF;
    if (mode == 0) {
      const enabled = spread(gfx(dev, Gfx.ENABLE_SET_RESET));
      x = turned * 0x01010101 & ~enabled | spread(gfx(dev, Gfx.SET_RESET)) & enabled;
    } else {
      mask &= turned;
      x = spread(gfx(dev, Gfx.SET_RESET));
    }
  }
  switch (gfx(dev, Gfx.ROTATE) >> 3 & 3) {
    case Function.AND: x &= latch; break;
    case Function.OR: x |= latch; break;
    case Function.XOR: x ^= latch; break;
    default: break;
  }
  mask *= 0x01010101;
  return x & mask | latch & ~mask;
}

function writeByte(dev: Vga, at: u32, v: u32): void {
  if (isVbe(dev) && dispi(dev, Dispi.BPP) != PLANAR_BPP) {
    store<u8>(banked(dev, at), <u8>v);
    return;
  }
  let a = at;
  let mask = seq(dev, Seq.MAP_MASK);
  const memory = seq(dev, Seq.MEMORY);
  if ((memory & SeqMemory.CHAIN4) != 0) {
    mask &= <u32>1 << (at & 3);
    a = at & ~3;
  } else if ((memory & SeqMemory.SEQUENTIAL) == 0) {
    mask &= (at & 1) != 0 ? 0xA : 0x5;
    a = at & ~1;
  }
  const p = word(dev, a);
  const keep = ~spread(mask);
  store<u32>(p, load<u32>(p) & keep | compose(dev, v) & ~keep);
}

function readByte(dev: Vga, at: u32): u32 {
  if (isVbe(dev) && dispi(dev, Dispi.BPP) != PLANAR_BPP) return load<u8>(banked(dev, at));
  let a = at;
  let plane = gfx(dev, Gfx.READ_MAP) & 3;
  const mode = gfx(dev, Gfx.MODE);
  if ((seq(dev, Seq.MEMORY) & SeqMemory.CHAIN4) != 0) {
    plane = at & 3;
    a = at & ~3;
  } else if ((mode & GfxMode.ODD_EVEN) != 0) {
    plane = plane & 2 | at & 1;
    a = at & ~1;
  }
  const latch = load<u32>(word(dev, a));
  dev.latch = latch;
  if ((mode & GfxMode.READ_COMPARE) == 0) return latch >> (plane << 3) & 0xFF;
  // Read mode 1: a 1 for every pixel whose planes that matter equal Color Compare.
  let differ = (latch ^ spread(gfx(dev, Gfx.COMPARE))) & spread(gfx(dev, Gfx.DONT_CARE));
  differ |= differ >> 16;
  differ |= differ >> 8;
  return ~differ & 0xFF;
}

/** The window at 0xA0000; `offset` from there. */
export function vgaWindowRead(dev: Vga, offset: u32, size: u32): u64 {
  let v: u64 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const at = windowOffset(dev, offset + i);
    v |= <u64>(at == OUTSIDE ? NOTHING : readByte(dev, at)) << (<u64>i << 3);
  }
  return v;
}

export function vgaWindowWrite(dev: Vga, offset: u32, size: u32, value: u64): void {
  for (let i: u32 = 0; i < size; i++) {
    const at = windowOffset(dev, offset + i);
    if (at != OUTSIDE) writeByte(dev, at, <u32>(value >> (<u64>i << 3)) & 0xFF);
  }
  touch(dev);
}

/** The linear frame buffer past the TLB: accesses that cross a page. */
export function vgaLinearRead(dev: Vga, offset: u32, size: u32): u64 {
  const p = VRAM + <usize>(offset & LINEAR_MASK);
  switch (size) {
    case 1: return <u64>load<u8>(p);
    case 2: return <u64>load<u16>(p);
    case 4: return <u64>load<u32>(p);
    default: return load<u64>(p);
  }
}

export function vgaLinearWrite(dev: Vga, offset: u32, size: u32, value: u64): void {
  const p = VRAM + <usize>(offset & LINEAR_MASK);
  switch (size) {
    case 1: store<u8>(p, <u8>value); break;
    case 2: store<u16>(p, <u16>value); break;
    case 4: store<u32>(p, <u32>value); break;
    default: store<u64>(p, value); break;
  }
}
