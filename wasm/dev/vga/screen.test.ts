// The host's side of the screen over the real renderer: text, pictures, PNG files; the built-in font.

import { inflateSync } from 'node:zlib';
import { beforeEach, describe, expect, test } from 'vitest';
import { VgaUnderTest } from '../testing/vga.ts';
import { VRAM, VRAM_BYTES } from '../../../src/emu/generated-layout.ts';
import type { Platform } from '../../../src/emu/platform.ts';
import { characterOf } from '../../../src/emu/display/code-page.ts';
import { defaultFont, loadDefaultFont } from '../../../src/emu/display/font.ts';
import { Screen } from '../../../src/emu/display/screen.ts';

const vga = new VgaUnderTest();
const screen = new Screen(vga.module, vga.memory, {} as Platform);
const write = (row: number, text: string): void => {
  [...text].forEach((c, n) => vga.write16(0xB8000 + (row * 80 + n) * 2, 0x0700 | c.charCodeAt(0)));
};

beforeEach(() => {
  vga.fresh();
  loadDefaultFont(vga.bytes.subarray(VRAM, VRAM + VRAM_BYTES));
});

describe('font', () => {
  const rows = (code: number): number[] => [...defaultFont().subarray(code * 16, code * 16 + 16)];

  test('every printable character has a glyph of its own; a space has none', () => {
    const glyphs = Array.from({ length: 95 }, (_, n) => rows(32 + n).join());
    expect(new Set(glyphs).size).toBe(95);
    expect(rows(0x20)).toEqual(Array(16).fill(0));
  });

  test('frames meet at the borders of their cells', () => {
    // 0xC5 cross, 0xCE double cross, 0xDB block.
    expect([rows(0xC5)[0], rows(0xC5)[15], rows(0xC5)[7]]).toEqual([0x18, 0x18, 0xFF]);
    expect([rows(0xCE)[0], rows(0xCE)[6], rows(0xCE)[7], rows(0xCE)[8]]).toEqual([0x24, 0xE7, 0, 0xE7]);
    expect(rows(0xDB)).toEqual(Array(16).fill(0xFF));
  });

  test('letters leave a column between each other', () => {
    const touching = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789']
      .filter((c) => rows(c.charCodeAt(0)).some((bits) => (bits & 1) !== 0));
    expect(touching).toEqual([]);
  });
});

describe('screen', () => {
  test('text of the text mode, also after scrolling by the start address', () => {
    write(0, 'first');
    write(3, 'Hello, VGA  ');
    expect(screen.text().slice(0, 5)).toEqual(['first', '', '', 'Hello, VGA', '']);
    expect(screen.text()).toHaveLength(25);
    vga.crtc(0x0D, 160);
    expect(screen.text()[1]).toBe('Hello, VGA');
    vga.vbe(640, 480, 32);
    expect(screen.text()).toEqual([]);
    expect(screen.info).toMatchObject({ kind: 'vbe', width: 640, height: 480, bpp: 32 });
  });

  test('code page', () => {
    expect([0x41, 0xC4, 0xDB, 0x81, 0xFE, 0x00, 0xFF].map(characterOf).join('')).toBe('A─█ü■  ');
  });

  test('a picture has the letter where it was written', () => {
    write(0, 'I');
    const { width, height, rgba } = screen.capture();
    expect([width, height, rgba.length]).toEqual([720, 400, 720 * 400 * 4]);
    const lit = (x: number, y: number): boolean => rgba[(y * width + x) * 4] === 0xAA;
    expect([lit(3, 6), lit(4, 6), lit(1, 6), lit(12, 6)]).toEqual([true, true, false, false]);
  });

  test('the same as PNG', async () => {
    write(24, 'end');
    const { width, height, rgba } = screen.capture();
    const png = Buffer.from(await screen.screenshot());
    expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
    expect([png.readUInt32BE(16), png.readUInt32BE(20), png[24], png[25]]).toEqual([width, height, 8, 2]);
    const length = png.readUInt32BE(33);
    expect(png.subarray(37, 41).toString()).toBe('IDAT');
    const raw = inflateSync(png.subarray(41, 41 + length));
    const above = new Uint8Array(width * 3);
    const wrong: number[] = [];
    for (let y = 0; y < height; y++) {
      const line = raw.subarray(y * (width * 3 + 1), (y + 1) * (width * 3 + 1));
      if (line[0] !== 2) wrong.push(y);
      for (let n = 0; n < width * 3; n++) {
        above[n] = (above[n] ?? 0) + (line[n + 1] ?? 0);
        if (above[n] !== rgba[(y * width + Math.floor(n / 3)) * 4 + n % 3]) wrong.push(y);
      }
    }
    expect(wrong).toEqual([]);
    // The end chunk's checksum is known.
    expect(png.subarray(-12).toString('hex')).toBe('0000000049454e44ae426082');
  });

  test('a canvas where there is none', () => {
    expect(() => screen.attach({})).toThrow('no canvas');
  });
});
