/* Every MSR number of the architectural ranges, and those of the paravirtual interface, read and written back by the boot
 * processor and by each other one: the same answer everywhere, either a value or #GP(0), and never anything else. A number
 * that only the boot processor knows is a triple fault in start-up code. SDM vol. 2 RDMSR; vol. 4. */
#include "lib.h"
static volatile u32 faulted, other_fault, done;
static u32 current;
enum { READ = 1, WRITE = 2 };
static const struct { u32 first, count; } ranges[] = {
	{ 0, 0x2000 }, { 0x40000000, 0x200 }, { 0x4B564D00, 0x20 }, { 0x80000000, 0x100 }, { 0xC0000000, 0x2000 }, { 0xC0010000, 0x2000 },
};
#define TOTAL 0x8000
static u8 verdict[2][TOTAL];
static u8 *mine;
/* RDMSR and WRMSR are two bytes long. */
static void on_gp(struct frame *f) { if (f->error) other_fault = 1; faulted = 1; f->rip += 2; }
static u32 try_msr(u32 msr)
{
	u32 lo, hi, v = 0;
	faulted = 0;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	if (faulted) return 0;
	v = READ;
	__asm__ volatile("wrmsr" :: "a"(lo), "d"(hi), "c"(msr) : "memory");
	return faulted ? v : v | WRITE;
}
static void sweep(void)
{
	u32 n = 0;
	for (u32 r = 0; r < sizeof ranges / sizeof ranges[0]; r++)
		for (u32 i = 0; i < ranges[r].count; i++) mine[n++] = try_msr(ranges[r].first + i);
	if (other_fault) fail("#GP with an error code that is not 0 on processor %u", (u64)apic_id());
}
static void compare(u32 id)
{
	u32 n = 0;
	for (u32 r = 0; r < sizeof ranges / sizeof ranges[0]; r++)
		for (u32 i = 0; i < ranges[r].count; i++, n++)
			if (verdict[0][n] != verdict[1][n])
				fail("MSR %x: %u on the boot processor, %u on processor %u (1 readable, 3 writable)", (u64)ranges[r].first + i,
					(u64)verdict[0][n], (u64)verdict[1][n], (u64)id);
}
static void ap(u32 n)
{
	(void)n;
	while (*(volatile u32 *)&current != apic_id()) pause();
	sweep();
	done = 1;
	for (;;) hlt();
}
int kernel_main(void)
{
	handlers[13] = on_gp;
	mine = verdict[0];
	sweep();
	u32 n = start_all(ap), readable = 0;
	mine = verdict[1];
	for (u32 id = 1; id < n; id++) {
		done = 0;
		*(volatile u32 *)&current = id;
		u64 end = rdtsc() + 60000000000ull;
		while (!done) { if (rdtsc() > end) fail("processor %u does not come back", (u64)id); pause(); }
		compare(id);
	}
	for (u32 i = 0; i < TOTAL; i++) readable += verdict[0][i] & 1;
	if (readable < 20) fail("only %u MSRs can be read", (u64)readable);
	print("%u MSRs on %u processors\n", (u64)readable, (u64)n);
	return 0;
}
