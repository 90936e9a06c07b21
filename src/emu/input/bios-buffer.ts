// The BIOS's keyboard buffer as its data area shows it (IBM PS/2 and PC BIOS Interface Technical Reference,
// "BIOS Data Area": 40:1A head, 40:1C tail, 40:80 start, 40:82 end, offsets from 400h; two bytes a key, one
// place stays empty). A BIOS drops what it has no room for, so whoever types for a user looks here first.

const AREA = 0x400;
const HEAD = 0x1A;
const TAIL = 0x1C;
const START = 0x80;
const END = 0x82;
/** The buffer lies inside the data area, behind the words above. */
const FIRST_OFFSET = 0x1E;
const LAST_OFFSET = 0x100;
const KEY_BYTES = 2;

/** Keys that wait and how many fit; undefined when the words cannot be those of a BIOS. */
export function biosKeyBuffer(ram: Uint8Array): { keys: number; capacity: number } | undefined {
  const word = (offset: number): number => (ram[AREA + offset] ?? 0) | (ram[AREA + offset + 1] ?? 0) << 8;
  const [head, tail, start, end] = [word(HEAD), word(TAIL), word(START), word(END)];
  if (start < FIRST_OFFSET || end > LAST_OFFSET || end - start < 2 * KEY_BYTES) return undefined;
  const inside = (offset: number): boolean => offset >= start && offset < end
    && (offset - start) % KEY_BYTES === 0;
  if ((end - start) % KEY_BYTES !== 0 || !inside(head) || !inside(tail)) return undefined;
  const places = (end - start) / KEY_BYTES;
  return { keys: (tail - head + end - start) % (end - start) / KEY_BYTES, capacity: places - 1 };
}
