/* What every test kernel uses: console, exit, ports, local APIC, start-up of the other processors. */
#ifndef SKEP_TEST_LIB_H
#define SKEP_TEST_LIB_H
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error, rip, cs, rflags, rsp, ss;
};

static inline void outb(u16 p, u8 v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(p)); }
static inline void outl(u16 p, u32 v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(p)); }
static inline u8 inb(u16 p) { u8 v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline u64 rdtsc(void) { u32 a, d; __asm__ volatile("rdtsc" : "=a"(a), "=d"(d)); return (u64)d << 32 | a; }
static inline void pause(void) { __asm__ volatile("pause" ::: "memory"); }
static inline void sti(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void cli(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void hlt(void) { __asm__ volatile("sti; hlt" ::: "memory"); }
static inline void barrier(void) { __asm__ volatile("" ::: "memory"); }
static inline void mfence(void) { __asm__ volatile("mfence" ::: "memory"); }
static inline u32 atomic_add(volatile u32 *p, u32 n) { return __atomic_fetch_add(p, n, __ATOMIC_SEQ_CST); }

#define LAPIC 0xFEE00000ull
static inline u32 lapic_read(u32 r) { return *(volatile u32 *)(LAPIC + r); }
static inline void lapic_write(u32 r, u32 v) { *(volatile u32 *)(LAPIC + r) = v; }
static inline void eoi(void) { lapic_write(0xB0, 0); }

void putc(char c);
void puts(const char *s);
/* %u %x %s %c, 64 bits wide for %u and %x. */
void print(const char *format, ...);
void guest_exit(int code) __attribute__((noreturn));
/* Print a line that says what failed and leave with code 1. */
void fail(const char *format, ...) __attribute__((noreturn));

/* Word n of the command line after the kernel's name, as a number; `otherwise` when there is none. */
u64 argument(int n, u64 otherwise);

/* IDT with all stubs; APIC enabled on this processor. */
void cpu_init(void);
/* Called by the stubs. */
extern void (*handlers[256])(struct frame *f);
/* Start processor with APIC id `id` (INIT, SIPI, SIPI). */
void ap_start(u32 id);
/* What started processors run; set before ap_start. */
extern void (*ap_entry)(u32 number);
extern volatile u32 ap_running;
extern u32 ap_count;
/* Number of processors from CPUID leaf 1. */
u32 cpu_count(void);
static inline u32 apic_id(void) { return lapic_read(0x20) >> 24; }
void ipi(u32 id, u32 vector);
void wait_icr(void);
/* Start all others and wait until they run; returns the number of processors. */
u32 start_all(void (*entry)(u32));
int main(u32 magic, u32 info);
#endif
