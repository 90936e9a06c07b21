// Which rows the translator lowers to WebAssembly floating-point arithmetic: by handler, the operation (Flt
// in wasm/jit/float-mode.ts) and the type of its lanes.

import type { Row } from '../../isa/row.ts';

/** Lower.FLOAT in wasm/jit/map.ts. */
const FLOAT = 65;
/** Lane in wasm/jit/float-mode.ts. */
const TYPES: Record<string, number> = { ss: 0, sd: 1, ps: 2, pd: 3 };
const FAMILIES: Record<string, number> = {
  Add: 1, Mul: 2, Sub: 3, Div: 4, Min: 5, Max: 6, Sqrt: 7, Cmp: 8, Round: 9,
};
/**
 * Operation and type; a conversion has the type of its source, one from a general register that of its
 * result.
 */
const OTHERS: Record<string, [number, number]> = {
  hCmpsdXmm: [8, 1], hComiss: [10, 0], hUcomiss: [10, 0], hComisd: [10, 1], hUcomisd: [10, 1],
  hCvtsi2ss: [11, 0], hCvtsi2sd: [11, 1], hCvtss2si: [12, 0], hCvtsd2si: [12, 1], hCvttss2si: [13, 0],
  hCvttsd2si: [13, 1], hCvtss2sd: [14, 0], hCvtsd2ss: [15, 1],
};

/** Operation << 8 and type << 22 beside Lower.FLOAT; 0 = no such row. */
export function floatLowering({ handler }: Row): number {
  if (handler === undefined) return 0;
  const other = OTHERS[handler];
  if (other) return FLOAT | other[0] << 8 | other[1] << 22;
  const [, family = '', type = ''] = /^h([A-Z][a-z]+?)([sp][sd])$/.exec(handler) ?? [];
  const operation = FAMILIES[family];
  return operation === undefined ? 0 : FLOAT | operation << 8 | TYPES[type]! << 22;
}
