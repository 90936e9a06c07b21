// An instruction over the end of its page, whose part in the second page is rewritten and executed in turn,
// with executions in between that see nothing new: never stale, never forgotten.

import { afterEach, expect, test } from 'vitest';
import { Skep } from './node.ts';

const LOAD = 0x100000;
const ENTRY = 0x20;
/** MOV EAX, imm32; RET: the upper half of the immediate lies in the second page. */
const CROSSING = 0xFFD;
const SECOND_PAGE = 0x1000;
const ROUNDS = 5000;
const STACK = 0x80000;
const DEBUG_EXIT = 0xF4;

const u32 = (value: number): number[] => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
const store = (address: number): number[] => [0x88, 0x0D, ...u32(address)]; // mov [address], cl

/** Compare bits 16-23 of EAX with CL; to `fail` when they differ. */
function program(): Uint8Array {
  const bytes = new Uint8Array(SECOND_PAGE + 16);
  const end = LOAD + bytes.length;
  const header = [0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000), LOAD, LOAD, end, end, LOAD + ENTRY];
  header.forEach((word, n) => new DataView(bytes.buffer).setUint32(4 * n, word >>> 0, true));
  const code: number[] = [0xBC, ...u32(STACK), 0xB9, ...u32(ROUNDS)]; // mov esp, ecx
  const loop = code.length;
  const fails: number[] = [];
  code.push(...store(LOAD + SECOND_PAGE));
  for (let n = 0; n < 3; n++) {
    const next = ENTRY + code.length + 5;
    code.push(0xE8, ...u32(CROSSING - next)); // call
    code.push(0xC1, 0xE8, 16, 0x38, 0xC8, 0x75, 0); // shr eax, 16; cmp al, cl; jne
    fails.push(code.length);
  }
  code.push(0x49, 0x0F, 0x85, ...u32(loop - code.length - 7)); // dec ecx; jnz loop
  code.push(0xB0, 0, 0xEB, 2); // mov al, 0; jmp over
  fails.forEach((at) => { code[at - 1] = code.length - at; });
  code.push(0xB0, 1, 0x66, 0xBA, DEBUG_EXIT, 0, 0xEE, 0xF4, 0xEB, 0xFD); // mov al, 1; out dx, al; hlt
  bytes.set(code, ENTRY);
  bytes.set([0xB8, 0, 0, 0, 0, 0xC3], CROSSING);
  return bytes;
}

let vm: Skep | undefined;
afterEach(async () => { await vm?.stop(); });

test('a rewritten second half is executed as rewritten', async () => {
  vm = await Skep.create({ kernel: program(), memory: 16 });
  vm.start();
  expect(await vm.ended).toEqual({ reason: 'debug-exit', value: 0 });
});
