// The KVM paravirtual interface (Linux Documentation/virt/kvm/x86/{cpuid,msr,hypercalls}.rst): clock pages,
// steal time with the `preempted` byte and its TLB flush, kicks, IPIs and yields by hypercall. The clock
// pages never change after they are written: machine time is the TSC scaled, on every CPU, so the STABLE bit
// is true. Left out: asynchronous page faults, PV EOI (a guest write of EOI is cheap here), clock pairing.

import { Cpu, CpuBlock, RunState } from "./state";
import { Inbox, Request, inboxOf, request } from "./inbox";
import { tscHz } from "./tsc";
import { CONTROL } from "../lib/layout";
import { waitWord } from "../lib/atomics";
import { Control, control32 } from "../lib/control";
import { isRam, physWriteBytes, ramHost } from "../mmu/physmem";
import { tlbFlushAll } from "../mmu/tlb";
import { lapicSendIcr } from "./lapic/lapic";

/** MSR numbers. */
const enum KvmMsr {
  WALL_CLOCK_OLD = 0x11, SYSTEM_TIME_OLD = 0x12,
  WALL_CLOCK = 0x4B564D00, SYSTEM_TIME = 0x4B564D01, STEAL_TIME = 0x4B564D03,
}

/** Enable bit of the per-CPU registers. */
const ENABLE: u64 = 1;

/** Paravirtual state of a CPU, from CpuBlock.PARAVIRT. */
const enum Pv { STEAL_PA = 0x00, KICKED = 0x08, BUFFER = 0x40 }

/** pvclock_vcpu_time_info. */
const enum Pvclock { VERSION = 0, TSC_TIMESTAMP = 8, SYSTEM_TIME = 16, MUL = 24, SHIFT = 28, FLAGS = 29,
  BYTES = 32 }
const PVCLOCK_TSC_STABLE: u8 = 1;
/** pvclock_wall_clock. */
const enum WallClock { VERSION = 0, SEC = 4, NSEC = 8, BYTES = 12 }
/** kvm_steal_time. */
const enum Steal { STEAL = 0, VERSION = 8, FLAGS = 12, PREEMPTED = 16, BYTES = 64 }
/** Bits of `preempted`. */
const enum Preempted { PREEMPTED = 1, FLUSH_TLB = 2 }

const NS_PER_S: u64 = 1000000000;

/** Hypercall numbers and errors. */
const enum Hypercall { VAPIC_POLL_IRQ = 1, KICK_CPU = 5, SEND_IPI = 10, SCHED_YIELD = 11 }
const KVM_ENOSYS: i64 = -1000;
const KVM_EPERM: i64 = -1;

// @ts-ignore: decorator
@inline
function state(c: Cpu): usize {
  return changetype<usize>(c) + <usize>CpuBlock.PARAVIRT;
}

/**
 * Write n bytes of the scratch buffer to guest RAM; an address that is not RAM, or crosses a page, is
 * ignored.
 */
function publish(c: Cpu, pa: u64, n: u32): void {
  if (isRam(pa >> 12) && (<u32>pa & 0xFFF) + n <= 4096) physWriteBytes(c, pa, n, state(c) + Pv.BUFFER);
}

/** A write to one of KVM's MSRs, already stored. */
export function pvWriteMsr(c: Cpu, index: u32, value: u64): void {
  switch (index) {
    case KvmMsr.WALL_CLOCK_OLD:
    case KvmMsr.WALL_CLOCK:
      writeWallClock(c, value);
      return;
    case KvmMsr.SYSTEM_TIME_OLD:
    case KvmMsr.SYSTEM_TIME:
      if ((value & ENABLE) != 0) writeSystemTime(c, value & ~ENABLE);
      return;
    case KvmMsr.STEAL_TIME:
      startSteal(c, value);
      return;
    default:
  }
}

/** Unix time at machine time 0. Even version = consistent. */
function writeWallClock(c: Cpu, pa: u64): void {
  const wall = atomic.load<u64>(CONTROL + <usize>Control.WALL_NS);
  const b = state(c) + Pv.BUFFER;
  store<u32>(b, 2, WallClock.VERSION);
  store<u32>(b, <u32>(wall / NS_PER_S), WallClock.SEC);
  store<u32>(b, <u32>(wall % NS_PER_S), WallClock.NSEC);
  publish(c, pa, WallClock.BYTES);
}

/**
 * Scale of a counter of `hz`: ns = ((ticks << shift) * mul) >> 32, with mul in [2^31, 2^32). Shift is
 * returned in bits 39:32, mul in 31:0.
 */
export function pvScale(hz: u64): u64 {
  let ratio: f64 = 1e9 / <f64>hz;
  let shift: i32 = 0;
  while (ratio >= 1.0) {
    ratio *= 0.5;
    shift++;
  }
  while (ratio < 0.5) {
    ratio *= 2.0;
    shift--;
  }
  return (<u64>(shift & 0xFF) << 32) | <u64>(ratio * 4294967296.0);
}

/** The CPU's clock page: machine time 0 is TSC value `tscOffset` on this CPU. */
function writeSystemTime(c: Cpu, pa: u64): void {
  const b = state(c) + Pv.BUFFER;
  const scale = pvScale(tscHz());
  memory.fill(b, 0, Pvclock.BYTES);
  store<u32>(b, 2, Pvclock.VERSION);
  store<u64>(b, c.tscOffset, Pvclock.TSC_TIMESTAMP);
  store<u32>(b, <u32>scale, Pvclock.MUL);
  store<i8>(b, <i8>(scale >> 32), Pvclock.SHIFT);
  store<u8>(b, PVCLOCK_TSC_STABLE, Pvclock.FLAGS);
  publish(c, pa, Pvclock.BYTES);
}

/**
 * Nothing is ever stolen from a running CPU that the guest could be told about; the page serves `preempted`.
 */
function startSteal(c: Cpu, value: u64): void {
  const pa = value & ~(<u64>0x3F);
  const on = (value & ENABLE) != 0 && isRam(pa >> 12);
  store<u64>(state(c) + Pv.STEAL_PA, on ? pa | ENABLE : 0);
  if (!on) return;
  memory.fill(state(c) + Pv.BUFFER, 0, Steal.BYTES);
  store<u32>(state(c) + Pv.BUFFER, 2, Steal.VERSION);
  publish(c, pa, Steal.BYTES);
}

/** Before the CPU parks: others may defer TLB flushes for it and need not kick it. */
export function pvPark(c: Cpu): void {
  const steal = load<u64>(state(c) + Pv.STEAL_PA);
  if (steal == 0) return;
  atomic.store<u8>(ramHost(steal & ~ENABLE), Preempted.PREEMPTED, Steal.PREEMPTED);
}

/**
 * After it wakes, before it executes: take the deferred flush. Pairs with the guest's CMPXCHG on `preempted`.
 */
export function pvResume(c: Cpu): void {
  const steal = load<u64>(state(c) + Pv.STEAL_PA);
  if (steal == 0) return;
  const was = atomic.xchg<u8>(ramHost(steal & ~ENABLE), 0, Steal.PREEMPTED);
  if ((was & Preempted.FLUSH_TLB) != 0) tlbFlushAll(c);
}

/** Take a kick: wakes a halted CPU whatever IF says; one that has not halted yet must find it at its HLT. */
export function pvKick(c: Cpu): void {
  if (c.runState == RunState.HALTED) c.runState = RunState.RUNNING;
  else store<u32>(state(c) + Pv.KICKED, 1);
}

/** At HLT: was there a kick since the last one? */
export function pvTakeKick(c: Cpu): bool {
  const kicked = load<u32>(state(c) + Pv.KICKED) != 0;
  if (kicked) store<u32>(state(c) + Pv.KICKED, 0);
  return kicked;
}

/** CPU with this APIC id, or -1. */
function cpuOfApicId(apicId: u32): i32 {
  const cpus = control32(Control.CPUS);
  for (let id: u32 = 0; id < cpus; id++) {
    if (atomic.load<u32>(inboxOf(id), Inbox.APIC_ID) == apicId) return id;
  }
  return -1;
}

/**
 * VMCALL and VMMCALL: number in RAX, arguments in RBX RCX RDX RSI, result in RAX. 32-bit guests use the low
 * halves.
 */
export function hypercall(c: Cpu): void {
  let result: i64 = 0;
  if (c.cpl != 0) {
    result = KVM_EPERM;
  } else {
    const mask: u64 = c.mode64 ? ~(<u64>0) : 0xFFFFFFFF;
    const a0 = c.rbx & mask, a1 = c.rcx & mask, a2 = c.rdx & mask, a3 = c.rsi & mask;
    switch (<u32>c.rax) {
      case Hypercall.VAPIC_POLL_IRQ:
        break;
      case Hypercall.KICK_CPU: {
        const id = cpuOfApicId(<u32>a1);
        if (id >= 0) request(id, Request.KICK);
        break;
      }
      case Hypercall.SEND_IPI:
        result = sendIpis(c, a0, a1, <u32>a2, <u32>a3);
        break;
      case Hypercall.SCHED_YIELD:
        yieldTo(c, <u32>a0);
        break;
      default:
        result = KVM_ENOSYS;
    }
  }
  c.rax = c.mode64 ? <u64>result : <u64><u32>result;
}

/** A bitmap of destinations from APIC id `min` on (64 bits per word in 64-bit mode, 32 otherwise). Count delivered. */
function sendIpis(c: Cpu, low: u64, high: u64, min: u32, icr: u32): i64 {
  const word: u32 = c.mode64 ? 64 : 32;
  let sent: i64 = 0;
  for (let i: u32 = 0; i < word * 2; i++) {
    const bits = i < word ? low : high;
    if (!((bits >> <u64>(i % word)) & 1)) continue;
    if (cpuOfApicId(min + i) < 0) continue;
    // Physical destination, no shorthand, whatever the caller left in those bits.
    lapicSendIcr(c, (icr & ICR_KEPT), min + i);
    sent++;
  }
  return sent;
}
/** Vector, delivery mode, level and trigger of the interrupt command register (SDM 3A figure 11-12). */
const ICR_KEPT: u32 = 0xC7FF;

/**
 * SCHED_YIELD(apic id): the target has been seen preempted; give the host core away briefly so that it can
 * run.
 */
function yieldTo(c: Cpu, apicId: u32): void {
  const id = cpuOfApicId(apicId);
  if (id < 0 || control32(Control.RUNNING_CPUS) < control32(Control.HOST_CORES)) return;
  if (atomic.load<u32>(inboxOf(id), Inbox.RUN_STATE) != RunState.RUNNING) return;
  waitWord(inboxOf(c.id) + <usize>Inbox.ATTENTION, 0, YIELD_NS);
}
const YIELD_NS: i64 = 50000;
