// The 80-bit floating-point library in one import. See f80-state.ts for the contract with the caller.
export * from "./f80-state";
export * from "./f80-arith";
export * from "./f80-rem";
export * from "./f80-convert";
export * from "./f80-trig";
export * from "./f80-log";
