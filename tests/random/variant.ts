// What a seed means, for the process that runs it and for the one that reports it.

export interface RandomRun {
  seed: number;
  cpus: number;
  /** A reason of MachineEnding, or halt, loop, reset, failed. */
  end: string;
  ms: number;
  instructions: number;
  error?: string;
}

/** Every tenth seed starts in 16-bit code, two in 32-bit code; tables as in tests/kernels/random.c. */
export function variantOf(seed: number): { bits: number; table: number } {
  const bits = [64, 64, 64, 64, 32, 64, 32, 16, 64, 64][seed % 10] as number;
  const table = bits === 64 ? [2, 2, 1, 0][Math.floor(seed / 10) % 4] as number : Math.floor(seed / 10) % 2;
  return { bits, table };
}
