// The modes and registers of the comparison, and the table that the boot sector reads (boot.S has its
// format).

/**
 * Pattern: characters and attributes, planes by the map mask, bytes of the window, banks of a VBE mode,
 * planes with chain-4 off.
 */
export const Pattern = { TEXT: 0, PLANAR: 1, BYTES: 2, BANKED: 3, UNCHAINED: 4 } as const;
type Pattern = (typeof Pattern)[keyof typeof Pattern];
/** Port, index (0xFF: a port without one), value. */
type Register = readonly [number, number, number];

export interface ScreenCase {
  name: string;
  mode: number;
  vbe: boolean;
  pattern: Pattern;
  segment: number;
  banks: number;
  registers: readonly Register[];
  /** How QEMU is known to differ from IBM's document here. */
  deviation?: string;
}

const CASE_BYTES = 64;
const TABLE_BYTES = 4096;
const HEADER_BYTES = 10;
const REGISTER_BYTES = 4;
const END = 0xFFFF;

const [CRTC, ATTRIBUTE, SEQUENCER, DAC_MASK] = [0x3D4, 0x3C0, 0x3C4, 0x3C6];
const FIVE_BITS = 'five bits of colour become eight with zeros below';

function vga(name: string, mode: number, pattern: Pattern, segment: number, registers: readonly Register[] =
  []): ScreenCase {
  return { name, mode, vbe: false, pattern, segment, banks: 0, registers };
}
const planar = (name: string, mode: number, registers: readonly Register[] = []): ScreenCase =>
  vga(name, mode, Pattern.PLANAR, 0xA000, registers);
function vbe(mode: number, width: number, height: number, bits: number): ScreenCase {
  const banks = Math.min(48, Math.ceil(width * height * ((bits + 7) >> 3) / 65536));
  return { name: `VBE ${mode.toString(16)}h ${width}x${height}x${bits}`, mode, vbe: true, pattern: Pattern.BANKED,
    segment: 0xA000, banks, registers: [], ...(bits === 15 ? { deviation: FIVE_BITS } : {}) };
}
const known = (each: ScreenCase, deviation: string): ScreenCase => ({ ...each, deviation });

/** Unlocks CRTC 0 to 7. */
const UNLOCK: Register = [CRTC, 0x11, 0x0E];
/** Line compare 100 in modes of 400 lines: its bits 8 and 9 are elsewhere. */
const SPLIT: readonly Register[] = [UNLOCK, [CRTC, 0x18, 100], [CRTC, 0x07, 0x0F]];

export const CASES: readonly ScreenCase[] = [
  known(vga('mode 1, 40x25', 1, Pattern.TEXT, 0xB800), 'characters of doubled dots are 8 dots wide'),
  vga('mode 3, 80x25', 3, Pattern.TEXT, 0xB800),
  vga('mode 7, monochrome', 7, Pattern.TEXT, 0xB000),
  vga('mode 4, four colours', 4, Pattern.BYTES, 0xB800),
  vga('mode 5, four colours', 5, Pattern.BYTES, 0xB800),
  vga('mode 6, two colours', 6, Pattern.BYTES, 0xB800),
  planar('mode 0Dh', 0x0D), planar('mode 0Eh', 0x0E), planar('mode 10h', 0x10), planar('mode 11h', 0x11),
  planar('mode 12h', 0x12),
  vga('mode 13h', 0x13, Pattern.BYTES, 0xA000),
  vga('text: start address', 3, Pattern.TEXT, 0xB800, [[CRTC, 0x0C, 1], [CRTC, 0x0D, 0x23]]),
  vga('text: line pitch', 3, Pattern.TEXT, 0xB800, [[CRTC, 0x13, 0x32]]),
  vga('text: characters of 8 lines', 3, Pattern.TEXT, 0xB800, [[CRTC, 0x09, 0x47]]),
  vga('text: 8 dots', 3, Pattern.TEXT, 0xB800, [[SEQUENCER, 1, 1]]),
  known(vga('text: split screen', 3, Pattern.TEXT, 0xB800, [...SPLIT, [CRTC, 0x09, 0x0F], [CRTC, 0x0D, 40]]),
    'no line compare in text modes'),
  known(vga('text: colours of planes 0 to 2', 3, Pattern.TEXT, 0xB800, [[ATTRIBUTE, 0x12, 7]]),
    'no colour plane enable in text modes'),
  vga('text: palette entry, colour select', 3, Pattern.TEXT, 0xB800,
    [[ATTRIBUTE, 0x02, 0x3B], [ATTRIBUTE, 0x10, 0x84], [ATTRIBUTE, 0x14, 1]]),
  planar('planar: start address', 0x12, [[CRTC, 0x0C, 2], [CRTC, 0x0D, 5]]),
  planar('planar: pitch and split screen', 0x10, [[CRTC, 0x13, 0x30], UNLOCK, [CRTC, 0x18, 0x80], [CRTC, 0x07, 0x0F],
    [CRTC, 0x0D, 7]]),
  planar('planar: three planes', 0x12, [[ATTRIBUTE, 0x12, 0x0B]]),
  vga('mode 13h: start address', 0x13, Pattern.BYTES, 0xA000, [[CRTC, 0x0C, 0x01], [CRTC, 0x0D, 3]]),
  known(vga('mode 13h: around 64 KiB', 0x13, Pattern.BYTES, 0xA000, [[CRTC, 0x0C, 0x30]]), 'goes on behind 64 KiB'),
  known(vga('mode 13h: DAC mask', 0x13, Pattern.BYTES, 0xA000, [[DAC_MASK, 0xFF, 0x3F]]), 'no DAC mask'),
  known(vga('mode 13h: split screen', 0x13, Pattern.BYTES, 0xA000, [...SPLIT, [CRTC, 0x09, 1], [CRTC, 0x0C, 0x20]]),
    'the row counter is not reset by the line compare'),
  vga('mode X: planes unchained', 0x13, Pattern.UNCHAINED, 0xA000, [[CRTC, 0x14, 0], [CRTC, 0x17, 0xE3]]),
  known(vga('mode 13h: lines not doubled', 0x13, Pattern.BYTES, 0xA000, [[CRTC, 0x09, 0x40]]),
    'goes on behind 64 KiB'),
  vbe(0x100, 640, 400, 8), vbe(0x101, 640, 480, 8), vbe(0x103, 800, 600, 8), vbe(0x105, 1024, 768, 8),
  vbe(0x110, 640, 480, 15), vbe(0x111, 640, 480, 16), vbe(0x112, 640, 480, 24), vbe(0x113, 800, 600, 15),
  vbe(0x114, 800, 600, 16), vbe(0x115, 800, 600, 24), vbe(0x117, 1024, 768, 16), vbe(0x118, 1024, 768, 24),
  vbe(0x10D, 320, 200, 15), vbe(0x10E, 320, 200, 16), vbe(0x10F, 320, 200, 24), vbe(0x142, 640, 480, 32),
];

/** The table for the sectors behind the boot sector. */
export function caseTable(cases: readonly ScreenCase[]): Uint8Array {
  if ((cases.length
    + 1) * CASE_BYTES > TABLE_BYTES) throw new RangeError(`${cases.length} cases do not fit.`);
  const table = new Uint8Array(TABLE_BYTES);
  const view = new DataView(table.buffer);
  cases.forEach((each, n) => {
    const at = n * CASE_BYTES;
    view.setUint16(at, each.mode, true);
    view.setUint8(at + 2, each.vbe ? 1 : 0);
    view.setUint8(at + 3, each.pattern);
    view.setUint16(at + 4, each.segment, true);
    view.setUint16(at + 6, each.banks, true);
    view.setUint16(at + 8, each.registers.length, true);
    each.registers.forEach(([port, index, value], r) => {
      const register = at + HEADER_BYTES + r * REGISTER_BYTES;
      view.setUint16(register, port, true);
      view.setUint8(register + 2, index);
      view.setUint8(register + 3, value);
    });
  });
  view.setUint16(cases.length * CASE_BYTES, END, true);
  return table;
}
