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
  hMovlpStore: 14, hMovhpLoad: 15, hMovhpStore: 16,
};
const MASK = 17, BINARY = 18, SWAPPED = 19, UNARY = 20;

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
const UNARIES: Record<string, number> = { hPabsb: 0x60, hPabsw: 0x80, hPabsd: 0xA0 };
const MASKS: Record<string, number> = { hPmovmskb: 0x64, hMovmskps: 0xA4, hMovmskpd: 0xC4 };

const IN_MMX = /(^|,)[PQN]/;

/** Form << 8 and instruction << 22 beside Lower.VECTOR; 0 = no vector row. */
export function vectorLowering(row: Row): number {
  const { handler } = row;
  if (handler === undefined || IN_MMX.test(row.ops)) return 0;
  const word = (form: number | undefined, instruction = 0): number =>
    (form === undefined ? 0 : VECTOR | form << 8 | instruction << 22);
  if (handler in BINARIES) return word(BINARY, BINARIES[handler]);
  if (handler in SWAPPED_BINARIES) return word(SWAPPED, SWAPPED_BINARIES[handler]);
  if (handler in UNARIES) return word(UNARY, UNARIES[handler]);
  if (handler in MASKS) return word(MASK, MASKS[handler]);
  return word(FORMS[handler]);
}

/** May its handler read or write XMM registers? */
export function touchesVectors(file: string): boolean {
  return !/^(alu|atomic|bcd|bit|branch|io|mov|muldiv|shift|stack|string|x87)\b/.test(file);
}
