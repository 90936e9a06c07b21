/* IN, OUT, REP INSB and REP OUTSB under a storm of timer interrupts: each access happens once, the counts are exact
 * (argument: accesses). Port 0x80 is a plain register; the second PIC's mask register reads back what was written. */
#include "lib.h"
static volatile u32 ticks;
static void tick(struct frame *f) { (void)f; ticks++; eoi(); }
int kernel_main(void)
{
	u64 n = argument(0, 200000);
	static u8 buffer[8192];
	handlers[0x30] = tick;
	lapic_write(0x3E0, 0xB);
	lapic_write(0x320, 0x20030);
	lapic_write(0x380, 20000);
	sti();
	for (u64 i = 0; i < n; i++) {
		outb(0xA1, i);
		u8 v = inb(0xA1);
		if (v != (u8)i) fail("port a1 reads %x after %x", (u64)v, i & 255);
	}
	/* An IN whose bytes end exactly at a page end, and one that crosses. */
	for (int cross = 0; cross < 2; cross++) {
		static u8 code[12288];
		u8 *p = (u8 *)(((u64)code + 4095) & ~4095ull) + 4096 - 3 + cross;
		/* mov $0xa1,%dl ; in (%dx),%al -> b2 a1 ec ; ret */
		p[-1] = 0xB2; p[0] = 0xA1; p[1] = 0xEC; p[2] = 0xC3;
		outb(0xA1, 0x5A);
		for (u64 i = 0; i < n / 16; i++) {
			u32 a;
			__asm__ volatile("xor %%edx, %%edx; call *%1" : "=a"(a) : "r"(p - 1) : "rdx", "memory");
			if ((u8)a != 0x5A) fail("IN at a page end reads %x", (u64)(u8)a);
		}
	}
	outb(0xA1, 0xA5);
	for (u64 i = 0; i < n / 4096 + 1; i++) {
		u64 count = sizeof buffer;
		void *to = buffer;
		__asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(0xA1) : "memory");
		if (count || to != buffer + sizeof buffer) fail("REP INSB ended at %u", count);
		for (u32 k = 0; k < sizeof buffer; k++) if (buffer[k] != 0xA5) fail("REP INSB byte %u is %x", (u64)k, (u64)buffer[k]);
		const void *from = buffer;
		count = sizeof buffer;
		__asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(0x80) : "memory");
		if (count || from != buffer + sizeof buffer) fail("REP OUTSB ended at %u", count);
	}
	if (ticks < 10) fail("only %u timer interrupts", (u64)ticks);
	outb(0xA1, 0xFF);
	print("%u accesses under %u interrupts\n", n, (u64)ticks);
	return 0;
}
