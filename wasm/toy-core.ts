// A toy core (AssemblyScript) for tests of the host side: the exports of wasm/main.ts without a processor.
// CPU 0 obeys one letter at a time from serial port 1; other CPUs wait. Letters: p power off, d debug exit
// 42, t triple fault, r reset, x trap, P panic, w print the CPU count, s spin without polling, l log;
// anything else is echoed.

import { Control, MachineEnd, control32 } from "./lib/control";
import { CONTROL } from "./lib/layout";
import { waitWord } from "./lib/atomics";
import { hostLog, hostNow, hostPanic } from "./lib/host";
import { Inbox, Request, inboxOf, request, stateOf } from "./cpu/inbox";
import { Cpu } from "./cpu/state";
import { RING_SERIAL0_IN, RING_SERIAL0_OUT, RING_SERIAL_BYTES, ringGet, ringInit, ringPut, ringSignalHost }
  from "./lib/ring";

let cpu: u32 = 0;
let entry: u64 = 0;

/** Waits while the ring is full: the host empties it when it gets the processor. */
function print(byte: u32): void {
  while (!ringPut(RING_SERIAL0_OUT, byte)) {
    if (control32(Control.FAILED) != 0 || control32(Control.END) != 0) return;
    waitWord(inboxOf(cpu) + <usize>Inbox.ATTENTION, 0, 1000000);
  }
  ringSignalHost();
}

export function machineInit(): void {
  ringInit(RING_SERIAL0_OUT, RING_SERIAL_BYTES);
  ringInit(RING_SERIAL0_IN, RING_SERIAL_BYTES);
}
export function presetForDirectBoot(): void {}
export function cpuInit(id: u32): void {
  cpu = id;
}
export function setBootState(kind: u32, rip: u64, arg: u64, cr3: u64): void {
  entry = rip;
}

function end(reason: u32, value: u32): void {
  atomic.store<u32>(CONTROL + <usize>Control.END_VALUE, value);
  atomic.store<u32>(CONTROL + <usize>Control.END, reason);
  for (let id: u32 = 0; id < control32(Control.CPUS); id++) request(id, Request.STOP);
  ringSignalHost();
}

function obey(letter: i32): void {
  switch (letter) {
    case 0x70: end(MachineEnd.POWER_OFF, 0); break;
    case 0x64: end(MachineEnd.DEBUG_EXIT, 42); break;
    case 0x74: end(MachineEnd.TRIPLE_FAULT, cpu); break;
    case 0x72:
      atomic.add<u32>(CONTROL + <usize>Control.RESET_REQUEST, 1);
      for (let id: u32 = 0; id < control32(Control.CPUS); id++) request(id, Request.RESET);
      ringSignalHost();
      break;
    case 0x78: unreachable();
    case 0x50: hostPanic(7, 9); break;
    case 0x77: print(0x30 + control32(Control.CPUS)); break;
    case 0x73: for (;;) atomic.load<u32>(CONTROL); break;
    case 0x6c: hostLog(0x110, 0x55, 0); break;
    default: print(<u32>letter);
  }
}

/** One turn of CPU `cpu`; nonzero = leave with this exit. */
function turn(box: usize): i32 {
  atomic.store<u32>(box, 0, Inbox.ATTENTION);
  const requests = atomic.load<u32>(box, Inbox.REQUESTS);
  if (control32(Control.FAILED) != 0 || control32(Control.END) != 0) return 3;
  if (requests & Request.STOP) return 1;
  if (requests & Request.RESET) return 2;
  if (requests & Request.PAUSE) {
    if (control32(Control.RUNNING)) atomic.and<u32>(box, ~(<u32>Request.PAUSE), Inbox.REQUESTS);
    else waitWord(box + <usize>Inbox.ATTENTION, 0, 100000000);
    return 0;
  }
  atomic.add<u64>(stateOf(cpu), 1000, offsetof<Cpu>("instructions"));
  const letter = cpu == 0 ? ringGet(RING_SERIAL0_IN) : -1;
  if (letter >= 0) obey(letter);
  else waitWord(box + <usize>Inbox.ATTENTION, 0, 5000000);
  return 0;
}

export function cpuRun(): i32 {
  if (cpu == 0 && entry == 0x100000) print(0x21);
  let exit = 0;
  while (exit == 0) exit = turn(inboxOf(cpu));
  return exit;
}

export function clockRun(): i32 {
  let last = hostNow();
  while (control32(Control.FAILED) == 0 && control32(Control.END) == 0) {
    const generation = control32(Control.CLOCK_WAKE);
    if (hostNow() < last) hostPanic(99, 0);
    last = hostNow();
    waitWord(CONTROL + <usize>Control.CLOCK_WAKE, generation, 10000000);
  }
  return 0;
}
