/* The boot processor works while all others spin in PAUSE; its time is compared with working alone (argument: work). */
#include "lib.h"
static volatile u32 stop;
static void ap(u32 n) { (void)n; while (!stop) pause(); for (;;) hlt(); }
static u64 work(u64 n)
{
	volatile u64 sum = 0;
	u64 t = rdtsc();
	for (u64 i = 0; i < n; i++) sum += i * i;
	return rdtsc() - t;
}
int kernel_main(void)
{
	u64 n = argument(0, 20000000);
	work(n / 4);
	u64 alone = work(n);
	u32 cpus = start_all(ap);
	u64 crowded = work(n);
	stop = 1;
	print("alone %u crowded %u ratio %u%% cpus %u\n", alone, crowded, crowded * 100 / alone, (u64)cpus);
	return 0;
}
