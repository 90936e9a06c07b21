// One visitor that both saves and loads: a chip names its sections once and the direction is the
// serializer's. A section is {u32 name, u32 version, u32 length, bytes}. Loading refuses an unknown name,
// version or length and leaves the error and the name in the header; nothing after that is touched.

export const enum SerializeMode { SAVE = 0, LOAD = 1 }
export const enum SerializeError { NONE = 0, FULL = 1, NAME = 2, VERSION = 3, LENGTH = 4 }

/** Lives in shared memory, prepared by the caller. */
@unmanaged
export class Serializer {
  mode: u32;
  error: u32;
  /** Address of the next byte; first byte behind the buffer. */
  cursor: u32;
  end: u32;
  /** Section that caused the error. */
  errorName: u32;
  pad: u32;
}

const SECTION_HEADER_BYTES: u32 = 12;

export function serializerBegin(s: Serializer, mode: SerializeMode, address: u32, bytes: u32): void {
  s.mode = mode;
  s.error = SerializeError.NONE;
  s.cursor = address;
  s.end = address + bytes;
  s.errorName = 0;
}

function fail(s: Serializer, name: u32, error: SerializeError): bool {
  s.error = error;
  s.errorName = name;
  return false;
}

/** Save or load `bytes` bytes at `address` as section `name` (four letters, little-endian). False after an error. */
export function serializeSection(s: Serializer, name: u32, version: u32, address: usize, bytes: u32): bool {
  if (s.error != SerializeError.NONE) return false;
  if (s.end - s.cursor < SECTION_HEADER_BYTES + bytes) return fail(s, name, SerializeError.FULL);
  const at = <usize>s.cursor;
  if (s.mode == SerializeMode.SAVE) {
    store<u32>(at, name);
    store<u32>(at, version, 4);
    store<u32>(at, bytes, 8);
    memory.copy(at + SECTION_HEADER_BYTES, address, bytes);
  } else {
    if (load<u32>(at) != name) return fail(s, name, SerializeError.NAME);
    if (load<u32>(at, 4) != version) return fail(s, name, SerializeError.VERSION);
    if (load<u32>(at, 8) != bytes) return fail(s, name, SerializeError.LENGTH);
    memory.copy(address, at + SECTION_HEADER_BYTES, bytes);
  }
  s.cursor += SECTION_HEADER_BYTES + bytes;
  return true;
}
