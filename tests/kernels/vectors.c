/* Every vector 0x20..0xFF reaches every processor, as a self IPI and from the boot processor; none vanishes. */
#include "lib.h"
static volatile u32 seen[16][256];
static void on(struct frame *f) { seen[apic_id()][f->vector]++; eoi(); }
static void ap(u32 n) { (void)n; for (;;) hlt(); }
static void expect(u32 id, u32 v, u32 want)
{
	u64 end = rdtsc() + 20000000000ull;
	while (seen[id][v] < want)
		if (rdtsc() > end) fail("vector %x did not reach processor %u", (u64)v, (u64)id);
	if (seen[id][v] != want) fail("vector %x reached processor %u %u times, not %u", (u64)v, (u64)id, (u64)seen[id][v], (u64)want);
}
int kernel_main(void)
{
	for (int v = 0x20; v < 256; v++) handlers[v] = on;
	u32 n = start_all(ap);
	sti();
	for (u32 v = 0x20; v < 256; v++) {
		if (v == 0xFF) continue; /* the spurious vector */
		for (u32 id = 0; id < n; id++) { ipi(id, v); expect(id, v, 1); }
	}
	/* All at once while masked by CLI: each is delivered once, highest first. */
	cli();
	for (u32 v = 0x20; v < 0xFF; v++) { lapic_write(0x300, 0x44000 | v); wait_icr(); }
	sti();
	for (u32 v = 0x20; v < 0xFF; v++) expect(0, v, 2);
	print("vectors 20..fe on %u processors\n", (u64)n);
	return 0;
}
