// What both sides execute: a start state and the memory that goes with it, from a raw image, from a
// description in a file, or from Skep's own loader (direct Linux and multiboot boots), so that QEMU starts
// with the same bytes.

import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BOARD_IO } from '../../src/emu/acpi/board.ts';
import { BootKind, GuestRam, putIdentityMap, type BootState } from '../../src/emu/boot/guest-ram.ts';
import { loadPayload } from '../../src/emu/boot/load.ts';
import { Unzstd } from '../../src/emu/boot/unzstd.ts';
import { ramBaseFor, type BootConfig } from '../../src/emu/config.ts';
import type { StartMode, StartState } from './rom.ts';

const CORE = new URL('../../build/skep.wasm', import.meta.url);
const WASM_PAGE = 65536;

export class UsageError extends Error {
  override name = 'UsageError';
}

export interface RawProgram {
  kind: 'raw';
  file: string;
  address: number;
  mode: StartMode;
}
export interface StartProgram {
  kind: 'start';
  file: string;
}
export interface DirectProgram {
  kind: 'direct';
  kernel: string;
  initrd?: string | undefined;
  append?: string | undefined;
}
/** Programs that QEMU's own loader and SeaBIOS start. */
export type ForeignProgram =
  | { kind: 'kernel'; kernel: string; initrd?: string | undefined; append?: string | undefined }
  | { kind: 'multiboot'; file: string; append?: string | undefined };
export type Program = RawProgram | StartProgram | DirectProgram | ForeignProgram;

export interface Loaded {
  start: StartState;
  ram: Uint8Array;
}

interface StartFile {
  mode?: StartMode;
  entry: string | number;
  registers?: Record<string, string | number>;
  cr0?: string | number;
  cr3?: string | number;
  cr4?: string | number;
  efer?: string | number;
  pmBase?: string | number;
  memory?: Array<{ file: string; address: string | number }>;
}

const MIB = 1 << 20;
const VGA_BASE = 0xa0000;
/** Stack of an image above 1 MiB: below it lies the firmware, which cannot be written. */
const HIGH_IMAGE_STACK = 0x80000;
/** PIIX4: IDE timing (00:01.1 0x40, both channels decoded), power management base and enable (00:01.3). */
const PCI_IDE_TIMING = [0x80000940, 0x80008000] as const;
const PCI_PM_BASE = 0x80000b40;
const PCI_PM_ENABLE = [0x80000b80, 0x00000001] as const;
/** ET and NE: what setBootState of the core adds to the mode's bits. */
const CR0_ET_NE = 0x30n;
const MULTIBOOT_MAGIC = 0x2badb002n;

function pciWrites(pmBase: number): StartState['pci'] {
  return pmBase === 0 ? [PCI_IDE_TIMING] : [PCI_IDE_TIMING, [PCI_PM_BASE, pmBase | 1], PCI_PM_ENABLE];
}

function put(ram: Uint8Array, bytes: Uint8Array, address: number, name: string): void {
  if (address + bytes.length > ram.length) {
    throw new UsageError(`${name} at 0x${address.toString(16)} does not fit in ${ram.length / MIB} MiB: use --ram.`);
  }
  ram.set(bytes, address);
}

function loadRaw({ file, address, mode }: RawProgram, ram: Uint8Array): StartState {
  const cr3 = mode === 'long' ? putIdentityMap(new GuestRam(ram)) : 0n;
  put(ram, readFileSync(file), address, file);
  const registers = new Map([['rsp', BigInt(address < VGA_BASE ? address : HIGH_IMAGE_STACK)]]);
  return { mode, entry: BigInt(address), registers, cr0: CR0_ET_NE, cr3, cr4: 0n, efer: 0n, pci: [] };
}

function loadStart({ file }: StartProgram, ram: Uint8Array): StartState {
  const text = JSON.parse(readFileSync(file, 'utf8')) as StartFile;
  const mode = text.mode ?? 'long';
  const map = mode === 'long' && text.cr3 === undefined ? putIdentityMap(new GuestRam(ram)) : 0n;
  for (const part of text.memory ?? []) {
    put(ram, readFileSync(resolve(dirname(file), part.file)), Number(part.address), part.file);
  }
  const registers = Object.entries(text.registers ?? {}).map(([name, value]) =>
    [name, BigInt(value)] as const);
  return { mode, entry: BigInt(text.entry), registers: new Map(registers), cr0: BigInt(text.cr0 ?? CR0_ET_NE),
    cr3: BigInt(text.cr3 ?? map), cr4: BigInt(text.cr4 ?? 0), efer: BigInt(text.efer ?? 0),
    pci: pciWrites(Number(text.pmBase ?? 0)) };
}

/** The core unpacks kernels in its own memory only: loads there, and copies. */
async function loadBoot(config: BootConfig, ram: Uint8Array): Promise<BootState> {
  const base = ramBaseFor(1);
  const pages = Math.ceil((base + ram.length) / WASM_PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const core = new WebAssembly.Module(readFileSync(fileURLToPath(CORE)));
  const own = new Uint8Array(memory.buffer, base, ram.length);
  const boot = await loadPayload(new GuestRam(own), 1, config, new Unzstd(core, memory));
  ram.set(own);
  return boot;
}

async function loadDirect(program: DirectProgram, ram: Uint8Array): Promise<StartState> {
  const file = (path: string): { name: string; bytes: Uint8Array } =>
    ({ name: basename(path), bytes: readFileSync(path) });
  const boot = await loadBoot({ kernel: file(program.kernel),
    initrd: program.initrd === undefined ? [] : [file(program.initrd)], append: program.append ?? '' }, ram);
  const linux = boot.kind === BootKind.LINUX64;
  const registers = linux ? [['rsi', boot.arg] as const]
    : [['rax', MULTIBOOT_MAGIC], ['rbx', boot.arg]] as const;
  return { mode: linux ? 'long' : 'protected', entry: boot.entry, registers: new Map(registers), cr0: CR0_ET_NE,
    cr3: boot.cr3, cr4: 0n, efer: 0n, pci: pciWrites(BOARD_IO.PM1_EVENT) };
}

/** Fills guest RAM and says how the CPU starts. */
export async function loadProgram(program: RawProgram | StartProgram | DirectProgram, ram: Uint8Array):
  Promise<StartState> {
  switch (program.kind) {
    case 'raw': return loadRaw(program, ram);
    case 'start': return loadStart(program, ram);
    case 'direct': return loadDirect(program, ram);
  }
}
