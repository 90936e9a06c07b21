// The part of the WebAssembly JavaScript interface that src/emu uses. TypeScript declares it with the DOM
// only, and the DOM stays out of this layer.

declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number; shared: true });
    readonly buffer: SharedArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array);
    static imports(module: Module): { module: string; name: string; kind: string }[];
  }
  class Table {
    grow(count: number): number;
    set(index: number, value: unknown): void;
  }
  class CompileError extends Error {}
  class Instance {
    constructor(module: Module, imports: object);
    readonly exports: Record<string, unknown>;
  }
  function compile(bytes: ArrayBuffer | Uint8Array): Promise<Module>;
  function compileStreaming(response: Response): Promise<Module>;
}
