/* Reads from the first IDE disk, each with interrupts, while the PIT ticks at 1 kHz at the same processor: through the 8259
 * pair, where IRQ 0 always goes before IRQ 14, then through the IOAPIC at every processor in turn. PIO and bus master take
 * turns. Every completion must come, with the right data, and none may wait for seconds. The disk has SECTORS sectors, dword
 * j of sector s is s * 0x9E3779B1 + j. Arguments: reads of each way, sectors of the disk. 82371SB 2.4; ATA/ATAPI-6 9.5, 9.7. */
#include "lib.h"
#define IOAPIC 0xFEC00000ull
#define PIN_PIT 2
#define PIN_DISK 14
#define VECTOR_PIT 0x51
#define VECTOR_DISK 0x41
#define VECTOR_PIC 0x60
#define MASKED 0x10000
#define MOST 16
#define SLOWEST_TICKS 3000
static u32 buffer[MOST * 128] __attribute__((aligned(65536)));
static u32 prd[2] __attribute__((aligned(8)));
static volatile u32 ticks, left, done, by_pic, wrong_status, spurious;
static u32 *volatile into;
static u16 bm;
static u32 worst;

static u32 inl(u16 p) { u32 v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static void insw(u16 p, void *to, u64 words) { __asm__ volatile("rep insw" : "+D"(to), "+c"(words) : "d"(p) : "memory"); }
static u32 pci(u32 reg) { outl(0xCF8, 0x80000900 | reg); return inl(0xCFC); }
static void end_of(int second)
{
	if (!by_pic) { eoi(); return; }
	if (second) outb(0xA0, 0x20);
	outb(0x20, 0x20);
}
static void on_pit(struct frame *f) { (void)f; atomic_add(&ticks, 1); end_of(0); }
/* As a driver does it: one sector of PIO per interrupt, one interrupt per DMA transfer. */
static void on_disk(struct frame *f)
{
	(void)f;
	u8 busy = inb(bm + 2);
	u8 status = inb(0x1F7);
	if (!left) spurious++;
	else if (status & 0xA1) { wrong_status = status; left = 0; }
	else if (into) {
		insw(0x1F0, into, 256);
		into += 128;
		left--;
	} else {
		if (busy & 1) wrong_status = 0x100 | busy;
		left = 0;
	}
	outb(bm + 2, 4);
	if (!left) done = 1;
	end_of(1);
}
static void route(u32 pin, u32 low, u32 destination)
{
	volatile u32 *select = (volatile u32 *)IOAPIC, *window = (volatile u32 *)(IOAPIC + 0x10);
	*select = 0x10 + 2 * pin; *window = MASKED;
	*select = 0x11 + 2 * pin; *window = destination << 24;
	*select = 0x10 + 2 * pin; *window = low;
}
static void start(u32 first, u32 count, int dma)
{
	done = 0;
	into = dma ? 0 : buffer;
	left = dma ? 1 : count;
	for (u32 i = 0; i < count * 128; i++) buffer[i] = 0;
	barrier();
	prd[0] = (u32)(u64)buffer;
	prd[1] = 0x80000000u | count * 512;
	outb(0x1F6, 0xE0 | (first >> 24 & 15));
	outb(0x1F2, count);
	outb(0x1F3, first); outb(0x1F4, first >> 8); outb(0x1F5, first >> 16);
	if (dma) {
		outl(bm + 4, (u32)(u64)prd);
		outb(bm, 8);
		outb(0x1F7, 0xC8);
		outb(bm, 9);
	} else outb(0x1F7, 0x20);
}
static void read(u32 first, u32 count, int dma, const char *way)
{
	u32 from = ticks;
	u64 end = rdtsc() + 20000000000ull;
	start(first, count, dma);
	while (!done) {
		if (rdtsc() > end) fail("%s: %s read of %u sectors at %u: %u completions lost, status %x", way, dma ? "DMA" : "PIO",
			(u64)count, (u64)first, (u64)left, (u64)inb(0x3F6));
		pause();
	}
	if (dma) outb(bm, 0);
	if (wrong_status) fail("%s: status %x", way, (u64)wrong_status);
	if (ticks - from > worst) worst = ticks - from;
	for (u32 i = 0; i < count * 128; i++) {
		u32 want = (first + i / 128) * 0x9E3779B1u + i % 128;
		if (buffer[i] != want) fail("%s: sector %u, dword %u: %x", way, (u64)(first + i / 128), (u64)(i % 128), (u64)buffer[i]);
	}
}
static u32 random(void) { static u32 x = 1; x = x * 1664525 + 1013904223; return x >> 8; }
static void reads(u32 n, u32 sectors, const char *way)
{
	u32 before = ticks;
	u64 t = rdtsc();
	worst = 0;
	for (u32 i = 0; i < n; i++) {
		u32 count = 1 + random() % MOST;
		read(random() % (sectors - count), count, i & 1, way);
	}
	t = rdtsc() - t;
	if (worst > SLOWEST_TICKS) fail("%s: a read took %u ticks of 1 ms", way, (u64)worst);
	if (ticks == before) fail("%s: no tick came in %u cycles", way, t);
	if (spurious) fail("%s: %u interrupts of the disk too many", way, (u64)spurious);
	print("%s: %u reads, %u ticks, the slowest took %u\n", way, (u64)n, (u64)(ticks - before), (u64)worst);
}
static void ap(u32 n) { (void)n; for (;;) hlt(); }
static void pic_init(u8 mask_first, u8 mask_second)
{
	outb(0x20, 0x11); outb(0x21, VECTOR_PIC); outb(0x21, 4); outb(0x21, 1);
	outb(0xA0, 0x11); outb(0xA1, VECTOR_PIC + 8); outb(0xA1, 2); outb(0xA1, 1);
	outb(0x21, mask_first);
	outb(0xA1, mask_second);
}
int kernel_main(void)
{
	u32 n = argument(0, 200), sectors = argument(1, 4096);
	if (pci(0) != 0x70108086) fail("no PIIX3 IDE function at 00:01.1: %x", (u64)pci(0));
	outl(0xCF8, 0x80000904); outl(0xCFC, pci(4) | 5);
	bm = pci(0x20) & 0xFFF0;
	handlers[VECTOR_PIT] = handlers[VECTOR_PIC] = on_pit;
	handlers[VECTOR_DISK] = handlers[VECTOR_PIC + 14] = on_disk;
	u32 cpus = start_all(ap);
	outb(0x3F6, 0);
	outb(0x43, 0x34); outb(0x40, 1193 & 255); outb(0x40, 1193 >> 8);
	/* Virtual wire: the pair's INTR at LINT0. */
	by_pic = 1;
	lapic_write(0x350, 0x700);
	pic_init(0xFA, 0xBF);
	sti();
	reads(n, sectors, "8259");
	cli();
	outb(0x21, 0xFF); outb(0xA1, 0xFF);
	lapic_write(0x350, MASKED);
	by_pic = 0;
	inb(0x1F7);
	sti();
	for (u32 id = 0; id < cpus; id++) {
		route(PIN_PIT, VECTOR_PIT, id);
		route(PIN_DISK, VECTOR_DISK, id);
		reads(n, sectors, "IOAPIC");
		route(PIN_DISK, MASKED, 0);
		route(PIN_PIT, MASKED, 0);
	}
	return 0;
}
