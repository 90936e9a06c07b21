// The whole core with what region.test.ts needs to set up machines and to look inside.

import { readEflags } from "../../cpu/flags";
import { Inbox, Request, inboxOf, request, stateOf } from "../../cpu/inbox";
import { Attr, updateMode } from "../../cpu/mode";
import { Cpu, Seg } from "../../cpu/state";
import { Control } from "../../lib/control";
import { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES, CPU_PROFILE } from "../../lib/layout";
import { FORMS, Profile } from "../../lib/profile";
import { setSegment } from "../../mmu/segment";
import { tlbResetMode } from "../../mmu/tlb";
import { physStore } from "./stores";
import { regions, forgetHeads } from "../region";

export * from "../../main";

const CPUS: u32 = 2;
const RAM_PAGES: u32 = 0x1000;

function control(offset: Control, value: u32): void { store<u32>(CONTROL + <usize>offset, value); }

/**
 * Control words of a machine of two CPUs with 16 MiB that checks one of `every` entries into regions, 0 =
 * none; the address of RAM.
 */
export function configure(options: u32, every: u32): usize {
  const ram = CPU_BLOCKS + (every == 0 ? CPUS : CPUS + 1) * CPU_BLOCK_BYTES;
  control(Control.CHECK_REGIONS, every);
  control(Control.CPUS, CPUS);
  control(Control.RAM_BASE, ram);
  control(Control.RAM_PAGES, RAM_PAGES);
  control(Control.HOST_CORES, CPUS);
  control(Control.CPU_MODEL, 2);
  store<u64>(CONTROL + <usize>Control.TSC_HZ, 1000000000);
  control(Control.FAILED, 0);
  control(Control.END, 0);
  control(Control.RUNNING, 1);
  control(Control.OPTIONS, options);
  for (let id: u32 = 0; id < CPUS; id++) {
    store<u32>(inboxOf(id), 0, Inbox.REQUESTS);
    store<u32>(inboxOf(id), 0, Inbox.ATTENTION);
  }
  forgetHeads();
  return ram;
}

export function cpuOf(id: u32): usize { return stateOf(id); }
export function flagsOf(id: u32): u64 { return readEflags(changetype<Cpu>(stateOf(id))); }
/** Handlers called out of regions, all forms together. */
export function helperCalls(id: u32): u32 {
  const table = stateOf(id) + CPU_PROFILE + Profile.HELPERS;
  let sum: u32 = 0;
  for (let form: u32 = 0; form < FORMS; form++) sum += load<u32>(table + (<usize>form << 2));
  return sum;
}
/** Regions of a CPU left for reason `why` (exits.ts). */
export function exitsOf(id: u32, why: u32): u32 {
  return <u32>load<u64>(stateOf(id) + CPU_PROFILE + Profile.EXITS + (<usize>why << 3));
}
/** A counter of a CPU. */
export function countOf(id: u32, n: u32): u32 {
  return <u32>load<u64>(stateOf(id) + CPU_PROFILE + (<usize>n << 3));
}
/** Address of MXCSR of a CPU. */
export function mxcsrOf(id: u32): usize { return stateOf(id) + offsetof<Cpu>("mxcsr"); }
export function regionCount(): u32 { return regions; }
export function raiseNmi(id: u32): void { request(id, Request.NMI); }
/** A store of 8 bytes to a guest-physical address by CPU `id`, as its slow path does it. */
export function storeAs(id: u32, address: u64, value: u64): void {
  physStore(changetype<Cpu>(stateOf(id)), address, value);
}

const FLAT_LIMIT: u32 = 0xFFFFFFFF;
const CODE32: u32 = Attr.G | Attr.DB | Attr.CODE_SEGMENT;
const DATA32: u32 = Attr.G | Attr.DB | Attr.DATA;
/** Protection, numeric error, paging; 4 MiB pages, OSFXSR, OSXMMEXCPT. */
const CR0_PAGED: u64 = 0x80000031;
const CR4_LEGACY: u64 = 0x610;

/** CPU 0 goes on in flat 32-bit code, in compatibility mode or, with `cr3`, in legacy protected mode. */
export function enter32(cr3: u32, codeSelector: u32, dataSelector: u32): void {
  const c = changetype<Cpu>(stateOf(0));
  for (let n: u32 = Seg.ES; n <= <u32>Seg.GS; n++) setSegment(c, n, dataSelector, 0, FLAT_LIMIT, DATA32);
  setSegment(c, Seg.CS, codeSelector, 0, FLAT_LIMIT, CODE32);
  if (cr3) {
    c.cr0 = CR0_PAGED;
    c.cr3 = cr3;
    c.cr4 = CR4_LEGACY;
    c.efer = 0;
  }
  updateMode(c);
  tlbResetMode(c);
}

/** Base and limit of a data segment of CPU 0; bit 2 of `type` = it expands down. */
export function setBase(seg: u32, base: u32, limit: u32, type: u32): void {
  setSegment(changetype<Cpu>(stateOf(0)), seg, 0, base, limit, DATA32 | type);
}

/** Offsets of the fields that the tests use, by their place in FIELDS of machine.ts. */
export function fieldOffset(n: i32): usize {
  switch (n) {
    case 0: return offsetof<Cpu>("rip");
    case 1: return offsetof<Cpu>("instructions");
    case 2: return offsetof<Cpu>("cr2");
    case 3: return offsetof<Cpu>("idtrBase");
    case 4: return offsetof<Cpu>("idtrLimit");
    case 5: return offsetof<Cpu>("cr4");
    case 6: return offsetof<Cpu>("cr0");
    case 7: return offsetof<Cpu>("fpuControl");
    default: return 0;
  }
}
