/* What this host's processor makes of many short byte strings, each executed once in user mode with the trap flag set:
 * undefined opcode, another fault, or its length. 64-bit code, and 32- and 16-bit code with data segments of the LDT,
 * so that a pointer of any address size reaches the data area. Linux x86-64 only; needs modify_ldt and FSGSBASE.
 * stdin: one byte mode (0 = 16, 1 = 32, 2 = 64 bit), then 16 bytes per case; stdout: two bytes per case, the vector
 * (1 = executed) and the length if the next instruction was where a length says it is, else 0. System calls are the
 * caller's to avoid. */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum {
  DATA = 0x10000000, DATA_BYTES = 0x5000, CODE = 0x20000000, PAGE = 4096, AT = 0x800, POINTER = 0x1000, USED = 0x800,
  SLOT = 16, TF = 0x100, UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4, CS64 = 0x33, CS32 = 0x23, CS16 = 0x07, DS_LDT = 0x0F
};

static uint8_t *code_alias, *cases, *results, clean_fx[512];
static size_t count, next;
static int mode, running;
static uint64_t host_fs;
static greg_t host_regs[NGREG];

static void segments(uint16_t data, uint16_t fs, uint64_t fs_base) {
  __asm__ volatile("mov %0, %%es; mov %0, %%ds; mov %1, %%fs; mov %1, %%gs" :: "r"(data), "r"(fs));
  __asm__ volatile("wrfsbase %0" :: "r"(fs_base));
}

static void load(ucontext_t *u) {
  greg_t *g = u->uc_mcontext.gregs;
  uint64_t pointer = mode == 2 ? DATA + POINTER : POINTER;
  memset(g, 0, sizeof(greg_t) * (REG_RIP));
  g[REG_RBX] = g[REG_RSP] = g[REG_RBP] = g[REG_RSI] = g[REG_RDI] = (greg_t)pointer;
  g[REG_RCX] = 1;
  g[REG_RIP] = (mode == 0 ? 0 : CODE) + AT;
  g[REG_EFL] = 0x202 | TF;
  g[REG_CSGSFS] = (greg_t)((mode == 2 ? CS64 : mode == 1 ? CS32 : CS16) | (uint64_t)(mode == 2 ? 0x2B : DS_LDT) << 48);
  u->uc_flags |= UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
  uint8_t *fx = (uint8_t *)u->uc_mcontext.fpregs;
  memcpy(fx, clean_fx, 416);
  *(uint64_t *)(fx + 512) = 3;
  memset((void *)(uintptr_t)(DATA + POINTER - USED), 0, 2 * USED);
  memcpy(code_alias + AT, cases + next * SLOT, SLOT);
  segments(mode == 2 ? 0 : DS_LDT, 0, 0);
}

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number; (void)info;
  __asm__ volatile("pushfq; andl $~0x244400, (%%rsp); popfq" ::: "memory", "cc");
  ucontext_t *u = context;
  greg_t *g = u->uc_mcontext.gregs;
  if (!running) {
    memcpy(host_regs, g, sizeof host_regs);
    memcpy(clean_fx, u->uc_mcontext.fpregs, sizeof clean_fx);
    memset(clean_fx + 32, 0, 384);
    clean_fx[0] = 0x7F; clean_fx[1] = 3; clean_fx[2] = clean_fx[3] = clean_fx[4] = 0;
    clean_fx[24] = 0x80; clean_fx[25] = 0x1F; clean_fx[26] = clean_fx[27] = 0;
    running = 1;
  } else {
    uint64_t length = (uint64_t)g[REG_RIP] - ((mode == 0 ? 0 : CODE) + AT);
    results[2 * next] = (uint8_t)g[REG_TRAPNO];
    results[2 * next + 1] = g[REG_TRAPNO] == 1 && length < SLOT ? (uint8_t)length : 0;
    next++;
  }
  if (next < count) { load(u); return; }
  memcpy(g, host_regs, sizeof host_regs);
  segments(0, 0, host_fs);
}

static void setup(void) {
  int text = memfd_create("code", 0);
  if (ftruncate(text, 2 * PAGE)) exit(2);
  code_alias = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, text, 0);
  mmap((void *)(uintptr_t)CODE, 2 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, text, 0);
  memset(code_alias, 0x90, 2 * PAGE);
  mmap((void *)(uintptr_t)DATA, DATA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  struct user_desc d = { .entry_number = 0, .base_addr = CODE, .limit = 0xFFFF, .contents = 2 };
  struct user_desc e = { .entry_number = 1, .base_addr = DATA, .limit = DATA_BYTES - 1 };
  if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d) || syscall(SYS_modify_ldt, 0x11, &e, sizeof e)) { perror("modify_ldt"); exit(2); }
  static uint8_t stack[65536];
  stack_t alternative = { .ss_sp = stack, .ss_size = sizeof stack };
  sigaltstack(&alternative, NULL);
  struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
  int signals[] = { SIGFPE, SIGSEGV, SIGILL, SIGTRAP, SIGBUS, SIGUSR1 };
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  __asm__ volatile("rdfsbase %0" : "=r"(host_fs));
}

int main(void) {
  setup();
  size_t room = 1 << 24, size = 0, got;
  mode = getchar();
  cases = malloc(room);
  while ((got = fread(cases + size, 1, room - size, stdin)) > 0) {
    size += got;
    if (size == room) cases = realloc(cases, room *= 2);
  }
  count = size / SLOT;
  results = calloc(count + 1, 2);
  if (count > 0) raise(SIGUSR1);
  return fwrite(results, 2, count, stdout) == count ? 0 : 2;
}
