// The judge of the 80-bit format: prints, for one operation, records of operands, control word and what this
// processor's x87 makes of them. f80-check.ts holds the twin of the generator and of the record layout.
// Usage: silicon-f80 OP SEED COUNT > records
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t u64;
typedef struct {
  u64 am;
  uint16_t ase, bse, cw, top;
  u64 bm, r0;
  uint32_t se0, sw;
  u64 r1;
  uint32_t se1, pad;
} Record;

static u64 state;
static u64 rnd(void) {
  u64 z = state += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

#define TOPBIT 0x8000000000000000ull
static uint32_t gse;
static u64 gm;

static u64 genM(void) {
  u64 r = rnd(), m = rnd();
  unsigned k = (r >> 8) & 63;
  switch (r & 3) {
    case 0: return m | TOPBIT;
    case 1: return (m & ~((1ull << k) - 1)) | TOPBIT;
    case 2: return (~0ull << k) | TOPBIT | ((r >> 16) & 3);
    default: return TOPBIT | (1ull << k) | ((r >> 16) & 1);
  }
}

static void special(unsigned i) {
  static const u64 M[16] = {0, 1, 0x7fffffffffffffffull, TOPBIT, TOPBIT | 1, 0xbfffffffffffffffull,
    0xc000000000000000ull, 0xc000000000000001ull, ~0ull, 0x4000000000000000ull, 0xffffff0000000000ull,
    0xffffff8000000000ull, 0xfffffffffffff800ull, 0xfffffffffffffc00ull, 0xa000000000000000ull, 0x8000008000000000ull};
  static const uint16_t E[16] = {0, 0, 0, 1, 1, 0x3fff, 0x3fff, 0x3ffe, 0x4000, 0x7fff, 0x7fff, 0x7fff, 0x7ffe,
    0x403e, 0x401e, 0x400e};
  gm = M[i & 15];
  gse = E[(i >> 4) & 15] | ((i >> 8) & 1) << 15;
}

static void gen(void) {
  u64 r = rnd();
  uint32_t sign = (r >> 20 & 1) << 15, v = r >> 32;
  gm = genM();
  switch (r & 15) {
    case 0: case 1: special(v); break;
    case 2: gse = v & 0xffff; gm = rnd(); break;
    case 3: gse = sign; gm >>= v & 63; break;
    case 4: case 5: case 6: gse = sign | (0x3fff - 70 + v % 141); break;
    case 7: case 8: gse = sign | (0x3fff - 2 + v % 5); break;
    case 9: gse = sign | (0x3fff + v % 18); gm &= ~0ull << 46; break;
    case 10: gse = sign | (v & 0x10000 ? 1 + v % 70 : 0x7ffe - v % 70); break;
    case 11: gse = sign | (0x3fff + (v & 0x10000 ? 1 : -1) * (int)(100 + v % 950)); break;
    default: gse = sign | (1 + v % 0x7ffe); break;
  }
}

static void genNear(uint32_t se, u64 m) {
  u64 r = rnd();
  gen();
  if (r & 3) return;
  gse = (gse & 0x8000) | ((se & 0x7fff) + (r >> 8) % 140 - 70) & 0x7fff;
  if (r & 4) gm = m + ((r >> 32) & 3) - 1;
}

static unsigned genCW(void) {
  u64 r = rnd();
  unsigned masks = r & 3 ? 0x3f : (r >> 8) & 0x3f;
  static const unsigned pcs[4] = {3, 3, 2, 0};
  return masks | pcs[(r >> 16) & 3] << 8 | ((r >> 20) & 3) << 10;
}

static unsigned char fx[512] __attribute__((aligned(16)));
static unsigned char mem[16] __attribute__((aligned(16)));
static long double la, lb;
static uint16_t cw;

#define HEAD "fninit\n fldcw %2\n fldt %4\n fldt %3\n "
#define TAIL "\n fxsave %0\n fninit"
#define RUN(op) __asm__ volatile(HEAD op TAIL : "=m"(fx), "+m"(mem) : "m"(cw), "m"(la), "m"(lb) : "memory")

static int run(int op) {
  switch (op) {
    case 0: RUN("fadd %%st(1),%%st"); break;
    case 1: RUN(".byte 0xd8,0xe1"); break; /* FSUB ST, ST(1) */
    case 2: RUN("fmul %%st(1),%%st"); break;
    case 3: RUN(".byte 0xd8,0xf1"); break; /* FDIV ST, ST(1) */
    case 4: RUN("fsqrt"); break;
    case 5: RUN("fprem"); break;
    case 6: RUN("fprem1"); break;
    case 7: RUN("fscale"); break;
    case 8: RUN("fxtract"); break;
    case 9: RUN("frndint"); break;
    case 10: RUN("fcom %%st(1)"); break;
    case 11: RUN("fucom %%st(1)"); break;
    case 12: RUN("fxam"); break;
    case 13: RUN("ftst"); break;
    case 14: RUN("fistps %1"); break;
    case 15: RUN("fistpl %1"); break;
    case 16: RUN("fistpll %1"); break;
    case 17: RUN("fisttps %1"); break;
    case 18: RUN("fisttpl %1"); break;
    case 19: RUN("fisttpll %1"); break;
    case 20: RUN("fstps %1"); break;
    case 21: RUN("fstpl %1"); break;
    case 22: RUN("filds %1"); break;
    case 23: RUN("fildl %1"); break;
    case 24: RUN("fildll %1"); break;
    case 25: RUN("flds %1"); break;
    case 26: RUN("fldl %1"); break;
    case 27: RUN("fbld %1"); break;
    case 28: RUN("fbstp %1"); break;
    case 29: RUN("fld1"); break;
    case 30: RUN("fldl2t"); break;
    case 31: RUN("fldl2e"); break;
    case 32: RUN("fldpi"); break;
    case 33: RUN("fldlg2"); break;
    case 34: RUN("fldln2"); break;
    case 35: RUN("fldz"); break;
    case 36: RUN("f2xm1"); break;
    case 37: RUN("fyl2x"); break;
    case 38: RUN("fyl2xp1"); break;
    case 39: RUN("fsin"); break;
    case 40: RUN("fcos"); break;
    case 41: RUN("fsincos"); break;
    case 42: RUN("fptan"); break;
    case 43: RUN("fpatan"); break;
    default: return 0;
  }
  return 1;
}

static void memOperand(int op, u64 m, unsigned se) {
  memset(mem, 0x55, sizeof mem);
  if (op >= 22 && op <= 26) {
    if (op == 25) m >>= 32;
    memcpy(mem, &m, 8);
  } else if (op == 27) {
    u64 lo = 0;
    for (int i = 0; i < 64; i += 4) lo |= (m >> i & 15) % 10 << i;
    memcpy(mem, &lo, 8);
    mem[8] = (se & 15) % 10 | (se >> 4 & 15) % 10 << 4;
    mem[9] = se >> 8;
  }
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  int op = atoi(argv[1]);
  state = strtoull(argv[2], 0, 0);
  long n = atol(argv[3]);
  for (long i = 0; i < n; i++) {
    Record r;
    memset(&r, 0, sizeof r);
    gen();
    r.ase = gse;
    r.am = gm;
    genNear(r.ase, r.am);
    r.bse = gse;
    r.bm = gm;
    r.cw = cw = genCW();
    memset(&la, 0, sizeof la);
    memset(&lb, 0, sizeof lb);
    memcpy(&la, &r.am, 8);
    memcpy((char *)&la + 8, &r.ase, 2);
    memcpy(&lb, &r.bm, 8);
    memcpy((char *)&lb + 8, &r.bse, 2);
    memOperand(op, r.am, r.ase);
    if (!run(op)) return 2;
    uint16_t sw;
    memcpy(&sw, fx + 2, 2);
    r.top = (sw >> 11) & 7;
    r.sw = sw & 0x473f;
    if ((op >= 14 && op <= 21) || op == 28) {
      memcpy(&r.r0, mem, 8);
      memcpy(&r.se0, mem + 8, 2);
    } else {
      memcpy(&r.r0, fx + 32, 8);
      memcpy(&r.se0, fx + 40, 2);
    }
    memcpy(&r.r1, fx + 48, 8);
    memcpy(&r.se1, fx + 56, 2);
    fwrite(&r, sizeof r, 1, stdout);
  }
  return 0;
}
