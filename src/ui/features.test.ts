import { expect, it } from 'vitest';
import { SIMD_PROBE, THREADS_PROBE } from './features.ts';

it.each([['SIMD', SIMD_PROBE], ['threads', THREADS_PROBE]])('the %s probe is a valid module',
  (_name, probe) => {
  expect(WebAssembly.validate(probe)).toBe(true);
});

it('the threads probe is refused when its memory is not shared or its opcode is unknown', () => {
  const unknown = THREADS_PROBE.slice();
  unknown[unknown.indexOf(0xfe) + 1] = 0xff;
  expect(WebAssembly.validate(unknown)).toBe(false);
});

it('the SIMD probe really uses a vector instruction', () => {
  const scalar = SIMD_PROBE.slice();
  scalar[scalar.indexOf(0x7b)] = 0x7f;
  expect(WebAssembly.validate(scalar)).toBe(false);
});
