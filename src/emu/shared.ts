// The host's view of the machine's shared memory: control words, inboxes, rings, RAM. Every shared word is
// accessed with Atomics; who owns which word is written in the core's lib/control.ts, cpu/inbox.ts and
// lib/ring.ts.

import { ramBaseFor } from './config.ts';
import * as map from './generated-layout.ts';

const { Control, Inbox, Ring } = map;

export class SharedMachine {
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
  readonly bytes: Uint8Array;
  readonly ramBase: number;

  constructor(readonly memory: WebAssembly.Memory, readonly cpus: number, readonly ramBytes: number,
    checkRegions = 0) {
    this.words = new Int32Array(memory.buffer);
    this.longs = new BigInt64Array(memory.buffer);
    this.bytes = new Uint8Array(memory.buffer);
    this.ramBase = ramBaseFor(cpus, checkRegions);
  }

  get ram(): Uint8Array {
    return this.bytes.subarray(this.ramBase, this.ramBase + this.ramBytes);
  }

  /** Index in `words` of a control word. */
  control(offset: number): number {
    return (map.CONTROL + offset) >> 2;
  }
  load(address: number): number {
    return Atomics.load(this.words, address >> 2) >>> 0;
  }
  store(address: number, value: number): void {
    Atomics.store(this.words, address >> 2, value | 0);
  }
  bumpAndWake(address: number): void {
    Atomics.add(this.words, address >> 2, 1);
    Atomics.notify(this.words, address >> 2);
  }
  getControl(offset: number): number {
    return this.load(map.CONTROL + offset);
  }
  setControl(offset: number, value: number): void {
    this.store(map.CONTROL + offset, value);
  }

  inbox(cpu: number): number {
    return map.CPU_BLOCKS + cpu * map.CPU_BLOCK_BYTES + map.CPU_INBOX;
  }
  /** As request() of cpu/inbox.ts. */
  request(cpu: number, bits: number): void {
    const box = this.inbox(cpu);
    Atomics.or(this.words, (box + Inbox.REQUESTS) >> 2, bits);
    this.poke(cpu);
  }
  poke(cpu: number): void {
    const word = (this.inbox(cpu) + Inbox.ATTENTION) >> 2;
    Atomics.store(this.words, word, 1);
    Atomics.notify(this.words, word);
  }
  withdraw(cpu: number, bits: number): void {
    Atomics.and(this.words, (this.inbox(cpu) + Inbox.REQUESTS) >> 2, ~bits);
  }
  /**
   * A 64-bit word of a CPU's private state: as fresh as it gets, but only its owner knows what else belongs
   * to it.
   */
  cpuField(cpu: number, offset: number): number {
    return Number(Atomics.load(this.longs, (map.CPU_BLOCKS + cpu * map.CPU_BLOCK_BYTES + map.CPU_STATE
      + offset) >> 3));
  }
  /** A CPU's counter by its number (Count). */
  profileCount(cpu: number, n: number): number {
    return Number(Atomics.load(this.longs, (map.CPU_BLOCKS + cpu * map.CPU_BLOCK_BYTES + map.CPU_PROFILE
      + 8 * n) >> 3));
  }
  stat64(cpu: number, offset: number): number {
    return Number(Atomics.load(this.longs, (this.inbox(cpu) + offset) >> 3));
  }

  kickClock(): void {
    this.bumpAndWake(map.CONTROL + Control.CLOCK_WAKE);
  }

  /** Bytes that wait in a ring. */
  ringCount(ring: number): number {
    return (this.load(ring + Ring.WRITE) - this.load(ring + Ring.READ)) >>> 0;
  }

  /** Everything that waits in a ring, oldest first; undefined when it is empty. */
  readRing(ring: number): Uint8Array | undefined {
    const read = this.load(ring + Ring.READ);
    const count = (this.load(ring + Ring.WRITE) - read) >>> 0;
    const size = this.load(ring + Ring.SIZE);
    if (count === 0 || size === 0) return undefined;
    const data = new Uint8Array(count);
    const start = read & (size - 1);
    const first = Math.min(count, size - start);
    const at = ring + Ring.DATA;
    data.set(this.bytes.subarray(at + start, at + start + first));
    data.set(this.bytes.subarray(at, at + count - first), first);
    this.store(ring + Ring.READ, read + count);
    return data;
  }

  /**
   * Puts as much as fits and rings the clock worker, which looks at the input rings; returns how many bytes
   * went in.
   */
  writeRing(ring: number, data: Uint8Array): number {
    const write = this.load(ring + Ring.WRITE);
    const size = this.load(ring + Ring.SIZE);
    if (size === 0) return 0;
    const space = size - ((write - this.load(ring + Ring.READ)) >>> 0);
    const count = Math.min(space, data.length);
    for (let n = 0; n < count; n++) this.bytes[ring + Ring.DATA
      + ((write + n) & (size - 1))] = data[n] as number;
    if (count === 0) return 0;
    this.store(ring + Ring.WRITE, write + count);
    this.kickClock();
    return count;
  }
}
