/* Translation rules that software relies on (SDM vol. 3A 4.10): INVLPG of a 2 MiB page drops all 512 pieces; a CR3 load keeps
 * global pages only; A and D bits; WP; NX; permission faults with CR2 and error code. */
#include "lib.h"
extern u64 pd[];
static volatile u64 last_error, last_cr2, faults;
static u64 resume;
static void on_fault(struct frame *f)
{
	u64 cr2;
	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	last_error = f->error; last_cr2 = cr2; faults++;
	f->rip = resume;
}
static void invlpg(u64 a) { __asm__ volatile("invlpg (%0)" :: "r"(a) : "memory"); }
static u64 cr(int n) { u64 v; if (n == 0) __asm__("mov %%cr0, %0" : "=r"(v)); else if (n == 3) __asm__("mov %%cr3, %0" : "=r"(v)); else __asm__("mov %%cr4, %0" : "=r"(v)); return v; }
static u64 peek(u64 a) { u64 v; __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %1; mov (%2), %0; 1:" : "=&r"(v), "=m"(resume) : "r"(a) : "rax", "memory"); return v; }
static void poke(u64 a, u64 v) { __asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %1, (%2); 1:" : "=m"(resume) : "r"(v), "r"(a) : "rax", "memory"); }
#define V 0x40000000ull /* PD entry 512: third gigabyte's directory is pd + 512 */
#define PA 0x4000000ull
#define PB 0x4200000ull
static void expect_fault(u64 n, u64 error, u64 cr2, const char *what)
{
	if (faults != n) fail("%s: %u faults, not %u", what, faults, n);
	if (last_error != error || last_cr2 != cr2) fail("%s: error %x cr2 %x, not %x %x", what, last_error, last_cr2, error, cr2);
}
int kernel_main(void)
{
	u64 *pde = pd + 512;
	handlers[14] = on_fault;
	for (u64 i = 0; i < 512; i++) { *(volatile u64 *)(PA + i * 4096) = i; *(volatile u64 *)(PB + i * 4096) = i + 1000; }
	*pde = PA | 0x87; invlpg(V);
	for (u64 i = 0; i < 512; i++) if (peek(V + i * 4096) != i) fail("piece %u", i);
	*pde = PB | 0x87; invlpg(V + 0x12345);
	for (u64 i = 0; i < 512; i++) if (peek(V + i * 4096) != i + 1000) fail("piece %u is stale after one INVLPG", i);
	/* A and D. */
	*pde = PA | 0x87; invlpg(V);
	if (*pde & 0x60) fail("A or D set early: %x", *pde);
	peek(V);
	if ((*pde & 0x60) != 0x20) fail("A after a read: %x", *pde);
	poke(V, 7);
	if ((*pde & 0x60) != 0x60) fail("D after a write: %x", *pde);
	/* Read-only with WP. */
	__asm__ volatile("mov %0, %%cr0" :: "r"(cr(0) | 0x10000));
	*pde = PA | 0x85; invlpg(V);
	poke(V + 8, 1); expect_fault(1, 3, V + 8, "write to a read-only page");
	/* Not present, page-crossing access: CR2 is the first byte that faults. */
	*pde = 0; invlpg(V);
	peek(V + 16); expect_fault(2, 0, V + 16, "read of an absent page");
	peek(V - 4); expect_fault(3, 0, V, "read that crosses into an absent page");
	poke(V - 4, 1); expect_fault(4, 2, V, "write that crosses into an absent page");
	/* NX. */
	u32 lo, hi; __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0xC0000080));
	__asm__ volatile("wrmsr" :: "a"(lo | 0x800), "d"(hi), "c"(0xC0000080));
	*(volatile u8 *)(PA + 64) = 0xC3;
	*pde = PA | 0x87 | 1ull << 63; invlpg(V);
	u64 keep;
	__asm__ volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; mov %%rsp, %1; call *%2; 1: mov %1, %%rsp" : "=m"(resume), "=&r"(keep) : "r"(V + 64) : "rax", "memory");
	expect_fault(5, 0x11, V + 64, "fetch from an NX page");
	/* Global pages survive CR3 loads, others do not. */
	__asm__ volatile("mov %0, %%cr4" :: "r"(cr(4) | 0x80));
	*pde = PA | 0x187; invlpg(V);
	u64 a = peek(V + 4096);
	*pde = PB | 0x87;
	__asm__ volatile("mov %0, %%cr3" :: "r"(cr(3)) : "memory");
	u64 b = peek(V + 4096);
	if (a != 1 || (b != 1 && b != 1001)) fail("global page reads %u, %u", a, b);
	invlpg(V);
	if (peek(V + 4096) != 1001) fail("INVLPG must drop a global page");
	*pde = PA | 0x87;
	__asm__ volatile("mov %0, %%cr3" :: "r"(cr(3)) : "memory");
	if (peek(V + 4096) != 1) fail("CR3 load must drop a page that is not global");
	print("tlb rules hold, %u faults\n", faults);
	return 0;
}
