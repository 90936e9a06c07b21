/* Every processor sends fixed IPIs to every other; all must arrive (argument: number per processor). Each sender waits for
 * its receiver's count before it sends the same vector again, so nothing may be merged. */
#include "lib.h"
static volatile u32 got[16][16];
static volatile u32 go, done;
static u64 rounds;
static u32 cpus;
static void on_ipi(struct frame *f) { got[apic_id()][f->vector - 0x40]++; eoi(); }
static void storm(u32 me)
{
	for (u64 r = 1; r <= rounds; r++)
		for (u32 to = 0; to < cpus; to++) {
			if (to == me) continue;
			ipi(to, 0x40 + me);
			u64 end = rdtsc() + 60000000000ull;
			while (got[to][me] < r) {
				if (rdtsc() > end) fail("IPI %u from %u to %u lost (%u seen)", r, (u64)me, (u64)to, (u64)got[to][me]);
				pause();
			}
		}
}
static void ap(u32 n)
{
	(void)n;
	sti();
	while (!go) pause();
	storm(apic_id());
	atomic_add(&done, 1);
	for (;;) hlt();
}
int kernel_main(void)
{
	rounds = argument(0, 10000);
	for (int v = 0x40; v < 0x50; v++) handlers[v] = on_ipi;
	cpus = start_all(ap);
	sti();
	go = 1;
	storm(0);
	while (done < cpus - 1) pause();
	print("%u IPIs among %u processors\n", rounds * cpus * (cpus - 1), (u64)cpus);
	return 0;
}
