// Outcomes of rows that no user program can show: they enter the kernel, Linux emulates them (UMIP), or
// silicon of other makers differs. What they do at CPL 3 is said by the SDM, vol. 2, each under its name, and
// for hypercalls by Linux (Documentation/virt/kvm/x86/hypercalls.rst; include/uapi/linux/kvm_para.h). The
// judged core has CR4.UMIP = 1, IA32_SYSENTER_CS = 0, EFER.SCE = 1, and STAR, LSTAR and FMASK 0.

import type { Decoded } from '../isa-gen/encoding.ts';
import { End, TF, type Case, type Outcome } from './state.ts';

export const DOCUMENTS = 'documents: Intel SDM vol. 2, Linux virt/kvm/x86';
const UD = 6, GP = 13, RF = 0x10000, LOCK = 0xf0, RAX = 0, RCX = 1, R11 = 11, LONG = 2;
/** -KVM_EPERM: hypercalls are for CPL 0. */
const NOT_PERMITTED = -1n;
const STAR_SS = 8;

type Rule = (c: Case, o: Outcome) => Outcome;

function fault(vector: number): Rule {
  return (c, o) => ({ ...o, end: End.FAULT, vector, rip: c.rip, flags: o.flags | RF });
}
const generalProtection = fault(GP), undefinedOpcode = fault(UD);

const hypercall: Rule = (c, o) => {
  o.regs[RAX] = c.mode === LONG ? NOT_PERMITTED : NOT_PERMITTED & 0xffffffffn;
  return o;
};

/** Into CPL 0; the trap of TF is taken there, because FMASK does not clear it. */
const systemCall: Rule = (c, o) => {
  if (c.mode !== LONG) return undefinedOpcode(c, o);
  o.regs[RCX] = o.rip;
  o.regs[R11] = BigInt(o.flags);
  o.segments[1] = 0;
  o.segments[2] = STAR_SS;
  return { ...o, rip: 0n };
};

const RULES: Readonly<Record<string, Rule>> = {
  SGDT: generalProtection, SIDT: generalProtection, SLDT: generalProtection, STR: generalProtection,
  SMSW: generalProtection, SYSENTER: generalProtection, SYSEXIT: generalProtection,
  SYSRET: (c, o) => (c.mode === LONG ? generalProtection : undefinedOpcode)(c, o),
  // A hypervisor shows it to the witness as a fault.
  INT1: (_, o) => o,
  SYSCALL: systemCall, VMCALL: hypercall, VMMCALL: hypercall,
};

export const isDocumented = (d: Decoded): boolean => Object.hasOwn(RULES, d.row.name);

export function documented(d: Decoded, c: Case): Outcome {
  // LOCK is for the instructions that SDM vol. 2 LOCK lists.
  const prefixes = c.code.slice(0, c.code.findIndex((b) => b === 0x0f || b === 0xf1));
  const rule = prefixes.includes(LOCK) ? undefinedOpcode : RULES[d.row.name]!;
  return rule(c, {
    end: End.DONE, steps: 1, vector: 0, error: 0, cr2: 0n, regs: c.regs.slice(),
    rip: BigInt.asUintN(c.mode === 0 ? 16 : 64, c.rip + BigInt(c.code.length)), flags: c.flags | TF,
    segments: c.segments.slice(), fsBase: c.fsBase, gsBase: c.gsBase, fx: c.fx, changes: [],
  });
}
