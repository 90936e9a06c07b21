/* Library of the test kernels. Console: port 0xE9 and the first serial port; exit: port 0xF4. */
#include "lib.h"
#include <stdarg.h>

extern u8 trampoline[], trampoline_end[], stubs[];
void (*handlers[256])(struct frame *f);
void (*ap_entry)(u32 number);
volatile u32 ap_running;
static u32 multiboot_info;
static struct { u16 lo, sel, flags, mid; u32 hi, zero; } idt[256];

void putc(char c) { outb(0x3F8, c); }
void puts(const char *s) { while (*s) putc(*s++); }

static void number(u64 n, u32 base)
{
	char b[24];
	int i = 0;
	do b[i++] = "0123456789abcdef"[n % base]; while (n /= base);
	while (i) putc(b[--i]);
}

static void vprint(const char *f, va_list a)
{
	for (; *f; f++) {
		if (*f != '%') { putc(*f); continue; }
		switch (*++f) {
		case 'u': number(va_arg(a, u64), 10); break;
		case 'x': number(va_arg(a, u64), 16); break;
		case 's': puts(va_arg(a, char *)); break;
		case 'c': putc(va_arg(a, int)); break;
		default: putc(*f);
		}
	}
}
void print(const char *format, ...) { va_list a; va_start(a, format); vprint(format, a); va_end(a); }

void guest_exit(int code)
{
	outl(0xF4, code);
	for (;;) __asm__ volatile("cli; hlt");
}
void fail(const char *format, ...)
{
	va_list a;
	va_start(a, format);
	puts("FAILED: ");
	vprint(format, a);
	va_end(a);
	puts("\n");
	guest_exit(1);
}

u64 argument(int n, u64 otherwise)
{
	u32 *info = (u32 *)(u64)multiboot_info;
	if (!multiboot_info || !(info[0] & 4)) return otherwise;
	const char *s = (const char *)(u64)info[4];
	for (;;) {
		while (*s == ' ') s++;
		if (!*s) return otherwise;
		if (*s >= '0' && *s <= '9') {
			if (n-- == 0) {
				u64 v = 0;
				while (*s >= '0' && *s <= '9') v = v * 10 + (*s++ - '0');
				return v;
			}
		}
		while (*s && *s != ' ') s++;
	}
}

void interrupt(struct frame *f)
{
	if (handlers[f->vector]) { handlers[f->vector](f); return; }
	if (f->vector < 32) {
		u64 cr2;
		__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
		fail("exception %u error %x at %x, cr2 %x", f->vector, f->error, f->rip, cr2);
	}
	eoi();
}

void cpu_init(void)
{
	for (int v = 0; v < 256; v++) {
		u64 a = (u64)stubs + 16 * v;
		idt[v].lo = a; idt[v].sel = 0x10; idt[v].flags = 0x8E00; idt[v].mid = a >> 16; idt[v].hi = a >> 32;
	}
	struct { u16 limit; u64 base; } __attribute__((packed)) p = { sizeof idt - 1, (u64)idt };
	__asm__ volatile("lidt %0" :: "m"(p));
	lapic_write(0xF0, 0x1FF);
	lapic_write(0x80, 0);
}

u32 cpu_count(void)
{
	u32 a = 0xB, b, c = 1, d;
	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b & 0xFFFF ? b & 0xFFFF : 1;
}

void wait_icr(void) { while (lapic_read(0x300) & 0x1000) pause(); }
void ipi(u32 id, u32 vector)
{
	lapic_write(0x310, id << 24);
	lapic_write(0x300, 0x4000 | vector);
	wait_icr();
}

void ap_start(u32 id)
{
	for (u8 *s = trampoline, *d = (u8 *)0x8000; s < trampoline_end; ) *d++ = *s++;
	lapic_write(0x310, id << 24);
	lapic_write(0x300, 0x4500);
	wait_icr();
	for (int i = 0; i < 2; i++) {
		lapic_write(0x310, id << 24);
		lapic_write(0x300, 0x4608);
		wait_icr();
	}
}

void ap_main(u32 n)
{
	cpu_init();
	atomic_add(&ap_running, 1);
	ap_entry(n);
}

u32 start_all(void (*entry)(u32))
{
	u32 n = cpu_count();
	ap_entry = entry;
	for (u32 id = 1; id < n; id++) ap_start(id);
	u64 end = rdtsc() + 20000000000ull;
	while (ap_running < n - 1) {
		if (rdtsc() > end) fail("only %u of %u processors started", (u64)ap_running + 1, (u64)n);
		pause();
	}
	return n;
}

int kernel_main(void);
int main(u32 magic, u32 info)
{
	if (magic == 0x2BADB002) multiboot_info = info;
	/* Mask the 8259s: nothing here uses them unless it says so. */
	outb(0x21, 0xFF);
	outb(0xA1, 0xFF);
	cpu_init();
	int code = kernel_main();
	if (!code) puts("PASSED\n");
	return code;
}

void *memcpy(void *d, const void *s, unsigned long n) { u8 *a = d; const u8 *b = s; while (n--) *a++ = *b++; return d; }
void *memset(void *d, int c, unsigned long n) { u8 *a = d; while (n--) *a++ = c; return d; }
