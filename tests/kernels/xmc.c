/* Cross-modifying code under load (SDM vol. 3A 9.1.3): processor 0 patches while all others execute, without telling them, as
 * kernels do. Each part has an invariant that only a mixture of old and new bytes, or bytes that were left, can break.
 *   poke     an instruction of five bytes between two moves, by INT3 (text_poke): a trap returns behind the instruction
 *   branch   a JMP over a trap to NOP and back, by one aligned store of eight bytes
 *   rewrite  a whole function in one of two places; a pointer tells which is valid, executors are waited for (a grace period)
 *   remap    a page of code by its page-table entry, and an IPI that has everybody do INVLPG
 *   chain    a direct call from a loop is pointed at other functions by one aligned store
 * Argument: rounds, seconds (whichever ends last). Everyone checks that a change arrives: after an acknowledged round only the
 * new bytes run. */
#include "lib.h"
#define MAX_CPUS 16
#define TAG_A 0x1111111100000000ull
#define TAG_B 0x2222222200000000ull
#define VECTOR_FLUSH 0x40
#define LIMIT_TICKS 120000000000ull

static u8 poke_code[4096] __attribute__((aligned(4096)));
static u8 branch_code[4096] __attribute__((aligned(4096)));
static u8 rewrite_code[8192] __attribute__((aligned(4096)));
static u8 chain_code[4096] __attribute__((aligned(4096)));
static u8 remap_pages[8192] __attribute__((aligned(4096)));
static u64 remap_tables[2][512] __attribute__((aligned(4096)));
/* Above the identity mapping of boot.S. */
#define REMAP_AT 0x4000000000ull

static volatile u32 quit, part, traps, started;
static volatile u64 round_of[MAX_CPUS * 8], work[MAX_CPUS * 8];
static volatile u64 wanted, value_now, value_before;
static volatile u8 *volatile rewrite_at;
static u32 cpus;
enum { POKE, BRANCH, REWRITE, REMAP, CHAIN, PARTS };
static const char *const names[] = { "poke", "branch", "rewrite", "remap", "chain", "pause" };

static u64 call(const volatile u8 *p) { return ((u64 (*)(void))(u64)p)(); }
static void serialise(void) { u32 a = 0, b, c = 0, d; __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) :: "memory"); }

/* SDM vol. 2 CPUID leaf 0x15. */
static u64 tsc_hz(void)
{
	u32 a = 0x15, b, c = 0, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return a && b && c ? (u64)c * b / a : 1000000000;
}

/* Wait until each executor has begun a call after now: none is inside of code from before, and all have seen it. */
static void grace(void)
{
	u64 now = ++wanted, end = rdtsc() + LIMIT_TICKS;
	mfence();
	for (u32 n = 1; n < cpus; n++) {
		while (round_of[n * 8] < now) {
			if (rdtsc() > end) fail("%s: processor %u stopped", names[part], (u64)n);
			pause();
		}
	}
}

/* mov $imm32, %eax; twenty additions in a loop; ret: long enough to be worth translating, and a place to be caught in. */
static u32 body(u8 *p, u32 value)
{
	static const u8 loop[] = { 0x31, 0xD2, 0xB9, 20, 0, 0, 0, /* xor %edx,%edx; mov $20,%ecx */
		0x83, 0xC2, 1, 0xFF, 0xC9, 0x75, 0xF9 };          /* 1: add $1,%edx; dec %ecx; jnz 1b */
	u32 n = 0;
	for (u32 i = 0; i < sizeof loop; i++) p[n++] = loop[i];
	p[n++] = 0xB8;                                            /* mov $value, %eax */
	for (u32 i = 0; i < 4; i++) p[n++] = value >> (8 * i);
	p[n++] = 0x48; p[n++] = 0xC1; p[n++] = 0xE0; p[n++] = 32; /* shl $32, %rax */
	p[n++] = 0x48; p[n++] = 0x09; p[n++] = 0xD0;              /* or %rdx, %rax */
	p[n++] = 0xC3;
	return n;
}
#define EXPECT(v) ((u64)(u32)(v) << 32 | 20)

/* poke: the `mov $value, %eax` of a body, at POKE_AT. */
#define POKE_AT 67
static void on_trap(struct frame *f)
{
	u64 at = (u64)poke_code + POKE_AT;
	if (f->rip != at + 1) fail("INT3 from %x", f->rip);
	atomic_add(&traps, 1);
	/* As the kernel's handler: the instruction is emulated, with its new meaning. */
	f->rax = (u32)value_now;
	f->rip = at + 5;
}
static void poke_set(u32 v)
{
	volatile u8 *p = poke_code + POKE_AT;
	value_now = v;
	mfence();
	p[0] = 0xCC;
	grace();
	for (u32 i = 0; i < 4; i++) p[1 + i] = v >> (8 * i);
	grace();
	p[0] = 0xB8;
	grace();
	value_before = v;
}
static void poke_init(void)
{
	u8 *p = poke_code + POKE_AT - 14;
	u8 tmp[64];
	body(tmp, 7);
	for (u32 i = 0; i < 40; i++) p[i] = tmp[i];
	value_before = value_now = 7;
}
static void poke_run(u32 me)
{
	u64 may = value_before, v = call(poke_code + POKE_AT - 14), now = value_now;
	if ((u32)v != 20) fail("poke: processor %u counted %x", (u64)me, v);
	v >>= 32;
	if (v != may && v != now && v != value_before) fail("poke: %x, neither %x nor %x", v, may, now);
}

/* branch: xor %eax,%eax; five bytes at an aligned place: jmp +6 over (mov $B,%eax; ret), or a NOP of five; mov $A; ret. */
#define BRANCH_AT 64
static void branch_set(u32 on)
{
	static const u8 nop[8] = { 0x0F, 0x1F, 0x44, 0, 0, 0xB8, 2, 0 }, jump[8] = { 0xE9, 6, 0, 0, 0, 0xB8, 2, 0 };
	*(volatile u64 *)(branch_code + BRANCH_AT) = *(const u64 *)(on ? jump : nop);
}
static void branch_init(void)
{
	static const u8 tail[] = { 0, 0, 0xC3, 0xB8, 1, 0, 0, 0, 0xC3 };
	for (u32 i = 0; i < sizeof tail; i++) branch_code[BRANCH_AT + 8 + i] = tail[i];
	branch_set(0);
}
static void branch_run(u32 me)
{
	for (u32 i = 0; i < 50; i++) {
		u64 v = call(branch_code + BRANCH_AT);
		if (v != 1 && v != 2) fail("branch: processor %u got %x", (u64)me, v);
	}
}

static void rewrite_set(u32 v)
{
	u8 *p = rewrite_code + (v & 1 ? 4096 - 17 : 128);
	grace();
	body(p, v);
	mfence();
	rewrite_at = p;
	value_before = value_now;
	value_now = v;
}
static void rewrite_run(u32 me)
{
	u64 low = value_before, v = call(rewrite_at), high = value_now;
	if ((u32)v != 20 || (v >> 32) < low || (v >> 32) > high + 1) {
		fail("rewrite: processor %u got %x", (u64)me, v);
	}
}

static void on_flush(struct frame *f)
{
	(void)f;
	__asm__ volatile("invlpg (%0)" :: "r"(REMAP_AT) : "memory");
	round_of[apic_id() * 8 + 1] = wanted;
	eoi();
}
static void remap_set(u32 v)
{
	remap_tables[1][0] = (u64)(remap_pages + (v & 1) * 4096) | 3;
	value_now = v & 1;
	mfence();
	u64 now = ++wanted, end = rdtsc() + LIMIT_TICKS;
	mfence();
	for (u32 n = 1; n < cpus; n++) ipi(n, VECTOR_FLUSH);
	for (u32 n = 1; n < cpus; n++) {
		while (round_of[n * 8 + 1] < now) {
			if (rdtsc() > end) fail("remap: processor %u does not answer", (u64)n);
			pause();
		}
	}
	/* All have flushed: from their next call on only this page. */
	value_before = v & 1;
	mfence();
	grace();
}
static void remap_init(void)
{
	u64 cr3;
	body(remap_pages, 0x50);
	body(remap_pages + 4096, 0x51);
	__asm__ volatile("movq %%cr3, %0" : "=r"(cr3));
	remap_tables[1][0] = (u64)remap_pages | 3;
	remap_tables[0][0] = (u64)remap_tables[1] | 3;
	u64 *pdpt = (u64 *)(((volatile u64 *)(cr3 & ~0xFFFull))[(REMAP_AT >> 39) & 511] & ~0xFFFull);
	pdpt[(REMAP_AT >> 30) & 511] = (u64)remap_tables[0] | 3;
	value_before = value_now = 0;
	mfence();
}
static void remap_run(u32 me)
{
	sti();
	u64 low = value_before, v = call((u8 *)REMAP_AT), high = value_now, last = value_before;
	if (v != EXPECT(0x50) && v != EXPECT(0x51)) fail("remap: processor %u got %x", (u64)me, v);
	v = (v >> 32) - 0x50;
	if (v != low && v != high && v != last) fail("remap: processor %u is in the page from before", (u64)me);
}

/* chain: mov $30,%ecx; push; 1: call F; dec %ecx; jnz 1b; ret, the call's distance 4-aligned. F: add $k, %eax; ret. */
#define CHAIN_CALL 71
static void chain_set(u32 k)
{
	u32 target = 256 + (k & 3) * 64;
	*(volatile u32 *)(chain_code + CHAIN_CALL + 1) = target - (CHAIN_CALL + 5);
}
static void chain_init(void)
{
	static const u8 head[] = { 0x31, 0xC0, 0xB9, 30, 0, 0, 0 }, tail[] = { 0xFF, 0xC9, 0x75, 0xF7, 0xC3 };
	for (u32 i = 0; i < sizeof head; i++) chain_code[CHAIN_CALL - sizeof head + i] = head[i];
	chain_code[CHAIN_CALL] = 0xE8;
	for (u32 i = 0; i < sizeof tail; i++) chain_code[CHAIN_CALL + 5 + i] = tail[i];
	for (u32 k = 0; k < 4; k++) {
		u8 *f = chain_code + 256 + k * 64;
		f[0] = 0x83; f[1] = 0xC0; f[2] = 1 << k; f[3] = 0xC3;
	}
	chain_set(0);
}
static void chain_run(u32 me)
{
	u64 v = call(chain_code + CHAIN_CALL - 7);
	if (v < 30 || v > 240) fail("chain: processor %u got %x", (u64)me, v);
}

static void (*const runs[])(u32) = { poke_run, branch_run, rewrite_run, remap_run, chain_run };
static void ap(u32 n)
{
	(void)n;
	u32 me = apic_id();
	atomic_add(&started, 1);
	while (!quit) {
		u64 seen = wanted;
		u32 now = part;
		/* Executors of the protocols serialise between two calls; those of plain stores do not. */
		if (now == POKE || now == REWRITE) serialise();
		round_of[me * 8] = seen;
		if (now < PARTS) runs[now](me);
		work[me * 8]++;
	}
	for (;;) hlt();
}

static void change(u32 p, u32 v)
{
	switch (p) {
	case POKE: poke_set(v); break;
	case BRANCH: branch_set(v & 1); grace(); break;
	case REWRITE: rewrite_set(v); break;
	case REMAP: remap_set(v); break;
	case CHAIN: chain_set(v); grace(); break;
	}
}

int kernel_main(void)
{
	u64 rounds = argument(0, 300), seconds = argument(1, 0);
	u64 hz = tsc_hz(), begin = rdtsc(), done = 0;
	cpus = cpu_count();
	if (cpus < 2) fail("xmc needs two processors");
	handlers[3] = on_trap;
	handlers[VECTOR_FLUSH] = on_flush;
	part = PARTS;
	poke_init();
	branch_init();
	body(rewrite_code + 128, 0);
	rewrite_at = rewrite_code + 128;
	remap_init();
	chain_init();
	start_all(ap);
	while (started != cpus - 1) pause();
	u64 base = 0;
	do {
		for (u32 p = 0; p < PARTS; p++) {
			/* Nobody is inside of the part from before. */
			part = PARTS;
			grace();
			grace();
			if (p == POKE) value_before = value_now = *(u32 *)(poke_code + POKE_AT + 1);
			if (p == REMAP) value_before = value_now = remap_tables[1][0] == ((u64)(remap_pages + 4096) | 3);
			if (p == REWRITE) {
				value_before = value_now = base;
				body(rewrite_code + 128, base);
				rewrite_at = rewrite_code + 128;
			}
			mfence();
			part = p;
			grace();
			for (u64 n = 1; n <= rounds; n++) change(p, base + n);
		}
		base += rounds;
		done += rounds;
	} while (rdtsc() - begin < seconds * hz);
	part = PARTS;
	grace(); grace();
	quit = 1;
	u64 calls = 0;
	for (u32 n = 1; n < cpus; n++) calls += work[n * 8];
	print("%u rounds of %u parts, %u traps, %u calls on %u processors\n", done, (u64)PARTS, (u64)traps, calls, (u64)cpus);
	return 0;
}
