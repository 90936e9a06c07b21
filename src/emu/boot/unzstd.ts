// One instance of the core that only unpacks zstd (wasm/unpack), from the host's bytes straight into guest
// RAM, before a machine starts. It lets other events in now and then: a page stays alive while it works.

import { UNPACK_INPUT, UNPACK_INPUT_BYTES } from '../generated-layout.ts';
import { passiveCore } from '../passive-core.ts';
import type { GuestRam } from './guest-ram.ts';

/** Copies of the unpacker overwrite up to so many bytes behind its output. */
export const UNZSTD_SLACK = 64;
/** Work between two looks at other events, ms. */
const TURN_MS = 40;

interface Unpacker {
  zstdBegin(at: number, bytes: number): void;
  zstdRun(available: number): number;
  zstdDone(): number;
  zstdBytes(): number;
}

const otherEvents = (): Promise<void> => new Promise((resolve) => { setTimeout(resolve, 0); });

export class Unzstd {
  private core: Unpacker | undefined;

  /** `memory` holds the guest RAM. */
  constructor(private readonly module: WebAssembly.Module, private readonly memory: WebAssembly.Memory) {}

  /**
   * Unpacks a frame into `room` bytes of guest RAM at `address`; returns how many there are then, undefined
   * if the frame is damaged or they are too few.
   */
  async unpack(packed: Uint8Array, ram: GuestRam, address: number, room: number): Promise<number
    | undefined> {
    const bytes = new Uint8Array(this.memory.buffer);
    const core = this.core ??= passiveCore(this.module, this.memory) as unknown as Unpacker;
    const target = ram.slice(address, room, 'The kernel');
    if (target.buffer !== bytes.buffer) throw new TypeError('guest RAM is not in the memory of this core');
    core.zstdBegin(target.byteOffset, room);
    let turn = performance.now();
    for (let at = 0; core.zstdDone() === 0;) {
      const part = packed.subarray(at, at + UNPACK_INPUT_BYTES);
      bytes.set(part, UNPACK_INPUT);
      const taken = core.zstdRun(part.length);
      if (taken <= 0) return undefined;
      at += taken;
      if (performance.now() - turn < TURN_MS) continue;
      await otherEvents();
      turn = performance.now();
    }
    return core.zstdBytes();
  }
}
