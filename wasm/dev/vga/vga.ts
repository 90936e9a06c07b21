// Display adapter: IBM VGA registers at 3B0..3DF (IBM PS/2 Hardware Interface Technical Reference, "Video
// Subsystem"), the Bochs VBE extensions at 1CE/1CF, and the PCI function 1234:1111 with a 16 MiB linear frame
// buffer (BAR0) and a page of registers (BAR2: the VGA ports at 0x400, VBE_DISPI at 0x500, extensions at
// 0x600). memory.ts is the CPU's way to video memory, render.ts the display's. Left out: light pen, interrupt
// of the vertical retrace, EDID, a video BIOS in a ROM BAR, big-endian frame buffers.

import { VRAM, VRAM_BYTES } from "../../lib/layout";
import { NEVER, nowNs } from "../../lib/time";
import { Serializer, serializeSection } from "../../lib/serializer";
import { Chip, chipAddress, mmioSlot, MmioSlot } from "../../bus/device";
import { machineFlushTlbs } from "../../bus/machine";
import {
  BarKind, PCI_FUNCTION_BYTES, Pci, PciCommand, PciFunction, PciReg, pciAdd, pciAddBar, pciFunctionReset,
  pciRemap, pciSet16, pciSet32,
} from "../pci/config";
import { dispiRead, dispiReset, dispiWrite } from "./dispi";
import {
  ATTR_DISPLAY, Attr, Crtc, DAC_BYTES, Dispi, DispiEnable, Gfx, Seq, VGA_STATE_END, Vga, attr, crtc, dac,
    dispi,
  gfx, seq, setAttr, setCrtc, setDac, setGfx, setSeq, touch,
} from "./state";

/** Ports of the colour emulation; the monochrome ones are 0x20 below 3D4, 3D5, 3DA. */
const enum Port {
  ATTR = 0x3C0, ATTR_READ = 0x3C1, MISC = 0x3C2, ENABLE = 0x3C3, SEQ_INDEX = 0x3C4, SEQ = 0x3C5, DAC_MASK =
    0x3C6,
  DAC_READ = 0x3C7, DAC_WRITE = 0x3C8, DAC = 0x3C9, FEATURE_READ = 0x3CA, MISC_READ = 0x3CC, GFX_INDEX =
    0x3CE,
  GFX = 0x3CF, CRTC_INDEX = 0x3D4, CRTC = 0x3D5, STATUS1 = 0x3DA, DISPI_INDEX = 0x1CE, DISPI = 0x1CF,
  DISPI_ALIGNED = 0x1D0,
}
const MONO_BLOCK: u32 = 0x3B0;
const COLOR_BLOCK: u32 = 0x3D0;
const BLOCK_BYTES: u32 = 0x10;
const MONO_TO_COLOR: u32 = 0x20;
const NOTHING: u32 = 0xFF;
const enum Misc { COLOR = 0x01 }
/** Input status 0: switch sense of a colour display. */
const STATUS0: u32 = 0x10;
const enum Status1 { DISPLAY_OFF = 0x01, RETRACE = 0x08 }
const DAC_READING: u32 = 3;
const CRTC_PROTECT: u32 = 0x80;
const OVERFLOW_LINE_COMPARE: u32 = 0x10;

/** A scan line of the 31.5 kHz modes; the last fifth of it is blank. */
const LINE_NS: u64 = 31778;
const LINE_VISIBLE_NS: u64 = 25400;
const RETRACE_LINES: u32 = 4;

const VENDOR: u32 = 0x1234;
const DEVICE: u32 = 0x1111;
const DEVFN: u32 = 2 << 3;
/** Revision 2: the extension registers exist. */
const REVISION: u32 = 2;
const CLASS_VGA: u32 = 0x030000;
const REGISTER_BYTES: u32 = 4096;
const BAR_PREFETCHABLE: u32 = 8;
const LFB_BAR: u32 = 0;
const REGISTER_BAR: u32 = 2;
/** Where firmware usually puts the frame buffer and the registers. */
const PRESET_LFB: u32 = 0xFD000000;
const PRESET_REGISTERS: u32 = 0xFEBF0000;
/** In the register page. */
const enum Page { PORTS = 0x400, DISPI = 0x500, EXTENSION = 0x600, ENDIAN = 0x604 }
const PORTS_BYTES: u32 = 0x20;
const DISPI_BYTES: u32 = 0x16;
const EXTENSION_BYTES: u32 = 8;
const LITTLE_ENDIAN: u32 = 0x1E1E1E1E;

/** Behind the framework's part of the PCI function: the frame buffer's slot and where it was mapped. */
const LFB_SLOT: usize = PCI_FUNCTION_BYTES;
const LFB_PAGE: usize = PCI_FUNCTION_BYTES + 4;

/** Writable bits of the sequencer's, the graphics controller's and the attribute controller's registers. */
const SEQ_BITS = memory.data<u8>([0x03, 0x3D, 0x0F, 0x3F, 0x0E]);
const GFX_BITS = memory.data<u8>([0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF]);
const ATTR_BITS = memory.data<u8>([
  0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F, 0x3F,
  0xEF, 0xFF, 0x3F, 0x0F, 0x0F,
]);

/** Mode 3, 720x400, as firmware sets it (IBM Video Subsystem, "Register values"). */
const MODE3_MISC: u32 = 0x67;
const MODE3_SEQ = memory.data<u8>([0x03, 0x00, 0x03, 0x00, 0x02]);
const MODE3_GFX = memory.data<u8>([0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x0F, 0xFF]);
const MODE3_CRTC = memory.data<u8>([
  0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0x00, 0x4F, 0x0D, 0x0E, 0x00, 0x00, 0x00, 0x00,
  0x9C, 0x8E, 0x8F, 0x28, 0x1F, 0x96, 0xB9, 0xA3, 0xFF,
]);
const MODE3_ATTR = memory.data<u8>([
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x14, 0x07, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F,
  0x0C, 0x00, 0x0F, 0x08, 0x00,
]);
const BLANK_CELL: u32 = 0x0720;
const TEXT_PLANE_BYTES: u32 = 0x8000;

// @ts-ignore: decorator
@inline
function pciFunction(): PciFunction {
  return changetype<PciFunction>(chipAddress(Chip.VGA_FUNCTION));
}

/** At wiring time: the PCI function. Slots as in board.ts. */
export function vgaWire(pci: Pci, lfbSlot: u32, registerSlot: u32, written: u32): void {
  const f = pciFunction();
  mmioSlot(lfbSlot).direct = VRAM;
  pciAdd(pci, f, DEVFN, VENDOR, DEVICE, REVISION, CLASS_VGA);
  pciAddBar(f, LFB_BAR, BarKind.MEMORY, VRAM_BYTES, lfbSlot);
  pciAddBar(f, REGISTER_BAR, BarKind.MEMORY, REGISTER_BYTES, registerSlot);
  pciSet16(f, PciReg.SUBSYSTEM_VENDOR, VENDOR);
  pciSet16(f, PciReg.SUBSYSTEM, DEVICE);
  f.written = written;
  store<u32>(changetype<usize>(f) + LFB_SLOT, lfbSlot);
}

/** Configuration write: where the frame buffer has moved, no TLB may keep its old place. */
export function vgaPciWritten(f: PciFunction, offset: u32, size: u32): void {
  const at = changetype<usize>(f);
  const slot = changetype<usize>(mmioSlot(load<u32>(at, LFB_SLOT)));
  const mapped = atomic.load<u32>(slot, offsetof<MmioSlot>("pages")) != 0;
  const page: u32 = mapped ? atomic.load<u32>(slot, offsetof<MmioSlot>("page")) : 0;
  if (page == load<u32>(at, LFB_PAGE)) return;
  store<u32>(at, page, LFB_PAGE);
  machineFlushTlbs();
}

/** Power-on values; video memory keeps what it has. */
export function vgaReset(dev: Vga): void {
  const at = changetype<usize>(dev);
  const generation = dev.generation;
  memory.fill(at + offsetof<Vga>("generation"), 0, VGA_STATE_END - offsetof<Vga>("generation"));
  dev.generation = generation;
  dispiReset(dev);
  dev.enable = 1;
  dev.dacMask = 0xFF;
  setSeq(dev, Seq.MEMORY, 0x02);
  setGfx(dev, Gfx.DONT_CARE, 0x0F);
  setGfx(dev, Gfx.BIT_MASK, 0xFF);
  touch(dev);
  const f = pciFunction();
  pciFunctionReset(f);
  pciSet32(f, PciReg.BAR0, BAR_PREFETCHABLE);
}

/** What a video BIOS leaves for a kernel that is started without one: mode 3 and an empty screen. */
export function vgaPreset(dev: Vga): void {
  dev.misc = MODE3_MISC;
  for (let n: u32 = 0; n < <u32>Seq.COUNT; n++) setSeq(dev, n, load<u8>(MODE3_SEQ + n));
  for (let n: u32 = 0; n < <u32>Gfx.COUNT; n++) setGfx(dev, n, load<u8>(MODE3_GFX + n));
  for (let n: u32 = 0; n < <u32>Crtc.COUNT; n++) setCrtc(dev, n, load<u8>(MODE3_CRTC + n));
  for (let n: u32 = 0; n < <u32>Attr.COUNT; n++) setAttr(dev, n, load<u8>(MODE3_ATTR + n));
  dev.attrIndex = ATTR_DISPLAY;
  for (let n: u32 = 0; n < 64; n++) presetColor(dev, n);
  // Planes 0 and 1: character and attribute cells of the odd/even addressing.
  for (let a: u32 = 0; a < TEXT_PLANE_BYTES; a += 2) store<u16>(VRAM + <usize>(a << 2), <u16>BLANK_CELL);
  touch(dev);
  const f = pciFunction();
  pciSet32(f, PciReg.BAR0, PRESET_LFB | BAR_PREFETCHABLE);
  pciSet32(f, PciReg.BAR0 + (REGISTER_BAR << 2), PRESET_REGISTERS);
  pciSet16(f, PciReg.COMMAND, PciCommand.IO | PciCommand.MEMORY);
  pciRemap(f);
  vgaPciWritten(f, 0, 0);
}

/** Entry n of the default palette: bits rgbRGB, two thirds and one third of full brightness. */
function presetColor(dev: Vga, n: u32): void {
  const third: u32 = 21;
  for (let c: u32 = 0; c < 3; c++) {
    const bit = 2 - c;
    setDac(dev, n * 3 + c, (n >> bit & 1) * 2 * third + (n >> (bit + 3) & 1) * third);
  }
}

/** 3B0..3BF and 3D0..3DF: only the block that Misc bit 0 selects answers; both as 3Dx. */
function crtcPort(dev: Vga, port: u32): u32 {
  const color = (dev.misc & Misc.COLOR) != 0;
  if (port - COLOR_BLOCK < BLOCK_BYTES) return color ? port : 0;
  if (port - MONO_BLOCK < BLOCK_BYTES) return color ? 0 : port + MONO_TO_COLOR;
  return port;
}

/** Vertical timing as the CRTC counts lines; hostile totals still give a running beam. */
function status1(dev: Vga): u32 {
  const overflow = crtc(dev, Crtc.OVERFLOW);
  const total = (crtc(dev, Crtc.V_TOTAL) | (overflow & 1) << 8 | (overflow & 0x20) << 4) + 2;
  const end = (crtc(dev, Crtc.V_DISPLAY_END) | (overflow & 2) << 7 | (overflow & 0x40) << 3) + 1;
  const retrace = crtc(dev, Crtc.V_RETRACE_START) | (overflow & 4) << 6 | (overflow & 0x80) << 2;
  const at = <u64>nowNs() % (<u64>total * LINE_NS);
  const line = <u32>(at / LINE_NS);
  let v: u32 = 0;
  if (line >= end || at % LINE_NS >= LINE_VISIBLE_NS) v |= Status1.DISPLAY_OFF;
  if (line - retrace < RETRACE_LINES || retrace >= total && line
    + RETRACE_LINES >= total) v |= Status1.RETRACE;
  return v;
}

function readDac(dev: Vga): u32 {
  const v = dac(dev, dev.dacRead);
  dev.dacRead = (dev.dacRead + 1) % DAC_BYTES;
  return v;
}

export function vgaRead(dev: Vga, port: u32, size: u32): u32 {
  switch (crtcPort(dev, port)) {
    case Port.ATTR: return dev.attrIndex;
    case Port.ATTR_READ: {
      const n = dev.attrIndex & (ATTR_DISPLAY - 1);
      return n < <u32>Attr.COUNT ? attr(dev, n) : 0;
    }
    case Port.MISC: return STATUS0;
    case Port.ENABLE: return dev.enable;
    case Port.SEQ_INDEX: return dev.seqIndex;
    case Port.SEQ: return dev.seqIndex < <u32>Seq.COUNT ? seq(dev, dev.seqIndex) : 0;
    case Port.DAC_MASK: return dev.dacMask;
    case Port.DAC_READ: return dev.dacState;
    case Port.DAC_WRITE: return dev.dacWrite / 3;
    case Port.DAC: return readDac(dev);
    case Port.FEATURE_READ: return dev.feature;
    case Port.MISC_READ: return dev.misc;
    case Port.GFX_INDEX: return dev.gfxIndex;
    case Port.GFX: return dev.gfxIndex < <u32>Gfx.COUNT ? gfx(dev, dev.gfxIndex) : 0;
    case Port.CRTC_INDEX: return dev.crtcIndex;
    case Port.CRTC: return dev.crtcIndex < <u32>Crtc.COUNT ? crtc(dev, dev.crtcIndex) : 0;
    case Port.STATUS1:
      dev.attrData = 0;
      return status1(dev);
    default: return NOTHING;
  }
}

function writeAttr(dev: Vga, v: u32): void {
  if (dev.attrData == 0) {
    dev.attrIndex = v & (ATTR_DISPLAY * 2 - 1);
  } else {
    const n = dev.attrIndex & (ATTR_DISPLAY - 1);
    if (n < <u32>Attr.COUNT) setAttr(dev, n, v & load<u8>(ATTR_BITS + n));
  }
  dev.attrData ^= 1;
  touch(dev);
}

function writeCrtc(dev: Vga, v: u32): void {
  const n = dev.crtcIndex;
  if (n >= <u32>Crtc.COUNT) return;
  if (n <= <u32>Crtc.OVERFLOW && (crtc(dev, Crtc.V_RETRACE_END) & CRTC_PROTECT) != 0) {
    if (n != <u32>Crtc.OVERFLOW) return;
    // The line compare bit is outside of the protection.
    const old = crtc(dev, n);
    setCrtc(dev, n, old & ~OVERFLOW_LINE_COMPARE | v & OVERFLOW_LINE_COMPARE);
  } else {
    setCrtc(dev, n, v);
  }
  touch(dev);
}

function writeDac(dev: Vga, v: u32): void {
  const wide = (dispi(dev, Dispi.ENABLE) & DispiEnable.DAC8) != 0;
  setDac(dev, dev.dacWrite, wide ? v : v & 0x3F);
  dev.dacWrite = (dev.dacWrite + 1) % DAC_BYTES;
  touch(dev);
}

export function vgaWrite(dev: Vga, port: u32, size: u32, v: u32): void {
  switch (crtcPort(dev, port)) {
    case Port.ATTR: writeAttr(dev, v); break;
    case Port.MISC: dev.misc = v & ~0x10; touch(dev); break;
    case Port.ENABLE: dev.enable = v & 1; break;
    case Port.SEQ_INDEX: dev.seqIndex = v & 7; break;
    case Port.SEQ:
      if (dev.seqIndex < <u32>Seq.COUNT) setSeq(dev, dev.seqIndex, v & load<u8>(SEQ_BITS + dev.seqIndex));
      touch(dev);
      break;
    case Port.DAC_MASK: dev.dacMask = v; touch(dev); break;
    case Port.DAC_READ:
      dev.dacRead = v * 3;
      dev.dacState = DAC_READING;
      break;
    case Port.DAC_WRITE:
      dev.dacWrite = v * 3;
      dev.dacState = 0;
      break;
    case Port.DAC: writeDac(dev, v); break;
    case Port.GFX_INDEX: dev.gfxIndex = v & 15; break;
    case Port.GFX:
      if (dev.gfxIndex < <u32>Gfx.COUNT) setGfx(dev, dev.gfxIndex, v & load<u8>(GFX_BITS + dev.gfxIndex));
      touch(dev);
      break;
    case Port.CRTC_INDEX: dev.crtcIndex = v & 0x1F; break;
    case Port.CRTC: writeCrtc(dev, v); break;
    case Port.STATUS1: dev.feature = v & 3; break;
    default: break;
  }
}

/** Ports 1CE, 1CF and 1D0 (a second data port for hosts that want it aligned). */
export function vgaDispiRead(dev: Vga, port: u32, size: u32): u32 {
  return port == Port.DISPI_INDEX ? dev.dispiIndex : dispiRead(dev, dev.dispiIndex);
}

export function vgaDispiWrite(dev: Vga, port: u32, size: u32, v: u32): void {
  if (port == Port.DISPI_INDEX) dev.dispiIndex = v;
  else dispiWrite(dev, dev.dispiIndex, v);
}

function readPage8(dev: Vga, at: u32): u32 {
  if (at - Page.PORTS < PORTS_BYTES) return vgaRead(dev, Port.ATTR + (at - Page.PORTS), 1);
  if (at - Page.DISPI < DISPI_BYTES) {
    return dispiRead(dev, at - Page.DISPI >> 1) >> ((at & 1) << 3) & 0xFF;
  }
  if (at - Page.EXTENSION < EXTENSION_BYTES) {
    const v = at < <u32>Page.ENDIAN ? EXTENSION_BYTES : LITTLE_ENDIAN;
    return v >> ((at & 3) << 3) & 0xFF;
  }
  return 0;
}

/** The register page (BAR2). */
export function vgaPageRead(dev: Vga, offset: u32, size: u32): u64 {
  let v: u64 = 0;
  for (let i: u32 = 0; i < size; i++) v |= <u64>readPage8(dev, offset + i) << (<u64>i << 3);
  return v;
}

export function vgaPageWrite(dev: Vga, offset: u32, size: u32, value: u64): void {
  if (offset - Page.DISPI < DISPI_BYTES) {
    // Registers of 16 bits; a single byte writes the register's low half.
    for (let i: u32 = 0; i < size; i += 2) {
      dispiWrite(dev, offset + i - Page.DISPI >> 1, <u32>(value >> (<u64>i << 3))
        & (size == 1 ? 0xFF : 0xFFFF));
    }
    return;
  }
  for (let i: u32 = 0; i < size; i++) {
    const at = offset + i;
    if (at - Page.PORTS >= PORTS_BYTES) continue;
    vgaWrite(dev, Port.ATTR + (at - Page.PORTS), 1, <u32>(value >> (<u64>i << 3)) & 0xFF);
  }
}

export function vgaTick(dev: Vga, now: i64): i64 {
  return NEVER;
}

/** Registers. Video memory is saved by the host with guest RAM. */
export function vgaSerialize(dev: Vga, s: Serializer): void {
  const from = offsetof<Vga>("misc");
  // "VGA ", version 1
  serializeSection(s, 0x20414756, 1, changetype<usize>(dev) + from, <u32>(VGA_STATE_END - from));
  touch(dev);
}
