// Local APIC against SDM volume 3A chapter 10: registers, priorities, destinations, IPIs, timer, x2APIC; and
// a storm of IPIs between threads in which no vector may vanish.

import { beforeEach, describe, expect, it } from 'vitest';
import { Worker } from 'node:worker_threads';
import { Inbox } from '../../../src/emu/generated-layout.ts';
import { BoardUnderTest } from '../../dev/testing/board.ts';

const board = new BoardUnderTest(4);
const APIC = 0xFEE00000;
const INTR = 1, NMI = 2, INIT = 4, SIPI = 8, TIMER = 1024;
const NEVER = 0x7FFFFFFFFFFFFFFFn;

/** Act as CPU n. */
function as(cpu: number): void { board.call('setCurrentCpu', cpu); }
function reg(offset: number): number { return board.read32(APIC + offset); }
function set(offset: number, value: number): void { board.write32(APIC + offset, value); }
function enableAll(): void {
  for (let cpu = 0; cpu < 4; cpu++) { as(cpu); set(0xF0, 0x1FF); }
  as(0);
  board.clearRequests();
}
function pendingOn(): number[] { return [0, 1, 2, 3].filter((cpu) => board.call('lapicPending', cpu) >= 0); }
function lost(cpu: number): bigint {
  let left = 0n;
  for (let word = 0; word < 8; word++) {
    for (let bits = board.inbox(cpu, Inbox.IRR + word * 4); bits !== 0; bits &= bits - 1) left++;
  }
  return BigInt(board.inbox(cpu, Inbox.RAISED) - board.inbox(cpu, Inbox.COALESCED)) - board.inbox64(cpu,
    Inbox.STAT_ACCEPTED)
    - left - board.inbox64(cpu, Inbox.STAT_CLEARED_BY_RESET);
}

beforeEach(() => { board.powerOn(); });

describe('registers', () => {
  it('has the reset values of SDM 10.4.7.1', () => {
    as(2);
    expect(reg(0x20)).toBe(2 << 24);
    expect(reg(0x30) & 0xFF).toBe(0x14);
    expect(reg(0x30) >> 16 & 0xFF).toBe(5);
    expect(reg(0xF0)).toBe(0xFF);
    expect(reg(0xE0)).toBe(0xFFFFFFFF);
    for (const lvt of [0x320, 0x330, 0x340, 0x350, 0x360, 0x370]) expect(reg(lvt)).toBe(0x10000);
    for (const zero of [0x80, 0xA0, 0xD0, 0x280, 0x300, 0x310, 0x380, 0x390,
      0x3E0]) expect(reg(zero)).toBe(0);
  });

  it('keeps LVTs masked while software-disabled and accepts their writable bits when enabled', () => {
    set(0x320, 0x20);
    expect(reg(0x320)).toBe(0x10020);
    set(0xF0, 0x1FF);
    const masks: [number, number][] =
      [[0x320, 0x700FF], [0x340, 0x107FF], [0x350, 0x1A7FF], [0x360, 0x1A7FF], [0x370, 0x100FF]];
    for (const [lvt, mask] of masks) {
      set(lvt, 0xFFFFFFFF);
      expect(reg(lvt)).toBe(mask);
    }
    set(0xF0, 0xFF);
    set(0xF0, 0x1FF);
    for (const [lvt] of masks) expect(reg(lvt) & 0x10000).toBe(0x10000);
  });

  it('reports a reserved register in ESR after a write latches it', () => {
    reg(0x40);
    reg(0x40);
    expect(board.logs.filter((l) => l.a === 0n && l.b === 0x40n)).toHaveLength(1);
    expect(reg(0x280)).toBe(0);
    set(0x280, 0);
    expect(reg(0x280)).toBe(0x80);
    set(0x280, 0);
    expect(reg(0x280)).toBe(0);
  });

  it('answers odd sizes and places without harm', () => {
    expect(Number(board.call('mmioRead', BigInt(APIC + 0x30), 1))).toBe(0x14);
    expect(Number(board.call('mmioRead', BigInt(APIC + 0x32), 2))).toBe(5);
    expect(Number(board.call('mmioRead', BigInt(APIC + 0x34), 4))).toBe(0);
    board.call('mmioWrite', BigInt(APIC + 0xF0), 1, 0n);
    expect(reg(0xF0)).toBe(0xFF);
  });
});

describe('priority', () => {
  beforeEach(enableAll);

  it('delivers the highest class first and lets EOI uncover the next', () => {
    for (const v of [0x31, 0x55, 0x52, 0xFE]) board.call('lapicPost', 0, v, 0);
    expect(board.call('lapicAccept', 0)).toBe(0xFE);
    expect(reg(0xA0)).toBe(0xF0);
    expect(board.call('lapicAccept', 0)).toBe(-1);
    set(0xB0, 0);
    expect(board.call('lapicAccept', 0)).toBe(0x55);
    // Same class waits.
    expect(board.call('lapicPending', 0)).toBe(-1);
    board.call('lapicPost', 0, 0x60, 0);
    expect(board.call('lapicAccept', 0)).toBe(0x60);
    expect(reg(0x130)).toBe(1);
    expect(reg(0x120)).toBe(1 << 21);
    set(0xB0, 0); set(0xB0, 0);
    expect(board.take(0)).toEqual([0x52, 0x31]);
    expect(reg(0xA0)).toBe(0);
    expect(lost(0)).toBe(0n);
  });

  it('holds back what TPR or CR8 cover, and asks again when they fall', () => {
    set(0x80, 0x50);
    board.call('lapicPost', 0, 0x5F, 0);
    expect(board.call('lapicPending', 0)).toBe(-1);
    board.clearRequests();
    board.call('lapicSetCr8', 0, 4n);
    expect(reg(0x80)).toBe(0x40);
    expect(board.requests(0) & INTR).toBe(INTR);
    expect(board.call('lapicAccept', 0)).toBe(0x5F);
  });

  it('delivers every vector from 0x10 to 0xFF exactly once', () => {
    for (let v = 0x10; v < 0x100; v++) board.call('lapicPost', 1, v, 0);
    // Vectors 0x10..0x1F are legal.
    expect(board.take(1)).toEqual(Array.from({ length: 240 }, (_, i) => 0xFF - i));
    expect(lost(1)).toBe(0n);
  });

  it('merges a vector that is already requested and counts it', () => {
    board.call('lapicPost', 0, 0x40, 0);
    board.call('lapicPost', 0, 0x40, 0);
    expect(board.inbox(0, Inbox.COALESCED)).toBe(1);
    expect(board.take(0)).toEqual([0x40]);
    expect(lost(0)).toBe(0n);
  });

  it('counts what a reset clears', () => {
    board.call('lapicPost', 0, 0x40, 0);
    board.call('lapicPost', 0, 0x41, 0);
    board.call('lapicReset', 0);
    expect(board.inbox64(0, Inbox.STAT_CLEARED_BY_RESET)).toBe(2n);
    expect(lost(0)).toBe(0n);
  });
});

describe('interrupt command register', () => {
  beforeEach(enableAll);
  const send = (low: number, dest = 0): number[] => {
    set(0x310, dest << 24);
    set(0x300, low);
    return pendingOn();
  };

  it('physical destinations and broadcast', () => {
    expect(send(0x4040, 2)).toEqual([2]);
    expect(send(0x4041, 0xFF)).toEqual([0, 1, 2, 3]);
    expect(reg(0x300)).toBe(0x4041);
  });

  it('shorthands: self, all, all but self', () => {
    expect(send(0x44040)).toEqual([0]);
    board.take(0);
    as(1);
    set(0x300, 0xC4050);
    expect(pendingOn()).toEqual([0, 2, 3]);
    set(0x300, 0x84050);
    expect(pendingOn()).toEqual([0, 1, 2, 3]);
  });

  it('logical destinations, flat model', () => {
    for (let cpu = 0; cpu < 4; cpu++) { as(cpu); set(0xD0, 1 << (24 + cpu)); }
    as(0);
    expect(send(0x4840, 0b1010)).toEqual([1, 3]);
  });

  it('logical destinations, cluster model', () => {
    for (let cpu = 0; cpu < 4; cpu++) {
      as(cpu);
      set(0xE0, 0x0FFFFFFF);
      set(0xD0, ((cpu >> 1) << 4 | 1 << (cpu & 1)) << 24);
    }
    as(0);
    expect(send(0x4840, 0x12)).toEqual([3]);
    board.take(3);
    expect(send(0x4841, 0xF1)).toEqual([0, 2]);
  });

  it('lowest priority goes to the CPU with the lowest PPR', () => {
    for (let cpu = 0; cpu < 4; cpu++) { as(cpu); set(0xD0, 1 << (24 + cpu));
      set(0x80, cpu === 2 ? 0x10 : 0x60); }
    as(0);
    expect(send(0x4980, 0x0F)).toEqual([2]);
  });

  it('lowest priority takes turns among equals', () => {
    for (let cpu = 0; cpu < 4; cpu++) { as(cpu); set(0xD0, 1 << (24 + cpu)); }
    as(0);
    const seen = new Set<number>();
    for (let i = 0; i < 4; i++) {
      for (const cpu of send(0x4980, 0x0F)) { seen.add(cpu); board.take(cpu); }
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3]);
  });

  it('NMI, INIT, start-up: latched requests; INIT de-assert does nothing', () => {
    send(0x4400, 1);
    send(0x4500, 2);
    expect(board.requests(1)).toBe(NMI);
    expect(board.requests(2)).toBe(INIT);
    board.clearRequests();
    send(0x8500, 2);
    expect(board.requests(2)).toBe(0);
    send(0x4699, 3);
    expect(board.requests(3)).toBe(SIPI);
    expect(board.inbox(3, Inbox.SIPI_VECTOR)).toBe(0x99);
  });

  it('reaches a software-disabled APIC with NMI and INIT but not with a vector', () => {
    as(1); set(0xF0, 0xFF); as(0);
    expect(send(0x4040, 1)).toEqual([]);
    send(0x4400, 1);
    expect(board.requests(1) & NMI).toBe(NMI);
  });

  it('notes an illegal vector in ESR', () => {
    send(0x4005, 1);
    set(0x280, 0);
    expect(reg(0x280)).toBe(0x20);
    expect(pendingOn()).toEqual([]);
  });
});

describe('timer', () => {
  beforeEach(enableAll);

  it('one-shot: counts down at 1 GHz over the divider and fires once', () => {
    set(0x320, 0x30);
    set(0x3E0, 0x3);
    set(0x380, 1000);
    board.now = 8000;
    expect(reg(0x390)).toBe(500);
    expect(board.call('lapicTimerCheck', 0, 15999n)).toBe(0);
    board.now = 16000;
    expect(board.call('lapicTimerCheck', 0, 16000n)).toBe(1);
    expect(board.take(0)).toEqual([0x30]);
    expect(reg(0x390)).toBe(0);
    expect(board.inbox64(0, Inbox.TIMER_DEADLINE)).toBe(NEVER);
  });

  it('every divider', () => {
    const dividers: [number, number][] =
      [[0, 2], [1, 4], [2, 8], [3, 16], [8, 32], [9, 64], [10, 128], [11, 1]];
    for (const [code, divider] of dividers) {
      set(0x320, 0x10030);
      set(0x3E0, code);
      expect(reg(0x3E0)).toBe(code);
      set(0x380, 100);
      expect(board.inbox64(0, Inbox.TIMER_DEADLINE)).toBe(BigInt(board.now + 100 * divider));
    }
  });

  it('periodic: late polls fire once and stay in phase', () => {
    set(0x320, 0x20031);
    set(0x3E0, 0xB);
    set(0x380, 1000);
    board.call('lapicTimerCheck', 0, 5500n);
    expect(board.take(0)).toEqual([0x31]);
    expect(board.inbox64(0, Inbox.TIMER_DEADLINE)).toBe(6000n);
    board.now = 5750;
    expect(reg(0x390)).toBe(250);
  });

  it('masked: runs without an interrupt', () => {
    set(0x320, 0x10030);
    set(0x3E0, 0xB);
    set(0x380, 10);
    expect(board.call('lapicTimerCheck', 0, 10n)).toBe(1);
    expect(board.take(0)).toEqual([]);
  });

  it('TSC deadline: armed by the MSR, past fires at once, 0 disarms, count registers are dead', () => {
    const c = board.state(0);
    set(0x320, 0x40033);
    board.call('lapicWriteTscDeadline', c, 5000n, 5000n);
    expect(BigInt(board.call('lapicReadTscDeadline', c))).toBe(5000n);
    set(0x380, 77);
    expect(reg(0x390)).toBe(0);
    board.call('lapicWriteTscDeadline', c, 0n, NEVER);
    expect(board.inbox64(0, Inbox.TIMER_DEADLINE)).toBe(NEVER);
    board.now = 9000;
    board.call('lapicWriteTscDeadline', c, 8000n, 8000n);
    expect(board.take(0)).toEqual([0x33]);
    expect(BigInt(board.call('lapicReadTscDeadline', c))).toBe(0n);
    // In another mode the MSR is ignored.
    set(0x320, 0x33);
    board.call('lapicWriteTscDeadline', c, 10000n, 10000n);
    expect(BigInt(board.call('lapicReadTscDeadline', c))).toBe(0n);
  });

  it('the clock worker only reports, once per deadline, and spares parked CPUs', () => {
    set(0x320, 0x30);
    set(0x3E0, 0xB);
    set(0x380, 1000);
    board.call('clockFire', 999n);
    expect(board.requests(0)).toBe(0);
    board.call('clockFire', 1000n);
    expect(board.requests(0)).toBe(TIMER);
    board.clearRequests();
    board.call('clockFire', 2000n);
    expect(board.requests(0)).toBe(0);
  });
});

describe('x2APIC', () => {
  const c = (): number => board.state(1);
  const rd = (msr: number): bigint | 'gp' => board.call('lapicReadMsr', c(), msr) === 1 ? 'gp'
    : BigInt.asUintN(64, BigInt(board.call('cpuSecond', c())));
  const wr = (msr: number, value: bigint): boolean => board.call('lapicWriteMsr', c(), msr, value) !== 1;

  beforeEach(() => {
    enableAll();
    as(1);
    board.call('lapicSetBase', c(), 0xFEE00C00n);
  });

  it('does not answer before it is on', () => {
    as(0);
    const c0 = board.state(0);
    expect(board.call('lapicReadMsr', c0, 0x802)).toBe(1);
  });

  it('32-bit id, derived LDR, no MMIO page', () => {
    expect(rd(0x802)).toBe(1n);
    expect(rd(0x80D)).toBe(2n);
    expect(reg(0x20)).toBe(0xFFFFFFFF);
  });

  it('reserved bits, read-only and write-only registers fault', () => {
    expect(wr(0x808, 0x100n)).toBe(false);
    expect(wr(0x80B, 1n)).toBe(false);
    expect(wr(0x80B, 0n)).toBe(true);
    expect(wr(0x802, 0n)).toBe(false);
    expect(rd(0x80B)).toBe('gp');
    expect(rd(0x80E)).toBe('gp');
    expect(rd(0x831)).toBe('gp');
    expect(rd(0x83F)).toBe('gp');
    expect(wr(0x80F, 0x1000n)).toBe(false);
    expect(wr(0x838, 1n << 32n)).toBe(false);
  });

  it('64-bit ICR and self IPI', () => {
    wr(0x830, 3n << 32n | 0x4042n);
    expect(pendingOn()).toEqual([3]);
    expect(rd(0x830)).toBe(3n << 32n | 0x4042n);
    wr(0x83F, 0x43n);
    expect(board.call('lapicPending', 1)).toBe(0x43);
    expect(wr(0x83F, 0x143n)).toBe(false);
  });

  it('logical cluster destination', () => {
    board.call('lapicSetBase', board.state(3), 0xFEE00C00n);
    wr(0x830, 0b1000n << 32n | 0x4842n);
    expect(pendingOn()).toEqual([3]);
  });
});

describe('LINT pins and ExtINT', () => {
  it('LINT1 as NMI', () => {
    enableAll();
    board.call('lapicLint1', 0);
    expect(board.requests(0)).toBe(0);
    set(0x360, 0x400);
    board.call('lapicLint1', 0);
    expect(board.requests(0) & NMI).toBe(NMI);
  });

  it('LINT0 as fixed takes the 8259 like an edge', () => {
    enableAll();
    board.call('boardPresetForDirectBoot');
    set(0x350, 0x35);
    board.out8(0x21, 0xFE);
    board.call('irqSet', 0, 1);
    expect(board.call('lapicAccept', 0)).toBe(0x35);
  });

  it('a message signalled interrupt is the store of the device', () => {
    enableAll();
    board.call('lapicMsi', 0xFEE02000n, 0x4055);
    expect(pendingOn()).toEqual([2]);
  });
});

/** One thread of the storm: raises and accepts by turns, then waits for the others and drains. */
const STORM = `
const { workerData, parentPort } = require('node:worker_threads');
const { module, memory, cpu, cpus, rounds, barrier, seed } = workerData;
const host = { now: () => 0, log() {}, panic(c) { throw new Error('panic ' + c); }, install: () => 0 };
const core = new WebAssembly.Instance(module, { env: { memory }, host }).exports;
core.setCurrentCpu(cpu);
const words = new Int32Array(memory.buffer, barrier, 2);
let s = seed >>> 0 || 1, taken = 0;
const random = (n) => { s ^= s << 13; s >>>= 0; s ^= s >>> 17; s ^= s << 5; s >>>= 0; return s % n; };
const drain = () => { while (core.lapicAccept(cpu) >= 0) { taken++; core.lapicEoi(cpu); } };
for (let i = 0; i < rounds; i++) {
  core.lapicPost(random(cpus), 32 + random(224), 0);
  if ((i & 3) === 0) drain();
}
Atomics.add(words, 0, 1);
while (Atomics.load(words, 0) < cpus) drain();
drain();
parentPort.postMessage(taken);
`;

describe('IPI storm', () => {
  it('loses nothing between four threads', async () => {
    enableAll();
    const seed = Number(process.env.SKEP_SEED ?? Date.now() % 1e9);
    console.log(`storm seed ${seed}`);
    const rounds = 50_000;
    const barrier = board.memory.buffer.byteLength - 64;
    new Int32Array(board.memory.buffer, barrier, 2).fill(0);
    const taken = await Promise.all([0, 1, 2, 3].map((cpu) => new Promise<number>((resolve, reject) => {
      const worker = new Worker(STORM, { eval: true,
        workerData: { module: board.module, memory: board.memory, cpu, cpus: 4, rounds, barrier, seed: seed
          + cpu * 7919 } });
      worker.once('message', resolve);
      worker.once('error', reject);
    })));
    let raised = 0;
    for (let cpu = 0; cpu < 4; cpu++) {
      raised += board.inbox(cpu, Inbox.RAISED);
      expect(lost(cpu)).toBe(0n);
      expect(board.inbox64(cpu, Inbox.STAT_ACCEPTED)).toBe(BigInt(taken[cpu] ?? -1));
      expect(board.call('lapicPending', cpu)).toBe(-1);
    }
    expect(raised).toBe(4 * rounds);
  });
});
