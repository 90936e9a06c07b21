/* Fibonacci numbers by recursion: CALL, RET, PUSH and POP (arguments: which number, how often). Prints the sum and the TSC
 * ticks. */
#include "lib.h"
u64 fib(u64 n);
__asm__(".text; .globl fib; fib: cmp $2, %rdi; jb 1f; push %rbx; push %rdi; dec %rdi; call fib; mov %rax, %rbx\n"
	"pop %rdi; sub $2, %rdi; call fib; add %rbx, %rax; pop %rbx; ret\n"
	"1: mov %rdi, %rax; ret");
int kernel_main(void)
{
	u64 n = argument(0, 20), times = argument(1, 1), sum = 0, t = rdtsc();
	for (u64 k = 0; k < times; k++) sum += fib(n);
	print("fib %u check %x ticks %u\n", times, sum, rdtsc() - t);
	return 0;
}
