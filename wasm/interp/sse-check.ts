// Entry of the test build of MMX, SSE and XSAVE handlers: every handler under its own name, and what
// system-check.ts offers.
export * from "./system-check";
export * from "./sse-lanes";
export * from "./sse-shuffle";
export * from "./sse-move";
export * from "./sse4";
export * from "./sse-strings";
export * from "./xsave";
export * from "./sse-dot";
export * from "./sse-crypto";
