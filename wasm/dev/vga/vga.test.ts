// Registers, the graphics controller's paths to memory, VBE_DISPI, the PCI function.

import { beforeEach, describe, expect, it } from 'vitest';
import { CPU_BLOCKS, CPU_BLOCK_BYTES, FRAME, Frame, VRAM, VRAM_BYTES, Request } from '../../../src/emu/generated-layout.ts';
import { MODE_12, MODE_13, VgaUnderTest } from '../testing/vga.ts';

const vga = new VgaUnderTest();
beforeEach(() => vga.fresh());

describe('registers', () => {
  it('keep their writable bits', () => {
    const cases: [number, number, number[]][] = [
      [0x3C4, 0x3C5, [0x03, 0x3D, 0x0F, 0x3F, 0x0E]],
      [0x3CE, 0x3CF, [0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF]],
    ];
    for (const [index, data, masks] of cases) {
      masks.forEach((mask, n) => {
        vga.out8(index, n);
        vga.out8(data, 0xFF);
        expect([n, vga.in8(data)]).toEqual([n, mask]);
        vga.out8(data, 0);
        expect(vga.in8(data)).toBe(0);
      });
    }
  });

  it('an index and its data as one word', () => {
    vga.out16(0x3D4, 0x340C);
    expect([vga.in8(0x3D4), vga.in8(0x3D5)]).toEqual([0x0C, 0x34]);
  });

  it('attribute flip-flop: index, data, and status 1 brings it back', () => {
    vga.in8(0x3DA);
    vga.out8(0x3C0, 0x13);
    vga.out8(0x3C0, 0x05);
    vga.out8(0x3C0, 0x33);
    expect([vga.in8(0x3C0), vga.in8(0x3C1)]).toEqual([0x33, 0x05]);
    vga.in8(0x3DA);
    vga.out8(0x3C0, 0x2A);
    expect(vga.in8(0x3C0)).toBe(0x2A);
  });

  it('DAC: three components a colour, both indices advance, 6 bits', () => {
    vga.out8(0x3C8, 254);
    for (const v of [1, 2, 0xFF, 4, 5, 6, 7]) vga.out8(0x3C9, v);
    expect(vga.in8(0x3C8)).toBe(0);
    expect(vga.in8(0x3C7)).toBe(0);
    vga.out8(0x3C7, 254);
    expect(vga.in8(0x3C7)).toBe(3);
    expect([0, 0, 0, 0, 0, 0, 0].map(() => vga.in8(0x3C9))).toEqual([1, 2, 0x3F, 4, 5, 6, 7]);
  });

  it('CRTC 0 to 7 are protected but for the line compare bit', () => {
    vga.crtc(0x11, 0x8E);
    vga.crtc(0x01, 0x12);
    vga.crtc(0x07, 0x00);
    vga.out8(0x3D4, 1);
    expect(vga.in8(0x3D5)).toBe(0x4F);
    vga.out8(0x3D4, 7);
    expect(vga.in8(0x3D5)).toBe(0x0F);
    vga.crtc(0x11, 0x0E);
    vga.crtc(0x01, 0x12);
    vga.out8(0x3D4, 1);
    expect(vga.in8(0x3D5)).toBe(0x12);
  });

  it('misc bit 0 moves the CRTC between 3Bx and 3Dx', () => {
    expect([vga.in8(0x3B4), vga.in8(0x3D4) !== 0xFF]).toEqual([0xFF, true]);
    vga.out8(0x3C2, 0x66);
    vga.out8(0x3B4, 0x0E);
    expect([vga.in8(0x3B4), vga.in8(0x3D4), vga.in8(0x3CC)]).toEqual([0x0E, 0xFF, 0x66]);
  });

  it('the beam: both states of display enable and retrace within a frame, 70 Hz', () => {
    const seen = new Set<number>();
    let rises = 0;
    let last = 0;
    for (let n = 0; n < 20_000; n++) {
      const v = vga.in8(0x3DA);
      seen.add(v);
      if ((v & 8) !== 0 && (last & 8) === 0) rises++;
      last = v;
      vga.now += 5_000;
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 9]);
    expect(rises).toBe(7);
  });
});

describe('the window', () => {
  it('answers only where Graphics Misc says', () => {
    const answers = (map: number): boolean[] => {
      vga.mode(MODE_12);
      vga.gfx(6, 1 | map << 2);
      return [0xA0000, 0xAFFFF, 0xB0000, 0xB7FFF, 0xB8000, 0xBFFFF].map((pa) => {
        vga.bytes.fill(0, VRAM, VRAM + 0x40000);
        vga.write8(pa, 0x5A);
        return vga.bytes.subarray(VRAM, VRAM + 0x40000).includes(0x5A);
      });
    };
    expect(answers(0)).toEqual([true, true, true, true, true, true]);
    expect(answers(1)).toEqual([true, true, false, false, false, false]);
    expect(answers(2)).toEqual([false, false, true, true, false, false]);
    expect(answers(3)).toEqual([false, false, false, false, true, true]);
    expect(vga.read8(0xA0000)).toBe(0xFF);
  });

  it('text: odd/even addressing, words through planes 0 and 1', () => {
    vga.write16(0xB8000 + 160 + 4, 0x1F41);
    expect([vga.plane(0, 164), vga.plane(1, 164), vga.plane(2, 164)]).toEqual([0x41, 0x1F, 0]);
    expect([vga.read8(0xB80A4), vga.read8(0xB80A5)]).toEqual([0x41, 0x1F]);
  });

  it('chain-4: the address chooses the plane', () => {
    vga.mode(MODE_13);
    vga.write32(0xA0000 + 320, 0x44332211);
    expect(vga.planes(320)).toBe(0x44332211);
    expect(vga.read32(0xA0000 + 320)).toBe(0x44332211);
    vga.seq(2, 0x05);
    vga.write32(0xA0000 + 320, 0xFFFFFFFF);
    expect(vga.planes(320)).toBe(0x44FF22FF);
  });

  it('unchained: the map mask writes several planes, read map reads one', () => {
    vga.mode(MODE_13);
    vga.seq(4, 6);
    vga.seq(2, 0x0A);
    vga.write8(0xA0007, 0x99);
    expect(vga.planes(7)).toBe(0x99009900);
    vga.gfx(4, 3);
    expect(vga.read8(0xA0007)).toBe(0x99);
    vga.gfx(4, 2);
    expect(vga.read8(0xA0007)).toBe(0);
  });
});

describe('graphics controller', () => {
  beforeEach(() => vga.mode(MODE_12));
  const preset = (v: number): void => { vga.view.setUint32(VRAM + 40, v, true); };
  const at = 0xA000A;

  it('write mode 0: rotate, set/reset, functions, bit mask', () => {
    vga.gfx(3, 0x03);
    vga.write8(at, 0b0000_1001);
    expect(vga.planes(10)).toBe(0x21212121);
    vga.gfx(3, 0);
    vga.gfx(0, 0b0010);
    vga.gfx(1, 0b0011);
    vga.write8(at, 0x5A);
    expect(vga.planes(10) >>> 0).toBe(0x5A5AFF00);
    vga.gfx(1, 0);
    const functions: [number, number][] = [[0x08, 0x0F & 0x33], [0x10, 0x0F | 0x33], [0x18, 0x0F ^ 0x33]];
    for (const [f, result] of functions) {
      preset(0x0F0F0F0F);
      vga.read8(at);
      vga.gfx(3, f);
      vga.write8(at, 0x33);
      expect(vga.plane(1, 10)).toBe(result);
    }
    vga.gfx(3, 0);
    preset(0x0F0F0F0F);
    vga.read8(at);
    vga.gfx(8, 0xF0);
    vga.write8(at, 0xA5);
    expect(vga.plane(2, 10)).toBe(0xAF);
  });

  it('write mode 1 copies the latches, whatever the data', () => {
    preset(0x12345678);
    vga.read8(at);
    vga.gfx(5, 1);
    vga.gfx(8, 0);
    vga.write8(0xA0100, 0xFF);
    expect(vga.planes(0x100)).toBe(0x12345678);
  });

  it('write mode 2: the data is a colour, the bit mask says which pixels', () => {
    preset(0x0F0F0F0F);
    vga.read8(at);
    vga.gfx(5, 2);
    vga.gfx(8, 0x81);
    vga.write8(at, 0b0110);
    expect(vga.planes(10) >>> 0).toBe(0x0E8F8F0E);
  });

  it('write mode 3: the data is a mask for set/reset', () => {
    preset(0x0F0F0F0F);
    vga.read8(at);
    vga.gfx(5, 3);
    vga.gfx(0, 0b0101);
    vga.gfx(8, 0xFE);
    vga.write8(at, 0x83);
    expect(vga.planes(10) >>> 0).toBe(0x0D8F0D8F);
  });

  it('read mode 1 compares colours in the planes that matter', () => {
    preset(0xF000_00CC | 0x00F00000);
    vga.gfx(5, 8);
    vga.gfx(2, 0b1101);
    vga.gfx(7, 0x0F);
    expect(vga.read8(at)).toBe(0xC0);
    vga.gfx(7, 0b0001);
    expect(vga.read8(at)).toBe(0xCC);
    vga.gfx(7, 0);
    expect(vga.read8(at)).toBe(0xFF);
  });
});

describe('VBE_DISPI', () => {
  it('identification, memory, capabilities', () => {
    expect([vga.dispiRead(0), vga.dispiRead(10)]).toEqual([0xB0C5, 256]);
    vga.dispi(0, 0xB0C2);
    vga.dispi(0, 0x1234);
    expect(vga.dispiRead(0)).toBe(0xB0C2);
    vga.dispi(4, 2);
    expect([1, 2, 3].map((n) => vga.dispiRead(n))).toEqual([2560, 1600, 32]);
  });

  it('a mode is set while it is off, and starts with an empty screen', () => {
    vga.bytes.fill(0xEE, VRAM, VRAM + 800 * 600 * 4 + 16);
    vga.vbe(800, 600, 32);
    expect([1, 2, 3, 4, 6, 7, 8, 9].map((n) => vga.dispiRead(n))).toEqual([800, 600, 32, 0x41, 800, 5242, 0, 0]);
    expect([vga.bytes[VRAM], vga.bytes[VRAM + 800 * 600 * 4 - 1], vga.bytes[VRAM + 800 * 600 * 4]]).toEqual([0, 0, 0xEE]);
    vga.dispi(1, 640);
    expect(vga.dispiRead(1)).toBe(800);
    vga.bytes[VRAM] = 7;
    vga.vbe(640, 480, 16, 0xC1);
    expect(vga.bytes[VRAM]).toBe(7);
  });

  it('sizes, depths and offsets that do not fit are refused or brought into range', () => {
    vga.dispi(1, 9999);
    vga.dispi(3, 13);
    vga.dispi(4, 1);
    expect([vga.dispiRead(1), vga.dispiRead(3), vga.dispiRead(4)]).toEqual([0, 8, 0]);
    vga.vbe(1024, 768, 32);
    vga.dispi(6, 2048);
    vga.dispi(8, 5000);
    vga.dispi(9, 5000);
    expect([6, 7, 8, 9].map((n) => vga.dispiRead(n))).toEqual([2048, 2048, 1024, 1280]);
    vga.dispi(6, 60000);
    expect(vga.dispiRead(6)).toBe(1024);
  });

  it('banks at 0xA0000', () => {
    vga.vbe(1024, 768, 8, 0x01);
    vga.dispi(5, 0x103);
    vga.write8(0xA1234, 0x77);
    expect(vga.dispiRead(5)).toBe(3);
    expect(vga.bytes[VRAM + 0x31234]).toBe(0x77);
    expect(vga.read8(0xA1234)).toBe(0x77);
  });
});

describe('PCI function 00:02.0', () => {
  const config = (reg: number): number => {
    vga.out32(0xCF8, 0x80001000 | reg);
    return vga.in32(0xCFC) >>> 0;
  };
  const setConfig = (reg: number, v: number): void => {
    vga.out32(0xCF8, 0x80001000 | reg);
    vga.out32(0xCFC, v);
  };

  it('identity, BARs and their sizes', () => {
    expect([config(0), config(8) >>> 0]).toEqual([0x11111234, 0x03000002]);
    expect([config(0x10), config(0x18)]).toEqual([0xFD000008, 0xFEBF0000]);
    setConfig(4, 0);
    setConfig(0x10, 0xFFFFFFFF);
    setConfig(0x18, 0xFFFFFFFF);
    expect([config(0x10), config(0x18), config(0x14)]).toEqual([0xFF000008, 0xFFFFF000, 0]);
  });

  it('the frame buffer is video memory, moves, and the move flushes TLBs', () => {
    vga.write32(0xFD000010, 0xCAFE1234);
    expect(vga.view.getUint32(VRAM + 16, true)).toBe(0xCAFE1234);
    expect(vga.call('mmioDirect', 0xFD123456n)).toBe(VRAM + 0x123456);
    expect(vga.call('mmioDirect', 0xFEBF0000n)).toBe(0);
    vga.clearRequests();
    setConfig(0x10, 0xE2000000);
    expect(vga.requests(1) & Request.TLB_FLUSH).toBe(Request.TLB_FLUSH);
    expect([vga.read32(0xE2000010), vga.call('mmioDirect', 0xFD123456n)]).toEqual([0xCAFE1234, 0]);
    vga.clearRequests();
    setConfig(0x3C, 5);
    expect(vga.requests(1) & Request.TLB_FLUSH).toBe(0);
  });

  it('register page: ports, VBE_DISPI, extensions', () => {
    const page = 0xFEBF0000;
    vga.write8(page + 0x414, 0x0E);
    vga.write8(page + 0x415, 0x99);
    expect([vga.in8(0x3D4), vga.in8(0x3D5)]).toEqual([0x0E, 0x99]);
    expect(Number(vga.call('mmioRead', BigInt(page + 0x500), 2))).toBe(0xB0C5);
    vga.write16(page + 0x502, 1280);
    expect(vga.dispiRead(1)).toBe(1280);
    expect([vga.read32(page + 0x600), vga.read32(page + 0x604)]).toEqual([8, 0x1E1E1E1E]);
  });
});

describe('saved and loaded', () => {
  it('registers by the chip, video memory with the machine\'s memory: the same bytes, the same picture', () => {
    const SAVED_BYTES = 0x100000;
    const buffer = CPU_BLOCKS + vga.cpus * CPU_BLOCK_BYTES + 0x10000;
    const save = (): Buffer => {
      expect(vga.call('boardSnapshot', buffer - 64, 0, buffer, SAVED_BYTES)).toBe(0);
      return Buffer.from(vga.bytes.slice(buffer, buffer + SAVED_BYTES));
    };
    const picture = (): Buffer => {
      vga.render();
      const [width, height] = vga.size;
      return Buffer.from(vga.bytes.slice(FRAME + Frame.PIXELS, FRAME + Frame.PIXELS + width * height * 4));
    };
    vga.mode(MODE_12);
    vga.seq(2, 5);
    for (let n = 0; n < 200; n++) vga.write8(0xA0000 + n * 7, n);
    vga.read8(0xA0007);
    vga.out8(0x3C8, 9);
    vga.out8(0x3C9, 1);
    const [saved, memory, seen] = [save(), vga.bytes.slice(VRAM, VRAM + VRAM_BYTES), picture()];
    vga.fresh();
    picture();
    vga.bytes.set(memory, VRAM);
    vga.bytes.set(saved, buffer);
    expect(vga.call('boardSnapshot', buffer - 64, 1, buffer, SAVED_BYTES)).toBe(0);
    expect(save().equals(saved)).toBe(true);
    expect(picture().equals(seen)).toBe(true);
    // The latches and the next component of the palette go on where they were.
    vga.out8(0x3C9, 2);
    vga.out8(0x3C7, 9);
    expect([vga.in8(0x3C9), vga.in8(0x3C9)]).toEqual([1, 2]);
    vga.gfx(5, 1);
    vga.write8(0xA4000, 0);
    expect(vga.planes(0x4000) & 0xFF00FF).toBe(0x010001);
  });
});

describe('hostile guests', () => {
  it('random registers, memory and modes: the adapter still works, and the renderer stays in its region', () => {
    const seed = Number(process.env.SKEP_SEED ?? Date.now() % 1e9);
    console.log(`vga seed ${seed}`);
    let s = (seed | 1) >>> 0;
    const random = (): number => { s ^= s << 13; s >>>= 0; s ^= s >>> 17; s ^= s << 5; s >>>= 0; return s; };
    for (let i = 0; i < 20_000; i++) {
      const r = random();
      if ((r & 3) === 0) vga.call('mmioWrite', BigInt(0xA0000 + random() % 0x1FFF8), 1 << (random() & 3), BigInt(random()));
      else if ((r & 3) === 1) vga.call('mmioRead', BigInt(0xA0000 + random() % 0x1FFF8), 1 << (random() & 3));
      else if ((r & 4) === 0) vga.call('pioWrite', 0x3B0 + random() % 0x30, 1 << (random() % 2), random());
      else vga.dispi(random() % 12, random() % (random() & 1 ? 3000 : 65536));
      if (i % 500 === 0) {
        vga.render(random() & 3);
        const [width, height] = vga.size;
        expect(width * height * 4).toBeLessThanOrEqual(0x1000000);
      }
    }
    vga.fresh();
    vga.write16(0xB8000, 0x0741);
    expect(vga.plane(0, 0)).toBe(0x41);
  });
});
