// Everything that the core imports from JavaScript. Nothing else of the host is visible to it.

/** Nanoseconds on the machine's clock: host clock minus the time spent paused. Costs about 100 ns: never per instruction. */
// @ts-ignore: decorator
@external("host", "now")
export declare function hostNow(): f64;

/** Log one event: `code` names the message (lib/log.ts), a and b are its arguments. */
// @ts-ignore: decorator
@external("host", "log")
export declare function hostLog(code: u32, a: u64, b: u64): void;

/** The core's own mistake: stops the machine with this code and detail. Never returns. */
// @ts-ignore: decorator
@external("host", "panic")
export declare function hostPanic(code: u32, detail: u64): void;

/**
 * Make translated functions callable, `count` of the list at `list` (jit/regions.ts), as one module; the
 * first index in the table, 0 on failure; the list gets all. No count: forget the one with the index `list`,
 * 0 = all.
 */
// @ts-ignore: decorator
@external("host", "install")
export declare function hostInstall(list: u32, count: u32): u32;

/** AssemblyScript's abort: assertion failures end here. */
export function abort(message: usize, file: usize, line: u32, column: u32): void {
  hostPanic(1, (<u64>file << 32) | line);
  unreachable();
}
