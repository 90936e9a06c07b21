// Which of the things that Skep needs this browser lacks. The probes are the shortest modules that use the
// feature (WebAssembly core specification, binary format).

import { OLD_BROWSER, type Message } from './messages.ts';

const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** () -> v128: i32.const 0, i8x16.splat. */
export const SIMD_PROBE = new Uint8Array([...HEADER,
  0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b,
  0x03, 0x02, 0x01, 0x00,
  0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, 0x00, 0xfd, 0x0f, 0x0b]);

/** A shared memory of one page, and () -> (): i32.const 0, i32.atomic.load, drop. */
export const THREADS_PROBE = new Uint8Array([...HEADER,
  0x01, 0x04, 0x01, 0x60, 0x00, 0x00,
  0x03, 0x02, 0x01, 0x00,
  0x05, 0x04, 0x01, 0x03, 0x01, 0x01,
  0x0a, 0x0b, 0x01, 0x09, 0x00, 0x41, 0x00, 0xfe, 0x10, 0x02, 0x00, 0x1a, 0x0b]);

/** What to tell the user, or undefined if everything is there. Isolation is another matter: isolation.ts. */
export function missingFeature(): Message | undefined {
  const lacking: string[] = [];
  if (typeof WebAssembly !== 'object') lacking.push('WebAssembly');
  else {
    if (!WebAssembly.validate(SIMD_PROBE)) lacking.push('WebAssembly SIMD');
    if (!WebAssembly.validate(THREADS_PROBE)) lacking.push('WebAssembly threads');
  }
  if (typeof Worker !== 'function') lacking.push('workers');
  if (lacking.length === 0) return undefined;
  return { ...OLD_BROWSER, text: `Skep needs what this browser lacks: ${lacking.join(', ')}.` };
}
