/* INIT-SIPI-SIPI, again and again with random delays: none may be lost, and the same to a processor that does not exist
 * harms nobody (argument: rounds). */
#include "lib.h"
static volatile u32 mark[16];
static void ap(u32 n) { (void)n; mark[apic_id()]++; for (;;) __asm__ volatile("cli; hlt"); }
int kernel_main(void)
{
	u64 rounds = argument(0, 1000);
	u32 n = cpu_count(), seed = 12345;
	ap_entry = ap;
	for (u64 r = 1; r <= rounds; r++) {
		ap_count = 0;
		for (u32 id = 1; id < n; id++) {
			seed = seed * 1664525 + 1013904223;
			for (u32 d = seed >> 24; d; d--) pause();
			ap_start(id);
		}
		ap_start(n + (seed >> 16 & 3));
		u64 end = rdtsc() + 20000000000ull;
		for (u32 id = 1; id < n; id++)
			while (mark[id] < r)
				if (rdtsc() > end) fail("round %u: processor %u did not start (%u)", r, (u64)id, (u64)mark[id]);
	}
	print("%u rounds of %u processors\n", rounds, (u64)n);
	return 0;
}
