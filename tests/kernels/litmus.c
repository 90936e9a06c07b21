/* Litmus tests of the x86 memory model (SDM vol. 3A 9.2): two or four processors sweep arrays of independent cells side by
 * side; after each batch the boot processor counts outcomes. Argument: rounds of each test.
 * Output: one line a test, `NAME rounds N forbidden F seen S` (S: outcomes that show reordering which x86 allows). */
#include "lib.h"
#define CELLS 512
#define STRIDE 2 /* u64s between cells: neighbours share lines, as real data does */

static volatile u64 x[CELLS * STRIDE], y[CELLS * STRIDE];
static volatile u64 r0[CELLS], r1[CELLS], r2[CELLS], r3[CELLS];
static volatile u32 phase, arrived, test_number, quit;
static u32 cpus;

enum { SB, SB_MFENCE, SB_LOCK, MP, LB, W22, IRIW, TESTS };
static const char *const names[] = { "SB", "SB+mfence", "SB+xchg", "MP", "LB", "2+2W", "IRIW" };

#define ST(p, v) __asm__ volatile("movq %1, %0" : "=m"(p) : "er"(v) : "memory")
#define LD(v, p) __asm__ volatile("movq %1, %0" : "=r"(v) : "m"(p) : "memory")

static void half(u32 test, u32 me)
{
	/* In opposite directions: whoever starts late, the two meet once in every sweep. */
	u32 down = test == IRIW ? me >= 2 : me & 1;
	for (u32 n = 0; n < CELLS; n++) {
		u32 i = down ? CELLS - 1 - n : n;
		volatile u64 *a = &x[i * STRIDE], *b = &y[i * STRIDE];
		u64 v, w;
		if (me & 1) { volatile u64 *t = a; a = b; b = t; }
		switch (test) {
		case SB: if (me < 2) { ST(*a, 1ul); LD(v, *b); (me ? r1 : r0)[i] = v; } break;
		case SB_MFENCE: if (me < 2) { ST(*a, 1ul); mfence(); LD(v, *b); (me ? r1 : r0)[i] = v; } break;
		case SB_LOCK:
			if (me < 2) { v = 1; __asm__ volatile("xchgq %0, %1" : "+r"(v), "+m"(*a) :: "memory"); LD(v, *b); (me ? r1 : r0)[i] = v; }
			break;
		case MP:
			if (me == 0) { ST(x[i * STRIDE], 1ul); ST(y[i * STRIDE], 1ul); }
			else if (me == 1) { LD(v, y[i * STRIDE]); LD(w, x[i * STRIDE]); r0[i] = v; r1[i] = w; }
			break;
		case LB: if (me < 2) { LD(v, *a); ST(*b, 1ul); (me ? r1 : r0)[i] = v; } break;
		case W22: if (me < 2) { ST(*a, 1ul); ST(*b, 2ul); } break;
		case IRIW:
			if (me == 0) ST(x[i * STRIDE], 1ul);
			else if (me == 1) ST(y[i * STRIDE], 1ul);
			else if (me == 2) { LD(v, x[i * STRIDE]); LD(w, y[i * STRIDE]); r0[i] = v; r1[i] = w; }
			else if (me == 3) { LD(v, y[i * STRIDE]); LD(w, x[i * STRIDE]); r2[i] = v; r3[i] = w; }
			break;
		}
	}
}

/* All arrive, then all go: `phase` counts barriers. */
static void barrier_all(void)
{
	u32 now = phase;
	if (atomic_add(&arrived, 1) == cpus - 1) { arrived = 0; mfence(); phase = now + 1; return; }
	/* Without PAUSE at first: a CPU that gave its host core away would start its sweep too late to meet the others. */
	for (int i = 0; i < 4000; i++) if (phase != now) return;
	while (phase == now) pause();
}

static void score(u32 test, u64 *forbidden, u64 *seen)
{
	for (u32 i = 0; i < CELLS; i++) {
		switch (test) {
		case SB: if (!r0[i] && !r1[i]) (*seen)++; break;
		case SB_MFENCE: case SB_LOCK: if (!r0[i] && !r1[i]) (*forbidden)++; break;
		case MP: if (r0[i] && !r1[i]) (*forbidden)++; if (!r0[i] && r1[i]) (*seen)++; break;
		case LB: if (r0[i] && r1[i]) (*forbidden)++; break;
		case W22: if (x[i * STRIDE] == 1 && y[i * STRIDE] == 1) (*forbidden)++; break;
		case IRIW: if (r0[i] && !r1[i] && r2[i] && !r3[i]) (*forbidden)++; break;
		}
	}
	for (u32 i = 0; i < CELLS; i++) x[i * STRIDE] = y[i * STRIDE] = r0[i] = r1[i] = r2[i] = r3[i] = 0;
}

/* Writers keep a and b equal under a sequence number; readers that see an even, unchanged number must see them equal. */
static volatile u64 sequence, seq_a, seq_b;
static u64 seqlock(u32 me, u64 rounds)
{
	u64 torn = 0;
	for (u64 n = 1; n <= rounds; n++) {
		if (me == 0) { ST(sequence, 2 * n - 1); ST(seq_a, n); ST(seq_b, n); ST(sequence, 2 * n); continue; }
		u64 s, a, b, t;
		LD(s, sequence); LD(a, seq_a); LD(b, seq_b); LD(t, sequence);
		if (!(s & 1) && s == t && a != b) torn++;
	}
	return torn;
}

static u8 lines[256] __attribute__((aligned(64)));
static void xadd(u64 rounds, u32 offset)
{
	for (u64 n = 0; n < rounds; n++) {
		u64 one = 1;
		__asm__ volatile("lock xaddq %0, (%1)" : "+r"(one) : "r"(lines + offset) : "memory");
	}
}

static volatile u64 pair[2] __attribute__((aligned(16)));
#define TAG (1ull << 63)
/* Processor 0 tags the low half with CMPXCHG16B; the others store to it plainly (their own numbers): none may vanish. */
static u64 wide(u32 me, u64 rounds)
{
	u64 lost = 0;
	for (u64 n = 1; n <= rounds; n++) {
		if (me == 0) {
			u64 lo = pair[0], hi = pair[1];
			__asm__ volatile("lock cmpxchg16b %0" : "+m"(pair), "+a"(lo), "+d"(hi) : "b"(lo | TAG), "c"(hi + 1) : "memory", "cc");
		} else if (me == 1) {
			u64 v;
			ST(pair[0], n);
			LD(v, pair[0]);
			if ((v & ~TAG) != n) lost++;
		}
	}
	return lost;
}

static volatile u64 bad[16];
static u64 rounds;
static void body(u32 me)
{
	for (u32 test = 0; test < TESTS; test++) {
		if (test == IRIW && cpus < 4) continue;
		u64 forbidden = 0, seen = 0;
		for (u64 n = 0; n < rounds; n += CELLS) {
			barrier_all();
			half(test, me);
			barrier_all();
			if (me == 0) score(test, &forbidden, &seen);
		}
		if (me == 0) print("%s rounds %u forbidden %u seen %u\n", names[test], rounds, forbidden, seen);
		if (me == 0) bad[15] += forbidden;
	}
	barrier_all();
	bad[me] = seqlock(me, rounds);
	barrier_all();
	if (me == 0) {
		u64 f = 0;
		for (u32 i = 0; i < cpus; i++) f += bad[i];
		bad[15] += f;
		print("seqlock rounds %u forbidden %u seen 0\n", rounds, f);
	}
	barrier_all();
	xadd(rounds, 16);
	barrier_all();
	/* Across two lines, then across 8-byte words within one. */
	xadd(rounds / 1000, 60);
	xadd(rounds / 1000, 132);
	barrier_all();
	if (me == 0) {
		u64 *p = (u64 *)(lines + 16), *q = (u64 *)(lines + 60), *z = (u64 *)(lines + 132);
		u64 f = (*p != rounds * cpus) + (*q != rounds / 1000 * cpus) + (*z != rounds / 1000 * cpus);
		bad[15] += f;
		print("xadd rounds %u forbidden %u seen 0\n", rounds, f);
	}
	barrier_all();
	bad[me] = wide(me, rounds);
	barrier_all();
	if (me == 0) {
		bad[15] += bad[1];
		print("cmpxchg16b rounds %u forbidden %u seen %u\n", rounds, bad[1], pair[1]);
	}
}

static void ap(u32 n) { (void)n; body(apic_id()); for (;;) hlt(); }
int kernel_main(void)
{
	rounds = argument(0, 100000);
	cpus = cpu_count();
	if (cpus < 2) fail("litmus needs two processors");
	start_all(ap);
	body(0);
	if (bad[15]) fail("%u forbidden outcomes", bad[15]);
	return 0;
}
