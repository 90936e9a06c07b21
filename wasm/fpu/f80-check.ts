// Test build only: does with the library what silicon-f80.c does with the processor, over the same generated
// operands, and writes the same records; the test compares them byte for byte.
import {
  Const, Kind, SW, f80Add, f80Atan, f80Cos, f80Exp2M1, f80Sin, f80SinCos, f80Tan, f80TrigCC, f80YLog2,
  f80YLog2P1, kindOf, f80BCDHi, f80Begin, f80CW, f80Compare, f80Constant, f80Div, f80Exc, f80Examine,
  f80Extract, f80FromBCD, f80FromFloat, f80FromInt, f80M2, f80Mul, f80Rem, f80RemCC, f80RoundInt, f80SE,
  f80SE2, f80Scale, f80Sqrt, f80StoreStopped, f80Stopped, f80Sub, f80ToBCD, f80ToFloat, f80ToInt,
} from "./f80";

const RECORD: usize = 56;
const MEM: usize = 16;

let state: u64 = 0;
let gse: u32 = 0;
let gm: u64 = 0;

export function rnd(): u64 {
  state += 0x9e3779b97f4a7c15;
  let z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

export function setSeed(seed: u64): void {
  state = seed;
}

const TOPBIT: u64 = 0x8000000000000000;
const SPECIAL_M = memory.data<u64>([
  0, 1, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001, 0xbfffffffffffffff, 0xc000000000000000,
  0xc000000000000001, 0xffffffffffffffff, 0x4000000000000000, 0xffffff0000000000, 0xffffff8000000000,
  0xfffffffffffff800, 0xfffffffffffffc00, 0xa000000000000000, 0x8000008000000000,
]);
const SPECIAL_E = memory.data<u16>([
  0, 0, 0, 1, 1, 0x3fff, 0x3fff, 0x3ffe, 0x4000, 0x7fff, 0x7fff, 0x7fff, 0x7ffe, 0x403e, 0x401e, 0x400e,
]);

function genM(): u64 {
  const r = rnd();
  const m = rnd();
  const k = (r >> 8) & 63;
  switch (<u32>r & 3) {
    case 0:
      return m | TOPBIT;
    case 1:
      return (m & ~((<u64>1 << k) - 1)) | TOPBIT;
    case 2:
      return (<u64>-1 << k) | TOPBIT | ((r >> 16) & 3);
    default:
      return TOPBIT | (<u64>1 << k) | ((r >> 16) & 1);
  }
}

function gen(): void {
  const r = rnd();
  const sign = <u32>((r >> 20) & 1) << 15;
  const v = <u32>(r >> 32);
  gm = genM();
  switch (<u32>r & 15) {
    case 0:
    case 1:
      gm = load<u64>(SPECIAL_M + ((v & 15) << 3));
      gse = load<u16>(SPECIAL_E + (((v >> 4) & 15) << 1)) | (((v >> 8) & 1) << 15);
      break;
    case 2:
      gse = v & 0xffff;
      gm = rnd();
      break;
    case 3:
      gse = sign;
      gm >>= v & 63;
      break;
    case 4:
    case 5:
    case 6:
      gse = sign | (0x3fff - 70 + (v % 141));
      break;
    case 7:
    case 8:
      gse = sign | (0x3fff - 2 + (v % 5));
      break;
    case 9:
      gse = sign | (0x3fff + (v % 18));
      gm &= <u64>-1 << 46;
      break;
    case 10:
      gse = sign | ((v & 0x10000) != 0 ? 1 + (v % 70) : 0x7ffe - (v % 70));
      break;
    case 11:
      gse = sign | ((v & 0x10000) != 0 ? 0x3fff + (100 + (v % 950)) : 0x3fff - (100 + (v % 950)));
      break;
    default:
      gse = sign | (1 + (v % 0x7ffe));
      break;
  }
}

function genNear(se: u32, m: u64): void {
  const r = rnd();
  gen();
  if ((r & 3) != 0) return;
  gse = (gse & 0x8000) | (((se & 0x7fff) + <u32>((r >> 8) % 140) - 70) & 0x7fff);
  if ((r & 4) != 0) gm = m + ((r >> 32) & 3) - 1;
}

function genCW(): u32 {
  const r = <u32>rnd();
  const masks: u32 = (r & 3) != 0 ? 0x3f : (r >> 8) & 0x3f;
  const k = (r >> 16) & 3;
  const pc: u32 = k < 2 ? 3 : k == 2 ? 2 : 0;
  return masks | (pc << 8) | (((r >> 20) & 3) << 10);
}

// Register file and memory operand as FXSAVE shows them.
let top: i32 = 0;
let st0SE: u32 = 0;
let st0M: u64 = 0;
let st1SE: u32 = 0;
let st1M: u64 = 0;
let st2SE: u32 = 0;
let st2M: u64 = 0;
let cc: u32 = 0;
let memLo: u64 = 0;
let memHi: u32 = 0;

function push(m: u64, se: u32): void {
  st2SE = st1SE;
  st2M = st1M;
  st1SE = st0SE;
  st1M = st0M;
  st0SE = se;
  st0M = m;
  top--;
}

function pop(): void {
  st0SE = st1SE;
  st0M = st1M;
  st1SE = st2SE;
  st1M = st2M;
  top++;
}

function toST0(m: u64): void {
  if (f80Stopped()) return;
  st0M = m;
  st0SE = f80SE;
}

// A load is not stopped by an unmasked DE.
function pushed(m: u64): void {
  if ((f80Exc & ~f80CW & SW.IE) == 0) push(m, f80SE);
}

function storeInt(bits: u32, truncate: bool): void {
  const v = <u64>f80ToInt(st0SE, st0M, bits, truncate);
  stored(v, bits);
}

function stored(v: u64, bits: u32): void {
  if (f80StoreStopped()) return;
  if (bits == 64) memLo = v;
  else {
    const mask: u64 = (<u64>1 << bits) - 1;
    memLo = (memLo & ~mask) | (v & mask);
  }
  pop();
}

function run(op: u32): void {
  const aSE = st0SE;
  const aM = st0M;
  const bSE = st1SE;
  const bM = st1M;
  switch (op) {
    case 0:
      return toST0(f80Add(aSE, aM, bSE, bM));
    case 1:
      return toST0(f80Sub(aSE, aM, bSE, bM));
    case 2:
      return toST0(f80Mul(aSE, aM, bSE, bM));
    case 3:
      return toST0(f80Div(aSE, aM, bSE, bM));
    case 4:
      return toST0(f80Sqrt(aSE, aM));
    case 5:
    case 6:
      toST0(f80Rem(aSE, aM, bSE, bM, op == 6));
      cc = f80RemCC;
      return;
    case 7:
      return toST0(f80Scale(aSE, aM, bSE, bM));
    case 8: {
      const m = f80Extract(aSE, aM);
      if (f80Stopped()) return;
      st0SE = f80SE2;
      st0M = f80M2;
      return push(m, f80SE);
    }
    case 9:
      return toST0(f80RoundInt(aSE, aM));
    case 10:
    case 11:
      cc = f80Compare(aSE, aM, bSE, bM, op == 11);
      return;
    case 12:
      cc = f80Examine(aSE, aM);
      return;
    case 13:
      cc = f80Compare(aSE, aM, 0, 0, false);
      return;
    default:
      return runConvert(op);
  }
}

function runConvert(op: u32): void {
  switch (op) {
    case 14:
      return storeInt(16, false);
    case 15:
      return storeInt(32, false);
    case 16:
      return storeInt(64, false);
    case 17:
      return storeInt(16, true);
    case 18:
      return storeInt(32, true);
    case 19:
      return storeInt(64, true);
    case 20:
      return stored(f80ToFloat<u32>(st0SE, st0M), 32);
    case 21:
      return stored(f80ToFloat<u64>(st0SE, st0M), 64);
    case 22:
      return pushed(f80FromInt(<i16>memLo));
    case 23:
      return pushed(f80FromInt(<i32>memLo));
    case 24:
      return pushed(f80FromInt(<i64>memLo));
    case 25:
      return pushed(f80FromFloat<u32>(<u32>memLo));
    case 26:
      return pushed(f80FromFloat<u64>(memLo));
    case 27:
      return pushed(f80FromBCD(memLo, memHi));
    case 28: {
      const lo = f80ToBCD(st0SE, st0M);
      if (f80StoreStopped()) return;
      memLo = lo;
      memHi = f80BCDHi;
      return pop();
    }
    case 29:
    case 30:
    case 31:
    case 32:
    case 33:
    case 34:
    case 35:
      return pushed(f80Constant(<Const>(op - 29)));
    default:
      return runTranscendental(op);
  }
}

function popped(m: u64): void {
  if (f80Stopped()) return;
  pop();
  st0M = m;
  st0SE = f80SE;
}

function runTranscendental(op: u32): void {
  switch (op) {
    case 36:
      return toST0(f80Exp2M1(st0SE, st0M));
    case 37:
      return popped(f80YLog2(st1SE, st1M, st0SE, st0M));
    case 38:
      return popped(f80YLog2P1(st1SE, st1M, st0SE, st0M));
    case 39:
      toST0(f80Sin(st0SE, st0M));
      break;
    case 40:
      toST0(f80Cos(st0SE, st0M));
      break;
    case 41: {
      const m = f80SinCos(st0SE, st0M);
      if (!f80Stopped() && f80TrigCC == 0) {
        st0SE = f80SE2;
        st0M = f80M2;
        push(m, f80SE);
      }
      break;
    }
    case 42: {
      const m = f80Tan(st0SE, st0M);
      if (!f80Stopped() && f80TrigCC == 0) {
        const nan = kindOf(f80SE, m) >= Kind.UNSUPPORTED;
        toST0(m);
        push(nan ? m : TOPBIT, nan ? f80SE : 0x3fff);
      }
      break;
    }
    default:
      return popped(f80Atan(st1SE, st1M, st0SE, st0M));
  }
  cc = f80TrigCC;
}

function memOperand(op: u32, m: u64, se: u32): void {
  memLo = 0x5555555555555555;
  memHi = 0x5555;
  if (op >= 22 && op <= 26) memLo = op == 25 ? m >> 32 : m;
  else if (op == 27) {
    memLo = 0;
    for (let i: u64 = 0; i < 64; i += 4) memLo |= (((m >> i) & 15) % 10) << i;
    memHi = (se & 15) % 10 | (((se >> 4) & 15) % 10 << 4) | ((se >> 8) << 8);
  }
}

/** Writes `count` records of one operation at p. */
export function checkF80(op: u32, seed: u64, count: u32, p: usize): void {
  setSeed(seed);
  for (let i: u32 = 0; i < count; i++) {
    memory.fill(p, 0, RECORD);
    gen();
    store<u64>(p, gm);
    store<u16>(p, gse, 8);
    st0SE = gse;
    st0M = gm;
    genNear(gse, gm);
    store<u16>(p, gse, 10);
    store<u64>(p, gm, 16);
    st1SE = gse;
    st1M = gm;
    const cw = genCW();
    store<u16>(p, cw, 12);
    top = 6;
    st2SE = 0;
    st2M = 0;
    cc = 0;
    memOperand(op, st0M, st0SE);
    f80Begin(cw);
    run(op);
    store<u16>(p, top & 7, 14);
    store<u32>(p, (f80Exc | cc) & 0x473f, 36);
    const toMemory = (op >= 14 && op <= 21) || op == 28;
    store<u64>(p, toMemory ? memLo : st0M, 24);
    store<u32>(p, toMemory ? memHi : st0SE, 32);
    store<u64>(p, st1M, 40);
    store<u32>(p, st1SE, 48);
    p += RECORD;
  }
}
