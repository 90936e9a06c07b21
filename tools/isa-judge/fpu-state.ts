// x87 and SSE state of a judged case: an FXSAVE image (SDM vol. 1 table 10-2), and floating-point numbers in
// its memory window. Rounding and precision controls, unmasked exceptions, sticky flags, empty registers, DAZ
// and FTZ all occur; the summary bit of the status word follows from the flags and masks, as silicon keeps
// it.

import type { Decoded } from '../isa-gen/encoding.ts';
import type { Random } from './random.ts';
import type { Case } from './state.ts';

const CLEAN_CONTROL = 0x37f, CLEAN_MXCSR = 0x1f80, EXCEPTIONS = 0x3f, SUMMARY = 0x8080;

/** What the row's elements are. */
type Kind = 'float' | 'double' | 'extended' | 'integer' | 'byte';

function kindOf(d: Decoded, random: Random): Kind {
  const { name, ops, file } = d.row;
  if (file === 'x87.isa.ts') return ops.startsWith('Md') ? 'float' : ops.startsWith('Mq') ? 'double'
    : 'extended';
  if (file !== 'sse-float.isa.ts') return random.one(2) ? 'byte' : 'integer';
  if (/^CVT(DQ|PI|SI)/.test(name)) return 'integer';
  if (/^CVTT?[PS]D/.test(name)) return 'double';
  if (/^CVTT?[PS]S/.test(name)) return 'float';
  return /[PS]S$/.test(name) ? 'float' : 'double';
}

function fill(view: DataView, at: number, bytes: number, kind: Kind, random: Random): void {
  for (let n = at; n < at + bytes;) {
    if (kind === 'float') { view.setUint32(n, random.float(), true); n += 4; }
    else if (kind === 'double') { view.setBigUint64(n, random.double(), true); n += 8; }
    else if (kind === 'integer') { view.setBigUint64(n, random.word(), true); n += 8; }
    else { view.setUint32(n, random.one(8) ? 0 : random.next(), true); n += 4; }
  }
}

function control(random: Random): number {
  const masks = random.below(5) ? EXCEPTIONS : random.below(64);
  const precision = random.below(3) ? 3 : random.pick([0, 2, 1]);
  return masks | 0x40 | precision << 8 | (random.one(2) ? 0 : random.below(4)) << 10;
}

/** Status word: condition codes, TOP, sticky flags; ES and B as the unmasked flags say. */
function status(random: Random, masks: number): number {
  const top = random.below(8) << 11, codes = (random.below(8) << 8) | (random.below(2) << 14);
  let flags = random.one(4) ? random.below(64) | (random.one(2) ? 0x40 : 0) : 0;
  // A pending exception makes most instructions raise #MF: seldom.
  if (!random.one(6)) flags &= ~EXCEPTIONS | masks;
  return top | codes | flags | (flags & ~masks & EXCEPTIONS ? SUMMARY : 0);
}

export function fillFpu(c: Case, random: Random, used: boolean, group: string, d: Decoded): void {
  const view = new DataView(c.fx.buffer, c.fx.byteOffset, 512);
  view.setUint16(0, CLEAN_CONTROL, true);
  view.setUint32(24, CLEAN_MXCSR, true);
  if (!used) return;
  const kind = kindOf(d, random);
  const x87 = group === 'x87', mmx = /P|Q|N/.test(d.row.ops) || x87 || group === 'xsave';
  // Conversions from and to MMX registers: which of them mind a pending exception.
  const converts = /^CVT.*PI/.test(d.row.name);
  if (x87 || group === 'mmx' || converts || random.one(16)) {
    const word = control(random);
    view.setUint16(0, word, true);
    view.setUint16(2, status(random, word & EXCEPTIONS), true);
    c.fx[4] = x87 ? (random.below(3) ? 255 : random.below(256)) : random.below(256);
  }
  if (mmx) {
    for (let n = 0; n < 8; n++) {
      const { mantissa, exponent } = random.extended();
      view.setBigUint64(32 + n * 16, x87 ? mantissa : random.word(), true);
      view.setUint16(40 + n * 16, exponent, true);
    }
  }
  if (!x87) {
    const masks = group !== 'sse-float' || random.below(5) ? EXCEPTIONS : random.below(64);
    view.setUint32(24, masks << 7 | (random.one(2) ? 0 : random.below(4)) << 13 | (random.one(3) ? 0x40 : 0)
      | (random.one(4) ? 0x8000 : 0) | (random.one(4) ? random.below(64) : 0), true);
    fill(view, 160, 256, kind, random);
  }
  const window = new DataView(c.window.buffer, c.window.byteOffset, c.window.length);
  if (kind === 'extended') return extendedWindow(window, random, d);
  fill(window, 0, c.window.length, kind, random);
}

/** 80-bit numbers at every sixteenth byte, packed decimals for FBLD, integers for FILD. */
function extendedWindow(window: DataView, random: Random, d: Decoded): void {
  for (let at = 0; at + 16 <= window.byteLength; at += 16) {
    if (d.row.name === 'FBLD') {
      for (let n = 0; n < 9; n++) window.setUint8(at + n, random.below(10) << 4 | random.below(10));
      window.setUint8(at + 9, random.below(2) << 7);
    } else {
      const { mantissa, exponent } = random.extended();
      window.setBigUint64(at, d.row.ops === 'M' ? mantissa : random.word(), true);
      window.setUint16(at + 8, exponent, true);
    }
  }
}
