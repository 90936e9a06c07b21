// Compares the floating-point library with silicon. Where gcc and an AMD x86-64 host are there (the processor
// that the recorded answers come from), silicon-*.c are compiled and judge every record of a fixed and of a
// random seed. Elsewhere the recorded answers judge: a digest for each operation that must agree to the bit,
// and full records for the transcendental functions, which may differ by one unit in the last place.
// UPDATE_SILICON=1 writes the recorded answers anew.
import { execFileSync } from "node:child_process";
import { createHash, randomInt } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));
const BUILD = `${ROOT}build`;
const RECORDED = `${HERE}silicon.json`;
const COUNT = 20000;
const BASE = 0x10000;
const FIXED_SEED = 1n;
const RANDOM_SEED = BigInt(process.env.SEED ?? randomInt(1 << 30));
const UPDATE = process.env.UPDATE_SILICON === "1";

// Places are the operation numbers of silicon-f80.c.
const F80 = `fadd fsub fmul fdiv fsqrt fprem fprem1 fscale fxtract frndint fcom fucom fxam ftst fist16 fist32 fist64
  fisttp16 fisttp32 fisttp64 fst32 fst64 fild16 fild32 fild64 fld32 fld64 fbld fbstp fld1 fldl2t fldl2e fldpi fldlg2
  fldln2 fldz f2xm1 fyl2x fyl2xp1 fsin fcos fsincos fptan fpatan`.split(/\s+/);
const FIRST_TRANSCENDENTAL = F80.indexOf("f2xm1");
// Numbers and names of silicon-sse.c.
const SSE = new Map<number, string>();
`add sub mul div sqrt min max comi ucomi cvt2si32 cvt2si64 cvtt2si32 cvtt2si64 cvtsi32 cvtsi64 cvtfloat`
  .split(" ")
  .forEach((name, i) => SSE.set(i, name));
for (let i = 0; i < 8; i++) SSE.set(16 + i, `cmp${i}`);
for (const i of [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]) SSE.set(40 + i, `round${i}`);
for (let i = 0; i < 32; i++) SSE.set(64 + i, `vcmp${i}`);

interface Library {
  memory: WebAssembly.Memory;
  checkF80(op: number, seed: bigint, count: number, at: number): void;
  checkSse(op: number, isDouble: number, seed: bigint, count: number, at: number): void;
}
interface Recorded {
  digests: Record<string, string>;
  transcendental: Record<string, string>;
}

let library: Library;
let recorded: Recorded;
let judged = false;

function build(tool: string, ...args: string[]): void {
  execFileSync(tool, args, { cwd: ROOT, stdio: ["ignore", "ignore", "pipe"] });
}

function haveJudge(): boolean {
  if (process.arch !== "x64" || !existsSync("/proc/cpuinfo")) return false;
  if (!readFileSync("/proc/cpuinfo", "utf8").includes("AuthenticAMD")) return false;
  try {
    for (const kind of ["f80", "sse"]) build("gcc", "-O1", "-o", `${BUILD}/silicon-${kind}`, `${HERE}silicon-${kind}.c`);
    return true;
  } catch {
    return false;
  }
}

beforeAll(async () => {
  mkdirSync(BUILD, { recursive: true });
  const out = `${BUILD}/fpu-test.wasm`;
  const flags = ["--config", "none", "-O1", "--runtime", "stub", "--initialMemory", "64", "--outFile", out];
  build(process.execPath, "node_modules/assemblyscript/bin/asc.js", "wasm/fpu/check-main.ts", ...flags);
  const abort = (): never => {
    throw new Error("the library asserted");
  };
  const { instance } = await WebAssembly.instantiate(readFileSync(out), { env: { abort } });
  library = instance.exports as unknown as Library;
  judged = haveJudge();
  if (UPDATE && !judged) throw new Error("UPDATE_SILICON needs gcc and the processor of the recorded answers");
  recorded = UPDATE ? { digests: {}, transcendental: {} } : JSON.parse(readFileSync(RECORDED, "utf8"));
}, 120_000);

function silicon(kind: string, ...args: (number | bigint)[]): Buffer {
  return execFileSync(`${BUILD}/silicon-${kind}`, args.map(String), { maxBuffer: 1 << 26 });
}

function results(bytes: number): Buffer {
  return Buffer.from(library.memory.buffer, BASE, bytes);
}

function digest(records: Buffer): string {
  return createHash("sha256").update(records).digest("base64").slice(0, 16);
}

function record(b: Buffer, at: number, size: number): string {
  return b.subarray(at, at + size).toString("hex").replace(/(.{16})/g, "$1 ");
}

/** Describes the first differences of two lists of records, empty if there are none. */
function differences(want: Buffer, got: Buffer, size: number): string {
  if (want.equals(got)) return "";
  const lines: string[] = [];
  let n = 0;
  for (let at = 0; at < want.length; at += size) {
    if (want.subarray(at, at + size).equals(got.subarray(at, at + size))) continue;
    if (n++ < 3) lines.push(`#${at / size}\n want ${record(want, at, size)}\n got  ${record(got, at, size)}`);
  }
  return `${n} records differ\n${lines.join("\n")}`;
}

function exact(name: string, size: number, run: (seed: bigint) => void, judge: (seed: bigint) =>
  Buffer): void {
  run(FIXED_SEED);
  if (UPDATE) recorded.digests[name] = digest(judge(FIXED_SEED));
  if (!judged) return expect(digest(results(COUNT * size)), name).toBe(recorded.digests[name]);
  expect(differences(judge(FIXED_SEED), results(COUNT * size), size), `${name} seed ${FIXED_SEED}`).toBe("");
  expect(digest(results(COUNT * size)), `recorded digest of ${name}`).toBe(recorded.digests[name]);
  run(RANDOM_SEED);
  expect(differences(judge(RANDOM_SEED), results(COUNT * size), size),
    `${name} seed ${RANDOM_SEED}`).toBe("");
}

// Records of the 80-bit format: where results and status lie.
const F80_SIZE = 56;
const SSE_SIZE = 32;
const RESULTS = [
  { m: 24, se: 32 },
  { m: 40, se: 48 },
];
const STATUS = 36;
const TOP = 14;
const C1 = 0x200;

function ordinal(b: Buffer, at: number, part: { m: number; se: number }): bigint {
  const se = b.readUInt16LE(at + part.se);
  const exponent = BigInt(se & 0x7fff);
  const m = b.readBigUInt64LE(at + part.m);
  // Values that follow each other get numbers that do: denormals end where exponent 1 begins.
  const n = exponent === 0n ? m : (exponent << 63n) + (m - (1n << 63n));
  return se >> 15 ? -n : n;
}

/** Largest distance in units of the last place; flags other than C1 must be the same. */
function maxUlp(want: Buffer, got: Buffer): bigint {
  let worst = 0n;
  for (let at = 0; at < want.length; at += F80_SIZE) {
    const flags = (want.readUInt32LE(at + STATUS) ^ got.readUInt32LE(at + STATUS)) & ~C1;
    const where = `#${at / F80_SIZE} want ${record(want, at, F80_SIZE)} got ${record(got, at, F80_SIZE)}`;
    if (flags !== 0 || want[at + TOP] !== got[at + TOP]) throw new Error(`flags or stack differ: ${where}`);
    for (const part of RESULTS) {
      const d = ordinal(want, at, part) - ordinal(got, at, part);
      const ulp = d < 0n ? -d : d;
      if (ulp > 1n) throw new Error(`${ulp} units: ${where}`);
      if (ulp > worst) worst = ulp;
    }
  }
  return worst;
}

const RECORDED_COUNT = 64;

describe(`80-bit format, seeds ${FIXED_SEED} and ${RANDOM_SEED}`, () => {
  F80.forEach((name, op) => {
    if (op >= FIRST_TRANSCENDENTAL) return;
    test(name, () =>
      exact(
        name,
        F80_SIZE,
        (seed) => library.checkF80(op, seed, COUNT, BASE),
        (seed) => silicon("f80", op, seed, COUNT),
      ));
  });
  F80.slice(FIRST_TRANSCENDENTAL).forEach((name, i) => {
    const op = FIRST_TRANSCENDENTAL + i;
    test(`${name} within one unit`, () => {
      if (UPDATE) recorded.transcendental[name] = silicon("f80", op, FIXED_SEED, RECORDED_COUNT).toString("base64");
      library.checkF80(op, FIXED_SEED, RECORDED_COUNT, BASE);
      const want = Buffer.from(recorded.transcendental[name]!, "base64");
      expect(want.length).toBe(RECORDED_COUNT * F80_SIZE);
      expect(maxUlp(want, results(want.length))).toBeLessThanOrEqual(1n);
      if (!judged) return;
      library.checkF80(op, RANDOM_SEED, COUNT, BASE);
      expect(maxUlp(silicon("f80", op, RANDOM_SEED, COUNT), results(COUNT * F80_SIZE))).toBeLessThanOrEqual(1n);
    });
  });
});

describe(`SSE formats, seeds ${FIXED_SEED} and ${RANDOM_SEED}`, () => {
  for (const [op, name] of SSE) {
    test(name, () => {
      for (const isDouble of [0, 1]) {
        exact(
          `${name}.${isDouble ? "double" : "single"}`,
          SSE_SIZE,
          (seed) => library.checkSse(op, isDouble, seed, COUNT, BASE),
          (seed) => silicon("sse", op, isDouble, seed, COUNT),
        );
      }
    });
  }
});

test("recorded answers are complete", () => {
  if (UPDATE) writeFileSync(RECORDED, JSON.stringify(recorded, null, 1) + "\n");
  expect(Object.keys(recorded.digests).length).toBe(FIRST_TRANSCENDENTAL + 2 * SSE.size);
});
