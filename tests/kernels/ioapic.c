/* Redirection of IOAPIC pins to every processor: the PIT on pin 2 (edge) and the first serial port's transmitter on pin 4,
 * in physical, flat logical and lowest-priority mode; each interrupt must arrive at the processor it was sent to and at no
 * other. 82093AA 3.2.4; SDM vol. 3A 11.6.2. Argument: interrupts of each target. */
#include "lib.h"
#define IOAPIC 0xFEC00000ull
#define PIN_PIT 2
#define PIN_SERIAL 4
#define VECTOR_PIT 0x51
#define VECTOR_SERIAL 0x52
#define MASKED 0x10000
#define LOGICAL 0x800
#define LOWEST 0x100
static volatile u32 pit[16], serial[16];
static void route(u32 pin, u32 low, u32 destination)
{
	volatile u32 *select = (volatile u32 *)IOAPIC, *window = (volatile u32 *)(IOAPIC + 0x10);
	*select = 0x10 + 2 * pin; *window = MASKED;
	*select = 0x11 + 2 * pin; *window = destination << 24;
	*select = 0x10 + 2 * pin; *window = low;
}
static void on_pit(struct frame *f) { (void)f; atomic_add(&pit[apic_id()], 1); eoi(); }
static void on_serial(struct frame *f) { (void)f; inb(0x3FA); atomic_add(&serial[apic_id()], 1); eoi(); }
static void set_logical(void) { lapic_write(0xE0, 0xFFFFFFFF); lapic_write(0xD0, 1u << (24 + apic_id())); }
static void ap(u32 n) { (void)n; set_logical(); for (;;) hlt(); }
static u32 sum(volatile u32 *counts, u32 set)
{
	u32 s = 0;
	for (u32 id = 0; id < 16; id++) if (set >> id & 1) s += counts[id];
	return s;
}
static void wait_for(volatile u32 *counts, u32 set, u32 want, const char *what)
{
	u64 end = rdtsc() + 20000000000ull;
	while (sum(counts, set) < want) {
		if (rdtsc() > end) fail("%s: %u of %u arrived at processors %x", what, (u64)sum(counts, set), (u64)want, (u64)set);
		pause();
	}
}
/* Nothing may be under way when the counts are cleared. */
static void settle(void)
{
	route(PIN_PIT, MASKED, 0);
	route(PIN_SERIAL, MASKED, 0);
	u64 end = rdtsc() + 20000000ull;
	while (rdtsc() < end) pause();
	for (u32 id = 0; id < 16; id++) pit[id] = serial[id] = 0;
}
static void expect(u32 mode, u32 destination, u32 set, u32 times, const char *what)
{
	settle();
	route(PIN_PIT, VECTOR_PIT | mode, destination);
	wait_for(pit, set, times, what);
	route(PIN_PIT, MASKED, 0);
	route(PIN_SERIAL, VECTOR_SERIAL | mode, destination);
	for (u32 i = 0; i < times; i++) {
		u32 before = sum(serial, set);
		outb(0x3F9, 0);
		outb(0x3F9, 2);
		wait_for(serial, set, before + 1, "transmitter");
	}
	outb(0x3F9, 0);
	if (sum(pit, ~set & 0xFFFF) || sum(serial, ~set & 0xFFFF)) fail("%s: also elsewhere than at %x", what, (u64)set);
}
int kernel_main(void)
{
	u32 times = argument(0, 20);
	handlers[VECTOR_PIT] = on_pit;
	handlers[VECTOR_SERIAL] = on_serial;
	set_logical();
	u32 n = start_all(ap), all = (1u << n) - 1;
	sti();
	/* Channel 0, mode 2, 1 kHz; OUT2 lets the serial port's line through. */
	outb(0x43, 0x34); outb(0x40, 1193 & 255); outb(0x40, 1193 >> 8);
	outb(0x3FC, 8);
	for (u32 id = 0; id < n; id++) {
		expect(0, id, 1u << id, times, "physical");
		expect(LOGICAL, 1u << id, 1u << id, times, "logical");
		expect(LOGICAL | LOWEST, 1u << id, 1u << id, times, "lowest priority, one");
	}
	expect(LOGICAL | LOWEST, all, all, times, "lowest priority, all");
	/* Fixed to a group: every member gets each one. */
	settle();
	route(PIN_PIT, VECTOR_PIT | LOGICAL, all);
	for (u32 id = 0; id < n; id++) wait_for(pit, 1u << id, times, "logical group");
	settle();
	print("pins 2 and 4 to each of %u processors\n", (u64)n);
	return 0;
}
