// Counters that the core keeps at the two ends of the interrupt path, and per CPU; read without stopping
// anything. lost = raised - coalesced - accepted - pendingAtEnd - clearedByReset is exact only while the
// machine stands.

import {
  Board, BOARD, CONTROL, Control, Count, CpuField, Drive, DRIVE_BYTES, DriveKind, Inbox, MAX_DRIVES,
} from './generated-layout.ts';
import { CD_SECTOR, DISK_SECTOR } from './disk/block-device.ts';
import type { SharedMachine } from './shared.ts';

export interface CpuStats {
  instructions: number;
  /** Of these, executed by translated code. */
  translated: number;
  /** Entries into translated code that the interpreter has confirmed, or not (wasm/jit/check.ts). */
  checks: RegionChecks;
  haltedMs: number;
  /** RunState of cpu/state.ts. */
  runState: number;
  interruptsAccepted: number;
}
/** Counters of the check of translated code against the interpreter. */
export interface RegionChecks {
  checked: number;
  /** Instructions executed in them. */
  instructions: number;
  /**
   * Not to be checked: the first instruction must not be executed twice, or reaches what the TLB does not
   * have; too many instructions; another CPU was checking; the code was being changed.
   */
  once: number; outside: number; long: number; busy: number; changing: number;
  /** Of those checked, in 32-bit code: left for a TLB miss that the interpreter did not have. */
  needless: number;
  differences: number;
}
export interface InterruptStats {
  raised: number;
  coalesced: number;
  accepted: number;
  pending: number;
  clearedByReset: number;
  lost: number;
  /** Rising edges per IOAPIC pin, pins without any left out. */
  lines: Record<string, number>;
  /** Accepted interrupts by vector (hexadecimal), all CPUs. */
  vectors: Record<string, number>;
}
export interface DriveStats {
  position: number;
  kind: 'disk' | 'cdrom';
  sizeBytes: number;
  readBytes: number;
  writtenBytes: number;
  /** What has come over a network of an image by address. */
  downloadedBytes: number;
  requests: number;
  errors: number;
}
export interface MachineStats {
  /** Machine time. */
  timeMs: number;
  instructions: number;
  cpus: CpuStats[];
  interrupts: InterruptStats;
  /** Drives that are there, by position. */
  drives: DriveStats[];
  memory: { ramBytes: number; sharedBytes: number };
}

const IOAPIC_PINS = 24;
const VECTORS = 256;

function popcount(value: number): number {
  let count = 0;
  for (let rest = value >>> 0; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function readInterrupts(shared: SharedMachine): InterruptStats {
  const stats: InterruptStats = { raised: 0, coalesced: 0, accepted: 0, pending: 0, clearedByReset: 0,
    lost: 0, lines: {},
    vectors: {} };
  for (let cpu = 0; cpu < shared.cpus; cpu++) {
    const box = shared.inbox(cpu);
    stats.raised += shared.load(box + Inbox.RAISED);
    stats.coalesced += shared.load(box + Inbox.COALESCED);
    stats.accepted += shared.stat64(cpu, Inbox.STAT_ACCEPTED);
    stats.clearedByReset += shared.stat64(cpu, Inbox.STAT_CLEARED_BY_RESET);
    for (let word = 0; word < 8; word++) stats.pending += popcount(shared.load(box + Inbox.IRR + 4 * word));
    for (let vector = 0; vector < VECTORS; vector++) {
      const count = shared.load(box + Inbox.ACCEPTED_BY_VECTOR + 4 * vector);
      if (count === 0) continue;
      const key = vector.toString(16).padStart(2, '0');
      stats.vectors[key] = (stats.vectors[key] ?? 0) + count;
    }
  }
  stats.lost = stats.raised - stats.coalesced - stats.accepted - stats.pending - stats.clearedByReset;
  for (let pin = 0; pin < IOAPIC_PINS; pin++) {
    const count = shared.load(BOARD + Board.LINE_COUNT + 4 * pin);
    if (count !== 0) stats.lines[String(pin)] = count;
  }
  return stats;
}

function readDrives(shared: SharedMachine, downloads: ReadonlyMap<number, number>): DriveStats[] {
  const drives: DriveStats[] = [];
  for (let position = 0; position < MAX_DRIVES; position++) {
    const at = CONTROL + Control.DRIVES + position * DRIVE_BYTES;
    const kind = shared.load(at + Drive.KIND);
    if (kind === 0) continue;
    const long = (offset: number): number => Number(Atomics.load(shared.longs, (at + offset) >> 3));
    const cdrom = kind === DriveKind.CDROM;
    const sectors = shared.load(at + Drive.SECTORS) + shared.load(at + Drive.SECTORS + 4) * 2 ** 32;
    drives.push({ position, kind: cdrom ? 'cdrom' : 'disk', sizeBytes: sectors * (cdrom ? CD_SECTOR : DISK_SECTOR),
      readBytes: long(Drive.READ_BYTES), writtenBytes: long(Drive.WRITTEN_BYTES),
        downloadedBytes: downloads.get(position) ?? 0,
      requests: shared.load(at + Drive.REQUESTS), errors: shared.load(at + Drive.ERRORS) });
  }
  return drives;
}

/** Counters by their names in RegionChecks. */
const CHECKS = { checked: Count.CHECKED, instructions: Count.CHECKED_INSTRUCTIONS, once: Count.CHECK_ONCE,
  outside: Count.CHECK_OUTSIDE, long: Count.CHECK_LONG, busy: Count.CHECK_BUSY,
  changing: Count.CHECK_CHANGING, needless: Count.CHECK_NEEDLESS, differences: Count.CHECK_DIFFERENT,
} as const satisfies Record<keyof RegionChecks, number>;

const checksOf = (value: (name: keyof RegionChecks) => number): RegionChecks =>
  Object.fromEntries(Object.keys(CHECKS).map((name) =>
    [name, value(name as keyof RegionChecks)])) as unknown as RegionChecks;

function readChecks(shared: SharedMachine, cpu: number): RegionChecks {
  return checksOf((name) => shared.profileCount(cpu, CHECKS[name]));
}

/** The sums of all CPUs. */
export function sumChecks(all: readonly RegionChecks[]): RegionChecks {
  return checksOf((name) => all.reduce((sum, checks) => sum + checks[name], 0));
}

export function readStats(shared: SharedMachine, timeNs: number,
  downloads: ReadonlyMap<number, number> = new Map()): MachineStats {
  const cpus: CpuStats[] = [];
  for (let cpu = 0; cpu < shared.cpus; cpu++) {
    cpus.push({
      instructions: shared.cpuField(cpu, CpuField.instructions),
      translated: shared.profileCount(cpu, Count.TRANSLATED),
      checks: readChecks(shared, cpu),
      haltedMs: shared.stat64(cpu, Inbox.STAT_HALTED_NS) / 1e6,
      runState: shared.load(shared.inbox(cpu) + Inbox.RUN_STATE),
      interruptsAccepted: shared.stat64(cpu, Inbox.STAT_ACCEPTED),
    });
  }
  return {
    timeMs: timeNs / 1e6,
    instructions: cpus.reduce((sum, cpu) => sum + cpu.instructions, 0),
    cpus,
    interrupts: readInterrupts(shared),
    drives: readDrives(shared, downloads),
    memory: { ramBytes: shared.ramBytes, sharedBytes: shared.memory.buffer.byteLength },
  };
}
