// ELF executables, 32 and 64 bits, little endian (System V ABI, chapters 4 and 5): the header and the PT_LOAD
// segments, which is all that a boot loader needs.

import { KernelError } from '../errors.ts';

export interface ElfSegment {
  fileOffset: number;
  fileBytes: number;
  memoryBytes: number;
  virtual: number;
  physical: number;
}
export interface ElfFile { bits: 32 | 64; machine: number; entry: number; segments: ElfSegment[] }

const PT_LOAD = 1;
const ET_EXEC = 2;
export const EM_386 = 3;
export const EM_X86_64 = 62;

export function isElf(file: Uint8Array): boolean {
  return file.length > 52 && file[0] === 0x7F && file[1] === 0x45 && file[2] === 0x4C && file[3] === 0x46;
}

/** Parses the headers; throws KernelError naming `name`. */
export function parseElf(file: Uint8Array, name: string): ElfFile {
  const again = 'Link it again, or copy the whole file.';
  if (!isElf(file)) throw new KernelError(`${name} is not an ELF file.`, again);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const bits = file[4] === 2 ? 64 : 32;
  if (file[5] !== 1) throw new KernelError(`${name} is a big-endian ELF file.`, 'Build it for x86.');
  const machine = view.getUint16(18, true);
  if (machine !== EM_386 && machine !== EM_X86_64) {
    throw new KernelError(`${name} is an ELF file for machine ${machine}, not for x86.`,
      'Build it for i386 or x86-64.');
  }
  if (view.getUint16(16, true) !== ET_EXEC) {
    throw new KernelError(`${name} is an ELF file but not an executable.`,
      'Link it to a fixed address (ET_EXEC).');
  }
  const word = (at: number): number => (bits === 64 ? Number(view.getBigUint64(at, true))
    : view.getUint32(at, true));
  const tableAt = bits === 64 ? word(32) : word(28);
  const [entryBytes, count] = bits === 64 ? [view.getUint16(54, true), view.getUint16(56, true)]
    : [view.getUint16(42, true), view.getUint16(44, true)];
  const least = bits === 64 ? 56 : 32;
  if (count === 0 || entryBytes < least || tableAt + count * entryBytes > file.length) {
    throw new KernelError(`${name} is truncated: its program headers are missing.`, again);
  }
  const segments: ElfSegment[] = [];
  for (let n = 0; n < count; n++) {
    const at = tableAt + n * entryBytes;
    if (view.getUint32(at, true) !== PT_LOAD) continue;
    const segment = bits === 64
      ? { fileOffset: word(at + 8), virtual: word(at + 16), physical: word(at + 24), fileBytes: word(at + 32),
        memoryBytes: word(at + 40) }
      : { fileOffset: word(at + 4), virtual: word(at + 8), physical: word(at + 12), fileBytes: word(at + 16),
        memoryBytes: word(at + 20) };
    if (segment.fileOffset + segment.fileBytes > file.length) {
      throw new KernelError(`${name} is truncated: ${file.length} of ${segment.fileOffset + segment.fileBytes
      } bytes are there.`, again);
    }
    segments.push(segment);
  }
  if (segments.length === 0) throw new KernelError(`${name} has nothing to load (no PT_LOAD segment).`,
    again);
  return { bits, machine, segments, entry: word(24) };
}
