// The boot loaders against hand-made images: what ends up in memory, and one sentence for every kind of bad
// image.

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { KernelError } from '../errors.ts';
import { ramBaseFor } from '../config.ts';
import { GuestRam } from './guest-ram.ts';
import { checkKernel, loadPayload } from './load.ts';
import { Unzstd } from './unzstd.ts';

const MIB = 1 << 20;
const named = (bytes: Uint8Array, name = 'image'): { name: string; bytes: Uint8Array } => ({ name, bytes });
const boot = (kernel: Uint8Array, more: { initrd?: Uint8Array[]; append?: string } = {}) =>
  ({ kernel: named(kernel, 'kernel'),
  initrd: (more.initrd ?? []).map((bytes, n) => named(bytes, `part${n}`)), append: more.append ?? '' });

function elf64(entry: bigint, segments: { physical: number; virtual?: number; data: number[];
  memory?: number }[]): Uint8Array {
  const file = new Uint8Array(0x1000 + segments.length * 0x100);
  const view = new DataView(file.buffer);
  file.set([0x7F, 0x45, 0x4C, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setBigUint64(24, entry, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  segments.forEach((segment, n) => {
    const at = 64 + 56 * n;
    view.setUint32(at, 1, true);
    view.setBigUint64(at + 8, BigInt(0x1000 + 0x100 * n), true);
    view.setBigUint64(at + 16, BigInt(segment.virtual ?? segment.physical), true);
    view.setBigUint64(at + 24, BigInt(segment.physical), true);
    view.setBigUint64(at + 32, BigInt(segment.data.length), true);
    view.setBigUint64(at + 40, BigInt(segment.memory ?? segment.data.length), true);
    file.set(segment.data, 0x1000 + 0x100 * n);
  });
  return file;
}

/** A bzImage of protocol 2.15 with one setup sector and this payload. */
function bzImage(payload: Uint8Array, change: (view: DataView) => void = () => {}): Uint8Array {
  const SETUP = 1024;
  const PAYLOAD_AT = 0x240;
  const system = Math.ceil((PAYLOAD_AT + payload.length) / 16) * 16;
  const file = new Uint8Array(SETUP + system);
  const view = new DataView(file.buffer);
  file[0x1F1] = 1;
  view.setUint32(0x1F4, system / 16, true);
  view.setUint16(0x1FE, 0xAA55, true);
  file.set([0xEB, 0x6A, 0x48, 0x64, 0x72, 0x53], 0x200);
  view.setUint16(0x206, 0x20F, true);
  file[0x211] = 0x03;
  view.setUint32(0x22C, 0x7FFFFFFF, true);
  view.setUint16(0x236, 0x7F, true);
  view.setUint32(0x238, 2047, true);
  view.setUint32(0x248, PAYLOAD_AT, true);
  view.setUint32(0x24C, payload.length, true);
  view.setBigUint64(0x258, 0x1000000n, true);
  view.setUint32(0x260, 0x200000, true);
  file.set(payload, SETUP + PAYLOAD_AT);
  change(view);
  return file;
}

const vmlinux = elf64(0x1000040n,
  [{ physical: 0x1000000, virtual: 0x81000000, data: [1, 2, 3, 4], memory: 0x2000 },
  { physical: 0x1100000, data: [5, 6] }]);

describe('Linux', () => {
  test('a gzip payload is unpacked, its segments are placed and the rest of them cleared', async () => {
    const ram = new GuestRam(new Uint8Array(32 * MIB).fill(0xEE));
    const state = await loadPayload(ram, 2, boot(bzImage(gzipSync(vmlinux))));
    expect(state).toEqual({ kind: 1, entry: 0x1000040n, arg: 0x7000n, cr3: 0x10000n });
    expect([...ram.bytes.subarray(0x1000000, 0x1000006)]).toEqual([1, 2, 3, 4, 0, 0]);
    expect(ram.bytes[0x1001FFF]).toBe(0);
    expect(ram.bytes[0x1002000]).toBe(0xEE);
    expect([...ram.bytes.subarray(0x1100000, 0x1100003)]).toEqual([5, 6, 0xEE]);
  });

  test('boot_params: header, command line, initrd, E820, RSDP, no KASLR, clean sentinel', async () => {
    const ram = new GuestRam(new Uint8Array(32 * MIB).fill(0xEE));
    const initrd = [Uint8Array.of(1, 2, 3), Uint8Array.of(9, 8)];
    await loadPayload(ram, 2, boot(bzImage(gzipSync(vmlinux)), { append: 'console=ttyS0 é', initrd }));
    const at = (offset: number): number => ram.get32(0x7000 + offset);
    expect(at(0x202)).toBe(0x53726448);
    expect(ram.bytes[0x7000 + 0x210]).toBe(0xFF);
    expect(ram.bytes[0x7000 + 0x211]).toBe(0x01);
    expect(ram.bytes[0x7000 + 0x1EF]).toBe(0);
    expect(at(0x228)).toBe(0x8000);
    const line = ram.bytes.subarray(0x8000, 0x8000 + 17);
    expect(new TextDecoder().decode(line)).toBe('console=ttyS0 é\0');
    expect(at(0x21C)).toBe(8);
    expect(at(0x218)).toBe(32 * MIB - 4096);
    expect([...ram.bytes.subarray(at(0x218), at(0x218) + 8)].filter((_, n) => n !== 3 && n < 6)).toEqual([1,
      2, 3, 9, 8]);
    expect(at(0x70)).toBe(0xE0000);
    const ranges = Array.from({ length: ram.bytes[0x71E8] ?? 0 }, (_, n) =>
      [at(0x2D0 + 20 * n), at(0x2D8 + 20 * n), at(0x2E0 + 20 * n)]);
    expect(ranges).toEqual([[0, 0x9FC00, 1], [0x9FC00, 0x400, 2], [0xE0000, 0x20000, 2],
      [0x100000, 31 * MIB, 1]]);
  });

  test('the identity map covers 4 GiB', async () => {
    const ram = new GuestRam(new Uint8Array(32 * MIB));
    await loadPayload(ram, 1, boot(bzImage(gzipSync(vmlinux))));
    expect(ram.get32(0x10000)).toBe(0x11003);
    expect(ram.get32(0x11000 + 24)).toBe(0x15003);
    expect(ram.get32(0x15000 + 8 * 511)).toBe((0xFFE00000 | 0x83) >>> 0);
  });

  test('a payload that only the kernel can unpack is entered at +0x200', async () => {
    const ram = new GuestRam(new Uint8Array(32 * MIB));
    const state = await loadPayload(ram, 1,
      boot(bzImage(Uint8Array.of(0xFD, 0x37, 0x7A, 0x58, 0x5A, 0, 1, 2, 3, 4))));
    expect(state.entry).toBe(0x1000200n);
    expect(ram.bytes[0x1000240]).toBe(0xFD);
  });

  test('a 32-bit kernel is entered without paging: unpacked at its ELF entry, packed at its start', async () => {
    const ram = new GuestRam(new Uint8Array(32 * MIB));
    const packed = bzImage(Uint8Array.of(0x42, 0x5A, 0x68, 1, 2, 3), (view) => view.setUint16(0x236, 0, true));
    expect(await loadPayload(ram, 1, boot(packed))).toMatchObject({ kind: 4, entry: 0x1000000n, cr3: 0n });
    expect(ram.bytes[0x1000240]).toBe(0x42);
    // ELF32, one segment at 16 MiB.
    const elf = new Uint8Array(0x100);
    const view = new DataView(elf.buffer);
    elf.set([0x7F, 0x45, 0x4C, 0x46, 1, 1, 1]);
    view.setUint16(16, 2, true);
    view.setUint16(18, 3, true);
    view.setUint32(24, 0x1000010, true);
    view.setUint32(28, 52, true);
    view.setUint16(42, 32, true);
    view.setUint16(44, 1, true);
    [1, 0x80, 0xC1000000, 0x1000000, 4, 4].forEach((word, n) => view.setUint32(52 + 4 * n, word, true));
    elf.set([1, 2, 3, 4], 0x80);
    const state = await loadPayload(ram, 1, boot(bzImage(gzipSync(elf))));
    expect(state).toMatchObject({ kind: 4, entry: 0x1000010n, cr3: 0n });
    expect([...ram.bytes.subarray(0x1000000, 0x1000004)]).toEqual([1, 2, 3, 4]);
  });

  const short = bzImage(gzipSync(vmlinux));
  test.each<[string, Uint8Array, string]>([
    ['truncated', short.subarray(0, short.length - 100), 'kernel is truncated'],
    ['not a kernel', new Uint8Array(5000), 'kernel is neither a Linux bzImage nor a multiboot 1 kernel'],
    ['empty', new Uint8Array(0), 'kernel is empty'],
    ['old protocol', bzImage(gzipSync(vmlinux), (view) => view.setUint16(0x206, 0x204, true)), 'boot protocol 2.4'],
    ['damaged payload', bzImage(gzipSync(vmlinux).fill(0x55, 20, 60)), 'payload of kernel is damaged'],
    ['an ELF file', vmlinux, 'is an ELF file without a multiboot header'],
  ])('%s: says so', async (_, image, sentence) => {
    const ram = new GuestRam(new Uint8Array(32 * MIB));
    const failure = await loadPayload(ram, 1, boot(image)).then(() => undefined, (error: unknown) => error);
    expect(failure).toBeInstanceOf(KernelError);
    expect((failure as KernelError).message).toContain(sentence);
    expect((failure as KernelError).remedy).not.toBe('');
  });

  test('too little RAM names what is needed', async () => {
    const kernel = bzImage(gzipSync(vmlinux));
    await expect(loadPayload(new GuestRam(new Uint8Array(16 * MIB)), 1,
      boot(kernel))).rejects.toThrow('at least 18 MiB');
    const initrd = [new Uint8Array(15 * MIB)];
    await expect(loadPayload(new GuestRam(new Uint8Array(32 * MIB)), 1, boot(kernel, { initrd }))).rejects
      .toThrow('at least 34 MiB');
  });

  test('a command line that is too long is refused', async () => {
    const ram = new GuestRam(new Uint8Array(32 * MIB));
    await expect(loadPayload(ram, 1, boot(bzImage(gzipSync(vmlinux)), { append: 'x'.repeat(2048) }))).rejects
      .toThrow('has 2048 bytes; kernel takes 2047');
  });
});

/** Puts a multiboot header at `at` of the file. */
function multiboot(file: Uint8Array, at: number, flags: number, addresses: number[] = []): Uint8Array {
  const view = new DataView(file.buffer);
  [0x1BADB002, flags, -(0x1BADB002 + flags), ...addresses].forEach((word, n) => view.setUint32(at + 4 * n, word >>> 0, true));
  return file;
}

/** A zstd frame (RFC 8878) of one segment with raw blocks, and its size behind it as in a kernel. */
function rawFrame(content: Uint8Array): Uint8Array {
  const MOST = 0x20000;
  const parts: Uint8Array[] = [Uint8Array.of(0x28, 0xB5, 0x2F, 0xFD, 0xA0), new Uint8Array(Uint32Array.of(content.length).buffer)];
  for (let at = 0; at < content.length; at += MOST) {
    const block = content.subarray(at, at + MOST);
    const header = block.length << 3 | (at + MOST >= content.length ? 1 : 0);
    parts.push(Uint8Array.of(header, header >> 8, header >> 16), block);
  }
  parts.push(new Uint8Array(Uint32Array.of(content.length).buffer));
  return Uint8Array.from(Buffer.concat(parts));
}

describe('a zstd payload is unpacked where the kernel shall lie', () => {
  const RAM = 48 * MIB;
  const module = new WebAssembly.Module(readFileSync(new URL('../../../build/skep.wasm', import.meta.url)));
  const memory = new WebAssembly.Memory({ initial: Math.ceil((ramBaseFor(1) + RAM) / 65536), maximum: 65536, shared: true });
  const bytes = new Uint8Array(memory.buffer, ramBaseFor(1), RAM);

  /** An ELF64 file of 3 MiB with segments of random bytes, from these file offsets to these addresses. */
  function kernel(segments: { from: number; to: number; bytes: number; memory: number }[]): Uint8Array {
    const file = new Uint8Array(3 * MIB);
    for (let at = 0; at < file.length; at += 65536) crypto.getRandomValues(file.subarray(at, at + 65536));
    const header = elf64(0x1000040n, segments.map(({ to, memory: size }) => ({ physical: to, data: [], memory: size })));
    const view = new DataView(header.buffer);
    segments.forEach((segment, n) => {
      view.setBigUint64(64 + 56 * n + 8, BigInt(segment.from), true);
      view.setBigUint64(64 + 56 * n + 32, BigInt(segment.bytes), true);
    });
    file.set(header.subarray(0, 0x1000));
    return file;
  }

  const K = 1024;
  test.each([
    ['as a linker puts them', [{ from: 2048 * K, to: 0x1000000, bytes: 300 * K, memory: 512 * K },
      { from: 2560 * K, to: 0x1080000, bytes: 100 * K, memory: 100 * K }]],
    ['down', [{ from: 2200 * K, to: 0x1000000, bytes: 500 * K, memory: 600 * K },
      { from: 2800 * K, to: 0x1096000, bytes: 100 * K, memory: 2000 * K }]],
    ['up, over the next', [{ from: 4 * K, to: 0x1000000, bytes: 1500 * K, memory: 1500 * K },
      { from: 1504 * K, to: 0x1177000, bytes: 1500 * K, memory: 1600 * K }]],
    ['in another order than in the file', [{ from: 1600 * K, to: 0x1000000, bytes: 400 * K, memory: 400 * K },
      { from: 4 * K, to: 0x1080000, bytes: 700 * K, memory: 800 * K }]],
  ])('segments %s', async (_, segments) => {
    bytes.fill(0xEE);
    const file = kernel(segments);
    const ram = new GuestRam(bytes);
    const initrd = [Uint8Array.of(1, 2, 3)];
    const state = await loadPayload(ram, 1, boot(bzImage(rawFrame(file)), { initrd }), new Unzstd(module, memory));
    expect(state).toMatchObject({ kind: 1, entry: 0x1000040n });
    for (const segment of segments) {
      const placed = bytes.subarray(segment.to, segment.to + segment.bytes);
      expect(Buffer.from(placed).equals(file.subarray(segment.from, segment.from + segment.bytes))).toBe(true);
      const rest = bytes.subarray(segment.to + segment.bytes, segment.to + segment.memory);
      expect(rest.every((byte) => byte === 0)).toBe(true);
    }
    expect([...bytes.subarray(RAM - 4096, RAM - 4096 + 4)]).toEqual([1, 2, 3, 0xEE]);
    // Nothing of the file is left beside the segments.
    const end = Math.max(...segments.map((segment) => segment.to + segment.memory));
    expect(bytes.subarray(end, 0xE00000 + file.length).every((byte) => byte === 0)).toBe(true);
  });

  test('damage is named, and too little RAM', async () => {
    const frame = rawFrame(kernel([{ from: 4096, to: 0x1000000, bytes: 4096, memory: 4096 }]));
    frame[9] = 0xFF;
    const unzstd = new Unzstd(module, memory);
    await expect(loadPayload(new GuestRam(bytes), 1, boot(bzImage(frame)), unzstd)).rejects
      .toThrow('zstd payload of kernel is damaged');
    await expect(loadPayload(new GuestRam(bytes.subarray(0, 16 * MIB + 0x200000 - 1)), 1,
      boot(bzImage(rawFrame(vmlinux))), unzstd)).rejects.toThrow('at least 18 MiB');
  });
});

describe('multiboot', () => {
  const kernel = (): Uint8Array =>
    multiboot(elf64(0xC0100002n, [{ physical: 0x100000, virtual: 0xC0100000, data: [7, 8, 9],
    memory: 0x5000 }]), 0x200, 3);

  test('ELF64, entry in a high half, modules, command line, memory map', async () => {
    const ram = new GuestRam(new Uint8Array(8 * MIB).fill(0xEE));
    const state = await loadPayload(ram, 1, boot(kernel(), { append: 'a=b', initrd: [Uint8Array.of(1, 2, 3), Uint8Array.of(4)] }));
    expect(state).toEqual({ kind: 2, entry: 0x100002n, arg: 0x9000n, cr3: 0n });
    expect([...ram.bytes.subarray(0x100000, 0x100004)]).toEqual([7, 8, 9, 0]);
    const text = (address: number): string => {
      const end = ram.bytes.indexOf(0, address);
      return new TextDecoder().decode(ram.bytes.subarray(address, end));
    };
    const info = (offset: number): number => ram.get32(0x9000 + offset);
    expect(info(0)).toBe(1 | 4 | 8 | 64 | 512);
    expect([info(4), info(8)]).toEqual([639, 7 * 1024]);
    expect(text(info(16))).toBe('kernel a=b');
    expect(text(info(64))).toBe('skep');
    expect(info(20)).toBe(2);
    const modules = info(24);
    expect([0, 4, 16, 20].map((offset) => ram.get32(modules + offset))).toEqual([0x105000, 0x105003,
      0x106000, 0x106001]);
    expect([text(ram.get32(modules + 8)), text(ram.get32(modules + 24))]).toEqual(['part0', 'part1']);
    expect(ram.bytes[0x106000]).toBe(4);
    expect(info(44)).toBe(4 * 24);
    const map = info(48);
    expect([0, 4, 12, 20].map((offset) => ram.get32(map + offset))).toEqual([20, 0, 0x9FC00, 1]);
  });

  test('address fields', async () => {
    const file = multiboot(new Uint8Array(0x100).fill(0x33), 0x20, 0x10000,
      [0x200020, 0x200010, 0x200050, 0x200060, 0x200044]);
    const ram = new GuestRam(new Uint8Array(8 * MIB).fill(0xEE));
    const state = await loadPayload(ram, 1, boot(file));
    expect(state.entry).toBe(0x200044n);
    expect(ram.get32(0x200020)).toBe(0x1BADB002);
    expect([...ram.bytes.subarray(0x20004F, 0x200052)]).toEqual([0x33, 0, 0]);
    expect([...ram.bytes.subarray(0x20005F, 0x200061)]).toEqual([0, 0xEE]);
  });

  test.each<[string, Uint8Array, string]>([
    ['unknown requirement', multiboot(elf64(0n, [{ physical: 0x100000, data: [1] }]), 0x200, 8), 'features 0x8'],
    ['low load address', multiboot(elf64(0n, [{ physical: 0x8000, data: [1] }]), 0x200, 0), '0x8000, below 1 MiB'],
    ['neither ELF nor addresses', multiboot(new Uint8Array(200), 0, 0), 'neither ELF nor has address fields'],
    ['addresses outside', multiboot(new Uint8Array(64), 0, 0x10000, [0x100000, 0x100000, 0x200000, 0, 0]), 'outside the file'],
    ['too big', multiboot(elf64(0x100000n, [{ physical: 0x100000, data: [1], memory: 64 * MIB }]), 0x200, 0), 'at least 65 MiB'],
  ])('%s: says so', async (_, image, sentence) => {
    const ram = new GuestRam(new Uint8Array(8 * MIB));
    await expect(loadPayload(ram, 1, boot(image))).rejects.toThrow(sentence);
  });

  test('a bad checksum is no header', () => {
    const file = kernel();
    new DataView(file.buffer).setUint32(0x208, 0, true);
    expect(() => checkKernel(boot(file))).toThrow('without a multiboot header');
  });
});

test('firmware data: BIOS data area, ACPI and MP tables where systems look', async () => {
  const ram = new GuestRam(new Uint8Array(8 * MIB));
  await loadPayload(ram, 4, boot(multiboot(elf64(0x100000n, [{ physical: 0x100000, data: [1] }]), 0x200, 0)));
  const text = (address: number, length: number): string =>
    new TextDecoder().decode(ram.bytes.subarray(address, address + length));
  expect(ram.get32(0x40E) & 0xFFFF).toBe(0x9FC0);
  expect(ram.get32(0x413) & 0xFFFF).toBe(639);
  expect(text(0xE0000, 8)).toBe('RSD PTR ');
  expect(text(0xF0000, 4)).toBe('_MP_');
  expect(text(ram.get32(0xF0004), 4)).toBe('PCMP');
});

test('interrupt vectors of real mode: IRET at F000:FF53, and CF = 1 for disk, system and clock calls', async () => {
  const ram = new GuestRam(new Uint8Array(8 * MIB));
  await loadPayload(ram, 1, boot(multiboot(elf64(0x100000n, [{ physical: 0x100000, data: [1] }]), 0x200, 0)));
  const handler = (vector: number): string => {
    const at = ((ram.get32(4 * vector) >>> 16) << 4) + (ram.get32(4 * vector) & 0xFFFF);
    return Buffer.from(ram.bytes.subarray(at, at + 9)).toString('hex');
  };
  expect(ram.get32(0)).toBe(0xF000FF53);
  for (const vector of [0, 8, 0x10, 0x16, 0x70, 0xFF]) expect(handler(vector).slice(0, 2)).toBe('cf');
  // push bp; mov bp, sp; or word [bp+6], 1; pop bp; iret
  for (const vector of [0x13, 0x15, 0x1A]) expect(handler(vector)).toBe('5589e5834e06015dcf');
});
