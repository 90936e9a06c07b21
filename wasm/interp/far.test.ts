// Far transfers, returns, fast system calls, segment loads and reset state against SDM vol. 2 and vol. 3A ch. 5 and 10.

import { beforeAll, describe, expect, test } from "vitest";
import {
  CODE0, CODE1, CODE16, CODE3, CODE32, CODE32_USER, CONFORMING, CS, DATA0, DATA1, DATA16, DATA3, DS, END, ES, FAULT, FREE, FS,
  GDT, GS, HANDLERS, JUMP, LDT, LDTR, LDT_SELECTOR, type Machine, NEXT, SS, STACK0, STACK1, STACK3, TR, TSS, TSS2, TSS2_SELECTOR,
  TSS_SELECTOR, buildMachine, descriptor, gate, longMachine, protectedMachine, realMachine, setPrivilege, v86Machine,
} from "./testing/machine.ts";

let make: () => Machine;
beforeAll(() => { make = buildMachine("far-test"); });

const POISON = 0x8000000000000000n;
const far = (selector: number, offset = 0x6000): bigint => BigInt(offset) | (BigInt(selector) << 32n);
/** Status and exception of a handler that must fault. */
const faultOf = (m: Machine, status: number): (number | undefined)[] => [status, ...m.pending()];

describe("far JMP and CALL", () => {
  test("real-address mode", () => {
    const m = realMachine(make);
    expect(m.run("hCallFar", { imm: far(0x2000, 0x30), size: 1, length: 5 })).toBe(JUMP);
    expect([m.selector(CS), m.segment(CS).base, m.num("rip")]).toEqual([0x2000, 0x20000n, 0x30]);
    expect(m.words(0x1000 + 0x1000 - 4, 2, 2)).toEqual([0x105, 0x100]);
    expect(m.run("hRetFar", { size: 1 })).toBe(JUMP);
    expect([m.selector(CS), m.num("rip"), m.num("rsp")]).toEqual([0x100, 0x105, 0x1000]);
    expect(faultOf(m, m.run("hJmpFar", { imm: far(0x2000, 0x10000), size: 2 }))).toEqual([FAULT, 13, 0]);
  });
  test("into protected mode: CR0.PE set, then a far jump", () => {
    const m = protectedMachine(make);
    expect(m.run("hJmpFar", { imm: far(CODE16, 0x123), size: 1 })).toBe(JUMP);
    expect([m.selector(CS), m.num("codeMode"), m.num("rip"), m.segment(CS).limit]).toEqual([CODE16, 0, 0x123, 0xFFFF]);
    expect(m.gdtAccess(CODE16)).toBe(0x9B);
  });
  test("memory operand and conforming code at privilege 3", () => {
    const m = protectedMachine(make);
    setPrivilege(m, 3);
    m.putWords(0x700, 4, [0x6000, CONFORMING]);
    expect(m.run("hCallFarMem", { mem: 0x700, length: 6 })).toBe(JUMP);
    expect([m.selector(CS), m.num("cpl")]).toEqual([CONFORMING | 3, 3]);
    expect(m.words(STACK3 - 8, 2, 4)).toEqual([0x5006, CODE3]);
    expect(m.run("hRetFarImm", { imm: 0x10n })).toBe(JUMP);
    expect([m.num("rip"), m.num("rsp"), m.selector(CS)]).toEqual([0x5006, STACK3 + 0x10, CODE3]);
  });
  const cases: [string, number, number, number, (m: Machine) => void][] = [
    ["null", 3, 13, 0, () => {}],
    ["beyond the GDT", 0x103, 13, 0x100, () => {}],
    ["data", DATA0, 13, DATA0, () => {}],
    ["LDT descriptor", LDT_SELECTOR, 13, LDT_SELECTOR, () => {}],
    ["other privilege", CODE3, 13, 0x18, () => {}],
    ["RPL above CPL", CODE0 | 3, 13, CODE0, () => {}],
    ["not present", FREE, 11, FREE, (m) => m.setGdt(FREE, descriptor(0, 0xFFFFF, 0x1A, 0xC))],
    ["beyond the limit", FREE, 13, 0, (m) => m.setGdt(FREE, descriptor(0, 0xFFF, 0x9A, 0x4))],
    ["LDT without one", 0x0C, 13, 0x0C, (m) => { m.run("hLldt", { rm: 0 }); }],
  ];
  test.each(cases)("%s", (_, selector, vector, error, prepare) => {
    const m = protectedMachine(make);
    prepare(m);
    expect(faultOf(m, m.run("hJmpFar", { imm: far(selector) }))).toEqual([FAULT, vector, error]);
    expect(m.selector(CS)).toBe(CODE0);
  });
  test("64-bit: m16:64, compatibility code, L with D is #GP", () => {
    const m = longMachine(make);
    m.write(0x700, 8, 0x7FFF00001234n);
    m.write(0x708, 2, CODE0);
    expect(m.run("hJmpFarMem", { mem: 0x700, size: 3 })).toBe(JUMP);
    expect(m.get("rip")).toBe(0x7FFF00001234n);
    m.putWords(0x700, 4, [0x6000, CODE32]);
    expect(m.run("hCallFarMem", { mem: 0x700, size: 2 })).toBe(JUMP);
    expect([m.num("mode64"), m.num("codeMode")]).toEqual([0, 1]);
    expect(m.words(STACK0 - 8, 2, 4)).toEqual([0x1236, CODE0]);
    expect(m.run("hJmpFar", { imm: far(CODE0) })).toBe(JUMP);
    expect(m.num("mode64")).toBe(1);
    m.setGdt(FREE, descriptor(0, 0xFFFFF, 0x9A, 0xE));
    m.putWords(0x700, 4, [0x6000, FREE]);
    expect(faultOf(m, m.run("hJmpFarMem", { mem: 0x700, size: 2 }))).toEqual([FAULT, 13, FREE]);
    m.write(0x700, 8, 0x800000000000n);
    m.write(0x708, 2, CODE0);
    expect(faultOf(m, m.run("hJmpFarMem", { mem: 0x700, size: 3 }))).toEqual([FAULT, 13, 0]);
  });
});

describe("call gates", () => {
  test("32-bit, same privilege", () => {
    const m = protectedMachine(make);
    m.setGdt(FREE, gate(CODE0, 0x12345, 0x8C));
    expect(m.run("hCallFar", { imm: far(FREE, 0xDEAD), length: 7 })).toBe(JUMP);
    expect([m.num("rip"), m.num("rsp")]).toEqual([0x12345, STACK0 - 8]);
    expect(m.words(STACK0 - 8, 2, 4)).toEqual([0x5007, CODE0]);
  });
  test("32-bit, 3 to 1 with three parameters; RETF releases them on both stacks", () => {
    const m = protectedMachine(make);
    m.setGdt(FREE, gate(CODE1 & ~3, 0x6000, 0xEC, 3));
    setPrivilege(m, 3);
    m.putWords(STACK3, 4, [0xA, 0xB, 0xC]);
    expect(m.run("hCallFar", { imm: far(FREE | 3), length: 7 })).toBe(JUMP);
    expect(m.words(STACK1 - 28, 7, 4)).toEqual([0x5007, CODE3, 0xA, 0xB, 0xC, STACK3, DATA3]);
    expect([m.num("cpl"), m.selector(CS), m.selector(SS), m.num("rsp")]).toEqual([1, CODE1, DATA1, STACK1 - 28]);
    m.setSegment(ES, DATA1, 0, 0xFFFFFFFF, 0xC0B3);
    expect(m.run("hRetFarImm", { imm: 12n })).toBe(JUMP);
    expect([m.num("cpl"), m.num("rsp"), m.num("rip"), m.selector(SS)]).toEqual([3, STACK3 + 12, 0x5007, DATA3]);
    // A data segment above the new privilege is dropped, one of the new privilege stays.
    expect([m.segment(ES).isNull, m.selector(ES), m.selector(DS)]).toEqual([true, 0, DATA3]);
  });
  test("16-bit gate from 32-bit code", () => {
    const m = protectedMachine(make);
    m.setGdt(FREE, gate(CODE0, 0x6000, 0xE4, 2));
    setPrivilege(m, 3);
    m.putWords(STACK3, 2, [0xA, 0xB]);
    expect(m.run("hCallFar", { imm: far(FREE | 3), length: 7 })).toBe(JUMP);
    expect(m.words(STACK0 - 12, 6, 2)).toEqual([0x5007, CODE3, 0xA, 0xB, STACK3, DATA3]);
  });
  test("64-bit gate to privilege 0", () => {
    const m = longMachine(make);
    m.setGdt(FREE, gate(CODE0, 0x6000, 0xEC));
    m.write(GDT + FREE + 8, 8, 0x7FFFn);
    setPrivilege(m, 3, true);
    m.putWords(0x700, 4, [0, FREE | 3]);
    expect(m.run("hCallFarMem", { mem: 0x700, length: 3 })).toBe(JUMP);
    expect(m.get("rip")).toBe(0x7FFF00006000n);
    expect(m.words(STACK0 - 32, 4, 8)).toEqual([0x5003, CODE3, STACK3, DATA3]);
    expect([m.num("cpl"), m.selector(SS)]).toEqual([0, 0]);
    expect(m.run("hRetFar", { size: 3 })).toBe(JUMP);
    expect([m.num("cpl"), m.num("rip"), m.num("rsp"), m.selector(SS)]).toEqual([3, 0x5003, STACK3, DATA3]);
  });
  const cases: [string, [number, number], bigint, (m: Machine) => void][] = [
    ["gate privilege", [13, FREE], gate(CODE0, 0x6000, 0x8C), () => {}],
    ["gate not present", [11, FREE], gate(CODE0, 0x6000, 0x6C), () => {}],
    ["null code", [13, 0], gate(0, 0x6000, 0xEC), () => {}],
    ["code beyond the GDT", [13, 0x100], gate(0x100, 0x6000, 0xEC), () => {}],
    ["code is data", [13, DATA0], gate(DATA0, 0x6000, 0xEC), () => {}],
    ["code not present", [11, CODE16], gate(CODE16, 0x6000, 0xEC), (m) => m.setGdt(CODE16, descriptor(0, 0xFFFF, 0x1A, 0))],
    ["offset beyond the limit", [13, 0], gate(CODE16, 0x10000, 0xEC), () => {}],
    ["TSS too short", [10, TSS_SELECTOR], gate(CODE0, 0x6000, 0xEC), (m) => m.setSegment(TR, TSS_SELECTOR, TSS, 8, 0x8B)],
    ["null stack", [10, 0], gate(CODE0, 0x6000, 0xEC), (m) => m.write(TSS + 8, 2, 0)],
    ["stack privilege", [10, 0x20], gate(CODE0, 0x6000, 0xEC), (m) => m.write(TSS + 8, 2, DATA3)],
    ["stack not present", [12, DATA16], gate(CODE0, 0x6000, 0xEC), (m) => {
      m.setGdt(DATA16, descriptor(0, 0xFFFF, 0x12, 0));
      m.write(TSS + 8, 2, DATA16);
    }],
    ["stack too small", [12, DATA16], gate(CODE0, 0x6000, 0xEC), (m) => {
      m.setGdt(DATA16, descriptor(0, 7, 0x92, 0));
      m.putWords(TSS + 4, 4, [8, DATA16]);
    }],
  ];
  test.each(cases)("%s", (_, want, value, prepare) => {
    const m = protectedMachine(make);
    m.setGdt(FREE, value);
    prepare(m);
    setPrivilege(m, 3);
    expect(faultOf(m, m.run("hCallFar", { imm: far(FREE | 3) }))).toEqual([FAULT, ...want]);
    expect([m.num("cpl"), m.num("rsp"), m.num("rip")]).toEqual([3, STACK3, 0x5000]);
  });
  test("a JMP through a gate may not change privilege; a task gate works", () => {
    const m = protectedMachine(make);
    m.setGdt(FREE, gate(CODE0, 0x6000, 0xEC));
    setPrivilege(m, 3);
    expect(faultOf(m, m.run("hJmpFar", { imm: far(FREE | 3) }))).toEqual([FAULT, 13, CODE0]);
    m.setGdt(FREE, gate(TSS2_SELECTOR, 0, 0xE5));
    m.putWords(TSS2 + 0x1C, 4, [0, 0x6000, 2, 0, 0, 0, 0, 0x7F00, 0, 0, 0, DATA0, CODE0, DATA0, DATA0, 0, 0, 0]);
    expect(m.run("hJmpFar", { imm: far(FREE | 3) })).toBe(JUMP);
    expect([m.num("cpl"), m.selector(TR)]).toEqual([0, TSS2_SELECTOR]);
  });
});

describe("RETF and IRET", () => {
  const push = (m: Machine, bytes: number, values: (number | bigint)[]): void => m.putWords(STACK0, bytes, values);
  const cases: [string, [number, number], number[]][] = [
    ["null CS", [13, 0], [0x6000, 0]],
    ["beyond the GDT", [13, 0x100], [0x6000, 0x100]],
    ["data", [13, DATA0], [0x6000, DATA0]],
    ["DPL differs from RPL", [13, CODE0], [0x6000, CODE0 | 3]],
    ["null SS", [13, 0], [0x6000, CODE3, 0x9000, 0]],
    ["SS RPL", [13, DATA0], [0x6000, CODE3, 0x9000, DATA0]],
    ["SS is code", [13, CODE3 & ~3], [0x6000, CODE3, 0x9000, CODE3]],
  ];
  test.each(cases)("%s", (_, want, frame) => {
    const m = protectedMachine(make);
    push(m, 4, frame);
    expect(faultOf(m, m.run("hRetFar"))).toEqual([FAULT, ...want]);
    const [ip, cs, ...rest] = frame;
    push(m, 4, [ip!, cs!, 0x202, ...rest]);
    expect(faultOf(m, m.run("hIret"))).toEqual([FAULT, ...want]);
    expect([m.num("rsp"), m.num("rip"), m.num("eflags")]).toEqual([STACK0, 0x5000, 2]);
  });
  test("to an inner privilege is #GP(selector)", () => {
    const m = protectedMachine(make);
    setPrivilege(m, 3);
    m.putWords(STACK3, 4, [0x6000, CODE0, 2]);
    expect(faultOf(m, m.run("hIret"))).toEqual([FAULT, 13, CODE0]);
  });
  test("not-present CS and SS", () => {
    const m = protectedMachine(make);
    m.setGdt(FREE, descriptor(0, 0xFFFFF, 0x7A, 0xC));
    push(m, 4, [0x6000, FREE | 3, 0x9000, DATA3]);
    expect(faultOf(m, m.run("hRetFar"))).toEqual([FAULT, 11, FREE]);
    m.setGdt(FREE, descriptor(0, 0xFFFFF, 0x72, 0xC));
    push(m, 4, [0x6000, CODE3, 0x9000, FREE | 3]);
    expect(faultOf(m, m.run("hRetFar"))).toEqual([FAULT, 12, FREE]);
  });
  test("IRETD to the same and to the outer privilege; flags by CPL and IOPL", () => {
    const m = protectedMachine(make);
    push(m, 4, [0x6000, CODE0, 0x247FD7]);
    expect(m.run("hIret")).toBe(JUMP);
    expect([m.num("rip"), m.num("rsp"), m.num("eflags")]).toEqual([0x6000, STACK0 + 12, 0x247FD7]);
    m.set({ eflags: 2, rsp: STACK0 });
    push(m, 4, [0x6000, CODE3, 0x3202, 0x9100, DATA3]);
    expect(m.run("hIret")).toBe(JUMP);
    expect([m.num("cpl"), m.num("rsp"), m.num("eflags"), m.segment(DS).isNull]).toEqual([3, 0x9100, 0x3202, true]);
    m.set({ eflags: 2 });
    m.putWords(0x9100, 4, [0x6000, CODE3, 0x3302]);
    expect(m.run("hIret")).toBe(JUMP);
    expect(m.num("eflags")).toBe(0x102);
  });
  test("IRET with 16-bit operands, IRET in real mode", () => {
    const m = protectedMachine(make);
    m.set({ eflags: 0x40002 });
    push(m, 2, [0x6000, CODE0, 0x893]);
    expect(m.run("hIret", { size: 1 })).toBe(JUMP);
    expect([m.num("rsp"), m.num("eflags")]).toEqual([STACK0 + 6, 0x40893]);
    const r = realMachine(make);
    r.putWords(0x2000, 2, [0x10, 0x300, 0x7FFF]);
    expect(r.run("hIret", { size: 1 })).toBe(JUMP);
    expect([r.selector(CS), r.num("rip"), r.num("eflags"), r.num("rsp")]).toEqual([0x300, 0x10, 0x7FD7, 0x1006]);
  });
  test("IRET in virtual-8086 mode keeps IOPL and VM, and needs IOPL 3", () => {
    const m = v86Machine(make);
    m.putWords(0x5020 + 0x400, 2, [0x10, 0x600, 0x0002]);
    expect(m.run("hIret", { size: 1 })).toBe(JUMP);
    expect([m.selector(CS), m.num("eflags")]).toEqual([0x600, 0x23002]);
    const low = v86Machine(make, 2);
    expect(faultOf(low, low.run("hIret", { size: 1 }))).toEqual([FAULT, 13, 0]);
  });
  test("IRETQ: always SS:RSP, null SS below privilege 3, NT is #GP", () => {
    const m = longMachine(make);
    push(m, 8, [0x6000, CODE0, 0x202, 0x7000, 0]);
    expect(m.run("hIret", { size: 3 })).toBe(JUMP);
    expect([m.num("rsp"), m.selector(SS), m.segment(SS).isNull, m.num("cpl")]).toEqual([0x7000, 0, true, 0]);
    m.set({ rsp: STACK0 });
    push(m, 8, [0x6000, CODE3, 0x202, 0x7000, 0]);
    expect(faultOf(m, m.run("hIret", { size: 3 }))).toEqual([FAULT, 13, 0]);
    push(m, 8, [1n << 47n, CODE3, 0x202, 0x7000, DATA3]);
    expect(faultOf(m, m.run("hIret", { size: 3 }))).toEqual([FAULT, 13, 0]);
    push(m, 8, [0x6000, CODE32_USER, 0x202, 0x7000, DATA3]);
    expect(m.run("hIret", { size: 3 })).toBe(JUMP);
    expect([m.num("codeMode"), m.num("cpl")]).toEqual([1, 3]);
    const n = longMachine(make);
    n.set({ eflags: 0x4002 });
    expect(faultOf(n, n.run("hIret", { size: 3 }))).toEqual([FAULT, 13, 0]);
  });
  test("the user's null FS keeps its base, a privileged GS becomes null", () => {
    const m = longMachine(make);
    m.run("hMovToSreg", { reg: FS, rm: 0 });
    m.setBase(FS, 0x7FFF12345678n);
    m.setSegment(GS, DATA0, 0x1234n, 0xFFFFFFFF, 0xC093);
    push(m, 8, [0x6000, CODE3, 0x202, 0x7000, DATA3]);
    expect(m.run("hIret", { size: 3 })).toBe(JUMP);
    expect([m.segment(GS).selector, m.segment(GS).isNull]).toEqual([0, true]);
    expect(m.segment(FS)).toMatchObject({ selector: 0, isNull: true, base: 0x7FFF12345678n });
  });
  test("16-bit stack segment: only SP is loaded", () => {
    const m = protectedMachine(make);
    m.setGdt(FREE, descriptor(0, 0xFFFF, 0xF2, 0));
    m.set({ rsp: STACK0 });
    push(m, 4, [0x6000, CODE3, 0x2, 0xABCD1234, FREE | 3]);
    expect(m.run("hIret")).toBe(JUMP);
    expect(m.num("rsp")).toBe((STACK0 & ~0xFFFF) | 0x1234);
  });
});

describe("fast system calls", () => {
  test("SYSCALL and SYSRET", () => {
    const m = longMachine(make);
    m.set({ star: (0x23n << 48n) | (0x10n << 32n), lstar: 0xFFFFFFFF81000000n, sfmask: 0x257FD5, eflags: 0x10A46 });
    setPrivilege(m, 3, true);
    expect(m.run("hSyscall")).toBe(JUMP);
    expect([m.get("rip"), m.num("rcx"), m.num("r11")]).toEqual([0xFFFFFFFF81000000n, 0x5002, 0xA46]);
    expect([m.selector(CS), m.selector(SS), m.num("cpl"), m.num("eflags"), m.num("mode64")]).toEqual([0x10, 0x18, 0, 2, 1]);
    expect(m.run("hSysret", { size: 3 })).toBe(JUMP);
    expect([m.num("rip"), m.num("cpl"), m.selector(CS), m.selector(SS), m.num("eflags")]).toEqual([0x5002, 3, 0x33, 0x2B, 0xA46]);
    m.run("hSyscall");
    expect(m.run("hSysret", { size: 2 })).toBe(JUMP);
    expect([m.selector(CS), m.num("codeMode"), m.num("cpl")]).toEqual([0x23, 1, 3]);
    expect(faultOf(m, m.run("hSyscall"))).toEqual([FAULT, 6, undefined]);
  });
  test("SYSRET faults: privilege, non-canonical RCX, SCE", () => {
    const m = longMachine(make);
    m.set({ rcx: 1n << 47n });
    expect(faultOf(m, m.run("hSysret", { size: 3 }))).toEqual([FAULT, 13, 0]);
    m.set({ efer: 0x500 });
    expect(faultOf(m, m.run("hSysret", { size: 3 }))).toEqual([FAULT, 6, undefined]);
    m.set({ efer: 0x501 });
    setPrivilege(m, 3, true);
    expect(faultOf(m, m.run("hSysret", { size: 3 }))).toEqual([FAULT, 13, 0]);
  });
  test("SYSENTER and SYSEXIT", () => {
    const m = protectedMachine(make);
    setPrivilege(m, 3);
    expect(faultOf(m, m.run("hSysenter"))).toEqual([FAULT, 13, 0]);
    m.set({ sysenterCs: CODE0, sysenterEsp: 0x7700, sysenterEip: 0x6600, eflags: 0x202 });
    expect(m.run("hSysenter")).toBe(JUMP);
    expect([m.num("rip"), m.num("rsp"), m.selector(CS), m.selector(SS), m.num("cpl"), m.num("eflags")])
      .toEqual([0x6600, 0x7700, CODE0, DATA0, 0, 2]);
    m.set({ rcx: 0x9000, rdx: 0x5002 });
    expect(m.run("hSysexit", { size: 2 })).toBe(JUMP);
    expect([m.num("rip"), m.num("rsp"), m.selector(CS), m.selector(SS), m.num("cpl")]).toEqual([0x5002, 0x9000, 0x1B, 0x23, 3]);
    expect(faultOf(m, m.run("hSysexit", { size: 2 }))).toEqual([FAULT, 13, 0]);
  });
  test("SYSENTER in long mode enters 64-bit code; SYSEXIT with REX.W", () => {
    const m = longMachine(make);
    m.set({ sysenterCs: CODE0, sysenterEsp: 0xFFFF800000007700n, sysenterEip: 0xFFFF800000006600n });
    setPrivilege(m, 3, true);
    expect(m.run("hSysenter")).toBe(JUMP);
    expect([m.get("rip"), m.get("rsp"), m.num("mode64")]).toEqual([0xFFFF800000006600n, 0xFFFF800000007700n, 1]);
    m.set({ rcx: 0x9000, rdx: 0x5002 });
    expect(m.run("hSysexit", { size: 3 })).toBe(JUMP);
    expect([m.selector(CS), m.selector(SS), m.num("mode64"), m.num("cpl")]).toEqual([CODE0 + 35, CODE0 + 43, 1, 3]);
  });
  test("SWAPGS", () => {
    const m = longMachine(make);
    m.set({ kernelGsBase: 0xFFFF888000000000n });
    expect(m.run("hSwapgs")).toBe(NEXT);
    expect([m.segment(GS).base, m.get("kernelGsBase")]).toEqual([0xFFFF888000000000n, 0n]);
    setPrivilege(m, 3, true);
    expect(faultOf(m, m.run("hSwapgs"))).toEqual([FAULT, 13, 0]);
  });
});

describe("segment loads", () => {
  const load = (m: Machine, seg: number, selector: number): number => {
    m.set({ rax: selector });
    return m.run("hMovToSreg", { reg: seg, rm: 0 });
  };
  test("data segment: base, limit, accessed bit; SS casts a shadow", () => {
    const m = protectedMachine(make);
    m.setGdt(FREE, descriptor(0x12345678, 0x12345, 0x92, 0xC));
    expect(load(m, ES, FREE)).toBe(END);
    expect(m.segment(ES)).toEqual({ selector: FREE, base: 0x12345678n, limit: 0x12345FFF, attr: 0xC093, isNull: false });
    expect([m.gdtAccess(FREE), m.num("shadow")]).toEqual([0x93, 0]);
    expect(load(m, SS, DATA16)).toBe(END);
    expect(m.num("shadow")).toBe(2);
  });
  test("LDT selector", () => {
    const m = protectedMachine(make);
    m.write(LDT + 8, 8, descriptor(0x1000, 0xFF, 0x92, 4));
    expect(load(m, DS, 0x0C)).toBe(END);
    expect(m.segment(DS)).toMatchObject({ selector: 0x0C, base: 0x1000n, limit: 0xFF });
  });
  const cases: [string, number, number, [number, number], (m: Machine) => void][] = [
    ["SS null", SS, 0, [13, 0], () => {}],
    ["SS RPL", SS, DATA0 | 1, [13, DATA0], () => {}],
    ["SS code", SS, CODE0, [13, CODE0], () => {}],
    ["SS DPL", SS, DATA3, [13, DATA3 & ~3], () => {}],
    ["SS not present", SS, FREE, [12, FREE], (m) => m.setGdt(FREE, descriptor(0, 0xFF, 0x12, 0))],
    ["DS beyond the GDT", DS, 0x100, [13, 0x100], () => {}],
    ["DS beyond the LDT", DS, 0x24, [13, 0x24], () => {}],
    ["DS system", DS, TSS_SELECTOR, [13, TSS_SELECTOR], () => {}],
    ["DS execute-only", DS, FREE, [13, FREE], (m) => m.setGdt(FREE, descriptor(0, 0xFF, 0x98, 0))],
    ["DS RPL above DPL", DS, DATA0 | 3, [13, DATA0], () => {}],
    ["DS not present", GS, FREE, [11, FREE], (m) => m.setGdt(FREE, descriptor(0, 0xFF, 0x12, 0))],
  ];
  test.each(cases)("%s", (_, seg, selector, want, prepare) => {
    const m = protectedMachine(make);
    prepare(m);
    const before = m.segment(seg);
    expect(faultOf(m, load(m, seg, selector))).toEqual([FAULT, ...want]);
    expect(m.segment(seg)).toEqual(before);
  });
  test("CS, and numbers 6 and 7, are #UD", () => {
    const m = protectedMachine(make);
    for (const seg of [1, 6, 7]) expect(faultOf(m, load(m, seg, DATA0))).toEqual([FAULT, 6, undefined]);
    expect(faultOf(m, m.run("hMovFromSeg", { reg: 6 }))).toEqual([FAULT, 6, undefined]);
  });
  test("null in 64-bit mode: SS only with RPL = CPL < 3", () => {
    const m = longMachine(make);
    expect(load(m, SS, 0)).toBe(END);
    expect([m.num("cpl"), m.segment(SS).isNull]).toEqual([0, true]);
    expect(faultOf(m, load(m, SS, 3))).toEqual([FAULT, 13, 0]);
    setPrivilege(m, 3, true);
    expect(faultOf(m, load(m, SS, 3))).toEqual([FAULT, 13, 0]);
    expect(load(m, GS, 0)).toBe(NEXT);
    expect(m.linear(GS, 0x10n, 8)).toBe(0x10n);
  });
  test("real mode keeps limit and attributes; virtual-8086 mode sets them", () => {
    const m = realMachine(make);
    m.setSegment(DS, 8, 0, 0xFFFFFFFF, 0xC093);
    expect(load(m, DS, 0x1234)).toBe(END);
    expect(m.segment(DS)).toMatchObject({ base: 0x12340n, limit: 0xFFFFFFFF });
    const v = v86Machine(make);
    v.setSegment(DS, 8, 0, 0xFFFFFFFF, 0xC093);
    load(v, DS, 0x1234);
    expect(v.segment(DS)).toMatchObject({ base: 0x12340n, limit: 0xFFFF, attr: 0xF3 });
  });
  test("MOV from, POP, LDS, LSS", () => {
    const m = protectedMachine(make);
    m.set({ rax: -1n });
    expect(m.run("hMovFromSeg", { reg: DS, rm: 0, size: 2 })).toBe(NEXT);
    expect(m.get("rax")).toBe(BigInt(DATA0));
    expect(m.run("hMovFromSeg", { reg: CS, mem: 0x700 })).toBe(NEXT);
    expect(m.read(0x700, 4)).toBe(BigInt(CODE0));
    m.putWords(STACK0, 4, [DATA3]);
    expect(m.run("hPopEs", { length: 1 })).toBe(NEXT);
    expect([m.selector(ES), m.num("rsp")]).toEqual([DATA3, STACK0 + 4]);
    m.putWords(STACK0 + 4, 4, [DATA3]);
    expect(faultOf(m, m.run("hPopSs"))).toEqual([FAULT, 13, DATA3 & ~3]);
    expect(m.num("rsp")).toBe(STACK0 + 4);
    m.putWords(0x700, 4, [0x12345678, DATA3]);
    expect(m.run("hLds", { mem: 0x700, reg: 24 })).toBe(END);
    expect([m.num("rbx"), m.selector(DS)]).toEqual([0x12345678, DATA3]);
    m.set({ rbx: 1 });
    expect(faultOf(m, m.run("hLss", { mem: 0x700, reg: 24 }))).toEqual([FAULT, 13, DATA3 & ~3]);
    expect(m.num("rbx")).toBe(1);
    expect(faultOf(m, m.run("hLds", { reg: 24 }))).toEqual([FAULT, 6, undefined]);
  });
});

describe("linear addresses", () => {
  test("expand-up limits, wrap, #GP and #SS", () => {
    const m = protectedMachine(make);
    m.setSegment(DS, DATA0, 0xFFFFF000, 0x1FFF, 0x4093);
    m.setSegment(SS, DATA0, 0, 0xFFF, 0x4093);
    expect(m.linear(DS, 0x1FFCn, 4)).toBe(0xFFCn);
    expect(m.linear(DS, 0x1FFDn, 4)).toBe(POISON);
    expect(m.pending()).toEqual([13, 0]);
    expect(m.linear(SS, 0x1000n, 1)).toBe(POISON);
    expect(m.pending()).toEqual([12, 0]);
  });
  test("expand-down: above the limit, up to 64 KiB or 4 GiB", () => {
    const m = protectedMachine(make);
    m.setSegment(DS, DATA0, 0, 0xFFF, 0x97);
    expect(m.linear(DS, 0xFFFn, 1)).toBe(POISON);
    expect(m.linear(DS, 0x1000n, 2)).toBe(0x1000n);
    expect(m.linear(DS, 0xFFFFn, 2)).toBe(POISON);
    m.setSegment(DS, DATA0, 0, 0xFFF, 0x4097);
    expect(m.linear(DS, 0xFFFFn, 2)).toBe(0xFFFFn);
    expect(m.linear(DS, 0xFFFFFFFEn, 4)).toBe(POISON);
  });
  test("types: read-only data, code, null; none of it in real mode", () => {
    const m = protectedMachine(make);
    m.setSegment(DS, DATA0, 0, 0xFFFF, 0x4091);
    expect([m.linear(DS, 0n, 1), m.linear(DS, 0n, 1, true)]).toEqual([0n, POISON]);
    expect([m.linear(CS, 0n, 1), m.linear(CS, 0n, 1, true)]).toEqual([0n, POISON]);
    m.setSegment(DS, CODE0, 0, 0xFFFF, 0x4099);
    expect(m.linear(DS, 0n, 1)).toBe(POISON);
    m.run("hMovToSreg", { reg: DS, rm: 0 });
    expect(m.linear(DS, 0n, 1)).toBe(POISON);
    const r = realMachine(make);
    expect([r.linear(CS, 0n, 1, true), r.linear(CS, 0xFFFFn, 2)]).toEqual([0x1000n, POISON]);
  });
  test("64-bit mode: FS and GS have bases, nothing has limits, non-canonical stack is #SS", () => {
    const m = longMachine(make);
    m.setSegment(FS, 0, 0xFFFF800000000000n, 0, 0);
    m.setSegment(DS, 0, 0x1000, 0, 0);
    expect(m.linear(FS, 8n, 8)).toBe(0xFFFF800000000008n);
    expect(m.linear(DS, 0x7FFFFFFFFFFFn, 1, true)).toBe(0x7FFFFFFFFFFFn);
    expect(m.linear(SS, 0x800000000000n, 8)).toBe(POISON);
    expect(m.pending()).toEqual([12, 0]);
  });
});

describe("LDTR, TR and questions about descriptors", () => {
  const ask = (m: Machine, handler: "hLar" | "hLsl" | "hVerr" | "hVerw", selector: number): [number, number] => {
    m.set({ rax: selector, rbx: 0x5A5A, eflags: 2 });
    expect(m.run(handler, { rm: 0, reg: 24 })).toBe(NEXT);
    return [(m.num("eflags") >> 6) & 1, m.num("rbx")];
  };
  test("LTR sets busy; a busy one, an LDT or null is #GP; LTR needs CPL 0", () => {
    const m = protectedMachine(make);
    m.set({ rax: TSS2_SELECTOR });
    expect(m.run("hLtr", { rm: 0 })).toBe(END);
    expect([m.gdtAccess(TSS2_SELECTOR), m.segment(TR).base, m.segment(TR).attr]).toEqual([0x8B, BigInt(TSS2), 0x8B]);
    for (const [selector, vector, error] of [[TSS2_SELECTOR, 13, TSS2_SELECTOR],
      [LDT_SELECTOR, 13, LDT_SELECTOR], [0, 13, 0], [4, 13, 4]] as const) {
      m.set({ rax: selector });
      expect(faultOf(m, m.run("hLtr", { rm: 0 }))).toEqual([FAULT, vector, error]);
    }
    m.setGdt(FREE, descriptor(TSS, 0x67, 0x09, 0));
    m.set({ rax: FREE });
    expect(faultOf(m, m.run("hLtr", { rm: 0 }))).toEqual([FAULT, 11, FREE]);
    setPrivilege(m, 3);
    expect(faultOf(m, m.run("hLtr", { rm: 0 }))).toEqual([FAULT, 13, 0]);
  });
  test("64-bit LTR and LLDT read 16-byte descriptors", () => {
    const m = longMachine(make);
    m.setGdt(0x90, descriptor(0x81000000, 0x67, 0x89, 0));
    m.write(GDT + 0x98, 8, 0xFFFFFFFFn);
    m.set({ rax: 0x90 });
    expect(m.run("hLtr", { rm: 0 })).toBe(END);
    expect(m.segment(TR)).toMatchObject({ base: 0xFFFFFFFF81000000n, limit: 0x67, attr: 0x8B });
    m.setGdt(0x90, descriptor(0x2000, 0xFF, 0x82, 0));
    expect(m.run("hLldt", { rm: 0 })).toBe(END);
    expect(m.segment(LDTR).base).toBe(0xFFFFFFFF00002000n);
    m.write(GDT + 0x98, 8, 0x100n << 32n);
    expect(faultOf(m, m.run("hLldt", { rm: 0 }))).toEqual([FAULT, 13, 0x90]);
    m.set({ rax: 0xF8 });
    m.setGdt(0xF8, descriptor(0, 0xFF, 0x82, 0));
    expect(faultOf(m, m.run("hLldt", { rm: 0 }))).toEqual([FAULT, 13, 0xF8]);
  });
  test("SLDT, STR; real mode has none of them", () => {
    const m = protectedMachine(make);
    expect(m.run("hStr", { rm: 0 })).toBe(NEXT);
    expect(m.num("rax")).toBe(TSS_SELECTOR);
    expect(m.run("hSldt", { mem: 0x700 })).toBe(NEXT);
    expect(m.read(0x700, 2)).toBe(BigInt(LDT_SELECTOR));
    const r = realMachine(make);
    for (const h of ["hStr", "hSldt", "hLldt", "hLtr", "hVerr", "hVerw", "hLar", "hLsl", "hArpl"] as const) {
      expect(faultOf(r, r.run(h, { rm: 0 }))).toEqual([FAULT, 6, undefined]);
    }
    m.set({ cr4: 0x800 });
    setPrivilege(m, 3);
    expect(faultOf(m, m.run("hStr", { rm: 0 }))).toEqual([FAULT, 13, 0]);
  });
  test("LAR and LSL", () => {
    const m = protectedMachine(make);
    expect(ask(m, "hLar", CODE0)).toEqual([1, 0xC09A00]);
    expect(ask(m, "hLsl", CODE0)).toEqual([1, 0xFFFFFFFF]);
    expect(ask(m, "hLar", TSS_SELECTOR)).toEqual([1, 0x8B00]);
    expect(ask(m, "hLsl", TSS_SELECTOR)).toEqual([1, 0x67]);
    m.setGdt(FREE, gate(CODE0, 0, 0x8C));
    expect(ask(m, "hLar", FREE)).toEqual([1, 0x8C00]);
    expect(ask(m, "hLsl", FREE)).toEqual([0, 0x5A5A]);
    m.setGdt(FREE, gate(CODE0, 0, 0x8E));
    for (const selector of [FREE, 0, 0x100, DATA0 | 3]) expect(ask(m, "hLar", selector)).toEqual([0, 0x5A5A]);
    setPrivilege(m, 3);
    expect([ask(m, "hLar", CODE0)[0], ask(m, "hLar", CONFORMING)[0], ask(m, "hLar", CODE3)[0]]).toEqual([0, 1, 1]);
    const n = longMachine(make);
    n.setGdt(FREE, descriptor(TSS, 0x67, 0x81, 0));
    expect([ask(n, "hLar", FREE)[0], ask(n, "hLar", TSS_SELECTOR)[0]]).toEqual([0, 1]);
  });
  test("VERR and VERW", () => {
    const m = protectedMachine(make);
    const zf = (h: "hVerr" | "hVerw", s: number): number => ask(m, h, s)[0];
    m.setGdt(FREE, descriptor(0, 0, 0x98, 0));
    expect([DATA0, CODE0, FREE, TSS_SELECTOR, 0].map((s) => zf("hVerr", s))).toEqual([1, 1, 0, 0, 0]);
    expect([DATA0, CODE0, FREE].map((s) => zf("hVerw", s))).toEqual([1, 0, 0]);
  });
  test("ARPL", () => {
    const m = protectedMachine(make);
    m.set({ rax: 0x10, rbx: 3 });
    expect(m.run("hArpl", { rm: 0, reg: 24 })).toBe(NEXT);
    expect([m.num("rax"), m.num("eflags") & 0x40]).toEqual([0x13, 0x40]);
    m.set({ rbx: 1 });
    m.write(0x700, 2, 0x22);
    expect(m.run("hArpl", { mem: 0x700, reg: 24 })).toBe(NEXT);
    expect([m.read(0x700, 2), m.num("eflags") & 0x40]).toEqual([0x22n, 0]);
  });
});

test("random tables, selectors and stacks: every handler ends in a status, every delivery in a mode", () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9);
  console.log(`far.test.ts seed ${seed}`);
  let state = seed | 1;
  const random = (n: number): number => {
    state = Math.imul(state ^ (state >>> 15), 0x2C1B3C6D) + 0x9E3779B9 | 0;
    return ((state ^ (state >>> 13)) >>> 0) % n;
  };
  const kinds = [realMachine, v86Machine, protectedMachine, longMachine];
  const machines = kinds.map((kind) => kind(make));
  for (let round = 0; round < 4000; round++) {
    const m = machines[round & 3]!;
    if (m.num("runState") === 4 || random(40) === 0) machines[round & 3] = kinds[round & 3]!(() => m.again());
    for (let i = 0; i < 24; i++) m.write(GDT + random(0x100), 1, random(256));
    for (let i = 0; i < 8; i++) m.setIdt(random(64), gate(random(16) * 8 | random(4), random(0x10000), 0x80 | random(256), random(8)));
    m.putWords(m.num("rsp") & 0xFFFFF, 2, Array.from({ length: 24 }, () => random(4) === 0 ? random(65536) : random(16) * 8));
    if (random(3) === 0) m.fault(random(20), random(2) - 1, 0n);
    const status = m.run(HANDLERS[random(HANDLERS.length)]!, {
      size: 1 + random(3), imm: far(random(16) * 8 | random(4), random(0x10000)), reg: random(6),
      ...(random(2) === 0 ? { mem: random(0x10000) } : { rm: random(8) * 8 }),
    });
    expect([NEXT, FAULT, END, JUMP]).toContain(status);
    expect([0, 1, 2, 3]).toContain(m.num("cpl"));
    if (status === FAULT) m.interrupt(m.num("excVector"));
  }
});

describe("reset", () => {
  test("RESET state (SDM 3A table 10-1)", () => {
    const m = longMachine(make);
    m.set({ rax: 5, mxcsr: 0 });
    m.reset(false);
    expect([m.num("rip"), m.selector(CS), m.segment(CS).base, m.num("cr0"), m.num("eflags")]).toEqual([0xFFF0, 0xF000, 0xFFFF0000n,
      0x60000010, 2]);
    expect([m.num("rax"), m.num("rdx") & 0xF00, m.num("dr6"), m.num("dr7")]).toEqual([0, 0x600, 0xFFFF0FF0, 0x400]);
    expect([m.num("gdtrLimit"), m.num("idtrLimit"), m.num("efer"), m.num("cr4")]).toEqual([0xFFFF, 0xFFFF, 0, 0]);
    expect([m.num("mxcsr"), m.num("fpuControl"), m.num("codeMode"), m.num("cpl")]).toEqual([0x1F80, 0x40, 0, 0]);
    for (const n of [ES, SS, DS, FS, GS]) expect(m.segment(n)).toMatchObject({ selector: 0, base: 0n, limit: 0xFFFF, attr: 0x93 });
  });
  test("INIT keeps FPU and cache bits; SIPI starts at vector << 12", () => {
    const m = longMachine(make);
    m.set({ mxcsr: 0x1234, fpuControl: 0x37F, cr0: 0x80000011 });
    m.reset(true);
    expect([m.num("mxcsr"), m.num("fpuControl"), m.num("cr0")]).toEqual([0x1234, 0x37F, 0x10]);
    m.startup(0x9A);
    expect([m.selector(CS), m.segment(CS).base, m.num("rip"), m.num("runState")]).toEqual([0x9A00, 0x9A000n, 0, 0]);
  });
});
