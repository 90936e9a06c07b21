// CRC-32 (ISO 3309), as PNG and the headers of overlay files use it.

const POLYNOMIAL = 0xEDB88320;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = (c & 1) !== 0 ? POLYNOMIAL ^ (c >>> 1) : c >>> 1;
  return c;
});

export function crc32(data: Uint8Array): number {
  let c = 0xFFFFFFFF;
  for (const byte of data) c = (TABLE[(c ^ byte) & 0xFF] ?? 0) ^ (c >>> 8);
  return (c ^ 0xFFFFFFFF) >>> 0;
}
