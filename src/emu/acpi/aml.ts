// A builder for the subset of ACPI Machine Language that the DSDT needs (ACPI 6.5 §20.2). Every function
// returns the encoded bytes of one term; resource templates are at the end (§6.4).

export type Aml = number[];

function encodePkgLength(bodyBytes: number): number[] {
  // §20.2.4: the length counts its own bytes.
  for (const [extra, limit] of [[0, 0x3F], [1, 0xFFF], [2, 0xFFFFF], [3, 0xFFFFFFF]] as const) {
    const total = bodyBytes + extra + 1;
    if (total > limit) continue;
    if (extra === 0) return [total];
    const bytes = [(extra << 6) | (total & 15)];
    for (let n = 0; n < extra; n++) bytes.push((total >> (4 + 8 * n)) & 255);
    return bytes;
  }
  throw new Error('AML package too long');
}

function withLength(opcode: number[], body: Aml): Aml {
  return [...opcode, ...encodePkgLength(body.length), ...body];
}

function nameSeg(name: string): number[] {
  if (!/^[A-Z_][A-Z0-9_]{0,3}$/.test(name)) throw new Error(`bad AML name "${name}"`);
  return [...name.padEnd(4, '_')].map((char) => char.charCodeAt(0));
}

/** A name string such as `_CRS`, `\_SB` or `\_SB.PCI0.ISA`. */
export function path(text: string): Aml {
  const root = text.startsWith('\\') ? [0x5C] : [];
  const segments = text.replace(/^\\/, '').split('.').filter((part) => part !== '');
  const encoded = segments.flatMap(nameSeg);
  if (segments.length === 0) return [...root, 0];
  if (segments.length === 1) return [...root, ...encoded];
  return segments.length === 2 ? [...root, 0x2E, ...encoded] : [...root, 0x2F, segments.length, ...encoded];
}

export function integer(value: number): Aml {
  if (value === 0 || value === 1) return [value];
  if (value <= 0xFF) return [0x0A, value];
  if (value <= 0xFFFF) return [0x0B, value & 255, value >> 8];
  return [0x0C, ...le32(value)];
}

export const scope = (name: string, ...terms: Aml[]): Aml => withLength([0x10],
  [...path(name), ...terms.flat()]);
export const device = (name: string, ...terms: Aml[]): Aml => withLength([0x5B, 0x82],
  [...path(name), ...terms.flat()]);
export const name = (id: string, value: Aml): Aml => [0x08, ...path(id), ...value];
export const packageOf = (...items: Aml[]): Aml => withLength([0x12], [items.length, ...items.flat()]);
export const buffer = (bytes: readonly number[]): Aml => withLength([0x11],
  [...integer(bytes.length), ...bytes]);
/** Method without SyncLevel; not serialized unless said. */
export function method(id: string, args: number, body: Aml[], serialized = false): Aml {
  return withLength([0x14], [...path(id), args | (serialized ? 8 : 0), ...body.flat()]);
}

/** Region spaces, §20.2.5.2. */
export const SPACE = { MEMORY: 0, IO: 1, PCI_CONFIG: 2 } as const;
export function region(id: string, space: number, offset: number, length: number): Aml {
  return [0x5B, 0x80, ...path(id), space, ...integer(offset), ...integer(length)];
}
/** Byte-access fields over a region, one after the other: [name, bits]. */
export function byteFields(regionName: string, fields: readonly (readonly [string, number])[]): Aml {
  const BYTE_ACC = 1;
  const list = fields.flatMap(([id, bits]) => [...nameSeg(id), ...encodeFieldBits(bits)]);
  return withLength([0x5B, 0x81], [...path(regionName), BYTE_ACC, ...list]);
}
function encodeFieldBits(bits: number): number[] {
  if (bits > 0x3F) throw new Error('field too long');
  return [bits];
}

export const arg = (n: number): Aml => [0x68 + n];
export const local = (n: number): Aml => [0x60 + n];
export const store = (value: Aml, target: Aml): Aml => [0x70, ...value, ...target];
export const and = (a: Aml, b: Aml): Aml => [0x7B, ...a, ...b, 0];
export const not = (value: Aml): Aml => [0x92, ...value];
export const orTo = (a: Aml, b: Aml, target: Aml): Aml => [0x7D, ...a, ...b, ...target];
export const shiftLeft = (value: Aml, count: Aml, target: Aml): Aml => [0x79, ...value, ...count, ...target];
export const findSetRightBit = (value: Aml, target: Aml): Aml => [0x82, ...value, ...target];
export const decrement = (target: Aml): Aml => [0x76, ...target];
export const ifThen = (condition: Aml, ...body: Aml[]): Aml => withLength([0xA0],
  [...condition, ...body.flat()]);
export const ret = (value: Aml): Aml => [0xA4, ...value];
/** CreateWordField(buffer, byteIndex, name). */
export const wordField = (source: Aml, index: number, id: string): Aml => [0x8B, ...source, ...integer(index),
  ...nameSeg(id)];

/** A compressed EISA id such as PNP0A03 (§19.3.4). */
export function eisaId(id: string): Aml {
  const letter = (n: number): number => id.charCodeAt(n) - 0x40;
  const vendor = (letter(0) << 10) | (letter(1) << 5) | letter(2);
  const product = parseInt(id.slice(3), 16);
  return [0x0C, vendor >> 8, vendor & 255, product >> 8, product & 255];
}

const le16 = (value: number): number[] => [value & 255, (value >> 8) & 255];
const le32 = (value: number): number[] => [...le16(value), ...le16(value >>> 16)];

/** Resource template: descriptors, then an end tag whose checksum 0 means "not checked". */
export const resources = (...descriptors: number[][]): Aml => buffer([...descriptors.flat(), 0x79, 0]);
/** Fixed I/O ports, 16-bit decode (§6.4.2.5). */
export const io = (base: number, length: number): number[] => [0x47, 1, ...le16(base), ...le16(base), 1,
  length];
/** Edge, active high, exclusive (§6.4.2.1, two-byte form). */
export const irq = (line: number): number[] => [0x22, ...le16(1 << line)];
/**
 * Level, active high, shared, one of several (§6.4.2.1): flag bit 0x10 = shared, 0x08 (low) and 0x01 (edge)
 * clear.
 */
export const irqLevel = (lines: readonly number[]): number[] =>
  [0x23, ...le16(lines.reduce((mask, line) => mask | (1 << line), 0)), 0x10];
export const memory32Fixed = (base: number, length: number): number[] => [0x86, ...le16(9), 1, ...le32(base),
  ...le32(length)];

/** Address space descriptors (§6.4.3.5): producer, minimum and maximum fixed. */
const FIXED = 0x0C;
export function busRange(first: number, last: number): number[] {
  return [0x88, ...le16(13), 2, FIXED, 0, ...le16(0), ...le16(first), ...le16(last), ...le16(0),
    ...le16(last - first + 1)];
}
export function ioRange(first: number, last: number): number[] {
  const ENTIRE = 3;
  return [0x88, ...le16(13), 1, FIXED, ENTIRE, ...le16(0), ...le16(first), ...le16(last), ...le16(0),
    ...le16((last - first + 1) & 0xFFFF)];
}
export function memoryRange(first: number, last: number): number[] {
  const READ_WRITE = 1;
  return [0x87, ...le16(23), 0, FIXED, READ_WRITE, ...le32(0), ...le32(first), ...le32(last), ...le32(0),
    ...le32(last - first + 1)];
}
