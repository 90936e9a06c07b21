// The SSE floating-point library in one import. See sse-state.ts for the contract with the caller.
export { MX, hostMode as sseHostMode, sseBegin, sseExc, sseFinish, sseMxcsr } from "./sse-state";
export * from "./sse-arith";
export * from "./sse-convert";
