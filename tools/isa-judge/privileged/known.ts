// Where QEMU's TCG is known to differ from the SDM, and what a case must look like to be one of these. The
// core must do what the SDM says: each entry says which event ours must be. An entry that explains nothing
// fails the check.

import type { Draft } from './draft.ts';

/** Name of the recorded vectors. */
export const PRIVILEGED = 'privileged';

export const SHUTDOWN = -1, NONE = -2;
export interface Seen {
  /** Of the final event; SHUTDOWN: the machine reset itself; NONE: nothing came. */
  vector: number;
  error: number;
}
/** One case whose outcomes differ. `fields`: names of what differs, memory without its place. */
export interface Difference {
  name: string; d: Draft; ours: Seen; theirs: Seen; fields: ReadonlySet<string>;
  /** Offsets of differing bytes in the arena. */
  places: readonly number[];
}
export interface KnownDifference { what: string; why: string; explains(x: Difference): boolean }

const GP = 13, UD = 6, PF = 14, DB = 1, DF = 8, NP = 11, SMAP = 0x200000n, LOCK = 0xf0;
const only = (x: Difference, ...names: string[]): boolean => [...x.fields].every((name) =>
  names.includes(name));
const protection = (x: Difference, error = 0): boolean => x.ours.vector === GP && x.ours.error === error;
const low32 = (v: bigint): number => Number(v & 0xffffffffn);
/** LOCK among the legacy prefixes. */
function locked(code: readonly number[]): boolean {
  for (const b of code) {
    if (b === LOCK) return true;
    if (![0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf2, 0xf3].includes(b) && b >> 4 !== 4
      && b !== 0xfb) return false;
  }
  return false;
}
const MSRS = new Set([0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101,
  0xc0000102,
  0xc0000103, 0x174, 0x175, 0x176, 0x277]);

/** Page tables, and the error code in the frame. */
const inTables = (at: number): boolean => at >= 0xb000 && at < 0xb010 || at >= 0xc000;
const pageFault = (x: Difference): boolean => x.ours.vector === PF && x.theirs.vector === PF
  && only(x, 'memory');
const isError = (at: number): boolean => (at & 0xfff) === 0xed0 || (at & 0xfff) === 0x7d0;
/** A gate of the IDT whose offset is not canonical: that of `vector`, or any. */
const wildGate = (d: Draft, vector?: number): boolean =>
  d.patches.some(({ at, bytes }) => at >= 0x1000 && at < 0x2000 && (at & 15) === 8 && bytes[1] === 0x80
    && (vector === undefined || at >> 4 === 0x100 + vector));
/** A gate of the IDT with IST7, which world.ts lets begin where canonical addresses end. */
const edgeStack = (d: Draft): boolean =>
  d.patches.some(({ at, bytes }) => at >= 0x1000 && at < 0x2000 && (at & 15) === 0
    && ((bytes[4] ?? 0) & 7) === 7);
const WRITE = 2, RESERVED = 8, PRESENT = 1;

export const KNOWN: readonly KnownDifference[] = [
  { what: 'page faults of reserved bits: error code', why: 'P is set with RSVD (SDM vol. 3A 4.7); TCG leaves it',
    explains: (x) => pageFault(x) && (x.ours.error & RESERVED) !== 0
      && ((x.ours.error ^ x.theirs.error) & ~(PRESENT | WRITE)) === 0
      && x.places.every((at) => isError(at) || inTables(at)) },
  { what: 'page faults of read-modify-write: error code', why: 'W, as silicon has it (isa/vectors/faults-*.vec); TCG reads first',
    explains: (x) => x.ours.vector === PF && x.theirs.vector === PF && only(x, 'memory', 'cr2')
      && (x.ours.error & WRITE) !== 0
      && (x.theirs.error & WRITE) === 0 && x.places.every((at) => isError(at) || inTables(at)) },
  { what: 'CMPS whose operands both fault', why: 'either may be told (SDM vol. 2 CMPS)',
    explains: (x) => x.d.code[0] === 0xa6 && x.ours.vector === PF && x.theirs.vector === PF
      && only(x, 'memory', 'cr2') },
  { what: 'gates to code that is not canonical',
    why: 'fault in the delivery (SDM vol. 3A 6.14.1), shutdown in that of #DF (6.15); TCG goes there, and faults at the target',
    explains: (x) => /^delivery/.test(x.name) && (x.theirs.vector === GP || x.theirs.vector === DF)
      && ([GP, DF, PF].includes(x.ours.vector) && wildGate(x.d)
        || x.ours.vector === SHUTDOWN && wildGate(x.d, DF)) },
  { what: 'a stack that begins where canonical addresses end', why: 'its first word is canonical: #PF (SDM vol. 1 3.3.7.1); TCG: #SS, '
    + 'which behind a contributory exception is #DF (vol. 3A 6.15)',
    explains: (x) => /^delivery/.test(x.name) && x.ours.vector === PF
      && (x.theirs.vector === 12 || x.theirs.vector === DF && x.fields.has('cr2') && edgeStack(x.d)) },
  { what: 'events at CPL 3 without a change of privilege under SMAP: #DF',
    why: 'their frame is written as the user; TCG does it as supervisor',
    explains: (x) => /^delivery/.test(x.name) && x.d.cpl === 3 && (x.d.registers.cr4 & SMAP) !== 0n
      && x.theirs.vector === DF },
  { what: 'faults in the delivery up to #DF: CR2, SS', why: 'CR2 of the page fault behind which #DF came; TCG tells of others',
    explains: (x) => /^delivery/.test(x.name) && x.ours.vector === DF && x.theirs.vector === DF
      && only(x, 'cr2', 'ss') },
  { what: 'faults in the delivery of events: EXT', why: 'set unless INT n caused it (SDM vol. 3A 6.13); TCG leaves it',
    explains: (x) => /^delivery/.test(x.name) && x.ours.vector === x.theirs.vector && only(x, 'memory')
      && (x.ours.error & ~1) === x.theirs.error },
  { what: 'TF together with a data breakpoint',
    why: 'one #DB with all bits (SDM vol. 3B 18.3.1); TCG delivers two, the second within the first',
    explains: (x) => /^breakpoints/.test(x.name) && x.ours.vector === DB && x.theirs.vector === DB
      && (x.d.registers.rflags & 0x100n) !== 0n
      && x.fields.has('rsp') },
  { what: 'data breakpoints beside an operand that is not aligned',
    why: 'are not met (SDM vol. 3B 18.2.5); TCG reads the aligned words around it',
    explains: (x) => /^breakpoints/.test(x.name) && x.theirs.vector === DB && (x.d.registers.rbx & 7n) !== 0n
      && x.fields.has('dr6') },
  { what: 'RF behind a completed instruction; in a trap within REP',
    why: 'cleared; set (SDM vol. 3B 18.3.1.1); TCG leaves it, or does not set it',
    explains: (x) => /^(breakpoints|delivery)/.test(x.name) && x.ours.vector === x.theirs.vector
      && only(x, 'memory')
      && x.places.length === 1 },
  { what: 'accessed bits of entries above the one that faults', why: 'may be set or not (SDM vol. 3A 4.8)',
    explains: (x) => x.ours.vector === x.theirs.vector && only(x, 'memory') && x.places.every(inTables) },
  { what: 'near branches to what is not canonical', why: '#GP(0) at the branch (SDM vol. 2 CALL, JMP, RET); TCG faults at the target',
    explains: (x) => /^two pages/.test(x.name) && protection(x) && x.theirs.vector === GP },
  { what: 'LOCK with what cannot be locked', why: '#UD (SDM vol. 2 LOCK); TCG ignores the prefix or looks at the privilege first',
    explains: (x) => x.ours.vector === UD && locked(x.d.code) },
  { what: 'RDMSR, WRMSR of numbers that do not exist', why: '#GP(0) (SDM vol. 2 RDMSR, WRMSR); TCG reads 0 and drops writes',
    explains: (x) => /^(RD|WR)MSR/.test(x.name) && protection(x) && !MSRS.has(low32(x.d.registers.rcx)) },
  { what: 'WRMSR of an address that is not canonical, of reserved bits or memory types',
    why: '#GP(0) (SDM vol. 2 WRMSR, vol. 3A 2.2.1, 12.12.4); TCG stores or drops them',
    explains: (x) => /^WRMSR/.test(x.name) && protection(x) },
  { what: 'WRFSBASE, WRGSBASE of an address that is not canonical', why: '#GP(0) (SDM vol. 2 WRFSBASE); TCG stores it',
    explains: (x) => /^WR[FG]SBASE/.test(x.name) && protection(x) },
  { what: 'MOV to CR0, CR3, CR4: combinations and bits that do not exist; PG off in 64-bit code, PAE off in long mode',
    why: '#GP(0) (SDM vol. 2 MOV CR, vol. 3A 2.5); TCG checks few of them',
    explains: (x) => /^MOV C,R/.test(x.name) && protection(x) },
  { what: 'LGDT, LIDT of a base that is not canonical', why: '#GP(0) (SDM vol. 2 LGDT); TCG loads it',
    explains: (x) => /^L[GI]DT/.test(x.name) && protection(x) },
  { what: 'control and debug registers that do not exist, at CPL 3', why: '#UD, as silicon has it (isa/vectors/system.vec); TCG: #GP(0)',
    explains: (x) => /^MOV ([CD],R|R,[CD])/.test(x.name) && x.d.cpl === 3 && x.ours.vector === UD
      && x.theirs.vector === GP },
  { what: 'DR7.GD', why: '#DB with DR6.BD (SDM vol. 3B 18.2.4); TCG does not have it',
    explains: (x) => /^MOV (R,D|D,R)/.test(x.name) && x.ours.vector === DB
      && (x.d.registers.dr7 & 0x2000n) !== 0n },
  { what: 'DR6.B0 to B3 after a single-step trap, and bit 12',
    why: 'B0 to B3 stay (SDM vol. 3B 18.2.3: may be cleared), bit 12 reads 0; TCG clears and keeps them', explains: (x) => only(x, 'dr6') },
  { what: 'events on an IST stack without a change of privilege', why: 'SS stays (SDM vol. 3A 6.14.5); TCG makes it null',
    explains: (x) => x.ours.vector === x.theirs.vector && x.fields.has('ss') && only(x, 'ss', 'memory') },
  { what: 'a store in two pieces whose second one faults', why: 'nothing is stored; TCG has stored the first',
    explains: (x) => (/^(SGDT|SIDT)/.test(x.name) || x.d.code[0] === 0x0f && x.d.code[1] === 0x11)
      && x.ours.vector === x.theirs.vector && only(x, 'memory') },
  { what: 'INT n and gates that refuse: error code',
    why: '(vector << 3) + 2, and EXT (SDM vol. 3A 6.13); TCG shifts by 4 in long mode',
    explains: (x) => /^(INT|delivery)/.test(x.name) && x.ours.vector === x.theirs.vector && only(x, 'memory')
      && (x.ours.error & 2) !== 0 && x.theirs.error === (x.ours.error >> 3 << 4) + 2 },
  { what: 'STI with TF',
    why: 'the trap of TF comes behind STI, which holds off interrupts only (SDM vol. 2 STI, vol. 3A 6.8.3); TCG holds it off',
    explains: (x) => /^STI/.test(x.name) && x.ours.vector === DB && (x.d.registers.rflags & 0x100n) !== 0n },
  { what: 'references through SS to what is not canonical', why: '#SS(0) (SDM vol. 1 3.3.7.1); TCG: #GP(0)',
    explains: (x) => x.d.mode === 2 && x.ours.vector === 12 && x.ours.error === 0 && x.theirs.vector === GP
      && only(x, 'vector') },
  { what: 'stores through CS in 16- and 32-bit code', why: '#GP(0) (SDM vol. 3A 5.5); TCG looks at no segment\'s type',
    explains: (x) => x.d.mode !== 2 && protection(x) && x.d.code.includes(0x2e) },
  { what: 'DR7 bits 11, 12, 14, 15', why: 'read 0 (SDM vol. 3B 18.2.4); TCG keeps them', explains: (x) => only(x, 'dr7') },
  { what: 'LTR of a null selector', why: '#GP(0) (SDM vol. 2 LTR); TCG loads it', explains: (x) => /^LTR/.test(x.name) && protection(x) },
  { what: 'SYSEXIT to what is not canonical', why: '#GP(0) (SDM vol. 2 SYSEXIT); TCG goes there',
    explains: (x) => /^SYSEXIT/.test(x.name) && protection(x) },
  { what: 'call gates to conforming code',
    why: 'RPL of CS is CPL (SDM vol. 2 CALL), and the stack pointer is RSP; TCG: DPL, and the old stack\'s size',
    explains: (x) => /^CALL/.test(x.name) && x.d.cpl === 3 && x.ours.vector === x.theirs.vector },
  { what: 'FXRSTOR, XRSTOR, LDMXCSR of reserved bits', why: '#GP(0) (SDM vol. 2 FXRSTOR, LDMXCSR); TCG drops them',
    explains: (x) => /^(FXRSTOR|XRSTOR|LDMXCSR)/.test(x.name) && protection(x) },
  { what: 'XSAVE, XRSTOR, XSAVEOPT under CR0.TS', why: '#NM (SDM vol. 2 XSAVE); TCG does not look',
    explains: (x) => /^X(SAVE|RSTOR)/.test(x.name) && x.ours.vector === 7
      && (x.d.registers.cr0 & 8n) !== 0n },
  { what: 'XSAVE, XRSTOR: page fault', why: 'at the first byte that cannot be had; TCG reads the header first',
    explains: (x) => /^X(SAVE|RSTOR)/.test(x.name) && x.ours.vector === PF && x.theirs.vector === PF
      && only(x, 'cr2', 'memory') },
  { what: 'IRET, RETF to an SS that is not present', why: '#SS(selector) (SDM vol. 2 IRET); TCG: #NP',
    explains: (x) => /^(IRET|RETF)/.test(x.name) && x.ours.vector === 12 && x.theirs.vector === NP
      && only(x, 'vector') },
  { what: 'SYSRET to what is not canonical', why: '#GP(0) at CPL 0 (SDM vol. 2 SYSRET); TCG faults at CPL 3',
    explains: (x) => /^SYSRET/.test(x.name) && protection(x) },
  { what: 'MWAIT with ECX = 1', why: 'CPUID leaf 5 announces it (SDM vol. 2 MWAIT); TCG: #GP(0)',
    explains: (x) => /^MWAIT/.test(x.name) && x.theirs.vector === GP && low32(x.d.registers.rcx) === 1 },
  { what: 'operands beyond the limit of their segment',
    why: '#GP(0) or #SS(0) (SDM vol. 3A 5.3); TCG checks no limits of data; silicon does in isa:faults',
    explains: (x) => x.d.mode !== 2 && (x.ours.vector === GP || x.ours.vector === 12) && x.ours.error === 0
      && x.d.code.includes(0x67) },
  { what: 'SS loaded with a null selector whose RPL is not CPL', why: '#GP (SDM vol. 2 MOV); TCG loads it',
    explains: (x) => /^(LSS|MOV Sw|POP SS|shadows)/.test(x.name) && x.ours.vector === GP
      && x.ours.error < 4 },
  { what: 'INT n behind STI or a load of SS',
    why: 'an interrupt comes before the handler\'s first instruction (SDM vol. 3A 6.8.3); TCG: behind it',
    explains: (x) => /^shadows/.test(x.name) && x.ours.vector === x.theirs.vector && x.ours.vector > 32
      && x.places.length === 1 && only(x, 'memory') },
  { what: 'ARPL that changes nothing', why: 'does not write (SDM vol. 2 ARPL); TCG writes the old value',
    explains: (x) => /^ARPL/.test(x.name) && x.ours.vector !== PF && x.theirs.vector === PF },
  { what: 'IA32_SYSENTER_CS, bits 16 to 31', why: 'kept (SDM vol. 4); TCG drops them', explains: (x) => /^WRMSR/.test(x.name)
    && only(x, 'sysenterCs') },
  { what: 'LSS with TF', why: 'the trap of TF comes behind it: only MOV and POP hold it off (SDM vol. 3A 6.8.3); TCG holds it off',
    explains: (x) => /^LSS/.test(x.name) && x.ours.vector === DB && (x.d.registers.rflags & 0x100n) !== 0n },
  { what: 'CR0: bits that do not exist', why: 'ignored (SDM vol. 3A 2.5); TCG keeps them', explains: (x) => only(x, 'cr0') },
  { what: 'INT1', why: '#DB (SDM vol. 2 INT1); TCG does not have it', explains: (x) => /^INT1/.test(x.name) && x.theirs.vector === UD },
  { what: 'far calls and returns at CPL 3 under SMAP', why: 'their stack is read and written as the user; TCG does it as supervisor',
    explains: (x) => /^(RETF|IRET|CALL|INT|delivery)/.test(x.name) && x.d.cpl === 3
      && (x.d.registers.cr4 & SMAP) !== 0n && x.theirs.vector === PF
      && (x.theirs.error & 4) === 0 },
  { what: 'far transfers to code that is not canonical, or with L and D', why: '#GP at the transfer (SDM vol. 2 CALL, RET); TCG goes there',
    explains: (x) => /^(JMP|CALL|RETF|IRET|INT)/.test(x.name) && x.ours.vector === GP },
  { what: 'IRET and SYSRET that load VIF and VIP', why: 'loaded at CPL 0 (SDM vol. 2 IRET, SYSRET: 3C7FD7h); TCG leaves them',
    explains: (x) => /^(IRET|SYSRET)/.test(x.name) && x.ours.vector === x.theirs.vector && only(x, 'rflags',
      'memory', 'ss') },
  { what: 'SYSCALL, SYSRET outside of 64-bit code', why: '#UD (SDM vol. 2 SYSCALL); TCG executes them as AMD does',
    explains: (x) => /^SYS(CALL|RET)/.test(x.name) && x.ours.vector === UD && (x.d.mode !== 2
      || (x.d.registers.efer & 1n) === 0n) },
  { what: 'SYSCALL: status flags and DF', why: 'stay but for FMASK (SDM vol. 2 SYSCALL); TCG clears them',
    explains: (x) => /^SYSCALL/.test(x.name) && x.ours.vector === x.theirs.vector && only(x, 'memory',
      'rflags', 'ss') },
  { what: 'SYSEXIT to 32-bit code: RIP', why: 'EDX (SDM vol. 2 SYSEXIT); TCG keeps the upper half of RDX',
    explains: (x) => /^SYSEXIT/.test(x.name) && x.ours.vector === x.theirs.vector && only(x, 'memory') },
];

/** What is not generated, and why. */
export const NOT_GENERATED: readonly (readonly [what: string, why: string])[] = [
  ['RF in the frame of a fault', 'set (SDM vol. 3B 18.3.1.1), as silicon shows in user mode; TCG leaves it; not compared'],
  ['breakpoints in 16-bit code, data breakpoints on what events push', 'TCG resets the machine'],
  ['two in a row of STI and MOV SS', 'only the first need hold anything off (SDM vol. 2 MOV)'],
  ['segment limits, alignment checks', 'TCG has neither; silicon judges them in user mode (isa:faults)'],
  ['RDPID, XSAVEC', 'TCG does not have them; silicon judges them in user mode'],
  ['RDPMC, VMCALL, VMMCALL', 'counters and hypercalls are the machine\'s own'],
  ['IRET with VM in long mode', 'TCG enters virtual-8086 mode; VM is ignored (SDM vol. 2 IRET)'],
  ['IN of two and four bytes from misaligned ports that nobody has', 'all ones; TCG gives 0'],
];
