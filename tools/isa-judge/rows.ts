// Which row of the table some bytes are, by the core's own decoder (wasm/decode/testing/entry.ts, compiled
// when older than its sources). Nothing is executed here.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CPU_BLOCKS, CPU_BLOCK_BYTES } from '../../src/emu/generated-layout.ts';
import type { Decoded } from '../isa-gen/encoding.ts';
import { newestIn, ROOT, run } from '../steps.ts';
import type { Mode } from './state.ts';

const OUTPUT = join(ROOT, 'build/isa-judge-decoder.wasm'), MAX_LENGTH = 15;
const PAGES = (CPU_BLOCKS + CPU_BLOCK_BYTES) / 65536, CPU = CPU_BLOCKS, RECORD = CPU + 0x10000;
const BYTES = RECORD + 0x1000;
const FEATURES = ['simd', 'threads', 'bulk-memory', 'nontrapping-f2i', 'sign-extension', 'mutable-globals'];

interface DecoderExports {
  decodeInsn(c: number, bytes: number, avail: number, off: number, mode: number, r: number): number;
  decodedRow: WebAssembly.Global;
}

function build(): void {
  const newest = newestIn(join(ROOT, 'wasm'), (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  if (existsSync(OUTPUT) && statSync(OUTPUT).mtimeMs >= newest) return;
  // The shipped build's configuration must not add its entry.
  run('compiling the decoder', 'asc', ['wasm/decode/testing/entry.ts', '--config', 'none.json',
    '--importMemory', '--sharedMemory', '--initialMemory', '1024', '--maximumMemory', '65536',
    '--memoryBase', '1024', '--runtime', 'stub', '--noAssert', '-O1', '--disableWarning',
    '--use', 'abort=wasm/lib/host/abort', '--outFile', OUTPUT, ...FEATURES.flatMap((f) => ['--enable', f])]);
}

export class RowDecoder {
  private readonly core: DecoderExports;
  private readonly memory = new WebAssembly.Memory({ initial: PAGES, maximum: 65536, shared: true });
  private readonly bytes = new Uint8Array(this.memory.buffer);

  constructor(private readonly rows: readonly Decoded[]) {
    build();
    const module = new WebAssembly.Module(readFileSync(OUTPUT));
    const imports: WebAssembly.Imports = { env: { memory: this.memory } };
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (kind === 'function') (imports[from] ??= {})[name] = () => 0;
    }
    this.core = new WebAssembly.Instance(module, imports).exports as unknown as DecoderExports;
  }

  /** Length and row; no row: #UD or more than 15 bytes. Length 0: the bytes end too soon. */
  decode(bytes: Uint8Array, mode: Mode): { length: number; row: Decoded | undefined } {
    const code = bytes.subarray(0, MAX_LENGTH);
    this.bytes.set(code, BYTES);
    const length = this.core.decodeInsn(CPU, BYTES, code.length, 0, mode, RECORD);
    return { length, row: this.rows[this.core.decodedRow.value as number] };
  }
}
