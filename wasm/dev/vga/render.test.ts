// Pictures: dots of every kind of mode, against what the registers say by hand.

import { beforeEach, describe, expect, it } from 'vitest';
import { Frame, VRAM } from '../../../src/emu/generated-layout.ts';
import { MODE_04, MODE_06, MODE_07, MODE_12, MODE_13, VgaUnderTest } from '../testing/vga.ts';

const vga = new VgaUnderTest();
const SAME = 0, ROWS = 1, SIZE = 2;
const GREY = 0xAAAAAA, BLACK = 0, WHITE = 0xFFFFFF, BLUE = 0x0000AA;

function glyph(code: number, rows: readonly number[], font = 0): void {
  rows.forEach((bits, row) => { vga.bytes[VRAM + (font + code * 32 + row) * 4 + 2] = bits; });
}
const cell = (column: number, row: number, code: number, look: number): void =>
  vga.write16(0xB8000 + (row * 80 + column) * 2, look << 8 | code);
/** A scan line's dots as characters. */
const dots = (x: number, y: number, count: number, on: number): string =>
  Array.from({ length: count }, (_, n) => (vga.dot(x + n, y) === on ? '#' : '.')).join('');

beforeEach(() => {
  vga.fresh();
  vga.crtc(0x0A, 0x20);
});

describe('text', () => {
  it('80x25 of 9x16 dots, colours through palette and DAC', () => {
    glyph(0x41, [0x81, 0, 0x18]);
    cell(0, 0, 0x41, 0x1F);
    cell(79, 24, 0x41, 0x07);
    expect(vga.render()).toBe(SIZE);
    expect([...vga.size, vga.header(Frame.COLUMNS), vga.header(Frame.ROWS)]).toEqual([720, 400, 80, 25]);
    expect([dots(0, 0, 10, WHITE), vga.dot(1, 0), vga.dot(8, 0), vga.dot(9, 0)]).toEqual(['#......#..', BLUE, BLUE, BLACK]);
    expect(dots(79 * 9, 24 * 16 + 2, 9, GREY)).toBe('...##....');
  });

  it('the ninth dot of line graphics repeats the eighth', () => {
    glyph(0xC4, [0xFF]);
    glyph(0x41, [0xFF]);
    cell(0, 0, 0xC4, 7);
    cell(1, 0, 0x41, 7);
    vga.render();
    expect(dots(0, 0, 18, GREY)).toBe('#################.');
    vga.attr(0x10, 0x08);
    vga.render();
    expect(dots(0, 0, 9, GREY)).toBe('########.');
  });

  it('cursor: its lines, its phase, off, out of order', () => {
    vga.crtc(0x0A, 13);
    vga.crtc(0x0B, 14);
    vga.crtc(0x0F, 81);
    vga.render(3);
    const lines = (): number[] => Array.from({ length: 16 }, (_, y) => y).filter((y) => vga.dot(9, 16 + y) === GREY);
    expect(lines()).toEqual([13, 14]);
    vga.render(2);
    expect(lines()).toEqual([]);
    vga.crtc(0x0A, 15);
    vga.render(3);
    expect(lines()).toEqual([]);
    vga.crtc(0x0A, 0x2D);
    vga.render(3);
    expect(lines()).toEqual([]);
  });

  it('blink: bit 7 of the attribute, or a bright background', () => {
    glyph(0x41, [0xFF]);
    cell(0, 0, 0x41, 0x87);
    vga.render(3);
    expect([vga.dot(0, 0), vga.dot(0, 1)]).toEqual([GREY, BLACK]);
    expect(vga.render(1)).toBe(ROWS);
    expect(vga.dot(0, 0)).toBe(BLACK);
    vga.attr(0x10, 0x04);
    vga.render(1);
    expect([vga.dot(0, 0), vga.dot(0, 1)]).toEqual([GREY, 0x555555]);
  });

  it('cursor skew: up to three characters to the right', () => {
    vga.crtc(0x0A, 0);
    vga.crtc(0x0F, 5);
    const column = (): number => Array.from({ length: 80 }, (_, n) => n).findIndex((n) => vga.dot(n * 9, 3) === GREY);
    const seen = [0x0F, 0x2F, 0x4F, 0x6F].map((v) => {
      vga.crtc(0x0B, v);
      vga.render(3);
      return column();
    });
    expect(seen).toEqual([5, 6, 7, 8]);
  });

  it('underline: foreground 1 on background 0, either intensity, at its row', () => {
    vga.crtc(0x14, 13);
    [0x01, 0x09, 0x81, 0x11, 0x07, 0x03].forEach((look, n) => cell(n, 0, 0x20, look));
    vga.render(3);
    const lit = (n: number, y: number): boolean => vga.dot(n * 9 + 8, y) !== vga.dot(n * 9 + 8, 0);
    expect([0, 1, 2, 3, 4, 5].map((n) => lit(n, 13))).toEqual([true, true, true, false, false, false]);
    expect([lit(0, 12), lit(0, 14), vga.dot(0, 13), vga.dot(9, 13)]).toEqual([false, false, BLUE, 0x5555FF]);
  });

  it('monochrome: 3Bx, memory at B0000, plane enable, a palette of three brightnesses', () => {
    vga.mode(MODE_07);
    vga.color(0x08, 0x2A, 0x2A, 0x2A);
    vga.color(0x18, 0x3F, 0x3F, 0x3F);
    glyph(0x41, [0x80]);
    vga.write16(0xB0000, 0x0F41);
    vga.write16(0xB0002, 0x7041);
    vga.write16(0xB0004, 0x0141);
    vga.write16(0xB8000, 0x0F41);
    vga.render(3);
    expect([vga.dot(0, 0), vga.dot(9, 0), vga.dot(10, 0), vga.dot(18, 12), vga.dot(18, 13)])
      .toEqual([0xFFFFFF, BLACK, 0xAAAAAA, BLACK, 0xAAAAAA]);
  });

  it('40 columns: every dot twice; eight dots; lines doubled', () => {
    glyph(0x41, [0x80, 0x40]);
    cell(1, 0, 0x41, 7);
    vga.seq(1, 0x09);
    vga.crtc(0x11, 0);
    vga.crtc(1, 0x27);
    vga.attr(0x13, 0);
    vga.crtc(9, 0x8F);
    vga.render();
    expect([...vga.size, vga.header(Frame.ROWS)]).toEqual([640, 400, 13]);
    expect([0, 1, 2, 3].map((y) => dots(16, y, 5, GREY))).toEqual(['##...', '##...', '..##.', '..##.']);
  });

  it('palette: attribute bits 5 and 4, and 7 and 6, from the colour select register', () => {
    vga.color(0x2A, 1, 2, 3);
    vga.color(0xEA, 0x3F, 0, 0);
    glyph(0x41, [0x80]);
    vga.attr(1, 0x3A);
    cell(0, 0, 0x41, 0x01);
    const shown = (mode: number, select: number): number => {
      vga.attr(0x10, mode);
      vga.attr(0x14, select);
      vga.render();
      return vga.dot(0, 0);
    };
    expect(shown(0x84, 0x02)).toBe(0x04080C);
    expect(shown(0x84, 0x0E)).toBe(0xFF0000);
    vga.color(0x3A, 0, 0x3F, 0);
    expect(shown(0x04, 0x02)).toBe(0x00FF00);
  });

  it('two fonts by attribute bit 3', () => {
    glyph(0x41, [0x80]);
    glyph(0x41, [0x01], 0x4000);
    vga.seq(3, 0x04);
    cell(0, 0, 0x41, 0x07);
    cell(1, 0, 0x41, 0x0F);
    vga.render();
    expect([dots(0, 0, 9, GREY), dots(9, 0, 9, WHITE)]).toEqual(['#........', '.......#.']);
  });

  it('start address, preset row, panning, split screen', () => {
    glyph(0x41, [0x80, 0x40]);
    cell(0, 1, 0x41, 7);
    cell(0, 0, 0x41, 0x1F);
    vga.crtc(0x0D, 80);
    vga.render();
    expect([dots(0, 0, 3, GREY), dots(0, 1, 3, GREY)]).toEqual(['#..', '.#.']);
    vga.crtc(0x08, 1);
    vga.render();
    expect(dots(0, 0, 3, GREY)).toBe('.#.');
    vga.attr(0x13, 0);
    vga.render();
    expect(dots(0, 0, 3, GREY)).toBe('#..');
    // Below the compared line the picture begins at address 0, unpanned when so told.
    vga.attr(0x10, 0x2C);
    vga.crtc(0x07, 0x0F);
    vga.crtc(0x09, 0x0F);
    vga.crtc(0x18, 99);
    vga.render();
    expect([dots(0, 100, 3, WHITE), dots(0, 101, 3, WHITE)]).toEqual(['#..', '.#.']);
  });

  it('the same picture is not drawn again; a changed line is the only one reported', () => {
    vga.render();
    expect(vga.render()).toBe(SAME);
    glyph(0x42, [0xFF]);
    cell(3, 5, 0x42, 7);
    expect([vga.render(), vga.header(Frame.FIRST), vga.header(Frame.END)]).toEqual([ROWS, 80, 81]);
    // A write that changes nothing on the screen.
    cell(3, 5, 0x42, 7);
    expect(vga.render()).toBe(SAME);
  });

  it('blank: palette taken from the display, or the sequencer off', () => {
    cell(0, 0, 0x41, 0x77);
    vga.render();
    expect(vga.dot(0, 0)).toBe(GREY);
    vga.in8(0x3DA);
    vga.out8(0x3C0, 0);
    expect([vga.render(), vga.dot(0, 0), ...vga.size]).toEqual([ROWS, BLACK, 720, 400]);
    vga.out8(0x3C0, 0x20);
    vga.in8(0x3DA);
    vga.out8(0x3C0, 0x20);
    vga.render();
    expect(vga.dot(0, 0)).toBe(GREY);
    vga.seq(1, 0x20);
    vga.render();
    expect(vga.dot(0, 0)).toBe(BLACK);
  });
});

describe('VGA graphics', () => {
  beforeEach(() => { vga.bytes.fill(0, VRAM, VRAM + 0x40000); });

  it('mode 12h: planes to palette', () => {
    vga.mode(MODE_12);
    vga.seq(2, 0x01);
    vga.write8(0xA0000 + 80 * 479 + 79, 0x81);
    vga.seq(2, 0x0C);
    vga.write8(0xA0000 + 80 * 479 + 79, 0x01);
    vga.render();
    expect(vga.size).toEqual([640, 480]);
    expect([vga.dot(632, 479), vga.dot(633, 479), vga.dot(639, 479)]).toEqual([BLUE, BLACK, 0xFF55FF]);
    vga.attr(0x12, 0x01);
    vga.render();
    expect(vga.dot(639, 479)).toBe(BLUE);
  });

  it('mode 13h: 256 colours, dots doubled both ways, DAC mask', () => {
    vga.mode(MODE_13);
    vga.color(0xC7, 0x3F, 0x20, 0);
    vga.color(0x07, 0, 0, 0x3F);
    vga.write8(0xA0000 + 199 * 320 + 319, 0xC7);
    vga.render();
    expect([...vga.size, vga.header(Frame.BPP)]).toEqual([640, 400, 8]);
    expect([[638, 398], [639, 399], [637, 399], [639, 397]].map(([x, y]) => vga.dot(x ?? 0, y ?? 0)))
      .toEqual([0xFF8200, 0xFF8200, BLACK, BLACK]);
    vga.out8(0x3C6, 0x0F);
    vga.render();
    expect(vga.dot(639, 399)).toBe(0x0000FF);
  });

  it('mode 13h: the start address goes round within 64 KiB', () => {
    vga.mode(MODE_13);
    vga.color(9, 0x3F, 0x3F, 0x3F);
    vga.write8(0xA0000, 9);
    vga.crtc(0x0C, 0x30);
    vga.render();
    // 0x4000 double words lie in 64 KiB, 80 in a line of pixels.
    const at = (0x4000 - 0x3000) % 80;
    const line = Math.floor((0x4000 - 0x3000) / 80) * 2;
    expect([vga.dot(at * 8, line), vga.dot(at * 8 + 2, line)]).toEqual([WHITE, BLACK]);
  });

  it('mode X: 320x240 unchained, page flip by the start address', () => {
    vga.mode(MODE_13);
    vga.seq(4, 6);
    vga.out8(0x3C2, 0xE3);
    for (const [n, v] of [[6, 0x0D], [7, 0x3E], [9, 0x41], [0x10, 0xEA], [0x11, 0xAC], [0x12, 0xDF], [0x14, 0],
      [0x15, 0xE7], [0x16, 6], [0x17, 0xE3]] as const) vga.crtc(n, v);
    vga.color(9, 0x3F, 0x3F, 0x3F);
    vga.seq(2, 0x04);
    vga.write8(0xA0000 + 19200 + 80, 9);
    vga.render();
    expect(vga.size).toEqual([640, 480]);
    expect(vga.dot(4, 2)).toBe(BLACK);
    vga.crtc(0x0C, 0x4B);
    vga.render();
    expect([vga.dot(4, 2), vga.dot(5, 3), vga.dot(6, 2), vga.dot(3, 2)]).toEqual([WHITE, WHITE, BLACK, BLACK]);
  });

  it('mode 6: one bit a pixel, odd lines 8 KiB above', () => {
    vga.mode(MODE_06);
    vga.write8(0xB8000 + 79, 0b0000_0101);
    vga.write8(0xBA000, 0b1000_0000);
    vga.render();
    expect(vga.size).toEqual([640, 400]);
    expect(dots(632, 0, 8, WHITE) + dots(632, 1, 8, WHITE)).toBe('.....#.#.....#.#');
    expect([dots(0, 2, 3, WHITE), dots(0, 3, 3, WHITE), dots(0, 4, 3, WHITE)]).toEqual(['#..', '#..', '...']);
  });

  it('mode 0Fh: black, video, blinking video, bright video', () => {
    // Planes 0 and 2 are enabled; the palette says what blinks: bit 3 turns behind the plane enable.
    vga.mode(MODE_12);
    [0, 8, 0, 0, 0x18, 0x18, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0].forEach((v, n) => vga.attr(n, v));
    vga.attr(0x12, 5);
    vga.attr(0x10, 0x0B);
    vga.color(0x08, 0x2A, 0x2A, 0x2A);
    vga.color(0x18, 0x3F, 0x3F, 0x3F);
    vga.seq(2, 1);
    vga.write8(0xA0000, 0b0101_0000);
    vga.seq(2, 4);
    vga.write8(0xA0000, 0b0011_0000);
    const pixels = (phase: number): number[] => {
      vga.render(phase);
      return [0, 1, 2, 3].map((x) => vga.dot(x, 0));
    };
    expect(pixels(3)).toEqual([BLACK, GREY, WHITE, WHITE]);
    expect(pixels(1)).toEqual([BLACK, GREY, BLACK, WHITE]);
  });

  it('256 colours with a four-bit attribute controller: two pixels a byte', () => {
    vga.mode(MODE_13);
    vga.attr(0x10, 0x01);
    vga.write8(0xA0000, 0x1F);
    vga.color(1, 0, 0, 0x2A);
    vga.color(15, 0x3F, 0x3F, 0x3F);
    vga.render();
    expect([0, 1, 2].map((x) => vga.dot(x, 0))).toEqual([BLUE, WHITE, BLACK]);
  });

  it('panning and split screen in 256 colours', () => {
    vga.mode(MODE_13);
    vga.color(9, 0x3F, 0x3F, 0x3F);
    vga.write8(0xA0000 + 1, 9);
    vga.attr(0x13, 2);
    vga.render();
    expect([0, 1, 2].map((x) => vga.dot(x, 0))).toEqual([WHITE, WHITE, BLACK]);
    // From line 101 on memory begins again, here unpanned.
    vga.attr(0x10, 0x61);
    vga.crtc(0x0D, 80);
    vga.crtc(0x11, 0x0E);
    vga.crtc(0x07, 0x0F);
    vga.crtc(0x09, 0x01);
    vga.crtc(0x18, 100);
    vga.render();
    expect([vga.dot(0, 0), vga.dot(2, 100), vga.dot(1, 101), vga.dot(2, 101), vga.dot(3, 102), vga.dot(2, 103)])
      .toEqual([BLACK, BLACK, BLACK, WHITE, WHITE, BLACK]);
  });

  it('counts by two and by four; every other line', () => {
    vga.mode(MODE_12);
    vga.write8(0xA0001, 0x80);
    const columns = (): number[] => {
      vga.render();
      return Array.from({ length: 80 }, (_, n) => n).filter((n) => vga.dot(n * 8, 0) === WHITE);
    };
    expect(columns()).toEqual([1]);
    vga.crtc(0x17, 0xEB);
    expect(columns()).toEqual([2, 3]);
    vga.crtc(0x17, 0xE3);
    vga.crtc(0x14, 0x20);
    expect(columns()).toEqual([4, 5, 6, 7]);
    vga.crtc(0x17, 0xE7);
    vga.render();
    expect(vga.size).toEqual([640, 960]);
  });

  it('mode 4: two bits a pixel, odd lines 8 KiB above, dots doubled', () => {
    vga.mode(MODE_04);
    vga.write8(0xB8000, 0b1100_0000);
    vga.write8(0xBA001, 0b0000_0001);
    vga.render();
    expect(vga.size).toEqual([640, 400]);
    expect([vga.dot(0, 0), vga.dot(1, 1), vga.dot(2, 0)]).toEqual([0xAAFFAA, 0xAAFFAA, BLACK]);
    expect([vga.dot(14, 2), vga.dot(13, 2), vga.dot(14, 0)]).toEqual([0x00FFAA, BLACK, BLACK]);
  });
});

describe('VBE', () => {
  const put = (at: number, bytes: readonly number[]): void => { vga.bytes.set(bytes, VRAM + at); };

  it.each([[32, 4, [0x30, 0x20, 0x10, 0x99], 0x102030], [24, 3, [0x30, 0x20, 0x10], 0x102030],
    [16, 2, [0x1F, 0xF8], 0xFF00FF], [16, 2, [0xE0, 0x07], 0x00FF00], [15, 2, [0xE0, 0x83], 0x00FF00],
    [16, 2, [0x31, 0x8A], 0x8C458C], [15, 2, [0x31, 0x46], 0x8C8C8C],
    [8, 1, [0x21], 0x0000FF]] as const)('%i bits per pixel', (bpp, bytes, value, rgb) => {
    vga.vbe(800, 600, bpp);
    vga.color(0x21, 0, 0, 0x3F);
    put((599 * 800 + 799) * bytes, value);
    expect(vga.render()).toBe(SIZE);
    expect([...vga.size, vga.dot(799, 599), vga.header(Frame.BPP)]).toEqual([800, 600, rgb, bpp]);
    expect(vga.dot(798, 599)).toBe(bpp === 8 ? vga.dot(0, 0) : BLACK);
    // Without a register written: the linear frame buffer is looked at every time.
    put(0, value);
    expect([vga.render(), vga.dot(0, 0), vga.header(Frame.FIRST), vga.header(Frame.END)]).toEqual([ROWS, rgb, 0, 1]);
    expect(vga.render()).toBe(SAME);
  });

  it('4 bits per pixel through the planar window', () => {
    vga.vbe(800, 600, 4, 0x01);
    vga.seq(4, 6);
    vga.seq(2, 0x0F);
    vga.write8(0xA0000 + 599 * 100 + 99, 0x01);
    vga.render();
    expect([vga.dot(799, 599), vga.dot(798, 599)]).toEqual([WHITE, BLACK]);
  });

  it('4 bits per pixel: a virtual screen, offsets in whole bytes', () => {
    vga.vbe(640, 480, 4, 0x01);
    vga.dispi(6, 1024);
    vga.dispi(8, 8);
    vga.dispi(9, 3);
    vga.seq(4, 6);
    vga.seq(2, 0x0F);
    vga.write8(0xA0000 + 3 * 128 + 1, 0x80);
    vga.render();
    expect([vga.dot(0, 0), vga.dot(1, 0), vga.dot(0, 1)]).toEqual([WHITE, BLACK, BLACK]);
  });

  it('virtual screen and offsets', () => {
    vga.vbe(640, 480, 32);
    vga.dispi(6, 1000);
    vga.dispi(8, 3);
    vga.dispi(9, 2);
    put((2 * 1000 + 3) * 4, [1, 2, 3, 0]);
    vga.render();
    expect(vga.dot(0, 0)).toBe(0x030201);
  });

  it('8-bit DAC', () => {
    vga.vbe(640, 480, 8, 0x61);
    vga.color(5, 0x81, 0x42, 0x23);
    put(7, [5]);
    vga.render();
    expect(vga.dot(7, 0)).toBe(0x814223);
  });

  it('off again: the VGA registers decide', () => {
    vga.vbe(1024, 768, 32);
    vga.render();
    expect(vga.size).toEqual([1024, 768]);
    vga.dispi(4, 0);
    expect([vga.render(), ...vga.size]).toEqual([SIZE, 720, 400]);
  });
});
