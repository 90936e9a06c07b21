// The shipped core waits in one place only (lib/atomics.ts waitAlone says why): an inlined copy would lose
// registers in Node 20's baseline tier, and with them locks.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** memory.atomic.wait32 with its alignment and offset 0. */
const WAIT32 = [0xFE, 0x01, 0x02, 0x00];

test('there is one memory.atomic.wait32 in the shipped core', () => {
  const bytes = readFileSync(fileURLToPath(new URL('../../build/skep.wasm', import.meta.url)));
  let count = 0;
  for (let at = bytes.indexOf(Buffer.from(WAIT32)); at >= 0; at = bytes.indexOf(Buffer.from(WAIT32), at + 1)) count++;
  expect(count).toBe(1);
});
