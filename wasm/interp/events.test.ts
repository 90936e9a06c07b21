// Delivery of events against SDM vol. 3A ch. 6 and vol. 2 "INT n": every gate kind, every error code, IST,
// the double fault table up to shutdown, real-address and virtual-8086 mode, hardware tasks. Frames are read
// from the top down.

import { beforeAll, describe, expect, test } from "vitest";
import {
  CODE0, CODE1, CODE16, CODE3, CODE32, CODE32_USER, CONFORMING, CS, DATA0, DATA3, DS, ES, EXTERNAL, FAULT,
    FREE, FS, GS, IDT,
  JUMP, type Machine, NMI, SHUTDOWN, SS, STACK0, STACK1, STACK3, TR, TSS, TSS2, TSS2_SELECTOR, TSS_SELECTOR,
    DATA1, buildMachine,
  descriptor, gate, longMachine, protectedMachine, realMachine, setPrivilege, v86Machine,
} from "./testing/machine.ts";

let make: () => Machine;
beforeAll(() => { make = buildMachine("events-test"); });

const INT16 = 0x86, TRAP16 = 0x87, INT32 = 0x8E, TRAP32 = 0x8F, TASK = 0x85;
const IF = 0x200, TF = 0x100, NT = 0x4000, RF = 0x10000, VM = 0x20000, AC = 0x40000;

describe("protected mode, same privilege", () => {
  test("32-bit interrupt gate: frame, IF TF NT RF cleared", () => {
    const m = protectedMachine(make);
    m.setIdt(0x40, gate(CODE0, 0x12345678, INT32));
    m.set({ eflags: 0x2 | IF | TF | NT | RF | 1 });
    m.interrupt(0x40);
    expect(m.num("rip")).toBe(0x12345678);
    expect(m.num("rsp")).toBe(STACK0 - 12);
    expect(m.words(STACK0 - 12, 3, 4)).toEqual([0x5000, CODE0, 0x3 | IF | TF | NT | RF]);
    expect(m.num("eflags")).toBe(0x3);
    expect(m.gdtAccess(CODE0)).toBe(0x9B);
  });
  test("trap gate keeps IF", () => {
    const m = protectedMachine(make);
    m.setIdt(0x41, gate(CODE0, 0x6000, TRAP32));
    m.set({ eflags: 0x2 | IF });
    m.interrupt(0x41);
    expect(m.num("eflags")).toBe(0x2 | IF);
  });
  test.each([[INT16, 0x2], [TRAP16, 0x202]])("16-bit gate %i pushes words", (type, flags) => {
    const m = protectedMachine(make);
    m.setIdt(0x42, gate(CODE16, 0x1234, type));
    m.set({ eflags: 0x2 | IF });
    m.interrupt(0x42);
    expect(m.words(STACK0 - 6, 3, 2)).toEqual([0x5000, CODE0, 0x202]);
    expect(m.num("rip")).toBe(0x1234);
    expect(m.num("eflags")).toBe(flags);
    expect(m.num("codeMode")).toBe(0);
  });
  test("faults push RF and the error code; others do not", () => {
    const m = protectedMachine(make);
    m.setIdt(13, gate(CODE0, 0x6000, INT32));
    m.fault(13, 0x1230);
    expect(m.words(STACK0 - 16, 4, 4)).toEqual([0x1230, 0x5000, CODE0, 0x2 | RF]);
    const b = protectedMachine(make);
    b.setIdt(1, gate(CODE0, 0x6000, INT32));
    b.set({ dr7: 0x2400 });
    b.fault(1, -1, 0x4001n);
    expect(b.words(STACK0 - 12, 3, 4)).toEqual([0x5000, CODE0, 0x2]);
    expect(b.num("dr6") & 0xF00F).toBe(0x4001);
    expect(b.num("dr7")).toBe(0x400);
  });
  test("16-bit gate pushes the error code as a word", () => {
    const m = protectedMachine(make);
    m.setIdt(12, gate(CODE16, 0x6000, INT16));
    m.fault(12, 0x44);
    expect(m.words(STACK0 - 8, 2, 2)).toEqual([0x44, 0x5000]);
  });
  test("#PF sets CR2", () => {
    const m = protectedMachine(make);
    m.setIdt(14, gate(CODE0, 0x6000, INT32));
    m.fault(14, 6, 0xDEAD0123n);
    expect(m.num("cr2")).toBe(0xDEAD0123);
    expect(m.words(STACK0 - 16, 2, 4)).toEqual([6, 0x5000]);
  });
  test("16-bit stack keeps the upper half of ESP and wraps", () => {
    const m = protectedMachine(make);
    m.setIdt(0x40, gate(CODE0, 0x6000, INT32));
    m.setSegment(SS, 0x30, 0, 0xFFFF, 0x93);
    m.set({ rsp: 0xABCD0000 });
    m.modeChanged();
    m.interrupt(0x40);
    expect(m.num("rsp")).toBe(0xABCDFFF4);
    expect(m.words(0xFFF4, 2, 4)).toEqual([0x5000, CODE0]);
  });
});

describe("protected mode, inner privilege", () => {
  test.each([["32-bit TSS", false], ["16-bit TSS", true]])("3 to 0 with a %s", (_, narrow) => {
    const m = protectedMachine(make);
    if (narrow) {
      m.putWords(TSS + 2, 2, [0x7000, DATA0]);
      m.setSegment(TR, TSS_SELECTOR, TSS, 0x2B, 0x83);
    }
    m.setIdt(0x80, gate(CODE0, 0x6000, INT32));
    setPrivilege(m, 3);
    m.interrupt(0x80);
    const top = narrow ? 0x7000 : STACK0;
    expect(m.words(top - 20, 5, 4)).toEqual([0x5000, CODE3, 0x2, STACK3, DATA3]);
    expect([m.num("cpl"), m.selector(CS), m.selector(SS), m.num("rsp")]).toEqual([0, CODE0, DATA0, top - 20]);
  });
  test("3 to 1", () => {
    const m = protectedMachine(make);
    m.setIdt(0x80, gate(CODE1, 0x6000, TRAP32));
    setPrivilege(m, 3);
    m.interrupt(0x80);
    expect([m.num("cpl"), m.selector(CS), m.selector(SS), m.num("rsp")]).toEqual([1, CODE1, DATA1, STACK1 - 20]);
  });
  test("conforming code keeps the privilege and the stack", () => {
    const m = protectedMachine(make);
    m.setIdt(0x80, gate(CONFORMING, 0x6000, INT32));
    setPrivilege(m, 3);
    m.interrupt(0x80);
    expect([m.num("cpl"), m.selector(CS), m.num("rsp")]).toEqual([3, CONFORMING | 3, STACK3 - 12]);
  });
});

/** The first fault of delivering `vector` as an external interrupt lands in handler #TS #NP #SS #GP: its error code. */
function errorOf(m: Machine, run: () => void): [number, number] {
  for (const v of [10, 11, 12, 13]) m.setIdt(v, gate(CODE0, 0x100000 + v * 0x100, INT32));
  run();
  const vector = (m.num("rip") - 0x100000) / 0x100;
  return [vector, Number(m.read(m.num("rsp"), 4))];
}

describe("protected mode, error codes of delivery (EXT set)", () => {
  const cases: [string, [number, number], (m: Machine) => void][] = [
    ["vector beyond the IDT", [13, 0x203], (m) => m.set({ idtrLimit: 0x200 + 6 })],
    ["no gate type", [13, 0x203], (m) => m.setIdt(0x40, gate(CODE0, 0, 0x8C))],
    ["not present", [11, 0x203], (m) => m.setIdt(0x40, gate(CODE0, 0, 0x0E))],
    ["null selector", [13, 1], (m) => m.setIdt(0x40, gate(0, 0, INT32))],
    ["selector beyond the GDT", [13, 0x101], (m) => m.setIdt(0x40, gate(0x103, 0, INT32))],
    ["data segment", [13, DATA0 | 1], (m) => m.setIdt(0x40, gate(DATA0, 0, INT32))],
    ["less privileged code", [13, 0x19], (m) => m.setIdt(0x40, gate(CODE3, 0, INT32))],
    ["code not present", [11, FREE | 1], (m) => {
      m.setGdt(FREE, descriptor(0, 0xFFFFF, 0x1A, 0xC));
      m.setIdt(0x40, gate(FREE, 0, INT32));
    }],
    ["offset beyond the limit", [13, 1], (m) => {
      m.setGdt(FREE, descriptor(0, 0xFF, 0x9A, 4));
      m.setIdt(0x40, gate(FREE, 0x100, INT32));
    }],
  ];
  test.each(cases)("%s", (_, want, prepare) => {
    const m = protectedMachine(make);
    prepare(m);
    expect(errorOf(m, () => m.interrupt(0x40))).toEqual(want);
  });

  const stacks: [string, [number, number], (m: Machine) => void][] = [
    ["TSS too short", [10, TSS_SELECTOR | 1], (m) => m.setSegment(TR, TSS_SELECTOR, TSS, 0x10, 0x8B)],
    ["null stack", [10, 1], (m) => m.write(TSS + 0x10, 2, 1)],
    ["stack beyond the GDT", [10, 0x101], (m) => m.write(TSS + 0x10, 2, 0x101)],
    ["RPL of the stack", [10, 0x69], (m) => m.write(TSS + 0x10, 2, 0x68)],
    ["stack is code", [10, 0x61], (m) => m.write(TSS + 0x10, 2, CODE1)],
    ["stack of another DPL", [10, 0x11], (m) => m.write(TSS + 0x10, 2, 0x11)],
    ["stack read-only", [10, FREE | 1], (m) => {
      m.setGdt(FREE, descriptor(0, 0xFFFFF, 0xB0, 0xC));
      m.write(TSS + 0x10, 2, FREE | 1);
    }],
    ["stack not present", [12, FREE | 1], (m) => {
      m.setGdt(FREE, descriptor(0, 0xFFFFF, 0x32, 0xC));
      m.write(TSS + 0x10, 2, FREE | 1);
    }],
    ["stack too small", [12, FREE | 1], (m) => {
      m.setGdt(FREE, descriptor(0, 0xF, 0xB2, 0x4));
      m.write(TSS + 0x10, 2, FREE | 1);
      m.write(TSS + 0x0C, 4, 0x10);
    }],
  ];
  test.each(stacks)("inner privilege 1: %s", (_, want, prepare) => {
    const m = protectedMachine(make);
    prepare(m);
    m.setIdt(0x40, gate(CODE1, 0x6000, INT32));
    setPrivilege(m, 3);
    expect(errorOf(m, () => m.interrupt(0x40))).toEqual(want);
    expect(m.num("cpl")).toBe(0);
  });

  test("software interrupts: gate privilege, EXT clear, RIP stays", () => {
    const m = protectedMachine(make);
    m.setIdt(0x40, gate(CODE0, 0x6000, INT32));
    setPrivilege(m, 3);
    expect(m.run("hInt", { imm: 0x40n })).toBe(FAULT);
    expect(m.pending()).toEqual([13, 0x202]);
    expect(m.num("rip")).toBe(0x5000);
    m.setIdt(0x40, gate(CODE0, 0x6000, 0xEE));
    m.set({ eflags: 2 | RF });
    expect(m.run("hInt", { imm: 0x40n })).toBe(JUMP);
    expect(m.words(STACK0 - 20, 3, 4)).toEqual([0x5002, CODE3, 2]);
  });
  test("INT3 and INTO check the gate's privilege, INT1 does not", () => {
    const m = protectedMachine(make);
    for (const v of [1, 3, 4]) m.setIdt(v, gate(CODE0, 0x6000 + v, INT32));
    setPrivilege(m, 3);
    expect(m.run("hInt3", { length: 1 })).toBe(FAULT);
    expect(m.pending()).toEqual([13, 0x1A]);
    expect(m.run("hInto", { length: 1 })).toBe(0);
    m.set({ eflags: 0x802, rip: 0x5000 });
    expect(m.run("hInto", { length: 1 })).toBe(FAULT);
    expect(m.pending()).toEqual([13, 0x22]);
    expect(m.run("hInt1", { length: 1 })).toBe(JUMP);
    expect(m.num("rip")).toBe(0x6001);
    expect(m.words(STACK0 - 20, 1, 4)).toEqual([0x5001]);
  });
});

describe("double and triple faults (table 6-5)", () => {
  test("contributory + contributory = #DF 0, RIP of the first", () => {
    const m = protectedMachine(make);
    m.setIdt(8, gate(CODE0, 0x7777, INT32));
    m.fault(13, 0x55);
    expect(m.num("rip")).toBe(0x7777);
    expect(m.words(STACK0 - 16, 3, 4)).toEqual([0, 0x5000, CODE0]);
  });
  test("page fault + #GP = #DF; #PF + #PF too", () => {
    const m = protectedMachine(make);
    m.setIdt(8, gate(CODE0, 0x7777, INT32));
    m.fault(14, 0, 0x99n);
    expect([m.num("rip"), m.num("cr2")]).toEqual([0x7777, 0x99]);
  });
  test("benign + contributory is served in series", () => {
    const m = protectedMachine(make);
    m.setIdt(11, gate(CODE0, 0x6011, INT32));
    m.setIdt(8, gate(CODE0, 0x7777, INT32));
    m.setIdt(6, gate(CODE0, 0, 0x0E));
    m.fault(6);
    expect([m.num("rip"), Number(m.read(m.num("rsp"), 4))]).toEqual([0x6011, 0x33]);
  });
  test("contributory + page fault is served in series, page fault + contributory is not", () => {
    const m = protectedMachine(make);
    // 4 MiB pages, the fourth not present: the IDT's #GP entry lies there.
    for (let i = 0; i < 3; i++) m.write(0x10000 + i * 4, 4, (i << 22) | 0x83);
    m.set({ cr3: 0x10000, cr4: 0x10, cr0: 0x80000011, idtrBase: 0xC00000 - 13 * 8, idtrLimit: 0x7FF });
    m.modeChanged();
    m.write(0xC00000 - 5 * 8, 8, gate(CODE0, 0x6008, INT32));
    m.fault(13, 0x55);
    // #GP's gate faults, #PF's gate faults: double.
    expect([m.num("rip"), m.num("cr2")]).toEqual([0x6008, 0xC00008]);
  });
  test("a fault of #DF's delivery is shutdown", () => {
    const m = protectedMachine(make);
    m.fault(13, 0);
    expect(m.num("runState")).toBe(SHUTDOWN);
    const n = longMachine(make);
    n.set({ idtrLimit: 0 });
    n.interrupt(0x20);
    expect(n.num("runState")).toBe(SHUTDOWN);
  });
});

describe("virtual-8086 mode", () => {
  test("leaves to privilege 0 with nine words, segments null", () => {
    const m = v86Machine(make);
    m.setIdt(0x20, gate(CODE0, 0x6000, INT32));
    m.interrupt(0x20);
    expect(m.words(STACK0 - 36, 9, 4)).toEqual([0x200, 0x501, 0x23202, 0x400, 0x502, 0x500, 0x503, 0x504,
      0x505]);
    for (const n of [ES, DS, FS, GS]) expect(m.segment(n)).toMatchObject({ selector: 0, isNull: true });
    expect([m.num("cpl"), m.num("eflags") & VM, m.num("codeMode")]).toEqual([0, 0, 1]);
    expect(m.run("hIret", { size: 2 })).toBe(JUMP);
    expect([m.num("rip"), m.num("rsp"), m.num("cpl"), m.num("eflags")]).toEqual([0x200, 0x400, 3, 0x23202]);
    expect([ES, CS, SS, DS, FS, GS].map((n) => m.selector(n))).toEqual([0x500, 0x501, 0x502, 0x503, 0x504,
      0x505]);
    expect(m.segment(DS)).toMatchObject({ base: 0x5030n, limit: 0xFFFF, attr: 0xF3 });
  });
  test("a handler that is not at privilege 0 is #GP(selector)", () => {
    const m = v86Machine(make);
    m.setIdt(0x20, gate(CODE1, 0x6000, INT32));
    expect(errorOf(m, () => m.interrupt(0x20))).toEqual([13, 0x61]);
  });
  test("INT n needs IOPL 3, INT3 does not", () => {
    const m = v86Machine(make, 0);
    for (const v of [3, 0x21]) m.setIdt(v, gate(CODE0, 0x6000 + v, 0xEE));
    expect(m.run("hInt", { imm: 0x21n })).toBe(FAULT);
    expect(m.pending()).toEqual([13, 0]);
    expect(m.run("hInt3", { length: 1 })).toBe(JUMP);
    expect(m.num("rip")).toBe(0x6003);
  });
  test("VME: a clear redirection bit goes through the vector table at 0 with VIF for IF", () => {
    const m = v86Machine(make, 0);
    m.set({ cr4: 1, eflags: 0xA0202 });
    m.setSegment(TR, TSS_SELECTOR, TSS, 0xFF, 0x8B);
    m.write(TSS + 0x66, 2, 0x88);
    m.putWords(0x21 * 4, 2, [0x1234, 0x700]);
    expect(m.run("hInt", { imm: 0x21n })).toBe(JUMP);
    expect([m.selector(CS), m.num("rip"), m.num("eflags")]).toEqual([0x700, 0x1234, 0x20202]);
    expect(m.words(0x5020 + 0x400 - 6, 3, 2)).toEqual([0x202, 0x501, 0x3202]);
    expect(m.run("hIret", { size: 1 })).toBe(JUMP);
    expect([m.selector(CS), m.num("rip"), m.num("eflags")]).toEqual([0x501, 0x202, 0xA0202]);
  });
});

describe("real-address mode", () => {
  test("vector table, no error code, IF TF AC cleared", () => {
    const m = realMachine(make);
    m.putWords(13 * 4, 2, [0x4321, 0x2000]);
    m.set({ eflags: 0x202 | TF | AC });
    m.fault(13, 0x18);
    expect([m.selector(CS), m.segment(CS).base, m.num("rip"), m.num("eflags")]).toEqual([0x2000, 0x20000n, 0x4321, 0x2]);
    expect(m.words(0x1000 + 0x1000 - 6, 3, 2)).toEqual([0x100, 0x100, 0x302]);
  });
  test("a vector beyond the table doubles, then shuts down", () => {
    const m = realMachine(make);
    m.putWords(13 * 4, 2, [0x4321, 0x2000]);
    m.set({ idtrLimit: 13 * 4 + 3 });
    m.interrupt(0x40);
    expect(m.num("rip")).toBe(0x4321);
    m.set({ idtrLimit: 3 });
    m.interrupt(0x40);
    expect(m.num("runState")).toBe(SHUTDOWN);
  });
});

describe("long mode", () => {
  test("same privilege: SS:RSP always pushed, stack aligned to 16", () => {
    const m = longMachine(make);
    m.setIdt64(0x20, gate(CODE0, 0x600000, INT32), 0x7FFFn);
    m.set({ rsp: STACK0 - 3, eflags: 0x202 });
    m.interrupt(0x20);
    expect(m.get("rip")).toBe(0x7FFF00600000n);
    expect(m.words(STACK0 - 16 - 40, 5, 8)).toEqual([0x5000, CODE0, 0x202, STACK0 - 3, DATA0]);
    expect([m.selector(SS), m.num("eflags")]).toEqual([DATA0, 0x2]);
  });
  test("3 to 0: RSP0, null SS; error code is 8 bytes", () => {
    const m = longMachine(make);
    m.setIdt64(14, gate(CODE0, 0x6000, INT32));
    setPrivilege(m, 3, true);
    m.fault(14, 7, 0xFFFF800012345678n);
    expect(m.words(STACK0 - 48, 6, 8)).toEqual([7, 0x5000, CODE3, 0x2 | RF, STACK3, DATA3]);
    expect(m.get("cr2")).toBe(0xFFFF800012345678n);
    expect(m.segment(SS)).toMatchObject({ selector: 0, isNull: true });
    expect(m.num("cpl")).toBe(0);
  });
  test("SYSRET that loads TF traps at its target", () => {
    const m = longMachine(make);
    m.setIdt64(1, gate(CODE0, 0x6000, INT32));
    m.set({ star: (0x23n << 48n) | (0x10n << 32n), rcx: 0x5678n, r11: 0x302n });
    expect(m.run("hSysret", { size: 3 })).toBe(JUMP);
    expect([m.num("rip"), m.num("cpl"), m.num("eflags")]).toEqual([0x6000, 0, 2]);
    expect(m.words(STACK0 - 40, 3, 8)).toEqual([0x5678, 0x33, 0x302]);
  });
  test("IST at the same privilege keeps SS; from user it is null", () => {
    const m = longMachine(make);
    m.setIdt64(2, gate(CODE0, 0x6000, INT32, 2));
    m.interrupt(2, NMI);
    expect([m.num("rsp"), m.selector(SS), m.num("nmiBlocked")]).toEqual([0xA800 - 40, DATA0, 1]);
    expect(m.run("hIret", { size: 3 })).toBe(JUMP);
    expect([m.num("rsp"), m.num("nmiBlocked"), m.num("rip")]).toEqual([STACK0, 0, 0x5000]);
    setPrivilege(m, 3, true);
    m.interrupt(2, NMI);
    expect([m.num("rsp"), m.selector(SS)]).toEqual([0xA800 - 40, 0]);
  });
  test("from compatibility mode", () => {
    const m = longMachine(make);
    m.setIdt64(0x20, gate(CODE0, 0x6000, INT32));
    setPrivilege(m, 3, true);
    m.setSegment(CS, CODE32_USER, 0, 0xFFFFFFFF, 0xC0FB);
    m.modeChanged();
    expect(m.num("mode64")).toBe(0);
    m.interrupt(0x20);
    expect([m.num("mode64"), m.num("cpl")]).toEqual([1, 0]);
    expect(m.words(STACK0 - 40, 2, 8)).toEqual([0x5000, CODE32_USER]);
    expect(m.run("hIret", { size: 3 })).toBe(JUMP);
    expect([m.num("mode64"), m.num("codeMode"), m.num("cpl"), m.num("rsp")]).toEqual([0, 1, 3, STACK3]);
  });
  const cases: [string, [number, number], (m: Machine) => void][] = [
    ["vector beyond the IDT", [13, 0x203], (m) => m.set({ idtrLimit: 0x400 + 14 })],
    ["16-bit gate", [13, 0x203], (m) => m.setIdt64(0x40, gate(CODE0, 0, INT16))],
    ["task gate", [13, 0x203], (m) => m.setIdt64(0x40, gate(TSS2_SELECTOR, 0, TASK))],
    ["not present", [11, 0x203], (m) => m.setIdt64(0x40, gate(CODE0, 0, 0x0E))],
    ["code without L", [13, CODE32 | 1], (m) => m.setIdt64(0x40, gate(CODE32, 0, INT32))],
    ["non-canonical handler", [13, 1], (m) => m.setIdt64(0x40, gate(CODE0, 0, INT32), 0x8000n)],
    ["IST beyond the TSS", [10, TSS_SELECTOR | 1], (m) => {
      m.setIdt64(0x40, gate(CODE0, 0, INT32, 7));
      m.setSegment(TR, TSS_SELECTOR, TSS, 0x5A, 0x8B);
    }],
    ["non-canonical IST stack", [12, 1], (m) => {
      m.setIdt64(0x40, gate(CODE0, 0, INT32, 1));
      m.write(TSS + 0x24, 8, 1n << 60n);
    }],
  ];
  test.each(cases)("%s", (_, want, prepare) => {
    const m = longMachine(make);
    for (const v of [10, 11, 12, 13]) m.setIdt64(v, gate(CODE0, 0x100000 + v * 0x100, INT32));
    prepare(m);
    m.interrupt(0x40);
    expect([(m.num("rip") - 0x100000) / 0x100, Number(m.read(m.num("rsp"), 8))]).toEqual(want);
  });
});

describe("hardware tasks", () => {
  function taskMachine(): Machine {
    const m = protectedMachine(make);
    m.putWords(TSS2 + 0x1C, 4, [0, 0x6000, 0x202, 1, 2, 3, 4, 0x7F00, 6, 7, 8, DATA0, CODE0, DATA0, DATA0,
      DATA0, 0, 0]);
    m.set({ rax: 0x1111, eflags: 0x246 });
    return m;
  }
  test("task gate in the IDT: back link, NT, TS, busy bits, error code; IRET returns", () => {
    const m = taskMachine();
    m.setIdt(13, gate(TSS2_SELECTOR, 0, TASK));
    m.fault(13, 0x1234);
    expect([m.num("rip"), m.num("rax"), m.num("rcx"), m.num("rsp")]).toEqual([0x6000, 1, 2, 0x7F00 - 4]);
    expect(m.read(0x7EFC, 4)).toBe(0x1234n);
    expect([m.num("eflags"), m.num("cr0") & 8]).toEqual([0x202 | NT, 8]);
    expect([m.read(TSS2, 2), m.gdtAccess(TSS_SELECTOR),
      m.gdtAccess(TSS2_SELECTOR)]).toEqual([BigInt(TSS_SELECTOR), 0x8B, 0x8B]);
    expect(m.words(TSS + 0x20, 3, 4)).toEqual([0x5000, 0x246 | RF, 0x1111]);
    expect(m.run("hIret", { size: 2 })).toBe(JUMP);
    expect([m.num("rip"), m.num("rax"), m.num("eflags")]).toEqual([0x5000, 0x1111, 0x246 | RF]);
    expect([m.selector(TR), m.gdtAccess(TSS2_SELECTOR)]).toEqual([TSS_SELECTOR, 0x89]);
    expect(m.read(TSS2 + 0x24, 4)).toBe(0x202n);
  });
  test("JMP to a TSS and back; CALL and IRET", () => {
    const m = taskMachine();
    expect(m.run("hJmpFar", { imm: BigInt(TSS2_SELECTOR) << 32n, length: 7 })).toBe(JUMP);
    expect([m.num("rip"), m.selector(TR), m.gdtAccess(TSS_SELECTOR), m.num("eflags") & NT]).toEqual([0x6000, TSS2_SELECTOR, 0x89, 0]);
    expect(m.run("hCallFar", { imm: BigInt(TSS_SELECTOR) << 32n, length: 7 })).toBe(JUMP);
    expect([m.num("rip"), m.num("eflags") & NT, m.read(TSS, 2)]).toEqual([0x5007, NT, BigInt(TSS2_SELECTOR)]);
    expect(m.run("hIret", { size: 2, length: 1 })).toBe(JUMP);
    expect([m.num("rip"), m.gdtAccess(TSS_SELECTOR)]).toEqual([0x6007, 0x89]);
  });
  test("16-bit TSS", () => {
    const m = taskMachine();
    m.setGdt(TSS2_SELECTOR, descriptor(TSS2, 0x2B, 0x81, 0));
    m.putWords(TSS2 + 0x0E, 2, [0x6100, 0x2, 1, 2, 3, 4, 0x7F00, 6, 7, 8, DATA0, CODE0, DATA0, DATA0, 0]);
    expect(m.run("hCallFar", { imm: BigInt(TSS2_SELECTOR) << 32n })).toBe(JUMP);
    expect([m.num("rip"), m.num("rsp"), m.num("eflags")]).toEqual([0x6100, 0x7F00, NT | 2]);
    expect([FS, GS].map((n) => m.segment(n).isNull)).toEqual([true, true]);
  });
  test("faults before the switch: busy, not present, too short, local", () => {
    const m = taskMachine();
    const jump = (selector: number): number => m.run("hJmpFar", { imm: BigInt(selector) << 32n });
    expect([jump(TSS_SELECTOR), ...m.pending()]).toEqual([FAULT, 13, TSS_SELECTOR]);
    m.setGdt(TSS2_SELECTOR, descriptor(TSS2, 0x67, 0x09, 0));
    expect([jump(TSS2_SELECTOR), ...m.pending()]).toEqual([FAULT, 11, TSS2_SELECTOR]);
    m.setGdt(TSS2_SELECTOR, descriptor(TSS2, 0x66, 0x89, 0));
    expect([jump(TSS2_SELECTOR), ...m.pending()]).toEqual([FAULT, 10, TSS2_SELECTOR]);
    setPrivilege(m, 3);
    expect([jump(TSS2_SELECTOR | 3), ...m.pending()]).toEqual([FAULT, 13, TSS2_SELECTOR]);
    expect(m.num("rip")).toBe(0x5000);
  });
  test("a fault of the new task's segments is delivered in the new task", () => {
    const m = taskMachine();
    m.setIdt(10, gate(CODE0, 0x6A00, INT32));
    m.write(TSS2 + 0x54, 4, 0xF8);
    expect(m.run("hJmpFar", { imm: BigInt(TSS2_SELECTOR) << 32n })).toBe(JUMP);
    expect([m.num("rip"), m.selector(TR), m.selector(DS)]).toEqual([0x6A00, TSS2_SELECTOR, 0xF8]);
    expect(m.words(0x7F00 - 16, 2, 4)).toEqual([0xF8, 0x6000]);
  });
  test("the T bit traps in the new task", () => {
    const m = taskMachine();
    m.setIdt(1, gate(CODE0, 0x6D00, INT32));
    m.write(TSS2 + 0x64, 2, 1);
    m.run("hJmpFar", { imm: BigInt(TSS2_SELECTOR) << 32n });
    expect([m.num("rip"), m.num("dr6") & 0x8000]).toEqual([0x6D00, 0x8000]);
  });
});

test("NMI blocking and external kind", () => {
  const m = protectedMachine(make);
  m.setIdt(2, gate(CODE0, 0x6000, INT32));
  m.set({ shadow: 1 });
  m.interrupt(2, EXTERNAL);
  expect([m.num("nmiBlocked"), m.num("shadow")]).toEqual([0, 0]);
  m.interrupt(2, NMI);
  expect(m.num("nmiBlocked")).toBe(1);
  expect(m.read(IDT + 16, 2)).toBe(0x6000n);
});
