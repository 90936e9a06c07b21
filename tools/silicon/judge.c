/* Executes user-mode instructions on this host's processor, one at a time, from a given state: 64-bit code, and 32- and
 * 16-bit code in segments of the LDT. The state is loaded by a signal return (sigreturn restores every register, RIP,
 * RFLAGS, CS, SS and the FXSAVE area), TF is set, and the trap or fault after the instruction is the next signal, whose
 * frame holds the state after it. One signal per step. Linux x86-64 only; needs modify_ldt and FSGSBASE.
 * A case may run without TF to its first exception, have missing pages that a page fault makes present, and watch addresses
 * by debug registers: then a parent process, which traces this one, loads them.
 * stdin: cases, stdout: results, both as below (little endian, no padding); tools/isa-judge/core.ts has the same
 * memory map and LDT for the core. System calls in the code are the caller's to avoid: with `steps` > 1 the runner
 * stops before SYSCALL, SYSENTER, INT n, POPF and IRET. */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum {
  DATA = 0x10000000, PAGE = 4096, PAGES = 4, DATA_BYTES = PAGES * PAGE, READ_ONLY = 2, CODE = 0x20000000, CODE_BYTES = 2 * PAGE,
  MAX_CODE = 1024, MAX_WINDOW = DATA_BYTES, TF = 0x100, UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4
};

struct header {
  uint32_t steps, code_at, code_bytes, window_at, window_bytes, filler;
  uint64_t regs[16], rip, flags;
  uint16_t segments[6];
  uint8_t untraced, absent, repairs, zero2;
  uint64_t fs_base, gs_base;
  uint8_t fx[512];
  uint64_t watch_at[4];
  uint32_t watch_control, zero3;
};
/* What the tracer loads into the debug registers when this process stops itself, and DR6 of the last trap. */
struct watched { uint64_t at[4]; uint64_t control, dr6; };
/* status: 0 = all steps done, 1 = fault, 2 = stopped before an instruction that is not for it, 3 = no end in time */
struct result {
  uint32_t status, steps, vector, error;
  uint64_t cr2, regs[16], rip, flags;
  uint16_t segments[6], zero[2];
  uint64_t fs_base, gs_base;
  uint8_t fx[512];
  uint32_t changes, dr6;
};

static struct watched *watched;
static struct header in;
static struct result out;
static uint8_t code[MAX_CODE], window[MAX_WINDOW], filler[DATA_BYTES], before[DATA_BYTES];
static uint8_t *code_alias, *data_alias;
static uint32_t steps_done, repairs_left;
static uint64_t host_fs;
static volatile int running;
static greg_t host_regs[NGREG];

/* Greg order of regs[]: RAX RCX RDX RBX RSP RBP RSI RDI R8..R15. */
static const int ORDER[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI, REG_R8, REG_R9,
  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

/* Nothing here may touch thread-local storage until FS is the host's again. */
static inline uint16_t selector(int n) {
  uint16_t s = 0;
  switch (n) {
    case 0: __asm__ volatile("mov %%es, %0" : "=r"(s)); break;
    case 3: __asm__ volatile("mov %%ds, %0" : "=r"(s)); break;
    case 4: __asm__ volatile("mov %%fs, %0" : "=r"(s)); break;
    default: __asm__ volatile("mov %%gs, %0" : "=r"(s));
  }
  return s;
}
static inline uint64_t rdfs(void) { uint64_t v; __asm__ volatile("rdfsbase %0" : "=r"(v)); return v; }
static inline uint64_t rdgs(void) { uint64_t v; __asm__ volatile("rdgsbase %0" : "=r"(v)); return v; }

static void set_segments(const uint16_t *s, uint64_t fs, uint64_t gs) {
  __asm__ volatile("mov %0, %%es" :: "r"(s[0]));
  __asm__ volatile("mov %0, %%ds" :: "r"(s[3]));
  __asm__ volatile("mov %0, %%gs" :: "r"(s[5]));
  __asm__ volatile("mov %0, %%fs" :: "r"(s[4]));
  if (s[4] == 0) __asm__ volatile("wrfsbase %0" :: "r"(fs));
  if (s[5] == 0) __asm__ volatile("wrgsbase %0" :: "r"(gs));
}

/* Does the instruction at RIP enter the kernel or clear TF? The caller stops streams before what is not to be compared;
 * this keeps a stream that goes elsewhere on silicon from harm. */
static int forbidden(uint64_t linear, int long_mode) {
  if (linear < CODE || linear > CODE + CODE_BYTES - 15) return 0;
  const uint8_t *p = code_alias + (linear - CODE);
  int n = 0;
  while (n < 14) {
    uint8_t b = p[n];
    if (b == 0x66 || b == 0x67 || b == 0xF0 || b == 0xF2 || b == 0xF3 || (b & 0xE7) == 0x26 || b == 0x64 || b == 0x65) n++;
    else break;
    /* None of them takes LOCK: #UD. */
    if (b == 0xF0) return 0;
  }
  uint8_t b = p[n];
  if (long_mode && (b & 0xF0) == 0x40) b = p[++n];
  if (b == 0xCD || b == 0xCF || b == 0x9D || b == 0xF1 || b == 0xCC) return 1;
  if (b != 0x0F) return 0;
  b = p[n + 1];
  /* SYSCALL SYSRET SYSENTER SYSEXIT, 0F 01, 0F 00 */
  return b == 0x05 || b == 0x07 || b == 0x34 || b == 0x35 || b == 0x01 || b == 0x00;
}

static uint64_t code_base(uint16_t cs) { return cs == 0x07 ? CODE : 0; }

static void finish(uint32_t status, const ucontext_t *u) {
  const greg_t *g = u->uc_mcontext.gregs;
  out.status = status;
  out.steps = steps_done;
  out.vector = status == 1 ? (uint32_t)g[REG_TRAPNO] : 0;
  out.error = status == 1 ? (uint32_t)g[REG_ERR] : 0;
  out.cr2 = status == 1 && g[REG_TRAPNO] == 14 ? (uint64_t)g[REG_CR2] : 0;
  for (int n = 0; n < 16; n++) out.regs[n] = (uint64_t)g[ORDER[n]];
  out.rip = (uint64_t)g[REG_RIP];
  out.flags = (uint64_t)g[REG_EFL];
  out.segments[1] = (uint16_t)g[REG_CSGSFS];
  out.segments[2] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 48);
  memcpy(out.fx, u->uc_mcontext.fpregs, 512);
  if (watched && g[REG_TRAPNO] == 1) out.dr6 = (uint32_t)watched->dr6 & 15;
}

static int rights_of(int page) { return page == READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE; }

/* Makes the page of a page fault in the data area writable. It is touched, so that the kernel has no fault of its own
 * to serve. */
static int repair(uint64_t at) {
  if (repairs_left == 0 || at < DATA || at >= DATA + DATA_BYTES) return 0;
  repairs_left--;
  volatile uint8_t *p = (uint8_t *)(uintptr_t)(at & -(uint64_t)PAGE);
  /* No library call: FS is the tested code's. */
  long done;
  __asm__ volatile("syscall" : "=a"(done) : "a"(SYS_mprotect), "D"(p), "S"((long)PAGE), "d"((long)(PROT_READ | PROT_WRITE)) : "rcx", "r11", "memory");
  if (done != 0) return 0;
  *p = *p;
  return 1;
}

static void protect(uint32_t pages, int absent) {
  for (int n = 0; n < PAGES; n++)
    if (pages >> n & 1) mprotect((void *)(uintptr_t)(DATA + n * PAGE), PAGE, absent ? PROT_NONE : rights_of(n));
}

static void load(ucontext_t *u) {
  greg_t *g = u->uc_mcontext.gregs;
  for (int n = 0; n < 16; n++) g[ORDER[n]] = (greg_t)in.regs[n];
  g[REG_RIP] = (greg_t)in.rip;
  g[REG_EFL] = (greg_t)(in.flags | (in.untraced ? 0 : TF));
  g[REG_CSGSFS] = (greg_t)((uint64_t)in.segments[1] | (uint64_t)in.segments[2] << 48);
  u->uc_flags |= UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
  uint8_t *fx = (uint8_t *)u->uc_mcontext.fpregs;
  /* Bytes 464 to 511 are the kernel's. */
  memcpy(fx, in.fx, 416);
  uint64_t *present = (uint64_t *)(fx + 512);
  *present |= 3;
}

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)info;
  /* RFLAGS.AC of the tested code must not act here; ID and NT would survive the signal return. */
  __asm__ volatile("pushfq; andl $~0x244000, (%%rsp); popfq" ::: "memory", "cc");
  ucontext_t *u = context;
  if (!running) {
    /* The signal that starts a case. */
    memcpy(host_regs, u->uc_mcontext.gregs, sizeof host_regs);
    steps_done = 0;
    repairs_left = in.repairs;
    running = 1;
    load(u);
    set_segments(in.segments, in.fs_base, in.gs_base);
    return;
  }
  if (number == SIGSEGV && u->uc_mcontext.gregs[REG_TRAPNO] == 14 && repair((uint64_t)u->uc_mcontext.gregs[REG_CR2])) return;
  out.segments[0] = selector(0); out.segments[3] = selector(3); out.segments[4] = selector(4); out.segments[5] = selector(5);
  out.fs_base = rdfs(); out.gs_base = rdgs();
  greg_t *g = u->uc_mcontext.gregs;
  int trap = number == SIGTRAP && g[REG_TRAPNO] == 1;
  if (trap) steps_done++;
  if (number == SIGVTALRM) finish(3, u);
  else if (in.untraced) finish(1, u);
  else if (!trap) finish(1, u);
  else if (steps_done >= in.steps) finish(0, u);
  else if (in.steps > 1 && forbidden(code_base((uint16_t)g[REG_CSGSFS]) + (uint64_t)g[REG_RIP], (uint16_t)g[REG_CSGSFS] == 0x33)) finish(2, u);
  else { g[REG_EFL] |= TF; return; }
  /* Back to where the first signal was raised. */
  running = 0;
  memcpy(g, host_regs, sizeof host_regs);
  static const uint16_t flat[6];
  set_segments(flat, host_fs, 0);
}

static void ldt(unsigned entry, uint32_t base, uint32_t limit, unsigned bits32, unsigned contents, unsigned read_only, unsigned absent) {
  struct user_desc d = { .entry_number = entry, .base_addr = base, .limit = limit, .seg_32bit = bits32, .contents = contents,
    .read_exec_only = read_only, .limit_in_pages = 0, .seg_not_present = absent };
  if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d) != 0) { perror("modify_ldt"); exit(2); }
}

static void setup(void) {
  int data = memfd_create("data", 0), text = memfd_create("code", 0);
  if (ftruncate(data, DATA_BYTES) || ftruncate(text, CODE_BYTES)) exit(2);
  data_alias = mmap(0, DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, data, 0);
  code_alias = mmap(0, CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, text, 0);
  for (int n = 0; n < PAGES; n++) {
    mmap((void *)(uintptr_t)(DATA + n * PAGE), PAGE, rights_of(n), MAP_SHARED | MAP_FIXED | MAP_POPULATE, data, n * PAGE);
  }
  mmap((void *)(uintptr_t)CODE, CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED | MAP_POPULATE, text, 0);
  ldt(0, CODE, 0xFFFF, 0, 2, 0, 0);
  ldt(1, DATA, 0x4FFF, 0, 0, 0, 0);
  ldt(2, DATA, 0x0FFF, 1, 0, 0, 0);
  ldt(3, DATA, 0x2FFF, 1, 0, 1, 0);
  ldt(4, DATA, 0x07FF, 1, 1, 0, 0);
  ldt(5, DATA, 0x3FFF, 1, 2, 0, 0);
  ldt(6, DATA, 0x3FFF, 1, 2, 1, 0);
  ldt(7, DATA, 0x3FFF, 1, 0, 0, 1);
  static uint8_t stack[65536];
  stack_t alternative = { .ss_sp = stack, .ss_size = sizeof stack };
  sigaltstack(&alternative, NULL);
  struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
  int signals[] = { SIGFPE, SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGUSR1, SIGVTALRM };
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  host_fs = rdfs();
  for (int n = 0; n < DATA_BYTES; n++) filler[n] = (uint8_t)((n * 0x9D + (n >> 8) * 0x35) ^ 0x5A);
  memcpy(data_alias, filler, DATA_BYTES);
  /* A fault of the kernel's own would leave RF set in a REP. */
  for (int n = 0; n < PAGES; n++) if (n != READ_ONLY) *(volatile uint8_t *)(uintptr_t)(DATA + n * PAGE) = filler[n * PAGE];
}

static void put(const void *bytes, size_t n) { if (fwrite(bytes, 1, n, stdout) != n) exit(2); }

/* The parent's part: debug registers are loaded when the child stops itself (SDM vol. 3B 17.2 has their layout); every
 * other signal is passed on. */
static int trace(pid_t child) {
  for (int status; waitpid(child, &status, 0) == child;) {
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    if (!WIFSTOPPED(status)) return 4;
    int number = WSTOPSIG(status);
    if (number == SIGSTOP) {
      ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), 0);
      for (int n = 0; n < 4; n++) if (watched->at[n]) ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[n]), watched->at[n]);
      if (ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), watched->control)) { perror("debug registers"); return 5; }
    } else if (number == SIGTRAP) {
      watched->dr6 = (uint64_t)ptrace(PTRACE_PEEKUSER, child, offsetof(struct user, u_debugreg[6]), 0);
      ptrace(PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[6]), 0);
    }
    ptrace(PTRACE_CONT, child, 0, number == SIGSTOP ? 0 : number);
  }
  return 6;
}

/* DR0 to DR3 and DR7 of this process. */
static void watch(const uint64_t *at, uint64_t control) {
  if (watched == NULL) return;
  memcpy(watched->at, at, sizeof watched->at);
  watched->control = control;
  raise(SIGSTOP);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "watch") == 0) {
    watched = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child != 0) return trace(child);
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) { perror("ptrace"); return 2; }
  }
  setup();
  while (fread(&in, sizeof in, 1, stdin) == 1) {
    if (in.code_bytes > MAX_CODE || in.window_bytes > MAX_WINDOW || in.code_at + in.code_bytes > CODE_BYTES
      || in.window_at + in.window_bytes > DATA_BYTES || fread(code, 1, in.code_bytes, stdin) != in.code_bytes
      || fread(window, 1, in.window_bytes, stdin) != in.window_bytes) return 3;
    memset(code_alias, (int)in.filler, CODE_BYTES);
    memcpy(code_alias + in.code_at, code, in.code_bytes);
    memcpy(data_alias + in.window_at, window, in.window_bytes);
    memcpy(before, data_alias, DATA_BYTES);
    memset(&out, 0, sizeof out);
    struct itimerval limit = { .it_value = { .tv_usec = 200000 } };
    int timed = in.steps > 1 || in.untraced;
    protect(in.absent, 1);
    if (timed) setitimer(ITIMER_VIRTUAL, &limit, NULL);
    if (in.watch_control) watch(in.watch_at, in.watch_control);
    raise(SIGUSR1);
    if (in.watch_control) watch(in.watch_at, 0);
    if (timed) { struct itimerval off = { 0 }; setitimer(ITIMER_VIRTUAL, &off, NULL); }
    if (in.absent || in.repairs) protect((1 << PAGES) - 1, 0);
    static uint16_t changes[2 * DATA_BYTES];
    uint32_t n = 0;
    for (int at = 0; at < DATA_BYTES; at += 64) {
      if (memcmp(before + at, data_alias + at, 64) == 0) continue;
      for (int k = at; k < at + 64; k++) {
        if (before[k] == data_alias[k]) continue;
        changes[2 * n] = (uint16_t)k;
        changes[2 * n + 1] = data_alias[k];
        n++;
      }
    }
    out.changes = n;
    put(&out, sizeof out);
    put(changes, 4 * n);
    memcpy(data_alias, filler, DATA_BYTES);
  }
  return 0;
}
