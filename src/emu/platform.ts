// What the machine needs from its host, so that the same code runs in a page and in Node: threads, the
// compiled core.

import type { DriveConfig } from './disk/block-device.ts';
import type { DiskEvent } from './disk/host.ts';
import type { CanvasEvents } from './display/screen.ts';

/** One worker as the machine sees it. Handlers are set before the first message is posted. */
export interface CoreThread {
  post(message: ThreadRequest): void;
  onMessage(handler: (message: ThreadReply) => void): void;
  /** Called once if the thread dies by itself (error, exit, crash). */
  onDeath(handler: (reason: string) => void): void;
  terminate(): Promise<void>;
}

/** A canvas that follows a machine's screen. */
export interface CanvasLink {
  /** Draw everything again. */
  refresh(): void;
  /** Stop drawing while nobody looks. */
  pause(paused: boolean): void;
  close(): void;
}

/** The I/O worker's thread. */
export interface IoThread {
  post(message: IoRequest): void;
  onMessage(handler: (message: IoReply) => void): void;
  onDeath(handler: (reason: string) => void): void;
  terminate(): Promise<void>;
}

export interface Platform {
  spawn(name: string): CoreThread;
  /** Absent where machines have no drives. */
  spawnIo?(name: string): IoThread;
  /** Compiles the core, at the first call only; throws SkepError 'core-missing'. */
  loadCore(): Promise<WebAssembly.Module>;
  hostCores(): number;
  /** Shows the screen on an OffscreenCanvas, in a thread of its own; absent where there are none. */
  showScreen?(module: WebAssembly.Module, memory: WebAssembly.Memory, canvas: unknown,
    events: CanvasEvents): CanvasLink;
}

/** Host to I/O worker: each is answered by one `done` or `refused`, in order. */
export type IoRequest =
  | { kind: 'init'; module: WebAssembly.Module; memory: WebAssembly.Memory; clock: SharedArrayBuffer }
  | { kind: 'plug' | 'change'; drive: DriveConfig }
  /** A piece of a disk as the guest would see it; the `done` brings it. */
  | { kind: 'read'; position: number; offset: number; bytes: number }
  | { kind: 'serve' | 'bury' | 'hold' | 'resume' | 'close' };

export type IoReply =
  | { kind: 'done'; data?: Uint8Array }
  | { kind: 'refused'; sentence: string }
  | { kind: 'failed'; message: string }
  | { kind: 'disk'; event: DiskEvent }
  | { kind: 'log'; code: number; a: bigint; b: bigint };

/** Host to thread. Each request but the first is answered by one `done` or `failed`. */
export type ThreadRequest =
  | { kind: 'init'; module: WebAssembly.Module; memory: WebAssembly.Memory; clock: SharedArrayBuffer; id: number }
  | { kind: 'machine-init'; directBoot: boolean }
  | { kind: 'cpu-init'; boot?: { kind: number; entry: bigint; arg: bigint; cr3: bigint } }
  | { kind: 'run-cpu' }
  | { kind: 'run-clock' };

/** Thread to host. */
export type ThreadReply =
  | { kind: 'done'; result: number }
  | { kind: 'failed'; message: string }
  | { kind: 'log'; code: number; a: bigint; b: bigint };

/** The exports of the core that the host side calls. */
export interface CoreExports {
  machineInit(): void;
  presetForDirectBoot(): void;
  presetForFirmware(): void;
  cpuInit(id: number): void;
  cpuRun(): number;
  clockRun(): number;
  setBootState(kind: number, entry: bigint, arg: bigint, cr3: bigint): void;
}

/** What cpuRun returns (wasm/interp/loop.ts, Exit). */
export const CpuExit = { STOP: 1, RESET: 2, END: 3 } as const;
