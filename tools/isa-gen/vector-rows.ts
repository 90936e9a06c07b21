// Which rows the translator lowers to WebAssembly SIMD (core specification 2.0, 5.4.7): by handler, a form of
// wasm/jit/map.ts (Vec) and, where the form has one, the number of the vector instruction. MMX rows, which
// share handlers with XMM rows, stay helpers.

import type { Row } from '../../isa/row.ts';

/** Lower.VECTOR in wasm/jit/map.ts. */
const VECTOR = 64;
/** Vec in wasm/jit/map.ts. */
const FORMS: Record<string, number> = {
  hMovaLoad: 1, hMovuLoad: 2, hMovaStore: 3, hMovuStore: 4, hMovdToXmm: 5, hMovdFromXmm: 6, hMovqLoad: 7,
  hMovqStore: 8, hMovssLoad: 9, hMovssStore: 10, hMovsdLoad: 11, hMovsdStore: 12, hMovlpLoad: 13,
  hMovlpStore: 14, hMovhpLoad: 15, hMovhpStore: 16, hMovntdqa: 1,
  hPshufb: 50, hPalignr: 51, hPslldq: 52, hPsrldq: 53, hShufps: 54, hShufpd: 55, hMovddup: 56, hInsertps: 57,
  hPmaddubsw: 58, hPmulhrsw: 59, hPsadbw: 60, hPtest: 61, hPextrw: 62,
};

/** dst = instruction(dst, src). */
const BINARIES: Record<string, number> = {
  hPaddb: 0x6E, hPaddsb: 0x6F, hPaddusb: 0x70, hPsubb: 0x71, hPsubsb: 0x72, hPsubusb: 0x73,
  hPaddw: 0x8E, hPaddsw: 0x8F, hPaddusw: 0x90, hPsubw: 0x91, hPsubsw: 0x92, hPsubusw: 0x93,
  hPaddd: 0xAE, hPsubd: 0xB1, hPaddq: 0xCE, hPsubq: 0xD1,
  hPcmpeqb: 0x23, hPcmpeqw: 0x2D, hPcmpeqd: 0x37, hPcmpeqq: 0xD6, hPcmpgtb: 0x27, hPcmpgtw: 0x31,
  hPcmpgtd: 0x3B, hPcmpgtq: 0xD9,
  hPminsb: 0x76, hPminub: 0x77, hPmaxsb: 0x78, hPmaxub: 0x79, hPminsw: 0x96, hPminuw: 0x97, hPmaxsw: 0x98,
  hPmaxuw: 0x99, hPminsd: 0xB6, hPminud: 0xB7, hPmaxsd: 0xB8, hPmaxud: 0xB9, hPavgb: 0x7B, hPavgw: 0x9B,
  hPmullw: 0x95, hPmulld: 0xB5, hPmaddwd: 0xBA,
  hPand: 0x4E, hPor: 0x50, hPxor: 0x51, hAndp: 0x4E, hOrp: 0x50, hXorp: 0x51,
  hPacksswb: 0x65, hPackuswb: 0x66, hPackssdw: 0x85, hPackusdw: 0x86,
};
/** dst = instruction(src, dst): ANDNOT inverts its second operand, PANDN its first. */
const SWAPPED_BINARIES: Record<string, number> = { hPandn: 0x4F, hAndnp: 0x4F };
/** dst = instruction(src). */
const UNARIES: Record<string, number> = { hPabsb: 0x60, hPabsw: 0x80, hPabsd: 0xA0 };
const MASKS: Record<string, number> = { hPmovmskb: 0x64, hMovmskps: 0xA4, hMovmskpd: 0xC4 };
const SHIFTS: Record<string, number> = {
  hPsllw: 0x8B, hPsraw: 0x8C, hPsrlw: 0x8D, hPslld: 0xAB, hPsrad: 0xAC, hPsrld: 0xAD, hPsllq: 0xCB,
  hPsrlq: 0xCD,
};
const IMMEDIATE_SHIFTS = Object.fromEntries(Object.entries(SHIFTS).map(([name, n]) => [`${name}Imm`, n]));
/** The extending multiplication of the low lanes. */
const HIGH_PRODUCTS: Record<string, number> = { hPmulhw: 0xBC, hPmulhuw: 0xBE };
const WIDE_PRODUCTS: Record<string, number> = { hPmuldq: 0xDC, hPmuludq: 0xDE };
/** The subtraction. */
const SIGNS: Record<string, number> = { hPsignb: 0x71, hPsignw: 0x91, hPsignd: 0xB1 };
/** What is done to neighbours. */
const PAIRS: Record<string, number> = {
  hPhaddw: 0x8E, hPhaddsw: 0x8F, hPhsubw: 0x91, hPhsubsw: 0x92, hPhaddd: 0xAE, hPhsubd: 0xB1,
};
/** The comparison with zero that makes a mask of the top bits. */
const BLENDS_XMM0: Record<string, number> = { hPblendvb: 0x25, hBlendvps: 0x39, hBlendvpd: 0xD8 };

/** log2 of the element's bytes, 4 for the upper half. */
const UNPACKS: Record<string, number> = {
  hPunpcklbw: 0, hPunpcklwd: 1, hPunpckldq: 2, hPunpcklqdq: 3, hUnpcklps: 2,
  hPunpckhbw: 4, hPunpckhwd: 5, hPunpckhdq: 6, hPunpckhqdq: 7, hUnpckhps: 6,
};
/** Shuffle in wasm/jit/vector-shuffle.ts. */
const SHUFFLES: Record<string, number> = { hPshufd: 0, hPshuflw: 1, hPshufhw: 2, hMovsldup: 3, hMovshdup: 4 };
/** log2 of the bytes of an element before, << 2 after, 16 = signed. */
const EXTENDS: Record<string, number> = Object.fromEntries(
  (['b', 'w', 'd'] as const).flatMap((from, k) => ['w', 'd', 'q'].slice(k).flatMap((to, n) => [
    [`hPmovzx${from}${to}`, k | (k + n + 1) << 2], [`hPmovsx${from}${to}`, k | (k + n + 1) << 2 | 16],
  ])));
/** log2 of the element's bytes; 2 of PINSRD and PEXTRD: or 3, by the operand's size. */
const BLENDS: Record<string, number> = { hPblendw: 1, hBlendps: 2, hBlendpd: 3 };
const INSERTS: Record<string, number> = { hPinsrb: 0, hPinsrw: 1, hPinsrd: 2 };
/** 4: EXTRACTPS has 32 bits always. */
const EXTRACTS: Record<string, number> = { hPextrb: 0, hPextrwMem: 1, hPextrd: 2, hExtractps: 6 };

/** Forms that have an instruction or a number. */
const NUMBERED: readonly (readonly [form: number, numbers: Record<string, number>])[] = [
  [17, MASKS], [18, BINARIES], [19, SWAPPED_BINARIES], [20, UNARIES], [21, SHIFTS], [22, IMMEDIATE_SHIFTS],
  [23, HIGH_PRODUCTS], [24, WIDE_PRODUCTS], [25, SIGNS], [26, PAIRS], [27, BLENDS_XMM0],
  [40, UNPACKS], [41, SHUFFLES], [42, EXTENDS], [43, BLENDS], [44, INSERTS], [45, EXTRACTS],
];

const IN_MMX = /(^|,)[PQN]/;

/** Form << 8 and instruction << 22 beside Lower.VECTOR; 0 = no vector row. */
export function vectorLowering(row: Row): number {
  const { handler } = row;
  if (handler === undefined || IN_MMX.test(row.ops)) return 0;
  const found = NUMBERED.find(([, numbers]) => handler in numbers);
  if (found !== undefined) return VECTOR | found[0] << 8 | found[1][handler]! << 22;
  const form = FORMS[handler];
  return form === undefined ? 0 : VECTOR | form << 8;
}

/** May its handler read or write XMM registers? */
export function touchesVectors(file: string): boolean {
  return !/^(alu|atomic|bcd|bit|branch|io|mov|muldiv|shift|stack|string|x87)\b/.test(file);
}
