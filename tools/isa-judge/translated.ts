// Runs judged cases without TF, which the translator leaves to the interpreter: user code is entered by an
// interpreted IRET, then everything is translated before it is first executed (Option.FORCED). INT3 stands
// where the stepped core ended and behind the instruction; its frame is the result. A repeated string
// instruction goes on to its end here, so its steps are taken together; so are those of a branch into its
// own instruction, which the request to poll ends when it loops.

import {
  CPU_BLOCKS, CPU_PROFILE, Count, Option, PAGE_RECORD_BYTES, PAGE_TABLE, Profile,
} from '../../src/emu/generated-layout.ts';
import type { Decoded } from '../isa-gen/encoding.ts';
import { CODE_AT, DATA_AT, JudgedCore } from './core.ts';
import {
  CODE, CODE_BYTES, CS16, CS32, CS64, DATA, DATA_BYTES, DS16, End, PAGE, TF, type Case, type Outcome,
} from './state.ts';

/** As many as the longest instruction may swallow. */
const INT3 = 0xcc, STOPS: readonly number[] = Array<number>(15).fill(INT3);
const BREAKPOINT = 3, PAGE_FAULT = 14, RF = 0x10000;
/** Word of a guest page's record that says how often its code has changed (wasm/mmu/code-pages.ts). */
const PAGE_VERSION = 4;
/** Exit.OTHER and Exit.MISS of wasm/jit/exits.ts: the interpreter must execute the instruction. */
const EXIT_OTHER = 1, EXIT_MISS = 2;
/** Iterations of a repeated instruction that cases ask for, and some more; steps in overlapping code. */
const MAX_ITERATIONS = 4096, MAX_OWN = 100;
/** Groups whose instructions may have REP. */
const REPEATED = /^(string|io)\.isa\.ts$/;

export interface Translated {
  outcome: Outcome;
  /** What it must be: the stepped outcome, or that of all iterations. */
  expected: Outcome;
  /** A region executed the instruction, or left before it for the interpreter to raise its fault. */
  inRegion: boolean;
}

/** Linear address of an offset in the code segments that are not of data pages; -1 for the rest. */
export function linearOf(selector: number, rip: bigint): bigint {
  if (selector === CS64 || selector === CS32) return rip;
  return selector === CS16 ? BigInt(CODE) + rip : -1n;
}

export class TranslatingCore extends JudgedCore {
  /** Instructions of the last turn of an endless case. */
  private turned = 0;
  private translating = false;

  private count(table: number, n: number): number {
    return Number(this.view.getBigUint64(CPU_BLOCKS + CPU_PROFILE + table + n * 8, true));
  }

  /** `stepped`: what the same case came to in single steps. */
  translate(c: Case, d: Decoded, stepped: Outcome): Translated {
    const target = this.withinItself(c, stepped), repeats = target === 0 && REPEATED.test(d.row.file);
    if (target > 0) c = { ...c, code: [...c.code, ...STOPS] };
    let expected = stepped;
    if (target > 0) expected = this.run({ ...c, steps: MAX_OWN });
    else if (repeats) expected = this.allIterations(c, d);
    const polled = target >= 0 && !repeats && expected.end === End.DONE;
    const before = this.prepare(c, c.flags);
    this.placeStops(c, expected);
    this.enter(c, c.regs[4]!);
    const calls = this.count(Profile.COUNTS, Count.REGION_CALLS), left = this.leftForInterpreter();
    this.core.jitForget();
    this.options = Option.TRANSLATOR | Option.FORCED;
    const outcome = polled ? this.polled(c, before) : this.stopped(before, expected);
    this.options = 0;
    const inRegion = this.count(Profile.COUNTS, Count.REGION_CALLS) > calls
      && (this.leftForInterpreter() === left || outcome.end === End.FAULT);
    if (polled) expected = this.run({ ...c, steps: this.turned });
    return { outcome: this.asStepped(c, d, outcome, before), expected, inRegion };
  }

  /** SDM vol. 2 REP: when CMPS or SCAS faults, flags are what they were before the first iteration. */
  private allIterations(c: Case, d: Decoded): Outcome {
    const o = this.run({ ...c, steps: MAX_ITERATIONS }, undefined, c.rip);
    return o.end === End.FAULT && /^(CMPS|SCAS)$/.test(d.row.name) ? { ...o, flags: c.flags | TF | RF } : o;
  }

  /** Offset in the instruction of the place where the case ends; -1: it ends elsewhere. */
  private withinItself(c: Case, o: Outcome): number {
    if (o.end !== End.DONE || o.segments[1] !== c.segments[1]) return -1;
    const at = o.rip - c.rip;
    return at >= 0n && at < BigInt(c.code.length) ? Number(at) : -1;
  }

  private leftForInterpreter(): number {
    return this.count(Profile.EXITS, EXIT_OTHER) + this.count(Profile.EXITS, EXIT_MISS);
  }

  private codeChanged(): void {
    for (let page = CODE_AT; page < CODE_AT + CODE_BYTES; page += PAGE) {
      const version = PAGE_TABLE + (page / PAGE) * PAGE_RECORD_BYTES + PAGE_VERSION;
      this.view.setUint32(version, this.view.getUint32(version, true) + 1, true);
    }
  }

  /** As `run`, all code translated before it is first executed. */
  runTranslated(c: Case): Outcome {
    this.translating = true;
    const o = this.run(c);
    this.translating = false;
    return o;
  }

  protected override advance(): number {
    if (!this.translating) return super.advance();
    this.options = Option.TRANSLATOR | Option.FORCED;
    const vector = this.untilHandler(MAX_ITERATIONS);
    this.options = 0;
    return vector;
  }

  /** A stream that ends with an exception, and how many of its instructions were executed in regions. */
  stream(c: Case): { outcome: Outcome; inRegions: number } {
    const before = this.prepare(c, c.flags);
    this.codeChanged();
    this.enter(c, c.regs[4]!);
    const executed = this.count(Profile.COUNTS, Count.TRANSLATED);
    this.core.jitForget();
    this.options = Option.TRANSLATOR | Option.FORCED;
    const vector = this.untilHandler(MAX_ITERATIONS);
    const o = vector < 0 ? this.endless(before) : this.outcome(before, 1, vector);
    this.options = 0;
    return { outcome: { ...o, flags: o.flags | TF },
      inRegions: this.count(Profile.COUNTS, Count.TRANSLATED) - executed };
  }

  /** INT3 behind the instruction and where the case ends. */
  private placeStops(c: Case, expected: Outcome): void {
    const code = this.ram + CODE_AT, next = c.codeAt + c.code.length;
    this.codeChanged();
    // A load of SS holds the trap off for one more instruction.
    const shadow = expected.end === End.DONE && expected.rip === c.rip + BigInt(c.code.length + 1);
    if (!shadow) this.bytes[code + next] = INT3;
    if (expected.end !== End.DONE) return;
    const at = Number(linearOf(expected.segments[1]!, expected.rip) - BigInt(CODE));
    const own = at >= c.codeAt && at < next;
    if (at >= 0 && at < CODE_BYTES && !own) this.bytes[code + at] = INT3;
  }

  private stopped(before: Uint8Array, expected: Outcome): Outcome {
    const vector = this.untilHandler(MAX_ITERATIONS);
    if (vector < 0) return this.endless(before);
    const o = this.outcome(before, 1, vector);
    if (expected.end !== End.DONE) return o;
    if (vector === BREAKPOINT) {
      const stop = linearOf(o.segments[1]!, o.rip - 1n) - BigInt(CODE);
      if (this.bytes[this.ram + CODE_AT + Number(stop)] === INT3) {
        return { ...o, end: End.DONE, rip: o.rip - 1n };
      }
    }
    // A branch to where no code is: the fault of the next fetch.
    if (vector === PAGE_FAULT && o.rip === expected.rip) return { ...o, end: End.DONE, flags: o.flags & ~RF };
    return o;
  }

  /** Endless: attention ends the region within the instruction; then the stop behind it is executed. */
  private polled(c: Case, before: Uint8Array): Outcome {
    const executed = this.get64('instructions');
    this.attention = 1;
    this.core.cpuTurn();
    this.attention = 0;
    this.options = 0;
    this.turned = Number(this.get64('instructions') - executed);
    const rip = this.get64('rip'), there = rip >= c.rip && rip < c.rip + BigInt(c.code.length);
    if (there) this.set64('rip', c.rip + BigInt(c.code.length));
    const vector = this.untilHandler();
    if (vector < 0) return this.endless(before);
    const o = this.outcome(before, 1, vector);
    return there ? { ...o, end: End.DONE, rip } : o;
  }

  /** No handler was reached: the code loops. INT3 everywhere brings it back. */
  private endless(before: Uint8Array): Outcome {
    this.bytes.fill(INT3, this.ram + CODE_AT, this.ram + CODE_AT + CODE_BYTES);
    this.core.jitForget();
    this.options = Option.TRANSLATOR;
    const vector = this.untilHandler(MAX_ITERATIONS);
    if (vector < 0) throw new Error('the judged core does not come back');
    return { ...this.outcome(before, 1, vector), end: End.TIME };
  }

  /** With the TF that stepped code has, in RFLAGS and in images of them. */
  private asStepped(c: Case, d: Decoded, o: Outcome, before: Uint8Array): Outcome {
    const { name } = d.row, done = o.end === End.DONE;
    if (done && (name === 'POPF' || name === 'IRET')) return o;
    if (done && name === 'SYSCALL') o.regs[11] = o.regs[11]! | BigInt(TF);
    const out = { ...o, flags: o.flags | TF };
    if (done && name === 'PUSHF') out.changes = this.withPushedTrap(c, o, before);
    return out;
  }

  private withPushedTrap(c: Case, o: Outcome, before: Uint8Array): [at: number, value: number][] {
    const ss = o.segments[2]!, sp = BigInt.asUintN(c.mode === 2 ? 64 : ss === DS16 ? 16 : 32, o.regs[4]!);
    const at = Number(sp) - (c.mode !== 2 && (ss & 4) !== 0 ? 0 : DATA) + 1;
    if (at < 0 || at >= DATA_BYTES) return o.changes;
    const value = this.bytes[this.ram + DATA_AT + at]! | TF >> 8;
    const rest = o.changes.filter(([place]) => place !== at);
    if (value === before[at]) return rest;
    return [...rest, [at, value] as [number, number]].sort((a, b) => a[0] - b[0]);
  }
}
