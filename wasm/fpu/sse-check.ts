// Test build only: does with the library what silicon-sse.c does with the processor, over the same generated
// operands, and writes the same records; the test compares them byte for byte.
import { rnd, setSeed } from "./f80-check";
import {
  sseAdd, sseBegin, sseCmp, sseComi, sseDiv, sseFinish, sseFromInt, sseMax, sseMin, sseMul, sseMxcsr,
  sseRound, sseSqrt, sseSub, sseToDouble, sseToInt, sseToIntTruncate, sseToSingle,
} from "./sse";

const RECORD: usize = 32;

let dbl: bool = false;

function genFrac(): u64 {
  const r = rnd();
  const m = rnd();
  const w: u64 = dbl ? 52 : 23;
  const k: u64 = (r >> 8) % w;
  const mask: u64 = (<u64>1 << w) - 1;
  switch (<u32>r & 3) {
    case 0:
      return m & mask;
    case 1:
      return m & mask & ~((<u64>1 << k) - 1);
    case 2:
      return ((<u64>-1 << k) | ((r >> 16) & 3)) & mask;
    default:
      return ((<u64>1 << k) | ((r >> 16) & 1)) & mask;
  }
}

function genExp(r: u32, v: u32): u32 {
  const w: u32 = dbl ? 52 : 23;
  const max: u32 = dbl ? 0x7ff : 0xff;
  const bias: u32 = max >> 1;
  switch (r & 15) {
    case 0:
      return (v & 1) != 0 ? 0 : max;
    case 1:
      return max;
    case 2:
      return 0;
    case 3:
      return 1 + (v % 3);
    case 4:
      return max - 1 - (v % 3);
    case 5:
    case 6:
    case 7:
      return bias - w - 5 + (v % (2 * w + 10));
    case 8:
      return bias - 2 + (v % 5);
    case 9:
      return bias + (v % 66);
    case 10:
      return 1 + (v % (w + 3));
    case 11:
      return (v & 1) != 0 ? bias + (bias / 2 + (v % 5)) : bias - (bias / 2 + (v % 5));
    default:
      return 1 + (v % (max - 1));
  }
}

function gen(): u64 {
  const r = rnd();
  let f = genFrac();
  const w: u64 = dbl ? 52 : 23;
  const v = <u32>(r >> 32);
  const sign = ((r >> 20) & 1) << (dbl ? 63 : 31);
  const k = <u32>r & 15;
  if (k == 0 && (v & 2) != 0) f = 0;
  if (k == 9 && (v & 0x10000) != 0) f &= <u64>-1 << (w - 10);
  return sign | (<u64>genExp(k, v) << w) | f;
}

function genNear(a: u64): u64 {
  const r = rnd();
  let b = gen();
  const w: u64 = dbl ? 52 : 23;
  const max: u64 = dbl ? 0x7ff : 0xff;
  const top: u64 = <u64>1 << (dbl ? 63 : 31);
  if ((r & 3) != 0) return b;
  const e = ((a >> w) + ((r >> 8) % 8) - 4) & max;
  b = (b & top) | (e << w) | (b & ((<u64>1 << w) - 1));
  return (r & 4) != 0 ? (b & top) | ((a + ((r >> 16) & 3) - 1) & (top - 1)) : b;
}

function genMX(): u32 {
  const r = <u32>rnd();
  const masks: u32 = (r & 3) != 0 ? 0x3f : (r >> 8) & 0x3f;
  const pe = (r >> 14) & 1;
  const daz = u32(((r >> 16) & 3) == 0);
  const ftz = u32(((r >> 18) & 3) == 0);
  const rc: u32 = ((r >> 20) & 1) != 0 ? 0 : (r >> 21) & 3;
  return (masks << 7) | (pe << 5) | (daz << 6) | (ftz << 15) | (rc << 13);
}

function run<T>(op: u32, a: T, b: T, q: u64): u64 {
  if (op >= 64) return <u64>sseCmp<T>(a, b, op - 64);
  if (op >= 40) return <u64>sseRound<T>(a, op - 40);
  switch (op) {
    case 0:
      return <u64>sseAdd<T>(a, b);
    case 1:
      return <u64>sseSub<T>(a, b);
    case 2:
      return <u64>sseMul<T>(a, b);
    case 3:
      return <u64>sseDiv<T>(a, b);
    case 4:
      return <u64>sseSqrt<T>(a);
    case 5:
      return <u64>sseMin<T>(a, b);
    case 6:
      return <u64>sseMax<T>(a, b);
    case 7:
      return sseComi<T>(a, b, false);
    case 8:
      return sseComi<T>(a, b, true);
    case 9:
      return <u64>(<u32>sseToInt<T, i32>(a));
    case 10:
      return <u64>sseToInt<T, i64>(a);
    case 11:
      return <u64>(<u32>sseToIntTruncate<T, i32>(a));
    case 12:
      return <u64>sseToIntTruncate<T, i64>(a);
    case 13:
      return <u64>sseFromInt<T>(<i64>(<i32>q));
    case 14:
      return <u64>sseFromInt<T>(<i64>q);
    case 15:
      if (sizeof<T>() == 4) return sseToDouble(<u32>a);
      return <u64>sseToSingle(<u64>a);
    default:
      return <u64>sseCmp<T>(a, b, op - 16);
  }
}

/** Writes `count` records of one operation, in single or double, at p. */
export function checkSse(op: u32, isDouble: bool, seed: u64, count: u32, p: usize): void {
  setSeed(seed);
  dbl = isDouble;
  for (let i: u32 = 0; i < count; i++) {
    let a: u64;
    let b: u64 = 0;
    if (op == 13 || op == 14) {
      a = rnd();
      a = <u64>(<i64>a >> <i64>(rnd() & 63));
    } else {
      a = gen();
      b = genNear(a);
    }
    store<u64>(p, a);
    store<u64>(p, b, 8);
    const mx = genMX();
    sseBegin(mx);
    const r = isDouble ? run<u64>(op, a, b, a) : run<u32>(op, <u32>a, <u32>b, a);
    const trap = sseFinish();
    store<u64>(p, trap ? 0 : r, 16);
    store<u32>(p, mx, 24);
    store<u32>(p, (sseMxcsr & 0x3f) | (trap ? 0x100 : 0), 28);
    p += RECORD;
  }
}

/** Throughput of the common path: count dependent additions and multiplications. */
export function benchSse(count: u32): u64 {
  let x: u64 = 0x3ff0000000000000;
  sseBegin(0x1fa0);
  for (let i: u32 = 0; i < count; i++) {
    x = sseMul<u64>(x, 0x3fefffffff000000);
    x = sseAdd<u64>(x, 0x3fb0000000000000);
  }
  return x;
}
