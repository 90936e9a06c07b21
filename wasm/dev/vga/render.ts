// Video memory and registers to pixels: what the CRT would show, one scan line after the other, as RGBA in
// layout.FRAME. Runs in any thread, takes no chip's lock and changes nothing of the guest's: a register that
// is written meanwhile gives one mixed picture, as on a real screen. Lines that come out as they were are not
// stored, so the host copies only what changed; a picture that cannot have changed is not drawn at all.
// IBM Video Subsystem: CRT controller addressing (byte, word, double word), attribute controller, character
// generator; every dot clock of a line is a pixel. Left out: overscan, interlace, the display enable skew,
// the sequencer's shift load bits.

import { FRAME, VRAM, VRAM_BYTES } from "../../lib/layout";
import {
  ATTR_DISPLAY, Attr, AttrMode, Clocking, Crtc, Dispi, DispiEnable, Gfx, GfxMisc, GfxMode, Seq, Vga, attr,
    crtc,
  dac, dispi, gfx, planes, seq, theVga,
} from "./state";
import { MAX_HEIGHT, MAX_WIDTH, dispiBytes } from "./dispi";

/**
 * Header of FRAME, u32 each; written by the renderer. The first row that changed, and the one behind the
 * last.
 */
export const enum Frame {
  BUSY = 0x00, WIDTH = 0x04, HEIGHT = 0x08, FIRST = 0x0C, END = 0x10, MODE = 0x14, BPP = 0x18, COLUMNS = 0x1C,
  ROWS = 0x20, GENERATION = 0x24, PHASE = 0x28, VALID = 0x2C,
  PALETTE = 0x400, LINE = 0x1000,
  /** The picture's character cells, u16 each (code, attribute), COLUMNS a row, in the order of the picture. */
  TEXT = 0x8000,
  PIXELS = 0x10000,
}
export const enum ScreenMode { BLANK = 0, TEXT = 1, GRAPHICS = 2, VBE = 3 }
/** Bits of `phase`: the cursor shows; blinking characters show. */
export const enum Phase { CURSOR = 1, TEXT = 2 }
/** What vgaRender found. */
export const enum Rendered { SAME = 0, ROWS = 1, SIZE = 2, BUSY = 3 }

const OPAQUE: u32 = 0xFF000000;
const COLORS: u32 = 256;
const CELLS_9: u32 = 9;
const CELLS_8: u32 = 8;
const BLANK_WIDTH: u32 = 720;
const BLANK_HEIGHT: u32 = 400;
const GLYPH_BYTES: u32 = 32;
const BLINK: u32 = 0x80;
const INTENSITY: u32 = 0x08;
const TEXT_CELLS: u32 = (<u32>Frame.PIXELS - <u32>Frame.TEXT) >> 1;
/**
 * Attribute bits that select an underlined character: foreground 1 on background 0, with either intensity.
 */
const UNDERLINE_BITS: u32 = 0x77;
const UNDERLINE: u32 = 0x01;
/** One bit of each of four bytes side by side: multiply, then the top byte has them. */
const GATHER: u32 = 0x01020408;

/** Per line of the present picture (this thread). */
let address: u32 = 0;
let row: u32 = 0;
let pan: u32 = 0;
let phaseNow: u32 = 0;
/** Cells of the text buffer that are written. */
let cells: u32 = 0;

// @ts-ignore: decorator
@inline
function header(offset: Frame): u32 {
  return load<u32>(FRAME + <usize>offset);
}
// @ts-ignore: decorator
@inline
function setHeader(offset: Frame, v: u32): void {
  store<u32>(FRAME + <usize>offset, v);
}
// @ts-ignore: decorator
@inline
function color(n: u32): u32 {
  return load<u32>(FRAME + <usize>Frame.PALETTE + <usize>(n << 2));
}
// @ts-ignore: decorator
@inline
function dot(x: u32, rgba: u32): void {
  store<u32>(FRAME + <usize>Frame.LINE + <usize>(x << 2), rgba);
}

/** DAC entry as RGBA in memory order. */
function dacColor(dev: Vga, n: u32): u32 {
  const entry = (n & dev.dacMask) * 3;
  let r = dac(dev, entry);
  let g = dac(dev, entry + 1);
  let b = dac(dev, entry + 2);
  if ((dispi(dev, Dispi.ENABLE) & DispiEnable.DAC8) == 0) {
    r = (r << 2 | r >> 4) & 0xFF;
    g = (g << 2 | g >> 4) & 0xFF;
    b = (b << 2 | b >> 4) & 0xFF;
  }
  return r | g << 8 | b << 16 | OPAQUE;
}

/**
 * The colours that pixels of this mode index: the DAC itself, or the attribute controller's 16 with `flip`
 * (bit 3 of blinking graphics) behind the plane enable.
 */
function loadPalette(dev: Vga, direct: bool, flip: u32): void {
  const at = FRAME + <usize>Frame.PALETTE;
  const mode = attr(dev, Attr.MODE);
  const select = attr(dev, Attr.COLOR_SELECT);
  for (let n: u32 = 0; n < COLORS; n++) {
    let index = n;
    if (!direct) {
      const p = attr(dev, n & 15 & attr(dev, Attr.PLANES) ^ flip);
      index = (mode & AttrMode.P54) != 0 ? p & 0x0F | (select & 3) << 4 : p;
      index |= (select & 0x0C) << 4;
    }
    store<u32>(at + <usize>(n << 2), dacColor(dev, index));
  }
}

/** The memory address counter `n` character clocks into a line: by one, two or four (CRTC count bits). */
// @ts-ignore: decorator
@inline
function counter(dev: Vga, n: u32): u32 {
  const shift: u32 = (crtc(dev, Crtc.UNDERLINE) & 0x20) != 0 ? 2 : (crtc(dev, Crtc.MODE) & 8) != 0 ? 1 : 0;
  return address + (n >> shift) & 0xFFFF;
}

/** Plane address of a character clock (CRTC Mode Control, Underline Location). */
function cell(dev: Vga, ma: u32): u32 {
  const mode = crtc(dev, Crtc.MODE);
  let a = ma;
  // Double words are where chain-4 writes them, and begin again behind its 64 KiB.
  if ((crtc(dev, Crtc.UNDERLINE) & 0x40) != 0) a = ma << 2;
  else if ((mode & 0x40) == 0) a = ma << 1 | ma >> ((mode & 0x20) != 0 ? 15 : 13) & 1;
  if ((mode & 1) == 0) a = a & ~0x2000 | (row & 1) << 13;
  if ((mode & 2) == 0) a = a & ~0x4000 | (row & 2) << 13;
  return a;
}

/** Plane address of the font that Character Map Select field A (attribute bit 3 set) or B names. */
function fontBase(dev: Vga, a: bool): u32 {
  const v = seq(dev, Seq.FONT);
  const n = a ? v >> 2 & 3 | v >> 3 & 4 : v & 3 | v >> 2 & 4;
  return (n & 3) << 14 | n >> 2 << 13;
}

/** Where the cursor stands; the skew puts it up to three characters to the right. */
function cursorCell(dev: Vga): u32 {
  const at = crtc(dev, Crtc.CURSOR_HIGH) << 8 | crtc(dev, Crtc.CURSOR_LOW);
  return at + (crtc(dev, Crtc.CURSOR_END) >> 5 & 3) & 0xFFFF;
}

function isCursorRow(dev: Vga): bool {
  const start = crtc(dev, Crtc.CURSOR_START);
  return (start & 0x20) == 0 && (phaseNow & Phase.CURSOR) != 0 && row >= (start & 0x1F)
    && row <= (crtc(dev, Crtc.CURSOR_END) & 0x1F);
}

/** The cells of a row of characters, for those who read the screen. */
function keepText(dev: Vga, columns: u32): void {
  if (cells + columns > TEXT_CELLS) return;
  const to = FRAME + <usize>Frame.TEXT + <usize>(cells << 1);
  for (let n: u32 = 0; n < columns; n++) {
    store<u16>(to + <usize>(n << 1), load<u16>(planes(cell(dev, counter(dev, n)))));
  }
  cells += columns;
}

/** One scan line of `columns` characters of `dots` dots, from dot 0 of LINE. */
function textLine(dev: Vga, columns: u32, dots: u32): void {
  const mode = attr(dev, Attr.MODE);
  const fontA = fontBase(dev, true);
  const fontB = fontBase(dev, false);
  const cursor = isCursorRow(dev) ? cursorCell(dev) : <u32>-1;
  const underline = row == (crtc(dev, Crtc.UNDERLINE) & 0x1F);
  let x: u32 = 0;
  for (let n: u32 = 0; n < columns; n++) {
    const ma = counter(dev, n);
    const c = load<u16>(planes(cell(dev, ma)));
    const code: u32 = c & 0xFF;
    const look: u32 = c >> 8;
    let bits: u32 = load<u8>(planes(((look & 8) != 0 ? fontA : fontB) + code * GLYPH_BYTES + row), 2);
    let back = look >> 4;
    if ((mode & AttrMode.BLINK) != 0) {
      back &= 7;
      if ((look & BLINK) != 0 && (phaseNow & Phase.TEXT) == 0) bits = 0;
    }
    bits <<= 1;
    if (dots == CELLS_9 && (mode & AttrMode.LINE_GRAPHICS) != 0 && (code & 0xE0) == 0xC0) bits |= bits >> 1
      & 1;
    if (underline && (look & UNDERLINE_BITS) == UNDERLINE || ma == cursor) bits = 0x1FF;
    const on = color(look & 15);
    const off = color(back);
    for (let k: u32 = 0; k < dots; k++) dot(x + k, (bits >> (8 - k) & 1) != 0 ? on : off);
    x += dots;
  }
}

/** One scan line of planar, CGA-like or 256-colour pixels: eight dots per character clock. */
function graphicsLine(dev: Vga, columns: u32): void {
  const mode = gfx(dev, Gfx.MODE);
  const wide = (attr(dev, Attr.MODE) & AttrMode.WIDE) != 0;
  let x: u32 = 0;
  for (let n: u32 = 0; n < columns; n++) {
    const w = load<u32>(planes(cell(dev, counter(dev, n))));
    if ((mode & GfxMode.SHIFT_256) != 0 && !wide) {
      // The attribute controller takes a half of each byte for a pixel of its own.
      for (let k: u32 = 0; k < 8; k++) dot(x + k, color(w >> ((k ^ 1) << 2) & 15));
    } else if ((mode & GfxMode.SHIFT_256) != 0) {
      for (let k: u32 = 0; k < 4; k++) {
        const rgba = color(w >> (k << 3) & 0xFF);
        dot(x + k * 2, rgba);
        dot(x + k * 2 + 1, rgba);
      }
    } else if ((mode & GfxMode.SHIFT_INTERLEAVE) != 0) {
      // Pairs of bits: planes 0 and 2 give the first four pixels, 1 and 3 the others.
      for (let k: u32 = 0; k < 8; k++) {
        const pair = w >> (k < 4 ? 0 : 8) >> (6 - ((k & 3) << 1));
        dot(x + k, color(pair & 3 | (pair >> 16 & 3) << 2));
      }
    } else {
      for (let k: u32 = 0; k < 8; k++) dot(x + k, color((w >> (7 - k) & 0x01010101) * GATHER >> 24 & 15));
    }
    x += 8;
  }
}

/** Half the dot clock: every dot twice. */
function doubleDots(count: u32): void {
  for (let n = <i32>count - 1; n >= 0; n--) {
    const rgba = load<u32>(FRAME + <usize>Frame.LINE + (<usize>n << 2));
    dot(<u32>n * 2, rgba);
    dot(<u32>n * 2 + 1, rgba);
  }
}

/** Store LINE from dot `from` as row `y` if it differs; rows that changed widen FIRST..END. */
function commit(y: u32, width: u32, from: u32): void {
  const line = FRAME + <usize>Frame.LINE + <usize>(from << 2);
  const to = FRAME + <usize>Frame.PIXELS + <usize>(y * width << 2);
  const bytes = width << 2;
  let n: u32 = 0;
  while (n + 16 <= bytes && v128.all_true<i32>(i32x4.eq(v128.load(line + n), v128.load(to + n)))) n += 16;
  while (n < bytes && load<u32>(line + n) == load<u32>(to + n)) n += 4;
  if (n >= bytes) return;
  memory.copy(to + n, line + n, bytes - n);
  if (y < header(Frame.FIRST)) setHeader(Frame.FIRST, y);
  setHeader(Frame.END, y + 1);
}

/** The picture's size; true when it is another one: everything counts as changed then. */
function resize(mode: u32, width: u32, height: u32, bpp: u32, columns: u32, rows: u32): bool {
  setHeader(Frame.MODE, mode);
  setHeader(Frame.BPP, bpp);
  setHeader(Frame.COLUMNS, columns);
  setHeader(Frame.ROWS, rows);
  if (header(Frame.WIDTH) == width && header(Frame.HEIGHT) == height
    && header(Frame.VALID) != 0) return false;
  setHeader(Frame.WIDTH, width);
  setHeader(Frame.HEIGHT, height);
  setHeader(Frame.VALID, 1);
  // Transparent black is no colour of any mode: every row differs.
  memory.fill(FRAME + <usize>Frame.PIXELS, 0, width * height << 2);
  return true;
}

function renderBlank(): bool {
  const known = header(Frame.VALID) != 0;
  const width = known ? header(Frame.WIDTH) : BLANK_WIDTH;
  const height = known ? header(Frame.HEIGHT) : BLANK_HEIGHT;
  const changed = resize(ScreenMode.BLANK, width, height, 0, 0, 0);
  for (let x: u32 = 0; x < width; x++) dot(x, OPAQUE);
  for (let y: u32 = 0; y < height; y++) commit(y, width, 0);
  return changed;
}

/** The next scan line: below the compared one memory begins again, or the character row goes on or ends. */
function nextLine(dev: Vga, y: u32, compare: u32, scan: u32): void {
  if (y == compare) {
    address = 0;
    row = 0;
    if ((attr(dev, Attr.MODE) & AttrMode.SPLIT_PAN) != 0) pan = 0;
  } else if ((scan & 0x80) == 0 || (y & 1) != 0) {
    const last = row == (scan & 0x1F);
    row = last ? 0 : row + 1 & 0x1F;
    if (last) address += crtc(dev, Crtc.OFFSET) << 1;
  }
}

/** Dots by which a line is shifted to the left. Nine dots wide, 8 means none and n means n + 1. */
function panning(dev: Vga, dots: u32): u32 {
  const n = attr(dev, Attr.PAN) & 15;
  if (dots == CELLS_9) return n >= 8 ? 0 : n + 1;
  return n & 7;
}

/** Lines of the picture; a CRTC that counts every other line (Mode Control bit 2) shows twice as many. */
// @ts-ignore: decorator
@inline
function lines(dev: Vga, value: u32): u32 {
  return (crtc(dev, Crtc.MODE) & 4) != 0 ? value << 1 : value;
}

/** VGA modes: from line to line as the CRTC counts. */
function renderVga(dev: Vga): bool {
  const graphics = (gfx(dev, Gfx.MISC) & GfxMisc.GRAPHICS) != 0;
  const wide = (gfx(dev, Gfx.MODE) & GfxMode.SHIFT_256) != 0 && (attr(dev, Attr.MODE) & AttrMode.WIDE) != 0;
  const clocking = seq(dev, Seq.CLOCKING);
  const half: u32 = (clocking & Clocking.HALF) != 0 ? 1 : 0;
  const dots: u32 = graphics || (clocking & Clocking.DOTS8) != 0 ? CELLS_8 : CELLS_9;
  const columns = min(crtc(dev, Crtc.H_DISPLAY_END) + 1, MAX_WIDTH / dots >> half);
  const overflow = crtc(dev, Crtc.OVERFLOW);
  const scan = crtc(dev, Crtc.MAX_SCAN);
  const width = columns * dots << half;
  const end = crtc(dev, Crtc.V_DISPLAY_END) | (overflow & 2) << 7 | (overflow & 0x40) << 3;
  const height = min(lines(dev, end + 1), MAX_HEIGHT);
  const compare = lines(dev, crtc(dev, Crtc.LINE_COMPARE) | (overflow & 0x10) << 4 | (scan & 0x40) << 3);
  const changed = resize(graphics ? ScreenMode.GRAPHICS : ScreenMode.TEXT, width, height,
    graphics ? wide ? 8 : 4 : 0, columns, graphics ? 0 : header(Frame.ROWS));
  const blinks = graphics && (attr(dev, Attr.MODE) & AttrMode.BLINK) != 0 && (phaseNow & Phase.TEXT) == 0;
  loadPalette(dev, graphics && wide, blinks ? INTENSITY : 0);
  const preset = crtc(dev, Crtc.PRESET_ROW);
  address = (crtc(dev, Crtc.START_HIGH) << 8 | crtc(dev, Crtc.START_LOW)) + (preset >> 5 & 3);
  row = preset & 0x1F;
  pan = panning(dev, dots);
  cells = 0;
  for (let y: u32 = 0; y < height; y++) {
    // One more character for the dots that panning brings in.
    if (graphics) {
      graphicsLine(dev, columns + 1);
    } else {
      if (y == 0 || row == 0 && ((scan & 0x80) == 0 || (y & 1) == 0)) keepText(dev, columns);
      textLine(dev, columns + 1, dots);
    }
    if (half != 0) doubleDots((columns + 1) * dots);
    commit(y, width, pan << half);
    nextLine(dev, y, compare, scan);
  }
  if (!graphics) setHeader(Frame.ROWS, cells / columns);
  return changed;
}

/** Eight pixels of 15 or 16 bits at a time: `green` bits of green, the upper bits repeated below. */
function line16(from: usize, width: u32, green: i32): void {
  const to = FRAME + <usize>Frame.LINE;
  const five = v128.splat<u16>(31);
  const opaque = v128.splat<u16>(0xFF00);
  const mask: i32 = (1 << green) - 1;
  const greens = v128.splat<u16>(<u16>mask);
  for (let n: u32 = 0; n < width; n += 8) {
    const p = v128.load(from + (n << 1));
    const r = v128.and(v128.shr<u16>(p, 5 + green), five);
    const g = v128.and(v128.shr<u16>(p, 5), greens);
    const b = v128.and(p, five);
    const r8 = v128.or(v128.shl<u16>(r, 3), v128.shr<u16>(r, 2));
    const g8 = v128.or(v128.shl<u16>(g, 8 - green), v128.shr<u16>(g, green * 2 - 8));
    const b8 = v128.or(v128.shl<u16>(b, 3), v128.shr<u16>(b, 2));
    const low = v128.or(r8, v128.shl<u16>(g8, 8));
    const high = v128.or(b8, opaque);
    const at = to + <usize>(n << 2);
    v128.store(at, v128.shuffle<u16>(low, high, 0, 8, 1, 9, 2, 10, 3, 11));
    v128.store(at, v128.shuffle<u16>(low, high, 4, 12, 5, 13, 6, 14, 7, 15), 16);
  }
}

/** Four pixels of 32 bits: blue, green, red, unused. */
function line32(from: usize, width: u32): void {
  const to = FRAME + <usize>Frame.LINE;
  const opaque = i32x4.splat(OPAQUE);
  for (let n: u32 = 0; n < width << 2; n += 16) {
    const p = v128.load(from + n);
    v128.store(to + n, v128.or(opaque,
      v128.shuffle<u8>(p, p, 2, 1, 0, 3, 6, 5, 4, 7, 10, 9, 8, 11, 14, 13, 12, 15)));
  }
}

/** One line of a Bochs VBE mode from video memory. */
function vbeLine(dev: Vga, bpp: u32, from: usize, width: u32): void {
  switch (bpp) {
    case 8:
      for (let x: u32 = 0; x < width; x++) dot(x, color(load<u8>(from + x)));
      break;
    case 15: line16(from, width, 5); break;
    case 16: line16(from, width, 6); break;
    case 24:
      for (let x: u32 = 0; x < width; x++) {
        const p = from + x * 3;
        dot(x, <u32>load<u8>(p, 2) | <u32>load<u8>(p, 1) << 8 | <u32>load<u8>(p) << 16 | OPAQUE);
      }
      break;
    case 32: line32(from, width); break;
    default: {
      const first = (from - VRAM) << 3;
      for (let x: u32 = 0; x < width; x++) {
        const w = load<u32>(VRAM + <usize>(((first + x >> 3) & (VRAM_BYTES / 4 - 1)) << 2));
        dot(x, color((w >> (7 - (x & 7)) & 0x01010101) * GATHER >> 24 & 15));
      }
      break;
    }
  }
}

function renderVbe(dev: Vga): bool {
  const width = min(dispi(dev, Dispi.XRES), MAX_WIDTH);
  const height = dispi(dev, Dispi.YRES);
  const bpp = dispi(dev, Dispi.BPP);
  const changed = resize(ScreenMode.VBE, width, height, bpp, 0, 0);
  if (bpp <= 8) loadPalette(dev, bpp == 8, 0);
  // Of a 16-colour mode: per plane, eight pixels a byte.
  const shift: u32 = bpp == 4 ? 2 : 0;
  const stride = dispiBytes(dev, dispi(dev, Dispi.VIRT_WIDTH)) >> shift;
  const start = dispi(dev, Dispi.Y_OFFSET) * stride + (dispiBytes(dev, dispi(dev, Dispi.X_OFFSET)) >> shift);
  const bytes = dispiBytes(dev, width);
  for (let y: u32 = 0; y < height; y++) {
    const at = start + y * stride;
    // Only a mode that is being changed meanwhile is outside.
    if (at + bytes > VRAM_BYTES) break;
    vbeLine(dev, bpp, VRAM + at, width);
    commit(y, width, 0);
  }
  return changed;
}

function render(dev: Vga, phase: u32): u32 {
  const generation = atomic.load<u32>(changetype<usize>(dev), offsetof<Vga>("generation"));
  const vbe = (dispi(dev, Dispi.ENABLE) & DispiEnable.ON) != 0;
  if (!vbe && header(Frame.VALID) != 0 && generation == header(Frame.GENERATION)
    && phase == header(Frame.PHASE)) {
    return Rendered.SAME;
  }
  setHeader(Frame.GENERATION, generation);
  setHeader(Frame.PHASE, phase);
  setHeader(Frame.FIRST, <u32>-1);
  setHeader(Frame.END, 0);
  phaseNow = phase;
  const off = (dev.attrIndex & ATTR_DISPLAY) == 0 || (seq(dev, Seq.CLOCKING) & Clocking.SCREEN_OFF) != 0;
  const resized = off ? renderBlank() : vbe ? renderVbe(dev) : renderVga(dev);
  if (resized) return Rendered.SIZE;
  return header(Frame.END) != 0 ? Rendered.ROWS : Rendered.SAME;
}

/**
 * Draw what has changed since the last call; a Rendered. Two threads do not draw at once: the second one is
 * told BUSY.
 */
export function vgaRender(phase: u32): u32 {
  if (atomic.cmpxchg<u32>(FRAME + <usize>Frame.BUSY, 0, 1) != 0) return Rendered.BUSY;
  const result = render(theVga(), phase);
  atomic.store<u32>(FRAME + <usize>Frame.BUSY, 0);
  return result;
}
