// An instance of the core for functions that ask nothing of their host: no clock, no log, no code to install.
// It takes no chip's lock and never waits, so it may live in any thread.

export function passiveCore(module: WebAssembly.Module, memory: WebAssembly.Memory): Record<string, unknown> {
  const imports: Record<string, Record<string, unknown>> = { env: { memory } };
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind === 'function') (imports[from] ??= {})[name] = (): number => 0;
  }
  return new WebAssembly.Instance(module, imports as never).exports;
}
