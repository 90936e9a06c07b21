// The judge of the SSE formats: prints, for one operation, records of operands, MXCSR and what this processor
// makes of them. sse-check.ts holds the twin of the generator and of the record layout.
// Usage: silicon-sse OP DOUBLE SEED COUNT > records
#define _GNU_SOURCE
#include <immintrin.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

typedef uint64_t u64;
typedef struct {
  u64 a, b, r;
  uint32_t mxcsr, flags;
} Record;

static u64 state;
static u64 rnd(void) {
  u64 z = state += 0x9E3779B97F4A7C15ull;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

static int dbl;

/* Fraction with structure; bits above the fraction are cut off by the caller. */
static u64 genFrac(void) {
  u64 r = rnd(), m = rnd();
  unsigned w = dbl ? 52 : 23, k = (r >> 8) % w;
  u64 mask = (1ull << w) - 1;
  switch (r & 3) {
    case 0: return m & mask;
    case 1: return m & mask & ~((1ull << k) - 1);
    case 2: return ((~0ull << k) | ((r >> 16) & 3)) & mask;
    default: return (1ull << k | ((r >> 16) & 1)) & mask;
  }
}

static u64 gen(void) {
  u64 r = rnd(), f = genFrac();
  unsigned w = dbl ? 52 : 23, max = dbl ? 0x7ff : 0xff, bias = max >> 1, v = r >> 32, e;
  u64 sign = (r >> 20 & 1) << (dbl ? 63 : 31);
  switch (r & 15) {
    case 0: e = v & 1 ? 0 : max; f = v & 2 ? 0 : f; break;
    case 1: e = max; break;
    case 2: e = 0; break;
    case 3: e = 1 + v % 3; break;
    case 4: e = max - 1 - v % 3; break;
    case 5: case 6: case 7: e = bias - w - 5 + v % (2 * w + 10); break;
    case 8: e = bias - 2 + v % 5; break;
    case 9: e = bias + v % 66; f &= (v & 0x10000) ? ~0ull << (w - 10) : ~0ull; break;
    case 10: e = 1 + v % (w + 3); break;
    case 11: e = bias + (v & 1 ? 1 : -1) * (int)(bias / 2 + v % 5); break;
    default: e = 1 + v % (max - 1); break;
  }
  return sign | (u64)e << w | f;
}

static u64 genNear(u64 a) {
  u64 r = rnd(), b = gen();
  unsigned w = dbl ? 52 : 23, max = dbl ? 0x7ff : 0xff;
  u64 top = 1ull << (dbl ? 63 : 31);
  if (r & 3) return b;
  u64 e = ((a >> w) + (r >> 8) % 8 - 4) & max;
  b = (b & top) | e << w | (b & ((1ull << w) - 1));
  return r & 4 ? (b & top) | ((a + ((r >> 16) & 3) - 1) & (top - 1)) : b;
}

static uint32_t genMX(void) {
  u64 r = rnd();
  unsigned masks = (r & 3) ? 0x3f : (r >> 8) & 0x3f;
  unsigned pe = (r >> 14) & 1, daz = (r >> 16 & 3) == 0, ftz = (r >> 18 & 3) == 0, rc = r >> 20 & 1 ? 0 : r >> 21 & 3;
  return masks << 7 | pe << 5 | daz << 6 | ftz << 15 | rc << 13;
}

static sigjmp_buf jump;
static uint32_t trapFlags;
static void onTrap(int sig, siginfo_t *si, void *uc) {
  (void)sig; (void)si;
  trapFlags = ((ucontext_t *)uc)->uc_mcontext.fpregs->mxcsr;
  siglongjmp(jump, 1);
}

static union { u64 q[2]; uint32_t d[4]; } va, vb, vr;
static uint32_t mx, mxOut, mxIdle = 0x1f80;
static u64 gpr;

#define XMM(op) __asm__ volatile("movups %2,%%xmm0\n movups %3,%%xmm1\n ldmxcsr %4\n " op " %%xmm1,%%xmm0\n stmxcsr %1\n ldmxcsr %5\n movups %%xmm0,%0" \
  : "=m"(vr), "=m"(mxOut) : "m"(va), "m"(vb), "m"(mx), "m"(mxIdle) : "xmm0", "xmm1", "memory")
/* One operand: the source is a. */
#define ONE(op) __asm__ volatile("movups %2,%%xmm1\n movups %3,%%xmm0\n ldmxcsr %4\n " op "\n stmxcsr %1\n ldmxcsr %5\n movups %%xmm0,%0" \
  : "=m"(vr), "=m"(mxOut) : "m"(va), "m"(vb), "m"(mx), "m"(mxIdle) : "xmm0", "xmm1", "memory")
#define TOINT(op) __asm__ volatile("movups %2,%%xmm1\n xor %%eax,%%eax\n ldmxcsr %3\n " op "\n stmxcsr %1\n ldmxcsr %4\n mov %%rax,%0" \
  : "=m"(gpr), "=m"(mxOut) : "m"(va), "m"(mx), "m"(mxIdle) : "rax", "xmm1", "memory")
#define COMI(op) __asm__ volatile("movups %2,%%xmm0\n movups %3,%%xmm1\n ldmxcsr %4\n " op " %%xmm1,%%xmm0\n pushf\n pop %%rax\n stmxcsr %1\n ldmxcsr %5\n mov %%rax,%0" \
  : "=m"(gpr), "=m"(mxOut) : "m"(va), "m"(vb), "m"(mx), "m"(mxIdle) : "rax", "xmm0", "xmm1", "memory")
#define BOTH(kind, s, d) do { if (dbl) { kind(d); } else { kind(s); } } while (0)
#define CASE_CMP(n) case 16 + n: BOTH(XMM, "cmpss $" #n ",", "cmpsd $" #n ","); break
#define CASE_ROUND(n) case 40 + n: BOTH(ONE, "roundss $" #n ",%%xmm1,%%xmm0", "roundsd $" #n ",%%xmm1,%%xmm0"); break
#define VCMP(n) case 64 + n: BOTH(ONE, "vcmpss $" #n ",%%xmm0,%%xmm1,%%xmm0", "vcmpsd $" #n ",%%xmm0,%%xmm1,%%xmm0"); break

static u64 low(void) { return dbl ? vr.q[0] : vr.d[0]; }

static int run(int op, u64 *out) {
  switch (op) {
    case 0: BOTH(XMM, "addss", "addsd"); break;
    case 1: BOTH(XMM, "subss", "subsd"); break;
    case 2: BOTH(XMM, "mulss", "mulsd"); break;
    case 3: BOTH(XMM, "divss", "divsd"); break;
    case 4: BOTH(ONE, "sqrtss %%xmm1,%%xmm0", "sqrtsd %%xmm1,%%xmm0"); break;
    case 5: BOTH(XMM, "minss", "minsd"); break;
    case 6: BOTH(XMM, "maxss", "maxsd"); break;
    case 7: BOTH(COMI, "comiss", "comisd"); *out = gpr & 0x8d5; return 1;
    case 8: BOTH(COMI, "ucomiss", "ucomisd"); *out = gpr & 0x8d5; return 1;
    case 9: BOTH(TOINT, "cvtss2si %%xmm1,%%eax", "cvtsd2si %%xmm1,%%eax"); *out = gpr; return 1;
    case 10: BOTH(TOINT, "cvtss2si %%xmm1,%%rax", "cvtsd2si %%xmm1,%%rax"); *out = gpr; return 1;
    case 11: BOTH(TOINT, "cvttss2si %%xmm1,%%eax", "cvttsd2si %%xmm1,%%eax"); *out = gpr; return 1;
    case 12: BOTH(TOINT, "cvttss2si %%xmm1,%%rax", "cvttsd2si %%xmm1,%%rax"); *out = gpr; return 1;
    case 13: BOTH(ONE, "cvtsi2ssl %2,%%xmm0", "cvtsi2sdl %2,%%xmm0"); break;
    case 14: BOTH(ONE, "cvtsi2ssq %2,%%xmm0", "cvtsi2sdq %2,%%xmm0"); break;
    case 15:
      if (dbl) { ONE("cvtsd2ss %%xmm1,%%xmm0"); *out = vr.d[0]; }
      else { ONE("cvtss2sd %%xmm1,%%xmm0"); *out = vr.q[0]; }
      return 1;
    CASE_CMP(0); CASE_CMP(1); CASE_CMP(2); CASE_CMP(3); CASE_CMP(4); CASE_CMP(5); CASE_CMP(6); CASE_CMP(7);
    CASE_ROUND(0); CASE_ROUND(1); CASE_ROUND(2); CASE_ROUND(3); CASE_ROUND(4); CASE_ROUND(8); CASE_ROUND(9);
    CASE_ROUND(10); CASE_ROUND(11); CASE_ROUND(12);
    VCMP(0); VCMP(1); VCMP(2); VCMP(3); VCMP(4); VCMP(5); VCMP(6); VCMP(7); VCMP(8); VCMP(9); VCMP(10); VCMP(11);
    VCMP(12); VCMP(13); VCMP(14); VCMP(15); VCMP(16); VCMP(17); VCMP(18); VCMP(19); VCMP(20); VCMP(21); VCMP(22);
    VCMP(23); VCMP(24); VCMP(25); VCMP(26); VCMP(27); VCMP(28); VCMP(29); VCMP(30); VCMP(31);
    default: return 0;
  }
  *out = low();
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  int op = atoi(argv[1]);
  dbl = atoi(argv[2]);
  state = strtoull(argv[3], 0, 0);
  long n = atol(argv[4]);
  if (op >= 64 && !__builtin_cpu_supports("avx")) return 3;
  struct sigaction sa;
  memset(&sa, 0, sizeof sa);
  sa.sa_sigaction = onTrap;
  sa.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGFPE, &sa, 0);
  for (volatile long i = 0; i < n; i++) {
    static Record r;
    memset(&r, 0, sizeof r);
    if (op == 13 || op == 14) {
      r.a = rnd();
      r.a = (u64)((int64_t)r.a >> (rnd() & 63));
      r.b = 0;
    } else {
      r.a = gen();
      r.b = genNear(r.a);
    }
    r.mxcsr = mx = genMX();
    memset(&va, 0, sizeof va);
    memset(&vb, 0, sizeof vb);
    va.q[0] = r.a;
    vb.q[0] = r.b;
    if (sigsetjmp(jump, 0)) {
      r.flags = (trapFlags & 0x3f) | 0x100;
      r.r = 0;
      _mm_setcsr(0x1f80);
    } else {
      if (!run(op, &r.r)) return 2;
      r.flags = mxOut & 0x3f;
    }
    fwrite(&r, sizeof r, 1, stdout);
  }
  return 0;
}
