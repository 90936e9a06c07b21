// Entry of the test build of string, port, system and SSE instructions: handlers by name, offsets of the
// fields that the tests set. The tests write the CPU and the record themselves.

import { Cpu } from "../cpu/state";
import { cpuid } from "../cpu/cpuid";
import { msrValue, readMsr, resetMsrs, writeMsr } from "../cpu/msr";
import { readTsc } from "../cpu/tsc";
import { pvScale } from "../cpu/paravirt";
import { chachaBlock, random64 } from "../cpu/random";
import { updateMode, refreshSegment } from "../cpu/mode";
import { readEflags } from "../cpu/flags";
import { physInit } from "../mmu/physmem";
import { tlbResetMode } from "../mmu/tlb";
import { hCmps, hLods, hMovs, hScas, hStos } from "./string";
import { hInDx, hInsByte, hOutDx, hIns } from "./io";
import { hMovToCr, hMovFromCr, hMovToDr, hLmsw, hSmsw, hXsetbv, hXgetbv } from "./control";
import { hCli, hHlt, hLgdt, hRdmsr, hSgdt, hRdrand, hSti, hVmcall, hWrmsr } from "./system";

export { resetMsrs, updateMode, refreshSegment, tlbResetMode, physInit, cpuid, readMsr, writeMsr, readTsc,
  pvScale };
export { readEflags, chachaBlock, random64 };
export {
  hInDx, hInsByte, hIns, hOutDx, hMovToCr, hMovFromCr, hMovToDr, hLmsw, hSmsw, hXsetbv, hXgetbv, hCli, hHlt,
    hLgdt,
  hRdmsr, hSgdt, hSti, hVmcall, hWrmsr, hRdrand,
};

export function lastMsr(): u64 { return msrValue; }

export function movs8(c: Cpu, r: usize): i32 { return hMovs<u8>(c, r); }
export function movs16(c: Cpu, r: usize): i32 { return hMovs<u16>(c, r); }
export function movs64(c: Cpu, r: usize): i32 { return hMovs<u64>(c, r); }
export function stos8(c: Cpu, r: usize): i32 { return hStos<u8>(c, r); }
export function stos32(c: Cpu, r: usize): i32 { return hStos<u32>(c, r); }
export function stos64(c: Cpu, r: usize): i32 { return hStos<u64>(c, r); }
export function lods32(c: Cpu, r: usize): i32 { return hLods<u32>(c, r); }
export function scas8(c: Cpu, r: usize): i32 { return hScas<u8>(c, r); }
export function cmps16(c: Cpu, r: usize): i32 { return hCmps<u16>(c, r); }

/** Offsets in the order of FIELDS in system.test.ts. */
export function fieldOffset(n: i32): u32 {
  switch (n) {
    case 0: return offsetof<Cpu>("cr0");
    case 1: return offsetof<Cpu>("cr3");
    case 2: return offsetof<Cpu>("cr4");
    case 3: return offsetof<Cpu>("efer");
    case 4: return offsetof<Cpu>("eflags");
    case 5: return offsetof<Cpu>("excVector");
    case 6: return offsetof<Cpu>("excError");
    case 7: return offsetof<Cpu>("excAddress");
    case 8: return offsetof<Cpu>("apicBase");
    case 9: return offsetof<Cpu>("shadow");
    case 10: return offsetof<Cpu>("runState");
    case 11: return offsetof<Cpu>("gdtrBase");
    case 12: return offsetof<Cpu>("gdtrLimit");
    case 13: return offsetof<Cpu>("xcr0");
    case 14: return offsetof<Cpu>("dr7");
    case 15: return offsetof<Cpu>("id");
    case 16: return offsetof<Cpu>("tscAux");
    case 17: return offsetof<Cpu>("mxcsr");
    case 18: return offsetof<Cpu>("cpl");
    case 19: return offsetof<Cpu>("fpuTop");
    case 20: return offsetof<Cpu>("fpuEmpty");
    default: return 0;
  }
}
