/* Self- and cross-modifying code (SDM vol. 3A 9.1.3, 12.6): a function's constant is patched and called at once; through an
 * alias; and by one processor while another, told by a flag and after a serialising CPUID, calls it; and by all processors at
 * once, each a function of its own in one page that all execute. Argument: rounds. */
#include "lib.h"
static u8 code[8192] __attribute__((aligned(4096)));
static u8 shared_code[4096] __attribute__((aligned(4096)));
static volatile u64 wanted, acknowledged, own_rounds;
static volatile u32 quit, begun, ended;
static void plant(u8 *p, u32 v) { p[0] = 0xB8; *(volatile u32 *)(p + 1) = v; p[5] = 0xC3; }
static u32 call(u8 *p) { return ((u32 (*)(void))p)(); }
static void serialise(void) { u32 a = 0, b, c = 0, d; __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) :: "memory"); }
/* Nobody else touches this processor's line; every store of the others drops the page that it lies in. */
static void own_part(u32 cpus)
{
	u8 *mine = shared_code + 16 + apic_id() * 64;
	atomic_add(&begun, 1);
	while (begun != cpus) pause();
	for (u64 i = 1; i <= own_rounds; i++) {
		plant(mine, i);
		u32 got = call(mine);
		if (got != (u32)i) fail("processor %u calls %x, not what it has just stored, %x", (u64)apic_id(), (u64)got, i);
		*(volatile u32 *)(mine + 1) = ~i;
		got = call(mine);
		if (got != ~(u32)i) fail("processor %u calls %x, not what it has just stored, %x", (u64)apic_id(), (u64)got, (u64)~(u32)i);
	}
	atomic_add(&ended, 1);
}
static void ap(u32 n)
{
	(void)n;
	u64 last = 0;
	while (!quit) {
		if (own_rounds != 0 && last != ~0ull) { own_part(cpu_count()); last = ~0ull; }
		u64 w = wanted;
		if (w == last || apic_id() != 1) { pause(); continue; }
		serialise();
		u32 got = call(code + 64);
		if (got != (u32)w) fail("cross-modified call gave %x, not %x", (u64)got, w);
		acknowledged = last = w;
	}
	for (;;) hlt();
}
int kernel_main(void)
{
	u64 rounds = argument(0, 20000);
	u32 n = start_all(ap);
	for (u64 i = 1; i <= rounds; i++) {
		plant(code, i);
		if (call(code) != (u32)i) fail("self-modified call %u is stale", i);
		/* The instruction after the store, in the same run, and one that crosses a page. */
		u32 v;
		__asm__ volatile("movl %1, 1f+1(%%rip)\n1: movl $0x12345678, %0" : "=r"(v) : "r"((u32)i) : "memory");
		if (v != (u32)i) fail("next instruction %u is stale (%x)", i, (u64)v);
		plant(code + 4096 - 3, i * 3);
		if (call(code + 4096 - 3) != (u32)(i * 3)) fail("page-crossing call %u is stale", i);
	}
	for (u64 i = 1; n > 1 && i <= rounds / 10; i++) {
		plant(code + 64, i);
		wanted = i;
		u64 end = rdtsc() + 60000000000ull;
		while (acknowledged != i) { if (rdtsc() > end) fail("processor 1 stopped at %u", i); pause(); }
	}
	if (n > 1) {
		own_rounds = rounds;
		own_part(n);
		u64 end = rdtsc() + 60000000000ull;
		while (ended != n) { if (rdtsc() > end) fail("%u of %u processors end", (u64)ended, (u64)n); pause(); }
	}
	quit = 1;
	print("%u rounds on %u processors\n", rounds, (u64)n);
	return 0;
}
