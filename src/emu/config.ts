// What a machine is made of, and the checks that say in one sentence what is wrong with a wish.
// Limits follow from the memory map (generated-layout.ts): RAM is the last region of a 4 GiB address space.

import { ConfigError } from './errors.ts';
import { CPU_BLOCKS, CPU_BLOCK_BYTES, MAX_CPUS, MAX_RAM_PAGES, PAGE_BYTES } from './generated-layout.ts';

export const MIB = 1 << 20;
const WASM_ADDRESS_SPACE = 2 ** 32;
const MIN_RAM_MIB = 4;

export type CpuModel = 'v1' | 'v2' | 'v3';
const CPU_MODELS: readonly CpuModel[] = ['v1', 'v2', 'v3'];

/** A loaded file and the name to call it by in messages. */
export interface NamedBytes { name: string; bytes: Uint8Array }

/** What CPU 0 starts with. `auto`: the kernel's own header decides between Linux and multiboot. */
export interface BootConfig {
  kernel: NamedBytes;
  /** initramfs of a Linux kernel, modules of a multiboot kernel. */
  initrd: NamedBytes[];
  append: string;
}

/** Start through firmware instead of a kernel. */
export interface FirmwareConfig {
  bios: NamedBytes;
  /** For the VGA of the board. */
  videoBios?: NamedBytes | undefined;
  /** Letters a (floppy), c (disk), d (CD), the first one first. */
  bootOrder: string;
  /** How long the boot menu waits for a key, ms; 0 = no menu. */
  menuMs: number;
  /** The firmware's screen and keyboard also on serial port 1. */
  serialConsole: boolean;
}

export interface FloppyConfig { image: NamedBytes; readOnly?: boolean }

export interface MachineConfig {
  cpus: number;
  memoryMiB: number;
  cpuModel: CpuModel;
  /** Announced TSC frequency. */
  tscHz: number;
  /** Cores of the host, for the yielding of spin loops. */
  hostCores: number;
  /** Control.OPTIONS. */
  options: number;
  /** About one of so many entries into translated code is checked against the interpreter; 0 = none. */
  checkRegions?: number;
}

/** Address of guest RAM in the shared memory; a machine that checks regions has one more CPU block. */
export function ramBaseFor(cpus: number, checkRegions = 0): number {
  return CPU_BLOCKS + (checkRegions === 0 ? cpus : cpus + 1) * CPU_BLOCK_BYTES;
}

/** Largest RAM that a machine with this many CPUs can have, MiB. */
export function maxMemoryMiB(cpus: number, checkRegions = 0): number {
  const room = WASM_ADDRESS_SPACE - ramBaseFor(cpus, checkRegions);
  return Math.floor(Math.min(MAX_RAM_PAGES * PAGE_BYTES, room) / MIB);
}

export function checkCpus(cpus: number): void {
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > MAX_CPUS) {
    throw new ConfigError(`A machine cannot have ${cpus} CPUs.`, `Choose 1 to ${MAX_CPUS}.`);
  }
}

export function checkMemory(memoryMiB: number, cpus: number, checkRegions = 0): void {
  const most = maxMemoryMiB(cpus, checkRegions);
  if (!Number.isInteger(memoryMiB) || memoryMiB < MIN_RAM_MIB || memoryMiB > most) {
    const with_ = `with ${cpus} CPU${cpus === 1 ? '' : 's'}${checkRegions === 0 ? '' : ' that checks regions'}`;
    throw new ConfigError(`A machine ${with_} cannot have ${memoryMiB} MiB of RAM.`,
      `Choose ${MIN_RAM_MIB} to ${most} MiB.`);
  }
}

export function checkCpuModel(model: string): asserts model is CpuModel {
  if (!(CPU_MODELS as readonly string[]).includes(model)) {
    throw new ConfigError(`There is no CPU model "${model}".`, `Choose ${CPU_MODELS.join(', ')}.`);
  }
}

/** How instructions are executed: hot code as WebAssembly, or all of it by the interpreter. */
export const ENGINES = ['translator', 'interpreter'] as const;
export type Engine = typeof ENGINES[number];
export function checkEngine(engine: string): asserts engine is Engine {
  if (!(ENGINES as readonly string[]).includes(engine)) {
    throw new ConfigError(`There is no engine "${engine}".`, `Choose ${ENGINES.join(' or ')}.`);
  }
}

const MOST_BETWEEN_CHECKS = 1e9;
export function checkCheckRegions(value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > MOST_BETWEEN_CHECKS) {
    throw new ConfigError(`One of ${value} entries into translated code cannot be checked.`,
      `Choose 1 (all of them) to ${MOST_BETWEEN_CHECKS}, or 0 (none).`);
  }
}

export function checkMachineConfig(config: MachineConfig): void {
  checkCpus(config.cpus);
  checkCheckRegions(config.checkRegions ?? 0);
  checkMemory(config.memoryMiB, config.cpus, config.checkRegions);
  checkCpuModel(config.cpuModel);
  if (!(config.tscHz >= 1e6 && config.tscHz <= 1e10)) {
    throw new ConfigError(`A TSC cannot run at ${config.tscHz} Hz.`, 'Choose 1 MHz to 10 GHz.');
  }
}
