// Sizes of the picture: whole device pixels, the shape of a CRT, small windows.

import { expect, test } from 'vitest';
import { scaled } from './screen-scale.ts';

const TEXT = { width: 720, height: 400, kind: 'text' };
const GAME = { width: 640, height: 400, kind: 'graphics' };
const VGA = { width: 640, height: 480, kind: 'graphics' };
const DESKTOP = { width: 1024, height: 768, kind: 'vbe' };
const WIDE = { width: 1920, height: 1080, kind: 'vbe' };

test.each([
  ['text: square dots', TEXT, 1500, 900, 1, 1440, 800],
  ['text on a dense screen: half a CSS pixel is a device pixel', TEXT, 800, 700, 2, 720, 400],
  ['text at density 1.5: two device pixels each', TEXT, 1000, 700, 1.5, 960, 533.33],
  ['320x200 as 4:3', GAME, 3300, 2500, 1, 3200, 2400],
  ['320x200 in a usual window: nearest whole numbers', GAME, 1400, 1000, 1, 1280, 800],
  ['640x480', VGA, 1400, 1000, 1, 1280, 960],
  ['a desktop', DESKTOP, 1500, 900, 1, 1024, 768],
])('sharp: %s', (_, shape, width, height, density, w, h) => {
  const size = scaled(shape, { width, height }, density, 'sharp');
  expect(size.even).toBe(true);
  expect([size.width, size.height]).toEqual([w, expect.closeTo(h, 1)]);
});

test.each([
  ['text', TEXT, 1500, 900, 1200, 900], ['320x200', GAME, 1500, 900, 1200, 900],
  ['a wide desktop keeps its shape', WIDE, 960, 960, 960, 540],
])('monitor: %s', (_, shape, width, height, w, h) => {
  expect(scaled(shape, { width, height }, 1, 'monitor')).toEqual({ width: w, height: h, even: false });
});

test('smaller than life when nothing else fits', () => {
  expect(scaled(DESKTOP, { width: 512, height: 900 }, 1, 'sharp')).toEqual({ width: 512, height: 384, even: false });
});

test('never larger than the room', () => {
  for (const shape of [TEXT, GAME, VGA, DESKTOP, WIDE]) {
    for (let width = 200; width < 2600; width += 171) {
      for (const density of [1, 1.25, 2, 3]) {
        for (const mode of ['sharp', 'monitor'] as const) {
          const size = scaled(shape, { width, height: width * 0.6 }, density, mode);
          expect([size.width <= width + 1e-6, size.height <= width * 0.6 + 1e-6, size.width > 0]).toEqual([true, true, true]);
        }
      }
    }
  }
});
