/* The translator's measuring kernel: LCG fill and insertion sort of one page, then the sum of 256 KiB through the TLB, again
 * and again (argument: repetitions). Prints the check and the TSC ticks. */
#include "lib.h"
static u32 page[1024] __attribute__((aligned(4096)));
static u64 big[32768] __attribute__((aligned(4096)));
__attribute__((noinline)) static void sort(u32 *a, u32 n)
{
	for (u32 i = 1; i < n; i++) {
		u32 v = a[i], k = i;
		while (k && a[k - 1] > v) { a[k] = a[k - 1]; k--; }
		a[k] = v;
	}
}
__attribute__((noinline)) static u64 sum(u64 *a, u32 n)
{
	u64 s = 0;
	for (u32 i = 0; i < n; i++) s += a[i];
	return s;
}
int kernel_main(void)
{
	u64 reps = argument(0, 100), check = 0, t = rdtsc();
	u32 seed = 1;
	for (u32 i = 0; i < 32768; i++) big[i] = i * 2654435761u;
	for (u64 r = 0; r < reps; r++) {
		for (u32 i = 0; i < 1024; i++) page[i] = seed = seed * 1664525 + 1013904223;
		sort(page, 1024);
		check = check * 31 + page[r & 1023] + sum(big, 32768);
	}
	print("sortsum %u check %x ticks %u\n", reps, check, rdtsc() - t);
	return 0;
}
