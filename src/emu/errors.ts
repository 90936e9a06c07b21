// The errors that people meet: a code for programs, one sentence for readers, and what to do about it.
// Re-exported by src/api/errors.ts; nothing else in src/emu may throw a bare Error for a condition a user can
// cause.

export type SkepErrorCode =
  | 'bad-config' | 'unknown-guest' | 'guest-missing' | 'file-missing' | 'bad-kernel' | 'kernel-too-big' | 'no-memory'
  | 'not-isolated' | 'core-missing' | 'worker-died' | 'core-panic' | 'guest-crashed' | 'aborted' | 'wrong-state'
  | 'download-failed' | 'disk-failed' | 'unsupported';

export class SkepError extends Error {
  override readonly name: string = 'SkepError';
  /** `sentence` names the offending value; `remedy` says what to do. */
  constructor(readonly code: SkepErrorCode, readonly sentence: string, readonly remedy: string,
    options?: { cause?: unknown }) {
    super(remedy === '' ? sentence : `${sentence} ${remedy}`, options);
  }
}

/** The configuration cannot make a machine: a number out of range, an unknown name. */
export class ConfigError extends SkepError {
  override readonly name = 'ConfigError';
  constructor(sentence: string, remedy: string, code: SkepErrorCode = 'bad-config') {
    super(code, sentence, remedy);
  }
}

/** The kernel image is not one that can be booted. */
export class KernelError extends SkepError {
  override readonly name = 'KernelError';
  constructor(sentence: string, remedy: string, code: SkepErrorCode = 'bad-kernel') {
    super(code, sentence, remedy);
  }
}

/** The machine itself failed: a worker died, or the core found its own mistake. */
export class MachineError extends SkepError {
  override readonly name = 'MachineError';
}

export function abortError(signal: AbortSignal): SkepError {
  return new SkepError('aborted', 'The operation was aborted.', '', { cause: signal.reason });
}
