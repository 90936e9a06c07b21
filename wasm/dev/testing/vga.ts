// What the tests of the display adapter share: registers by port, mode tables (IBM Video Subsystem, "Register
// values"), pixels of the last picture.

import { FRAME, Frame, VRAM, VRAM_BYTES } from '../../../src/emu/generated-layout.ts';
import { BoardUnderTest } from './board.ts';

export interface ModeTable { misc: number; seq: number[]; gfx: number[]; crtc: number[]; attr: number[] }

const EGA_PALETTE = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3A, 0x3B, 0x3C, 0x3D, 0x3E, 0x3F];
const IDENTITY = Array.from({ length: 16 }, (_, n) => n);

/** 640x480, 16 colours. */
export const MODE_12: ModeTable = {
  misc: 0xE3, seq: [3, 1, 0x0F, 0, 6], gfx: [0, 0, 0, 0, 0, 0, 5, 0x0F, 0xFF],
  crtc: [0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0x0B, 0x3E, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xEA, 0x8C, 0xDF, 0x28,
    0, 0xE7, 4, 0xE3, 0xFF],
  attr: [...EGA_PALETTE, 1, 0, 0x0F, 0, 0],
};
/** 320x200, 256 colours, chain-4. */
export const MODE_13: ModeTable = {
  misc: 0x63, seq: [3, 1, 0x0F, 0, 0x0E], gfx: [0, 0, 0, 0, 0, 0x40, 5, 0x0F, 0xFF],
  crtc: [0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x28,
    0x40, 0x96, 0xB9, 0xA3, 0xFF],
  attr: [...IDENTITY, 0x41, 0, 0x0F, 0, 0],
};
/** 320x200, 4 colours, CGA's memory. */
export const MODE_04: ModeTable = {
  misc: 0x63, seq: [3, 9, 3, 0, 2], gfx: [0, 0, 0, 0, 0, 0x30, 0x0F, 0, 0xFF],
  crtc: [0x2D, 0x27, 0x28, 0x90, 0x2B, 0x80, 0xBF, 0x1F, 0, 0xC1, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x14,
    0, 0x96, 0xB9, 0xA2, 0xFF],
  attr: [0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 1, 0, 3, 0, 0],
};
/** 640x200, 2 colours, CGA's memory. */
export const MODE_06: ModeTable = {
  misc: 0x63, seq: [3, 1, 1, 0, 6], gfx: [0, 0, 0, 0, 0, 0, 0x0D, 0, 0xFF],
  crtc: [0x5F, 0x4F, 0x50, 0x82, 0x54, 0x80, 0xBF, 0x1F, 0, 0xC1, 0, 0, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F, 0x28,
    0, 0x96, 0xB9, 0xC2, 0xFF],
  attr: [0, ...Array<number>(15).fill(0x3F), 1, 0, 1, 0, 0],
};
/** 80x25, monochrome. */
export const MODE_07: ModeTable = {
  misc: 0x66, seq: [3, 0, 3, 0, 2], gfx: [0, 0, 0, 0, 0, 0x10, 0x0A, 0x0F, 0xFF],
  crtc: [0x5F, 0x4F, 0x50, 0x82, 0x55, 0x81, 0xBF, 0x1F, 0, 0x4F, 0x2D, 0x0E, 0, 0, 0, 0, 0x9C, 0x8E, 0x8F,
    0x28, 0x0D, 0x96, 0xB9, 0xA3, 0xFF],
  attr: [0, 8, 8, 8, 8, 8, 8, 8, 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x0E, 0, 0x0F, 8, 0],
};

export class VgaUnderTest extends BoardUnderTest {
  constructor() {
    super(2);
  }

  /** A machine with the text mode of a direct boot; video memory and picture empty. */
  fresh(preset = true): void {
    this.bytes.fill(0, VRAM, VRAM + VRAM_BYTES);
    this.bytes.fill(0, FRAME, FRAME + Frame.PALETTE);
    this.powerOn();
    if (preset) this.call('boardPresetForDirectBoot');
  }

  seq(n: number, v: number): void { this.out8(0x3C4, n); this.out8(0x3C5, v); }
  gfx(n: number, v: number): void { this.out8(0x3CE, n); this.out8(0x3CF, v); }
  crtc(n: number, v: number): void { this.out8(this.crtcPort, n); this.out8(this.crtcPort + 1, v); }
  /** Misc bit 0 chooses colour or monochrome addresses. */
  private get crtcPort(): number { return (this.in8(0x3CC) & 1) !== 0 ? 0x3D4 : 0x3B4; }
  attr(n: number, v: number): void {
    this.in8(this.crtcPort + 6);
    this.out8(0x3C0, n);
    this.out8(0x3C0, v);
    this.out8(0x3C0, 0x20);
  }
  color(n: number, r: number, g: number, b: number): void {
    this.out8(0x3C8, n);
    [r, g, b].forEach((v) => this.out8(0x3C9, v));
  }
  dispi(n: number, v: number): void { this.out16(0x1CE, n); this.out16(0x1CF, v); }
  dispiRead(n: number): number {
    this.out16(0x1CE, n);
    return this.in16(0x1CF);
  }
  mode(table: ModeTable): void {
    this.out8(0x3C2, table.misc);
    table.seq.forEach((v, n) => this.seq(n, v));
    this.crtc(0x11, 0);
    table.crtc.forEach((v, n) => this.crtc(n, v));
    table.gfx.forEach((v, n) => this.gfx(n, v));
    table.attr.forEach((v, n) => this.attr(n, v));
  }
  vbe(width: number, height: number, bpp: number, flags = 0x41): void {
    this.dispi(4, 0);
    this.dispi(1, width);
    this.dispi(2, height);
    this.dispi(3, bpp);
    this.dispi(4, flags);
    this.in8(0x3DA);
    this.out8(0x3C0, 0x20);
  }

  write8(pa: number, v: number): void { this.call('mmioWrite', BigInt(pa), 1, BigInt(v)); }
  read8(pa: number): number { return Number(BigInt.asUintN(8, BigInt(this.call('mmioRead', BigInt(pa), 1))));
    }
  write16(pa: number, v: number): void { this.call('mmioWrite', BigInt(pa), 2, BigInt(v)); }
  /** Byte of a plane in video memory. */
  plane(p: number, address: number): number { return this.bytes[VRAM + address * 4 + p] ?? -1; }
  /** Four planes as one number, plane 3 highest. */
  planes(address: number): number { return this.view.getUint32(VRAM + address * 4, true); }

  render(phase = 3): number { return this.call('vgaRender', phase); }
  header(offset: number): number { return this.view.getUint32(FRAME + offset, true); }
  get size(): [number, number] { return [this.header(Frame.WIDTH), this.header(Frame.HEIGHT)]; }
  /** RGB of a dot as 0xRRGGBB. */
  dot(x: number, y: number): number {
    const at = FRAME + Frame.PIXELS + (y * this.header(Frame.WIDTH) + x) * 4;
    return (this.bytes[at] ?? 0) << 16 | (this.bytes[at + 1] ?? 0) << 8 | (this.bytes[at + 2] ?? 0);
  }
}
