/* A loop of 20 instructions in registers, as of a hash: what translated code does where nothing leaves it (argument: millions
 * of turns). Prints the check and the TSC ticks. */
#include "lib.h"
int kernel_main(void)
{
	u64 millions = argument(0, 10), t = rdtsc();
	u32 a = 0x6a09e667, b = 0xbb67ae85, c = 0x3c6ef372, d = 0xa54ff53a;
	for (u64 n = 0; n < millions; n++) {
		u32 turns = 1000000;
		__asm__ volatile(
			"1: mov %0, %%eax; ror $6, %%eax; mov %0, %%edx; ror $11, %%edx; xor %%edx, %%eax\n"
			"mov %0, %%edx; ror $25, %%edx; xor %%edx, %%eax\n"
			"mov %1, %%edx; xor %2, %%edx; and %0, %%edx; xor %2, %%edx\n"
			"add %%edx, %%eax; add %3, %%eax; mov %2, %3; mov %1, %2; mov %0, %1; add %%eax, %0\n"
			"dec %4; jnz 1b"
			: "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(turns) :: "eax", "edx", "cc");
	}
	print("regloop %u check %x ticks %u\n", millions, (u64)a << 32 | (b ^ c ^ d), rdtsc() - t);
	return 0;
}
