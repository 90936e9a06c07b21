/* Executes random bytes in ring 0. Arguments: seed, bits (64, 32 or 16), table (0: no IDT, 1: random IDT, 2: an IDT whose
 * handlers go on at the next random address, with an NMI every millisecond). Half a MiB from 2 MiB on is filled with random bytes, with several
 * processors each starts at an address of its own. Nothing is expected of the guest; the host side has to survive it and
 * to say how it ended. */
#include "lib.h"
#define FIRST 0x200000ull
#define SPAN 0x80000ull
#define LOW 0x10000ull
static u64 state[17];
static volatile u32 filled, ready, landed[17];
static u64 seed, bits, table;
static struct { u16 lo, sel, flags, mid; u32 hi, zero; } random_idt[256], safe_idt[256], idt32[256];
/* Null, flat code 32 and 64, flat data, 16-bit code and data, a task state for each processor. */
static u64 random_gdt[6 + 2 * 17] = { 0, 0x00CF9B000000FFFF, 0x00AF9B000000FFFF, 0x00CF93000000FFFF, 0x00009B000000FFFF, 0x000093000000FFFF };

static u64 next(u64 *s) /* splitmix64 */
{
	u64 z = *s += 0x9E3779B97F4A7C15ull;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
	z = (z ^ z >> 27) * 0x94D049BB133111EBull;
	return z ^ z >> 31;
}
static void load_table(void *p, u32 limit)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) d = { limit, (u64)p };
	__asm__ volatile("lidt %0" :: "m"(d));
}

/* IST 1 of every processor, so that a handler of table 2 is reached with any RSP. */
static struct { u32 reserved; u64 rsp[3], zero, ist[7]; u8 rest[14]; } __attribute__((packed)) tss[17];
static u8 land_stacks[17][4096] __attribute__((aligned(16)));
static void load_gdt(u32 me)
{
	struct { u16 limit; u64 base; } __attribute__((packed)) g = { sizeof random_gdt - 1, (u64)random_gdt };
	u64 a = (u64)&tss[me];
	tss[me].ist[0] = (u64)(land_stacks[me] + 4096);
	random_gdt[6 + 2 * me] = (sizeof tss[0] - 1) | (a & 0xFFFFFF) << 16 | 0x890000000000ull | (a >> 24 & 0xFF) << 56;
	random_gdt[7 + 2 * me] = a >> 32;
	__asm__ volatile("lgdt %0; ltr %w1" :: "m"(g), "r"(8 * (6 + 2 * me)));
}

/* All registers random, then the address on the stack. */
static void __attribute__((noreturn)) jump(u32 me, u64 to)
{
	u64 r[16];
	for (int i = 0; i < 16; i++) {
		u64 v = next(&state[me]);
		/* Half of them point into the random memory, so that operands are often there. */
		r[i] = v & 1 ? FIRST + (v >> 8) % SPAN : v;
	}
	r[15] = to;
	__asm__ volatile(
		"mov %0, %%rsp\n pop %%rax; pop %%rcx; pop %%rdx; pop %%rbx; pop %%rbp; pop %%rsi; pop %%rdi; pop %%r8\n"
		"pop %%r9; pop %%r10; pop %%r11; pop %%r12; pop %%r13; pop %%r14; add $8, %%rsp; pop %%r15\n"
		"mov $0x7f0000, %%esp\n push $0x18; push $0x7f0000; push $0x2; push $0x10; push %%r15; iretq" :: "r"(r) : "memory");
	__builtin_unreachable();
}

/* Through a compatibility-mode or 16-bit code segment: far return to to_legacy code in the low memory. */
extern u8 leave64[], leave64_end[];
static void __attribute__((noreturn)) jump_legacy(u32 me, u64 to)
{
	u8 *p = (u8 *)0x9000;
	for (u8 *s = leave64; s < leave64_end; s++) *p++ = *s;
	u64 target = bits == 32 ? to : LOW + (next(&state[me]) & 0xFFFF);
	__asm__ volatile(
		"mov %0, %%rsp; pushq %2; pushq $0x9000; mov %1, %%rdi; lretq"
		:: "r"(0x7F0000 - me * 0x10000ull), "r"(target), "i"(0x08) : "memory");
	__builtin_unreachable();
}

/* Runs in compatibility mode at 0x9000, EDI = target: paging off, long mode off; 32-bit code goes on there, 16-bit code
 * loads 16-bit segments and clears PE first. */
__asm__(
	".code32\n.globl leave64, leave64_end\nleave64:\n"
	"mov $0x18, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"
	"mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0\n"
	"mov $0xC0000080, %ecx; rdmsr; and $0xfffffeff, %eax; wrmsr\n"
	"cmp $0x100000, %edi; jb 1f\n"
	"mov %edi, %esi; mov %edi, %ebx; mov %edi, %ecx; jmp *%edi\n"
	"1: ljmp $0x20, $0x9000 + 2f - leave64\n"
	".code16\n2: mov $0x28, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %ss\n"
	"mov %cr0, %eax; and $0xfe, %al; mov %eax, %cr0\n"
	"ljmp $0, $0x9000 + 3f - leave64\n"
	"3: xor %ax, %ax; mov %ax, %ds; mov %ax, %es; mov %ax, %ss; mov $0x8ff0, %sp\n"
	"sub $0x10000, %edi; pushw $0x1000; pushw %di; lretw\n"
	"leave64_end:\n.code64\n");

/* Table 2: after an exception or interrupt, go on elsewhere. */
static void __attribute__((noreturn, used)) land(void)
{
	u32 me = apic_id() & 15;
	if (landed[me]++ > 3000) guest_exit(0x20);
	if (lapic_read(0xF0) & 0x100) for (int i = 0; i < 4; i++) eoi();
	jump(me, FIRST + next(&state[me]) % SPAN);
}
extern u8 landing[];
__asm__(".globl landing\nlanding: mov $0x18, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss; cld\n"
	"and $-16, %rsp\n call land\n");

static void go(u32 me)
{
	u64 to = FIRST + next(&state[me]) % SPAN;
	if (table == 0) load_table(0, 0);
	else if (table == 1) load_table(bits == 64 ? (void *)random_idt : (void *)idt32, 4095);
	if (next(&state[me]) & 1) sti();
	if (bits == 64) jump(me, to);
	jump_legacy(me, to);
}
/* The tables first: the NMIs of table 2 come as soon as all are ready. */
static void prepare(u32 me)
{
	load_gdt(me);
	if (table == 2) load_table(safe_idt, 4095);
	atomic_add(&ready, 1);
}
static void ap(u32 n) { (void)n; u32 me = apic_id() & 15; prepare(me); while (!filled) pause(); go(me); }

int kernel_main(void)
{
	seed = argument(0, 1);
	bits = argument(1, 64);
	table = argument(2, 0);
	u64 fill = seed * 7919 + bits;
	for (int i = 0; i < 17; i++) state[i] = next(&fill);
	for (u64 *p = (u64 *)FIRST; p < (u64 *)(FIRST + SPAN); p++) *p = next(&fill);
	for (u64 *p = (u64 *)LOW; p < (u64 *)(LOW + 0x20000); p++) *p = next(&fill);
	/* Gates of every type, present more often than not, to anywhere in the random memory. */
	for (int v = 0; v < 256; v++) {
		u64 a = FIRST + next(&fill) % SPAN, k = next(&fill);
		random_idt[v].lo = a; random_idt[v].mid = a >> 16; random_idt[v].sel = k & 7 ? 0x10 : k >> 8;
		random_idt[v].flags = k & 0x30 ? 0x8E00 | (k >> 30 & 0x107) : k >> 32;
		safe_idt[v].lo = (u64)landing; safe_idt[v].mid = (u64)landing >> 16; safe_idt[v].sel = 0x10; safe_idt[v].flags = 0x8E01;
		((u64 *)idt32)[v] = (a & 0xFFFF) | (k & 7 ? 0x080000ull : (k >> 8 & 0xFFFF) << 16) | (k & 0x30 ? 0x8E0000000000ull : (k >> 32 & 0xFFFF) << 32) | (a >> 16) << 48;
	}
	print("random %u %u %u\n", seed, bits, table);
	ap_entry = ap;
	for (u32 id = 1; id < cpu_count(); id++) ap_start(id);
	prepare(0);
	while (ready < cpu_count()) pause();
	/* Nobody needs the start-up code any more. Code of 16 bits comes there by itself: its exceptions lead to any place of
	 * the first 64 KiB, of which most is 0, which executes as ADD up to the next thing that is not. */
	for (u8 *p = (u8 *)0x8000; p < (u8 *)0x9000; p++) *p = (u8)next(&fill);
	if (table == 2) {
		/* PIT channel 0 at 1 kHz on pin 2 of the IOAPIC, as NMI to all. */
		volatile u32 *select = (volatile u32 *)0xFEC00000ull, *window = (volatile u32 *)0xFEC00010ull;
		*select = 0x15; *window = 0xFF000000;
		*select = 0x14; *window = 0x400;
		outb(0x43, 0x34); outb(0x40, 1193 & 255); outb(0x40, 1193 >> 8);
	}
	filled = 1;
	go(0);
	return 0;
}
