// Conditions of Jcc, CMOVcc and SETcc in a region (SDM vol. 1 appendix B), fused with the producer of the
// flags.

import { FlagKind } from "../cpu/state";
import { W, const32, const64, constant, get, op, sized } from "./bytes";
import {
  Desc, compare, flagsNow, getA, getB, isWide, kindOf, pushCarry, pushCoreCond, pushFlag, pushNegative,
  pushOverflow, pushResult, pushStored, sizeOf, toDynamic,
} from "./flags";
import { pushCompareCond } from "./float-flags";
import { isRotated, keptAfter, settleRotated } from "./kept-flags";
import { getFe } from "./locals";

const OF_SHIFT: i32 = 11;
const PF_SHIFT: i32 = 2;
const ZF_SHIFT: i32 = 6;
const SF_SHIFT: i32 = 7;

function pushZero(d: u32): void {
  pushResult(d);
  sized(W.I32_EQZ, isWide(d));
}
function pushSign(d: u32): void {
  pushResult(d);
  pushNegative(isWide(d));
}
function pushParity(d: u32): void {
  pushResult(d);
  if (isWide(d)) op(W.I32_WRAP);
  const32(0xFF); op(W.I32_AND); op(W.I32_POPCNT); const32(1); op(W.I32_AND); op(W.I32_EQZ);
}

/** Push the truth of an even condition code over SUB. */
function pushSubCond(d: u32, cc: u32): void {
  switch (cc) {
    case 0: pushOverflow(d); break;
    case 2: compare(d, W.I32_LT_U); break;
    case 4: compare(d, W.I32_EQ); break;
    case 6: compare(d, W.I32_LE_U); break;
    case 8: pushSign(d); break;
    case 10: pushParity(d); break;
    case 12: compare(d, W.I32_LT_S); break;
    default: compare(d, W.I32_LE_S);
  }
}

function pushAddCond(d: u32, cc: u32): void {
  switch (cc) {
    case 0: pushOverflow(d); break;
    case 2: pushCarry(d); break;
    case 4: pushZero(d); break;
    case 6: pushCarry(d); pushZero(d); op(W.I32_OR); break;
    case 8: pushSign(d); break;
    case 10: pushParity(d); break;
    case 12: pushSign(d); pushOverflow(d); op(W.I32_NE); break;
    default: pushSign(d); pushOverflow(d); op(W.I32_NE); pushZero(d); op(W.I32_OR);
  }
}

/** CF of INC, DEC and SZP is in FE, OF of SZP too; false when the core must find it. */
function pushStoredCond(d: u32, cc: u32): bool {
  if (cc == 2 || cc == 6) {
    pushCarry(d);
    if (cc == 6) {
      pushZero(d);
      op(W.I32_OR);
    }
    return true;
  }
  if (kindOf(d) != FlagKind.SZP) return false;
  getFe();
  const64(OF_SHIFT);
  op(W.I64_SHR_U);
  op(W.I32_WRAP);
  const32(1);
  op(W.I32_AND);
  if (cc == 0) return true;
  pushSign(d);
  op(W.I32_NE);
  if (cc == 14) {
    pushZero(d);
    op(W.I32_OR);
  }
  return true;
}

/** LOGIC, and what INC, DEC and SZP share with it; false when RFLAGS is needed. */
function pushResultCond(d: u32, cc: u32): bool {
  const logic = kindOf(d) == FlagKind.LOGIC;
  if (cc == 4) pushZero(d);
  else if (cc == 8) pushSign(d);
  else if (cc == 10) pushParity(d);
  else if (!logic) return pushStoredCond(d, cc);
  else if (cc == 6) pushZero(d);
  else if (cc == 12) pushSign(d);
  else if (cc == 14) {
    pushResult(d);
    constant(0, isWide(d));
    sized(W.I32_LE_S, isWide(d));
  } else const32(0);
  return true;
}

/** Push the truth of an even condition code over COMPARED. */
function pushComparedCond(cc: u32): void {
  switch (cc) {
    case 2: pushFlag(0); break;
    case 4: case 14: pushFlag(ZF_SHIFT); break;
    case 6: pushFlag(0); pushFlag(ZF_SHIFT); op(W.I32_OR); break;
    case 10: pushFlag(PF_SHIFT); break;
    default: const32(0);
  }
}

/** Push the truth of an even condition code over EXPLICIT. */
function pushExplicitCond(cc: u32): void {
  switch (cc) {
    case 0: pushStored(OF_SHIFT); return;
    case 2: pushStored(0); return;
    case 4: pushStored(ZF_SHIFT); return;
    case 6: pushStored(0); pushStored(ZF_SHIFT); op(W.I32_OR); return;
    case 8: pushStored(SF_SHIFT); return;
    case 10: pushStored(PF_SHIFT); return;
  }
  pushStored(SF_SHIFT);
  pushStored(OF_SHIFT);
  op(W.I32_NE);
  if (cc == 12) return;
  pushStored(ZF_SHIFT);
  op(W.I32_OR);
}

/** Push the truth of condition code cc. */
export function pushCond(cc: u32): void {
  const d = flagsNow;
  const even = cc & ~1;
  let done = true;
  if (d == Desc.COMPARE) pushCompareCond(even);
  else if (kindOf(d) == FlagKind.SUB) pushSubCond(d, even);
  else if (kindOf(d) == FlagKind.ADD) pushAddCond(d, even);
  else if (d == Desc.COMPARED) pushComparedCond(even);
  else if (d == Desc.EXPLICIT) pushExplicitCond(even);
  else if (isRotated(d)) {
    settleRotated();
    pushResultCond(keptAfter(d), even);
  } else done = kindOf(d) != Desc.DYNAMIC && pushResultCond(d, even);
  if (!done) {
    toDynamic();
    pushCoreCond(cc);
  } else if (cc & 1) op(W.I32_EQZ);
}
