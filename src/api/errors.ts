// The errors that Skep throws: `code` for programs, `sentence` for readers, `remedy` for what to do about it.

export { ConfigError, KernelError, MachineError, SkepError, type SkepErrorCode } from '../emu/errors.ts';
