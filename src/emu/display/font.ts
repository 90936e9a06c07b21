// The character set that a VGA shows before anybody loads another one: on a direct boot there is no video
// BIOS to do it. 8x16 cells, code page 437. Drawn for Skep as strokes on a grid of half cells: a glyph is a
// list of polylines, a point is two hexadecimal digits (column, row); the pen is two pixels wide, one where
// the polyline begins with "-". Capitals stand on row 11 and begin at row 2. Left out: Greek letters and most
// signs of mathematics, which show an empty box.

export const GLYPH_ROWS = 16;
const GLYPHS = 256;
const BOX = '13 53 5a 1a 13';

const ASCII = [
  '', '32 38,3a 3b', '12 14,42 44', '12 1b,42 4b,05 55,08 58', '53 42 12 03 05 16 46 57 5a 4b 1b 0a,30 32,3b 3d',
  '02 03,53 0b,5a 5b', '5b 14 13 22 32 43 44 07 0a 1b 3b 58', '32 34', '42 33 24 29 3a 4b', '12 23 34 39 2a 1b',
  '04 5a,54 0a,07 57', '34 3a,07 57', '3a 3b 2d', '07 57', '3a 3b', '52 0b',
  '12 42 53 5a 4b 1b 0a 03 12,-36 37', '14 32 3b,1b 5b', '03 12 42 53 55 0a 0b 5b',
  '03 12 42 53 55 46 57 5a 4b 1b 0a,26 46', '4b 42 08 58', '52 02 06 46 57 5a 4b 1b 0a',
  '42 22 04 0a 1b 4b 5a 57 46 06', '02 52 54 27 2b', '12 42 53 55 46 57 5a 4b 1b 0a 07 16 05 03 12,16 46',
  '57 17 06 03 12 42 53 59 3b 1b', '35 36,3a 3b', '35 36,3a 3b 2d', '43 07 4b', '05 55,09 59', '13 57 1b',
  '03 12 42 53 54 37 38,3a 3b',
  '4b 1b 0a 03 12 42 53 58 28 25 55', '0b 04 22 32 54 5b,08 58', '02 42 53 55 46 57 5a 4b 0b 02,06 46',
  '54 53 42 12 03 0a 1b 4b 5a 59', '02 32 54 59 3b 0b 02', '52 02 0b 5b,06 36', '52 02 0b,06 36',
  '54 53 42 12 03 0a 1b 4b 5a 57 37', '02 0b,52 5b,06 56', '22 42,32 3b,2b 4b', '52 5a 4b 1b 0a 09',
  '02 0b,52 16 5b,06 16', '02 0b 5b', '02 0b,52 5b,-12 35 52', '02 0b,52 5b,-13 5a',
  '12 42 53 5a 4b 1b 0a 03 12', '0b 02 42 53 56 47 07', '12 42 53 5a 4b 1b 0a 03 12,39 5c',
  '0b 02 42 53 55 46 06,36 59 5b', '53 42 12 03 05 16 46 57 5a 4b 1b 0a', '12 52,32 3b', '02 0a 1b 4b 5a 52',
  '02 07 2b,52 57 3b', '02 0b,52 5b,-1b 38 5b', '02 03 5a 5b,52 53 0a 0b', '12 14 37 3b,52 54 37',
  '02 52 53 0a 0b 5b', '42 22 2b 4b', '02 5b', '12 32 3b 1b', '04 22 32 54', '0d 6d',
  '22 34', '15 45 56 5b,58 18 09 0a 1b 3b 5a', '02 0b 4b 5a 56 45 15 06', '56 45 15 06 0a 1b 4b 5a',
  '52 5b 1b 0a 06 15 45 56', '08 58 56 45 15 06 0a 1b 4b 5a', '53 42 32 23 2b,05 45',
  '56 45 15 06 0a 1b 4b 5a,55 5d 4e 1e 0d', '02 0b,06 15 45 56 5b', '32 33,25 35 3b,1b 5b', '42 43,35 45 4d 3e 1e 0d',
  '02 0b,55 18 5b,08 18', '22 32 3b,1b 5b', '05 0b,05 45 56 5b,-35 3b', '05 0b,06 15 45 56 5b',
  '15 45 56 5a 4b 1b 0a 06 15', '05 0e,06 15 45 56 5a 4b 0b', '55 5e,56 45 15 06 0a 1b 5b', '05 0b,07 25 45 56',
  '56 45 15 06 07 18 48 59 5a 4b 1b 0a', '22 2a 3b 4b 5a,05 45', '05 0a 1b 4b,55 5b', '05 07 2b,55 57 3b',
  '05 0a 1b 4b 5a 55,-35 3b', '05 5b,55 0b', '05 0a 1b 4b,55 5d 4e 1e 0d', '05 55 0b 5b',
  '52 42 33 36 17 38 3a 4b 5b', '32 3c', '12 22 33 36 57 38 3a 2b 1b', '06 15 25 47 56', '32 0b 5b 32',
];

/** Accents above small letters (rows 2 and 3; two rows higher above capitals) and the cedilla. */
const ACCENTS: Record<string, string> = {
  acute: '33 42', grave: '22 33', circumflex: '13 22 32 43', diaeresis: '12 12,42 42', tilde: '13 22 33 42',
  ring: '22 32,23 33', cedilla: '3c 3d 1e',
};
const DOTLESS_I = '25 35 3b,1b 5b';

/** Letters from 0x80: base and accent, as many as code page 437 has. */
const ACCENTED: Record<number, readonly [string, string]> = {
  0x80: ['C', 'cedilla'], 0x81: ['u', 'diaeresis'], 0x82: ['e', 'acute'], 0x83: ['a', 'circumflex'],
  0x84: ['a', 'diaeresis'], 0x85: ['a', 'grave'], 0x86: ['a', 'ring'], 0x87: ['c', 'cedilla'],
  0x88: ['e', 'circumflex'], 0x89: ['e', 'diaeresis'], 0x8A: ['e', 'grave'], 0x8B: ['i', 'diaeresis'],
  0x8C: ['i', 'circumflex'], 0x8D: ['i', 'grave'], 0x8E: ['A', 'diaeresis'], 0x8F: ['A', 'ring'],
  0x90: ['E', 'acute'], 0x93: ['o', 'circumflex'], 0x94: ['o', 'diaeresis'], 0x95: ['o', 'grave'],
  0x96: ['u', 'circumflex'], 0x97: ['u', 'grave'], 0x98: ['y', 'diaeresis'], 0x99: ['O', 'diaeresis'],
  0x9A: ['U', 'diaeresis'], 0xA0: ['a', 'acute'], 0xA1: ['i', 'acute'], 0xA2: ['o', 'acute'],
  0xA3: ['u', 'acute'], 0xA4: ['n', 'tilde'], 0xA5: ['N', 'tilde'],
};

/** Signs drawn as strokes. */
const SIGNS: Record<number, string> = {
  0x00: '', 0x04: '33 06 3a 56 33,06 56,15 45,17 47', 0x07: '26 36,27 37,28 38',
  0x10: '03 0b,14 1a,25 29,36 38,47 47', 0x11: '53 5b,44 4a,35 39,26 28,17 17',
  0x18: '33 3b,06 33 56', 0x19: '33 3b,08 3b 58', 0x1A: '07 57,34 57 3a', 0x1B: '07 57,24 07 2a',
  0x1E: '33 33,15 45,07 57,09 59', 0x1F: '05 55,07 57,19 49,3b 3b',
  0x9B: '56 45 15 06 0a 1b 4b 5a,-33 3d', 0x9C: '53 42 32 23 2b,05 45,0b 5b',
    0x9D: '12 14 37 3b,52 54 37,08 58,0a 5a',
  0xA8: '35 36,38 39 1b 0c 0d 1e 4e 5d', 0xAD: '35 36,38 3e', 0xAE: '35 18 3b,65 48 6b',
    0xAF: '05 38 0b,35 58 3b',
  0xE1: '0d 04 12 32 43 44 36 47 58 5a 4b 2b', 0xE6: '05 0e,0a 1b 4b 5b,55 5b', 0xF1: '33 38,06 56,0b 5b',
  0xF2: '02 56 0a,0b 5b', 0xF3: '52 06 5a,0b 5b', 0xF6: '33 34,07 57,3a 3b',
    0xF7: '05 14 24 46 55,09 18 28 4a 59',
  0xF8: '12 32 43 44 35 15 04 03 12', 0xF9: '36 37', 0xFA: '37 37', 0xFB: '08 19 2c 62',
    0xFD: '02 12 23 06 26', 0xFF: '',
};

/** Frames from 0xB3: arms up, down, left, right: 0 none, 1 single, 2 double. */
const FRAMES = ('1100 1110 1120 2210 0210 0120 2220 2200 0220 2020 2010 1020 0110 1001 1011 0111 1101 0011 1111 1102 2201 '
  + '2002 0202 2022 0222 2202 0022 2222 1022 2011 0122 0211 2001 1002 0102 0201 2211 1122 1010 0101').split(' ');
const FIRST_FRAME = 0xB3;
/** Of double lines: outer columns and rows, and what lies between. */
const OUT_LEFT = 2, OUT_RIGHT = 5, OUT_TOP = 6, OUT_BOTTOM = 8, IN_LEFT = 3, IN_RIGHT = 4, IN_ROW = 7;

type Plot = (x: number, y: number, on?: boolean) => void;

function drawLine(plot: Plot, x0: number, y0: number, x1: number, y1: number): void {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0));
  for (let n = 0; n <= steps; n++) {
    const t = steps === 0 ? 0 : n / steps;
    plot(Math.round(x0 + (x1 - x0) * t), Math.round(y0 + (y1 - y0) * t));
  }
}

function drawStrokes(plot: Plot, strokes: string, up = 0): void {
  for (const polyline of strokes.split(',')) {
    if (polyline === '') continue;
    const thin = polyline.startsWith('-');
    const pen: Plot = (x, y) => {
      plot(x, y - up);
      if (!thin) plot(x + 1, y - up);
    };
    const points = polyline.replace('-', '').split(' ').map((p) =>
      [parseInt(p[0] ?? '', 16), parseInt(p[1] ?? '', 16)] as const);
    points.forEach(([x, y], n) => {
      const [px, py] = points[Math.max(0, n - 1)] ?? [x, y];
      drawLine(pen, px, py, x, y);
    });
  }
}

function fill(plot: Plot, x0: number, y0: number, x1: number, y1: number, on = true): void {
  for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) plot(x, y, on);
}

/** Double arms are filled, then hollowed out; single arms end at their border. */
function drawFrame(plot: Plot, arms: string): void {
  const [up, down, left, right] = [...arms].map(Number) as [number, number, number, number];
  if (up === 2) fill(plot, OUT_LEFT, 0, OUT_RIGHT, OUT_BOTTOM);
  if (down === 2) fill(plot, OUT_LEFT, OUT_TOP, OUT_RIGHT, 15);
  if (left === 2) fill(plot, 0, OUT_TOP, OUT_RIGHT, OUT_BOTTOM);
  if (right === 2) fill(plot, OUT_LEFT, OUT_TOP, 7, OUT_BOTTOM);
  if (up === 2) fill(plot, IN_LEFT, 0, IN_RIGHT, IN_ROW, false);
  if (down === 2) fill(plot, IN_LEFT, IN_ROW, IN_RIGHT, 15, false);
  if (left === 2) fill(plot, 0, IN_ROW, IN_RIGHT, IN_ROW, false);
  if (right === 2) fill(plot, IN_LEFT, IN_ROW, 7, IN_ROW, false);
  const wide = left === 2 || right === 2;
  const tall = up === 2 || down === 2;
  if (up === 1) fill(plot, IN_LEFT, 0, IN_RIGHT, wide ? OUT_TOP : IN_ROW);
  if (down === 1) fill(plot, IN_LEFT, wide ? OUT_BOTTOM : IN_ROW, IN_RIGHT, 15);
  if (left === 1) fill(plot, 0, IN_ROW, tall ? OUT_LEFT : IN_RIGHT, IN_ROW);
  if (right === 1) fill(plot, tall ? OUT_RIGHT : IN_LEFT, IN_ROW, 7, IN_ROW);
}

/** Shades, half blocks and the square. */
function drawBlock(plot: Plot, code: number): boolean {
  const shade = [1, 2, 3][code - 0xB0];
  if (shade !== undefined) {
    for (let y = 0; y < GLYPH_ROWS; y++) {
      for (let x = 0; x < 8; x++) if (((x * 2 + (y & 1) * (shade === 2 ? 2 : 1)) & 3) < (shade === 2 ? 2
        : shade)) plot(x, y);
    }
    return true;
  }
  const areas: Record<number, readonly [number, number, number, number]> = {
    0xDB: [0, 0, 7, 15], 0xDC: [0, 8, 7, 15], 0xDD: [0, 0, 3, 15], 0xDE: [4, 0, 7, 15], 0xDF: [0, 0, 7, 7],
      0xFE: [1, 5, 6, 10],
  };
  const area = areas[code];
  if (area !== undefined) fill(plot, ...area);
  return area !== undefined;
}

function drawGlyph(plot: Plot, code: number): void {
  const accented = ACCENTED[code];
  if (code >= 0x20 && code < 0x80) {
    drawStrokes(plot, ASCII[code - 0x20] ?? '');
  } else if (accented !== undefined) {
    const [base, accent] = accented;
    drawStrokes(plot, base === 'i' ? DOTLESS_I : ASCII[base.charCodeAt(0) - 0x20] ?? '');
    drawStrokes(plot, ACCENTS[accent] ?? '', base < 'a' && accent !== 'cedilla' ? 2 : 0);
  } else if (code >= FIRST_FRAME && code < FIRST_FRAME + FRAMES.length) {
    drawFrame(plot, FRAMES[code - FIRST_FRAME] ?? '0000');
  } else if (!drawBlock(plot, code)) {
    drawStrokes(plot, SIGNS[code] ?? BOX);
  }
}

let cached: Uint8Array | undefined;

/** 256 glyphs of 16 bytes, the leftmost dot in bit 7. */
export function defaultFont(): Uint8Array {
  if (cached !== undefined) return cached;
  const font = new Uint8Array(GLYPHS * GLYPH_ROWS);
  for (let code = 0; code < GLYPHS; code++) {
    drawGlyph((x, y, on = true) => {
      if (x < 0 || x > 7 || y < 0 || y >= GLYPH_ROWS) return;
      const at = code * GLYPH_ROWS + y;
      const bit = 0x80 >> x;
      font[at] = on ? (font[at] ?? 0) | bit : (font[at] ?? 0) & ~bit;
    }, code);
  }
  cached = font;
  return font;
}

/** Bytes between two glyphs in plane 2. */
const GLYPH_STRIDE = 32;

/** Puts the font into plane 2 of video memory, whose planes are interleaved. */
export function loadDefaultFont(vram: Uint8Array): void {
  defaultFont().forEach((bits, n) => {
    vram[4 * (Math.floor(n / GLYPH_ROWS) * GLYPH_STRIDE + n % GLYPH_ROWS) + 2] = bits;
  });
}
