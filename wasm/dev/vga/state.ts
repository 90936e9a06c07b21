// State of the display adapter: the registers of an IBM VGA (IBM PS/2 Hardware Interface Technical Reference,
// "Video Subsystem"; register names as there) and of the Bochs VBE extensions. One struct in the chip's page;
// video memory is layout.VRAM, four planes interleaved: the byte of plane p at plane address a is
// VRAM + 4 * a + p, so that one 32-bit word is what the sequencer fetches at once.

import { VRAM } from "../../lib/layout";
import { Chip, chipAddress } from "../../bus/device";

@unmanaged
export class Vga {
  lock: u32;
  /** Bumped by every write that can change the picture, except through the linear frame buffer. */
  generation: u32;
  misc: u32;
  feature: u32;
  enable: u32;
  seqIndex: u32;
  crtcIndex: u32;
  gfxIndex: u32;
  attrIndex: u32;
  /** Attribute flip-flop: 1 = the next write to 3C0 is data. */
  attrData: u32;
  dacMask: u32;
  /** Next component of 3C9 as 3 * entry + component, for reads and writes. */
  dacRead: u32;
  dacWrite: u32;
  /** What 3C7 answers: 3 after the read address was written, 0 after the write address. */
  dacState: u32;
  /** The graphics controller's four latches. */
  latch: u32;
  dispiIndex: u32;
}

/** Register files behind the struct. */
const SEQ: usize = 0x80;
const GFX: usize = 0xA0;
const CRTC: usize = 0xC0;
const ATTR: usize = 0x100;
const DISPI: usize = 0x140;
const DAC: usize = 0x200;
export const DAC_BYTES: u32 = 768;
/** First byte behind the chip's state. */
export const VGA_STATE_END: u32 = 0x500;

export const enum Seq { RESET = 0, CLOCKING = 1, MAP_MASK = 2, FONT = 3, MEMORY = 4, COUNT = 5 }
export const enum Clocking { DOTS8 = 0x01, HALF = 0x08, SCREEN_OFF = 0x20 }
export const enum SeqMemory { EXTENDED = 0x02, SEQUENTIAL = 0x04, CHAIN4 = 0x08 }
export const enum Gfx {
  SET_RESET = 0, ENABLE_SET_RESET = 1, COMPARE = 2, ROTATE = 3, READ_MAP = 4, MODE = 5, MISC = 6, DONT_CARE =
    7,
  BIT_MASK = 8, COUNT = 9,
}
export const enum GfxMode { WRITE = 0x03, READ_COMPARE = 0x08, ODD_EVEN = 0x10, SHIFT_INTERLEAVE = 0x20,
  SHIFT_256 = 0x40 }
export const enum GfxMisc { GRAPHICS = 0x01, MAP = 0x0C, MAP_64K = 0x04 }
export const enum Crtc {
  H_TOTAL = 0x00, H_DISPLAY_END = 0x01, V_TOTAL = 0x06, OVERFLOW = 0x07, PRESET_ROW = 0x08, MAX_SCAN = 0x09,
  CURSOR_START = 0x0A, CURSOR_END = 0x0B, START_HIGH = 0x0C, START_LOW = 0x0D, CURSOR_HIGH = 0x0E,
  CURSOR_LOW = 0x0F, V_RETRACE_START = 0x10, V_RETRACE_END = 0x11, V_DISPLAY_END = 0x12, OFFSET = 0x13,
  UNDERLINE = 0x14, MODE = 0x17, LINE_COMPARE = 0x18, COUNT = 0x19,
}
export const enum Attr { MODE = 0x10, OVERSCAN = 0x11, PLANES = 0x12, PAN = 0x13, COLOR_SELECT = 0x14,
  COUNT = 0x15 }
export const enum AttrMode { GRAPHICS = 0x01, MONO = 0x02, LINE_GRAPHICS = 0x04, BLINK = 0x08, SPLIT_PAN =
  0x20, WIDE = 0x40, P54 = 0x80 }
/** Bit of the attribute index: the palette belongs to the display. */
export const ATTR_DISPLAY: u32 = 0x20;

export const enum Dispi {
  ID = 0, XRES = 1, YRES = 2, BPP = 3, ENABLE = 4, BANK = 5, VIRT_WIDTH = 6, VIRT_HEIGHT = 7, X_OFFSET = 8,
  Y_OFFSET = 9, MEMORY_64K = 10, COUNT = 11,
}
export const enum DispiEnable { ON = 0x01, GET_CAPS = 0x02, DAC8 = 0x20, LFB = 0x40, NO_CLEAR = 0x80 }

// @ts-ignore: decorator
@inline
export function theVga(): Vga {
  return changetype<Vga>(chipAddress(Chip.VGA));
}
// @ts-ignore: decorator
@inline
export function seq(dev: Vga, n: u32): u32 {
  return load<u8>(changetype<usize>(dev) + n, SEQ);
}
// @ts-ignore: decorator
@inline
export function gfx(dev: Vga, n: u32): u32 {
  return load<u8>(changetype<usize>(dev) + n, GFX);
}
// @ts-ignore: decorator
@inline
export function crtc(dev: Vga, n: u32): u32 {
  return load<u8>(changetype<usize>(dev) + n, CRTC);
}
// @ts-ignore: decorator
@inline
export function attr(dev: Vga, n: u32): u32 {
  return load<u8>(changetype<usize>(dev) + n, ATTR);
}
// @ts-ignore: decorator
@inline
export function dac(dev: Vga, n: u32): u32 {
  return load<u8>(changetype<usize>(dev) + n, DAC);
}
// @ts-ignore: decorator
@inline
export function dispi(dev: Vga, n: u32): u32 {
  return load<u16>(changetype<usize>(dev) + (n << 1), DISPI);
}
export function setSeq(dev: Vga, n: u32, v: u32): void {
  store<u8>(changetype<usize>(dev) + n, <u8>v, SEQ);
}
export function setGfx(dev: Vga, n: u32, v: u32): void {
  store<u8>(changetype<usize>(dev) + n, <u8>v, GFX);
}
export function setCrtc(dev: Vga, n: u32, v: u32): void {
  store<u8>(changetype<usize>(dev) + n, <u8>v, CRTC);
}
export function setAttr(dev: Vga, n: u32, v: u32): void {
  store<u8>(changetype<usize>(dev) + n, <u8>v, ATTR);
}
export function setDac(dev: Vga, n: u32, v: u32): void {
  store<u8>(changetype<usize>(dev) + n, <u8>v, DAC);
}
export function setDispi(dev: Vga, n: u32, v: u32): void {
  store<u16>(changetype<usize>(dev) + (n << 1), <u16>v, DISPI);
}

/** Address of the four planes' bytes at plane address `a` (64 KiB per plane). */
// @ts-ignore: decorator
@inline
export function planes(a: u32): usize {
  return VRAM + <usize>((a & 0xFFFF) << 2);
}

/** One bit per plane to one byte per plane. */
// @ts-ignore: decorator
@inline
export function spread(bits: u32): u32 {
  return ((bits & 1) | (bits & 2) << 7 | (bits & 4) << 14 | (bits & 8) << 21) * 0xFF;
}

/** The picture may have changed. Read by the renderer with atomic.load. */
// @ts-ignore: decorator
@inline
export function touch(dev: Vga): void {
  atomic.store<u32>(changetype<usize>(dev), dev.generation + 1, offsetof<Vga>("generation"));
}
