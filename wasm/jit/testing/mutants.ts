// Small mistakes in emitted code, one at a time: another operation of the same shape, another local, another
// constant, another width of a load or store (WebAssembly core specification 2.0, section 5.4). Control flow
// stays, so no mutant hangs.

/** A byte of a function's body and what to write there. */
export interface Mutant { at: number; value: number }

const LOCALS = 16;

class Walker {
  at = 0;
  readonly mutants: Mutant[] = [];
  constructor(readonly body: Uint8Array) {}

  byte(): number { return this.body[this.at++] ?? 0; }
  leb(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const b = this.byte();
      value += (b & 0x7F) * 2 ** shift;
      if (b < 0x80) return value;
    }
  }
  /** The byte just read may become `value`. */
  change(value: number): void { this.mutants.push({ at: this.at - 1, value }); }
  memarg(): void {
    this.leb();
    this.leb();
    // Places outside of what is compared must stay out of reach: only bytes behind the operand.
    const last = this.body[this.at - 1] ?? 0;
    if (last === 0) this.change(1);
  }
  constant(): void {
    this.leb();
    this.change((this.body[this.at - 1] ?? 0) ^ 1);
  }
}

function simd(w: Walker): void {
  const op = w.leb();
  if (op <= 11 || op === 92 || op === 93) w.memarg();
  else if (op === 12 || op === 13) w.at += 16;
  else if (op >= 21 && op <= 34) w.at++;
  else if (op >= 84 && op <= 91) {
    w.memarg();
    w.at++;
  } else if (op >= 96 && op < 0x7F) w.mutants.push({ at: w.at - 1, value: op + 1 });
}

function instruction(w: Walker): void {
  const op = w.byte();
  switch (true) {
    case op === 0x02 || op === 0x03 || op === 0x04: w.at++; break;
    case op === 0x0C || op === 0x0D || op === 0x10: w.leb(); break;
    case op === 0x0E: for (let n = w.leb() + 1; n > 0; n--) w.leb(); break;
    case op >= 0x20 && op <= 0x22: {
      const local = w.leb();
      // General registers stay general registers.
      if (local >= 2 && local < 2 + LOCALS) w.change(2 + (local - 1) % LOCALS);
      break;
    }
    case op === 0x23 || op === 0x24: w.leb(); break;
    case op >= 0x28 && op <= 0x3E:
      w.change(op + 1);
      w.change(op - 1);
      w.memarg();
      break;
    case op === 0x41 || op === 0x42: w.constant(); break;
    case op === 0x43: w.at += 4; break;
    case op === 0x44: w.at += 8; break;
    case op >= 0x45 && op <= 0xC4: w.change(op + 1); w.change(op - 1); break;
    case op === 0xFC: if (w.leb() > 7) throw new Error('bulk operation'); break;
    case op === 0xFD: simd(w); break;
    case op === 0xFE: w.leb(); w.memarg(); break;
    default: if (op > 0x1C) throw new Error(`unknown operation ${op.toString(16)} at ${w.at - 1}`);
  }
}

/** All mutants of a function's body (length, locals, code). */
export function mutantsOf(body: Uint8Array): Mutant[] {
  const w = new Walker(body);
  w.leb();
  for (let groups = w.leb(); groups > 0; groups--) {
    w.leb();
    w.at++;
  }
  while (w.at < body.length) instruction(w);
  return w.mutants;
}
