// String, port and system instructions, CPUID and MSRs against the SDM. Values are restated from the manual.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES } from '../../src/emu/generated-layout.ts';
import { buildCheck, CheckMachine, END, FAULT, NEXT, RETRY } from './check-machine.ts';

const REP = 8, REPNE = 16, MEM = 1;
const GP = 13n, UD = 6n, DB = 1n;
let m: CheckMachine;

beforeAll(() => {
  m = new CheckMachine(buildCheck('system-check'), { CONTROL, CPU_BLOCKS, CPU_BLOCK_BYTES });
}, 120_000);
beforeEach(() => m.reset());

function cpuid(leaf: number, sub = 0): number[] {
  m.set('rax', BigInt(leaf));
  m.set('rcx', BigInt(sub));
  m.exports.cpuid!(m.cpu);
  return (['rax', 'rbx', 'rcx', 'rdx'] as const).map((r) => Number(m.get(r)));
}

function rdmsr(index: number): bigint | 'GP' {
  m.set('rcx', BigInt(index));
  if (m.run('hRdmsr') === FAULT) {
    expect(m.get('excVector')).toBe(GP);
    return 'GP';
  }
  return (m.get('rdx') << 32n) | m.get('rax');
}

function wrmsr(index: number, value: bigint): number {
  m.set('rcx', BigInt(index));
  m.set('rax', value & 0xffffffffn);
  m.set('rdx', (value >> 32n) & 0xffffffffn);
  return m.run('hWrmsr');
}

const ramp = (n: number, from = 0): number[] => Array.from({ length: n }, (_, i) => (i + from) & 0xff);

describe('strings', () => {
  test('REP MOVSB copies across pages and counts down', () => {
    const data = ramp(10000, 3);
    m.write(0x10f00, data);
    m.write(0x20000, new Array(10001).fill(0xee));
    m.set('rsi', 0x10f00n);
    m.set('rdi', 0x20000n);
    m.set('rcx', 10000n);
    expect(m.run('movs8', { flags: REP })).toBe(NEXT);
    expect(m.read(0x20000, 10001)).toEqual([...data, 0xee]);
    expect([m.get('rcx'), m.get('rsi'), m.get('rdi')]).toEqual([0n, 0x13610n, 0x22710n]);
  });

  test('an overlapping forward copy replicates the gap', () => {
    m.write(0x5000, [1, 2, 3, 0, 0, 0, 0, 0, 0, 0]);
    m.set('rsi', 0x5000n);
    m.set('rdi', 0x5003n);
    m.set('rcx', 7n);
    expect(m.run('movs8', { flags: REP })).toBe(NEXT);
    expect(m.read(0x5000, 10)).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3, 1]);
  });

  test('DF = 1 walks down, 16-bit addresses wrap and keep the upper bits', () => {
    m.write(0, [0x11, 0x22]);
    m.write(0xfffe, [0x33, 0x44]);
    m.set('eflags', 0x402n);
    m.set('rsi', 0xabcd0000n);
    m.set('rdi', 0x12346000n);
    m.set('rcx', 0x70002n);
    expect(m.run('movs16', { flags: REP, addrSize: 0, opSize: 1 })).toBe(NEXT);
    expect(m.read(0x5ffe, 4)).toEqual([0x33, 0x44, 0x11, 0x22]);
    expect([m.get('rcx'), m.get('rsi'), m.get('rdi')]).toEqual([0x70000n, 0xabcdfffcn, 0x12345ffcn]);
  });

  test('STOS fills with a value of equal and of different bytes', () => {
    m.set('rax', 0x0102030405060708n);
    m.set('rdi', 0x7ff8n);
    m.set('rcx', 3n);
    expect(m.run('stos64', { flags: REP, opSize: 3 })).toBe(NEXT);
    const word = [8, 7, 6, 5, 4, 3, 2, 1];
    expect(m.read(0x7ff8, 24)).toEqual([...word, ...word, ...word]);
    m.set('rax', 0xaaaaaaaa_55555555n);
    m.set('rdi', 0x7ff8n);
    m.set('rcx', 4n);
    m.run('stos32', { flags: REP });
    expect(m.read(0x7ff8, 18)).toEqual([...new Array(16).fill(0x55), 8 - 0, 7].map((v, i) =>
      (i < 16 ? v : word[i - 16])));
  });

  test('REPNE SCASB stops behind the match with ZF, REPE CMPSW at the difference', () => {
    m.write(0x9000, [5, 6, 7, 8]);
    m.set('rax', 7n);
    m.set('rdi', 0x9000n);
    m.set('rcx', 10n);
    m.run('scas8', { flags: REPNE });
    expect([m.get('rcx'), m.get('rdi')]).toEqual([7n, 0x9003n]);
    expect((m.exports.readEflags!(m.cpu) as bigint) & 0x40n).toBe(0x40n);
    m.write(0x9000, [1, 0, 2, 0, 3, 0]);
    m.write(0xa000, [1, 0, 2, 0, 4, 0]);
    m.set('rsi', 0x9000n);
    m.set('rdi', 0xa000n);
    m.set('rcx', 3n);
    m.run('cmps16', { flags: REP, opSize: 1 });
    expect(m.get('rcx')).toBe(0n);
    // 3 - 4: CF and SF, not ZF.
    expect((m.exports.readEflags!(m.cpu) as bigint) & 0xc1n).toBe(0x81n);
  });

  test('count 0 does nothing and keeps the flags', () => {
    m.set('eflags', 0x47n);
    m.set('rcx', 0n);
    expect(m.run('scas8', { flags: REPNE })).toBe(NEXT);
    expect(m.exports.readEflags!(m.cpu)).toBe(0x47n);
  });

  test('a fault leaves the registers at the faulting element', () => {
    m.legacy();
    m.segment(0, 0n, 0x6003, 0x4093);
    m.set('rsi', 0x1000n);
    m.set('rdi', 0x6000n);
    m.set('rcx', 8n);
    expect(m.run('movs16', { flags: REP, addrSize: 1, mode: 1, opSize: 1 })).toBe(FAULT);
    expect(m.get('excVector')).toBe(GP);
    expect([m.get('rcx'), m.get('rsi'), m.get('rdi')]).toEqual([6n, 0x1004n, 0x6004n]);
  });

  test('TF and attention stop between two elements', () => {
    m.set('eflags', 0x102n);
    m.set('rsi', 0x1000n);
    m.set('rdi', 0x2000n);
    m.set('rcx', 3n);
    expect(m.run('movs64', { flags: REP, opSize: 3 })).toBe(RETRY);
    expect(m.get('rcx')).toBe(2n);
    m.set('eflags', 2n);
    m.set('rcx', 2000n);
    // Inbox.ATTENTION is the first word of the second page of the CPU block.
    m.view.setUint32(m.cpu + 0x1000, 1, true);
    expect(m.run('movs64', { flags: REP, opSize: 3 })).toBe(RETRY);
    expect(m.get('rcx')).toBeGreaterThan(0n);
    m.view.setUint32(m.cpu + 0x1000, 0, true);
    expect(m.run('movs64', { flags: REP, opSize: 3 })).toBe(NEXT);
    expect(m.get('rcx')).toBe(0n);
  });
});

describe('ports', () => {
  test('an unclaimed port reads ones; IN EAX zero-extends, IN AX merges', () => {
    m.set('rdx', 0x4321n);
    m.set('rax', 0x1111222233334444n);
    expect(m.run('hInDx', { opSize: 2 })).toBe(NEXT);
    expect(m.get('rax')).toBe(0xffffffffn);
    m.set('rax', 0x1111222233334444n);
    m.run('hInDx', { opSize: 1 });
    expect(m.get('rax')).toBe(0x111122223333ffffn);
  });

  test('CPL > IOPL needs the bitmap of the TSS', () => {
    m.user();
    m.set('rdx', 0x79n);
    // A 64-bit TSS at 8000h with its map at offset 68h: bit 1 of byte 0Fh is port 79h.
    m.segment(7, 0x8000n, 0x68 + 0x20, 0x8b);
    m.write(0x8000 + 102, [0x68, 0]);
    m.write(0x8068, new Array(33).fill(0xff));
    expect(m.run('hInDx', { opSize: 1 })).toBe(FAULT);
    expect(m.get('excVector')).toBe(GP);
    m.write(0x8068 + 0xf, [0xf9]);
    expect(m.run('hInDx', { opSize: 1 })).toBe(NEXT);
    expect(m.run('hInDx', { opSize: 2 })).toBe(FAULT);
    m.set('rdx', 0x100n);
    expect(m.run('hInDx', { opSize: 1 })).toBe(FAULT);
    m.set('eflags', 0x3002n);
    expect(m.run('hInDx', { opSize: 1 })).toBe(NEXT);
  });

  test('INS writes memory only when the destination may be written', () => {
    m.legacy();
    m.segment(0, 0n, 0xfff, 0x4093);
    m.set('rdx', 0x4321n);
    m.set('rdi', 0xffen);
    m.set('rcx', 4n);
    expect(m.run('hInsByte', { flags: REP, addrSize: 1, mode: 1 })).toBe(FAULT);
    expect([m.get('rcx'), m.get('rdi')]).toEqual([2n, 0x1000n]);
    expect(m.read(0xffe, 3)).toEqual([0xff, 0xff, 0]);
  });
});

describe('control registers', () => {
  const toCr = (n: number, v: bigint): number => {
    m.set('rbx', v);
    return m.run('hMovToCr', { reg: n, rm: 24, opSize: 3 });
  };

  test('illegal CR0 values are #GP, reserved low bits are dropped, ET stays', () => {
    expect(toCr(0, 0x80000000n)).toBe(FAULT);
    expect(toCr(0, 0x20000001n)).toBe(FAULT);
    expect(toCr(0, 0x100000001n)).toBe(FAULT);
    expect(toCr(0, 0x1ffc1n)).toBe(END);
    expect(m.get('cr0')).toBe(0x10011n);
  });

  test('enabling paging with LME needs PAE, sets LMA, and CS.L must be clear', () => {
    m.set('efer', 0x100n);
    m.exports.updateMode!(m.cpu);
    expect(toCr(0, 0x80000011n)).toBe(FAULT);
    m.set('cr4', 0x20n);
    expect(toCr(0, 0x80000011n)).toBe(FAULT);
    m.segment(1, 0n, 0xffffffff, 0xc09b);
    expect(toCr(0, 0x80000011n)).toBe(END);
    expect(m.get('efer')).toBe(0x500n);
    expect(toCr(0, 0x11n)).toBe(END);
    expect(m.get('efer')).toBe(0x100n);
  });

  test('CR4: reserved bits and clearing PAE in long mode are #GP', () => {
    expect(toCr(4, 0x2000n)).toBe(FAULT);
    expect(toCr(4, 0x6a0n)).toBe(END);
    expect(m.get('cr4')).toBe(0x6a0n);
    expect(toCr(4, 0x600n)).toBe(FAULT);
  });

  test('CR1 is #UD, CPL 3 is #GP, CR3 above MAXPHYADDR is #GP', () => {
    expect(toCr(1, 0n)).toBe(FAULT);
    expect(m.get('excVector')).toBe(UD);
    expect(toCr(3, 1n << 40n)).toBe(FAULT);
    expect(toCr(3, 0x123000n)).toBe(END);
    m.user();
    expect(toCr(3, 0n)).toBe(FAULT);
    expect(m.get('excVector')).toBe(GP);
    expect(m.get('cr3')).toBe(0x123000n);
  });

  test('PAE paging outside long mode loads the PDPTEs and checks them', () => {
    m.legacy();
    m.set('cr4', 0x20n);
    m.set('cr3', 0x3000n);
    m.write(0x3000, [0x01, 0x40, 0, 0, 0, 0, 0, 0, 0x03, 0, 0, 0]);
    expect(toCr(0, 0x80000011n)).toBe(FAULT);
    m.write(0x3008, [0, 0]);
    expect(toCr(0, 0x80000011n)).toBe(END);
  });

  test('LMSW cannot clear PE; SMSW to a wide register gives CR0', () => {
    m.set('rbx', 0xen);
    expect(m.run('hLmsw', { rm: 24, opSize: 1 })).toBe(END);
    expect(m.get('cr0')).toBe(0x1fn);
    m.run('hSmsw', { rm: 0, opSize: 2 });
    expect(m.get('rax')).toBe(0x1fn);
  });

  test('DR7.GD raises #DB with BD; DR4 is DR6 unless CR4.DE', () => {
    m.set('rbx', 0x2400n);
    expect(m.run('hMovToDr', { reg: 7, rm: 24 })).toBe(END);
    expect(m.run('hMovToDr', { reg: 0, rm: 24 })).toBe(FAULT);
    expect([m.get('excVector'), m.get('excAddress')]).toEqual([DB, 0x2000n]);
    m.set('dr7', 0x400n);
    expect(m.run('hMovToDr', { reg: 4, rm: 24 })).toBe(END);
    m.set('cr4', 8n);
    expect(m.run('hMovToDr', { reg: 4, rm: 24 })).toBe(FAULT);
    expect(m.get('excVector')).toBe(UD);
  });
});

describe('interrupt flag', () => {
  test('STI shadows one instruction, only when IF was 0', () => {
    expect(m.run('hSti')).toBe(END);
    expect([m.get('eflags'), m.get('shadow')]).toEqual([0x202n, 1n]);
    m.set('shadow', 0n);
    expect(m.run('hSti')).toBe(NEXT);
    expect(m.get('shadow')).toBe(0n);
  });

  test('CPL 3 with IOPL 0 is #GP; with PVI it moves VIF', () => {
    m.user();
    expect(m.run('hCli')).toBe(FAULT);
    m.set('cr4', 2n);
    expect(m.run('hSti')).toBe(NEXT);
    expect(m.get('eflags')).toBe(0x80002n);
    m.set('eflags', 0x100002n);
    expect(m.run('hSti')).toBe(FAULT);
  });

  test('HLT halts at CPL 0 only', () => {
    expect(m.run('hHlt')).toBe(END);
    expect(m.get('runState')).toBe(1n);
    m.user();
    expect(m.run('hHlt')).toBe(FAULT);
  });
});

describe('descriptor tables', () => {
  test('LGDT takes 24 bits of base with a 16-bit operand, SGDT stores 10 bytes in 64-bit mode', () => {
    m.write(0x3000, [0x34, 0x12, 0x78, 0x56, 0x34, 0x92, 0, 0, 0, 0]);
    expect(m.run('hLgdt', { flags: MEM, disp: 0x3000n, opSize: 3 })).toBe(NEXT);
    expect([m.get('gdtrBase'), m.get('gdtrLimit')]).toEqual([0x92345678n, 0x1234n]);
    m.run('hSgdt', { flags: MEM, disp: 0x4000n });
    expect(m.read(0x4000, 10)).toEqual([0x34, 0x12, 0x78, 0x56, 0x34, 0x92, 0, 0, 0, 0]);
    m.legacy();
    m.run('hLgdt', { flags: MEM, disp: 0x3000n, opSize: 1, addrSize: 1, mode: 1 });
    expect(m.get('gdtrBase')).toBe(0x345678n);
  });
});

describe('CPUID', () => {
  test('vendor, family, topology', () => {
    const [max, b, c, d] = cpuid(0);
    expect(max).toBe(0x1f);
    expect(Buffer.from(new Uint32Array([b!, d!, c!]).buffer).toString()).toBe('GenuineIntel');
    expect(cpuid(0x40000000).slice(1)).toEqual([0x4b4d564b, 0x564b4d56, 0x4d]);
    m.view.setUint32(CONTROL + 8, 6, true);
    expect(cpuid(0xb, 0)).toEqual([0, 1, 0x100, 0]);
    expect(cpuid(0xb, 1)).toEqual([3, 6, 0x201, 0]);
    expect(cpuid(1)[1]! >>> 16).toBe(8);
    expect(cpuid(4, 3)[0]! >>> 26).toBe(7);
    m.view.setUint32(CONTROL + 8, 1, true);
    expect(cpuid(1)[3]! & (1 << 28)).toBe(0);
  });

  test('no virtualisation, no MONITOR; SYSCALL only in 64-bit mode; APIC follows its enable bit', () => {
    expect(cpuid(1)[2]! & ((1 << 5) | (1 << 3))).toBe(0);
    expect(cpuid(0x80000001)[2]! & 4).toBe(0);
    expect(cpuid(0x80000001)[3]! & (1 << 11)).toBe(1 << 11);
    m.legacy();
    expect(cpuid(0x80000001)[3]! & (1 << 11)).toBe(0);
    m.set('apicBase', 0xfee00000n);
    expect(cpuid(1)[3]! & (1 << 9)).toBe(0);
  });

  test('TSC leaf: crystal times ratio is the frequency', () => {
    m.view.setBigUint64(CONTROL + 0x18, 2_400_000_000n, true);
    const [den, num, hz] = cpuid(0x15);
    expect((hz! * num!) / den!).toBe(2_400_000_000);
    m.view.setBigUint64(CONTROL + 0x18, 1_000_000_000n, true);
  });
});

describe('MSRs', () => {
  test('reset values', () => {
    expect(rdmsr(0x277)).toBe(0x0007040600070406n);
    expect(rdmsr(0x1b)).toBe(0xfee00900n);
    expect(rdmsr(0xfe)).toBe(0x508n);
    expect(rdmsr(0x2ff)).toBe(0n);
    expect(rdmsr(0x179)).toBe(0x104n);
  });

  test('ARCH_CAPABILITIES has every not-affected bit', () => {
    const caps = rdmsr(0x10a) as bigint;
    for (const bit of [0, 1, 3, 4, 5, 6, 8, 13, 14, 15, 20, 24, 26, 27, 62]) expect((caps >> BigInt(bit))
      & 1n, `bit ${bit}`).toBe(1n);
    for (const bit of [2, 7, 19, 23]) expect((caps >> BigInt(bit)) & 1n, `bit ${bit}`).toBe(0n);
  });

  test('an unknown number is #GP both ways and logged once', () => {
    expect(rdmsr(0x12345)).toBe('GP');
    expect(rdmsr(0x12345)).toBe('GP');
    expect(wrmsr(0x12345, 0n)).toBe(FAULT);
    expect(m.log.length).toBe(1);
  });

  test('canonical, memory-type, reserved-bit checks', () => {
    expect(wrmsr(0xc0000082, 0x800000000000n)).toBe(FAULT);
    expect(wrmsr(0xc0000082, 0xffff800000000000n)).toBe(NEXT);
    expect(rdmsr(0xc0000082)).toBe(0xffff800000000000n);
    expect(wrmsr(0x277, 2n)).toBe(FAULT);
    expect(wrmsr(0x277, 0x0407050600070106n)).toBe(NEXT);
    expect(wrmsr(0x250, 7n)).toBe(FAULT);
    expect(wrmsr(0x250, 0x0606060606060606n)).toBe(NEXT);
    expect(rdmsr(0x250)).toBe(0x0606060606060606n);
    expect(wrmsr(0x201, 0xff80000800n)).toBe(NEXT);
    expect(wrmsr(0x201, 0x10000000000n)).toBe(FAULT);
    expect(wrmsr(0x401, 1n)).toBe(FAULT);
    expect(wrmsr(0x401, 0n)).toBe(NEXT);
    expect(wrmsr(0x10a, 0n)).toBe(FAULT);
    expect(wrmsr(0xc0000103, 1n << 32n)).toBe(FAULT);
  });

  test('neighbours in the table do not share storage', () => {
    const numbers = [0x48, 0x174, 0x175, 0x176, 0x17b, 0x277, 0x200, 0x20e, 0x250, 0x258, 0x259, 0x268,
      0x26f, 0x400, 0x40c, 0xc0000081,
      0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, 0x3b];
    const values = numbers.map((_, i) => BigInt(i % 2 ? 0x01000000 : 0x04000000)
      | (numbers[i]! < 0x2ff ? 0n : BigInt(i)));
    numbers.forEach((n, i) => { if (n !== 0x48) expect(wrmsr(n, values[i]!), n.toString(16)).not.toBe(FAULT);
      });
    numbers.forEach((n, i) => { if (n !== 0x48) expect(rdmsr(n), n.toString(16)).toBe(values[i]); });
  });

  test('EFER: LME cannot change under paging, LMA is not writable', () => {
    expect(wrmsr(0xc0000080, 0xd01n)).toBe(END);
    expect(m.get('efer')).toBe(0xd01n);
    m.set('cr0', 0x80000011n);
    expect(wrmsr(0xc0000080, 0x801n)).toBe(FAULT);
    m.set('cr0', 0x11n);
    expect(wrmsr(0xc0000080, 0x2n)).toBe(FAULT);
  });

  test('x2APIC registers exist only in x2APIC mode', () => {
    expect(rdmsr(0x802)).toBe('GP');
    expect(wrmsr(0x1b, 0xfee00400n)).toBe(FAULT);
    expect(wrmsr(0x1b, 0xfee00c00n)).toBe(END);
    expect(rdmsr(0x802)).toBe(0n);
    expect(rdmsr(0x1b)).toBe(0xfee00d00n);
    expect(wrmsr(0x1b, 0xfee00800n)).toBe(FAULT);
    expect(wrmsr(0x1b, 0xfee00000n)).toBe(END);
  });
});

describe('TSC', () => {
  test('two reads differ and never go back; TSC_ADJUST follows writes', () => {
    m.now = 1000;
    const a = m.exports.readTsc!(m.cpu) as bigint;
    const b = m.exports.readTsc!(m.cpu) as bigint;
    expect(b).toBeGreaterThan(a);
    m.now = 500;
    expect(m.exports.readTsc!(m.cpu) as bigint).toBeGreaterThan(b);
    m.now = 5_000_000;
    wrmsr(0x10, 0n);
    expect(BigInt.asIntN(64, rdmsr(0x3b) as bigint)).toBeLessThanOrEqual(-5_000_000n);
    wrmsr(0x3b, 0n);
    m.now = 6_000_000;
    expect(m.exports.readTsc!(m.cpu)).toBe(6_000_000n);
  });

  test('the clock page scales the counter to nanoseconds', () => {
    for (const hz of [1_000_000_000n, 2_400_000_000n, 999_999_937n, 25_000_000n]) {
      const scale = m.exports.pvScale!(hz) as bigint;
      const mul = scale & 0xffffffffn, shift = BigInt.asIntN(8, scale >> 32n);
      const ticks = hz * 3600n;
      const scaled = shift < 0 ? ticks >> -shift : ticks << shift;
      const error = ((scaled * mul) >> 32n) - 3600_000_000_000n;
      expect(error > -2000n && error <= 0n, `${hz}: ${error}`).toBe(true);
    }
    wrmsr(0x4b564d01, 0x5001n);
    const page = m.read(0x5000, 32);
    expect(page[0]! % 2).toBe(0);
    expect(page[29]).toBe(1);
  });

  test('hypercalls: unknown number, and privilege', () => {
    m.set('rax', 999n);
    m.run('hVmcall');
    expect(BigInt.asIntN(64, m.get('rax'))).toBe(-1000n);
    m.user();
    m.set('rax', 5n);
    m.run('hVmcall');
    expect(BigInt.asIntN(64, m.get('rax'))).toBe(-1n);
  });
});

describe('random numbers', () => {
  test('the block function gives the vector of RFC 8439 2.3.2', () => {
    const at = 0xe0000;
    m.bytes.set(Array.from({ length: 32 }, (_, i) => i), at);
    m.bytes.set([1, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0], at + 32);
    m.exports.chachaBlock!(at, at + 32, at + 64, at + 128);
    expect(Buffer.from(m.bytes.slice(at + 128, at + 192)).toString('hex')).toBe(
      '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e'
      + 'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e');
  });

  test('RDRAND: no seed, no value and no feature; with a seed values differ and CF is set', () => {
    const seed = new Uint8Array(m.memory.buffer, CONTROL + 0x68, 32);
    seed.fill(0);
    expect(cpuid(1)[2]! & (1 << 30)).toBe(0);
    m.set('rax', 5n);
    expect(m.run('hRdrand', { rm: 0, opSize: 3 })).toBe(NEXT);
    expect([m.get('rax'), (m.exports.readEflags!(m.cpu) as bigint) & 0x8d5n]).toEqual([0n, 0n]);
    seed[5] = 1;
    expect(cpuid(1)[2]! & (1 << 30)).toBe(1 << 30);
    const seen = new Set<bigint>();
    for (let i = 0; i < 100; i++) {
      m.run('hRdrand', { rm: 0, opSize: 3 });
      seen.add(m.get('rax'));
      expect((m.exports.readEflags!(m.cpu) as bigint) & 0x8d5n).toBe(1n);
    }
    expect(seen.size).toBe(100);
    // A second start from the same seed at another time gives another stream.
    m.reset();
    m.now += 1;
    m.run('hRdrand', { rm: 0, opSize: 3 });
    expect(seen.has(m.get('rax'))).toBe(false);
    seed.fill(0);
  });
});
