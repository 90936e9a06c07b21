// Expands a row into forms: one function of the core per row, operand width, register or memory, plain or
// LOCKed. Forms with the same uop, places and widths share one function.

import { type Decoded, type Operand, isByteRow, isWide, sizedOperand, widthBytes } from './encoding.ts';
import type { SymbolInfo } from './symbols.ts';

/**
 * Where a glue function finds an operand: a = recRm, g = recReg, v = VEX.vvvv, m = memory, i = immediate, c =
 * CL, o = 1.
 */
export interface Place { kind: 'a' | 'g' | 'v' | 'm' | 'i' | 'n' | 'c' | 'o'; bytes: number }

export interface Form {
  /** Name of the function of the core. */
  name: string;
  uop?: string;
  handler?: string;
  shape?: 'rmw' | 'write' | 'read';
  places: Place[];
  bytes: number;
  lock: boolean;
  cond?: number;
  arg?: number;
  generic: boolean;
  privileged: boolean;
}

/** How the decoder finds a row's form (decode/decoder.ts): see FormKind there. */
export const enum FormKind { SINGLE = 0, MEMORY = 1, FULL = 2, SIZE = 3 }

export interface RowForms { kind: FormKind; forms: (Form | null)[]; swap: boolean }

export const TYPES: Record<number, string> = { 1: 'u8', 2: 'u16', 4: 'u32', 8: 'u64' };

function placeOf(op: Operand, operands: Operand[], size: number, memory: boolean, swap: boolean): Place {
  const bytes = widthBytes(op.width, size);
  switch (op.place) {
    case 'E': return { kind: memory ? 'm' : swap ? 'g' : 'a', bytes };
    case 'G': return { kind: swap && !memory ? 'a' : 'g', bytes };
    case 'Z': case 'R': return { kind: 'a', bytes };
    case 'B': return { kind: 'v', bytes };
    case 'M': case 'O': return { kind: 'm', bytes };
    case 'AL': case 'rAX': return { kind: impliedInReg(operands) ? 'g' : 'a', bytes };
    case 'I': return { kind: op.width === 'b' ? 'n' : 'i', bytes: 0 };
    case 'CL': return { kind: 'c', bytes: 0 };
    case '1': return { kind: 'o', bytes: 0 };
    default: throw new Error(`operand '${op.text}' has no glue`);
  }
}

/**
 * An implied accumulator beside an operand that uses `rm` or memory arrives in `reg` (0), else in `rm` (0).
 */
export function impliedInReg(operands: Operand[]): boolean {
  return operands.some((op) => 'EMOZ'.includes(op.place));
}

function glueName(form: Form): string {
  const places = form.places.map((p) => p.kind + (p.bytes || '')).join('_');
  const prefix = form.lock ? 'l' : form.shape === 'read' ? 'q' : 'x';
  const cond = form.cond === undefined ? '' : `_cc${form.cond}`;
  return `${prefix}_${form.uop}${cond}${places ? `_${places}` : ''}`;
}

export function expand(d: Decoded, symbols: Map<string, SymbolInfo>): RowForms {
  return d.row.uop ? expandUop(d) : expandHandler(d, symbols);
}

function canSwap(d: Decoded): boolean {
  const [a, b] = d.operands;
  return d.operands.length === 2 && a?.place === 'G' && b?.place === 'E';
}

function expandUop(d: Decoded): RowForms {
  const { row, operands, encoding } = d;
  const byte = isByteRow(operands);
  const swap = canSwap(d);
  const hasE = operands.some((op) => op.place === 'E');
  const onlyMemory = operands.some((op) => op.place === 'M' || op.place === 'O') || encoding.mod === 'm';
  const wide = !byte && (isWide(operands) || row.wide === true);
  const sizes = wide ? (row.modes === 'legacy' ? [1, 2] : [1, 2, 3]) : [byte ? 0 : 2];
  const forms: (Form | null)[] = new Array(wide ? 12 : 3).fill(null);
  for (const size of sizes) {
    const base = wide ? size * 3 : 0;
    for (const variant of [0, 1, 2]) {
      const memory = variant > 0;
      if (memory && !hasE && !onlyMemory || !memory && onlyMemory) continue;
      if (memory && encoding.mod === '3' || variant === 2 && !row.lock) continue;
      forms[base + variant] = uopForm(d, size, memory, variant === 2, swap);
    }
  }
  return { kind: wide ? FormKind.FULL : FormKind.MEMORY, forms, swap };
}

function uopForm(d: Decoded, size: number, memory: boolean, lock: boolean, swap: boolean): Form {
  const { row, operands } = d;
  const places = operands.map((op) => placeOf(op, operands, size, memory, swap));
  const form: Form = {
    name: '', uop: row.uop, shape: row.shape, places, bytes: places[0]!.bytes, lock, generic: true, privileged: false,
    ...(row.cond === undefined ? {} : { cond: row.cond }),
  };
  form.name = glueName(form);
  return form;
}

function expandHandler(d: Decoded, symbols: Map<string, SymbolInfo>): RowForms {
  const { row, operands } = d;
  const handler = row.handler!;
  const make = (bytes: number): Form => {
    const generic = row.generic === true && (symbols.get(handler)?.generic ?? true);
    const wrapped = generic || row.cond !== undefined || row.arg !== undefined || row.privileged === true;
    const suffix = (generic ? `_${bytes}` : '') + (row.cond === undefined ? '' : `_cc${row.cond}`) +
      (row.arg === undefined ? '' : `_n${row.arg}`) + (row.privileged ? '_cpl0' : '');
    return {
      name: wrapped ? `x_${handler}${suffix}` : handler, handler, places: [], bytes, lock: false, generic,
      privileged: row.privileged === true, ...(row.cond === undefined ? {} : { cond: row.cond }),
      ...(row.arg === undefined ? {} : { arg: row.arg }),
    };
  };
  if (!row.generic) return { kind: FormKind.SINGLE, forms: [make(0)], swap: false };
  const sized = sizedOperand(operands);
  if (isByteRow(operands)) return { kind: FormKind.SINGLE, forms: [make(1)], swap: false };
  if (sized && !/^[vyz]$/.test(sized.width)) return { kind: FormKind.SINGLE,
    forms: [make(widthBytes(sized.width, 2))], swap: false };
  const sizes = row.modes === 'legacy' ? [1, 2] : [1, 2, 3];
  const forms: (Form | null)[] = [null, null, null, null];
  for (const size of sizes) forms[size] = make(widthBytes(sized ? sized.width : 'v', size));
  return { kind: FormKind.SIZE, forms, swap: false };
}
