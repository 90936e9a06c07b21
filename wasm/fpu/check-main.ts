// Entry of the test build: see f80-check.ts and sse-check.ts.
export { checkF80 } from "./f80-check";
export { benchSse, checkSse } from "./sse-check";
