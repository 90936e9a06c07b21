/* Executes single user-mode instructions on this host's processor, so that the core can be compared with silicon.
 * stdin: cases, stdout: results, both packed as below. 64-bit code, or with the argument `32` code of a compatibility-mode segment
 * (Linux has one at selector 0x23). Branches and system instructions are not for it.
 * A case that faults reports the trap number and leaves registers as they were given. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

enum { DATA = 0x10000000, DATA_BYTES = 8192, CODE = 0x20000000, WINDOW = 256, WINDOW_AT = 2048 };

struct test_case { uint8_t code[16]; uint64_t length, regs[16], flags; uint8_t data[WINDOW]; };
struct result { uint64_t trap, regs[16], flags; uint8_t data[WINDOW]; };

/* Shared with the generated code through absolute addresses in the data area's last page. */
struct frame { uint64_t regs[16], flags, saved_rsp, out[16], out_flags; uint8_t stack[256]; };
static struct frame *const frame = (struct frame *)0x10004000;

static sigjmp_buf escape;
static volatile int trap;

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number; (void)info;
  trap = 1 + (int)((ucontext_t *)context)->uc_mcontext.gregs[REG_TRAPNO];
  siglongjmp(escape, 1);
}

static uint8_t *at;
static void emit(const void *bytes, size_t n) { memcpy(at, bytes, n); at += n; }
static void byte(uint8_t b) { *at++ = b; }
static void word(uint32_t w) { emit(&w, 4); }
/* mov [abs32], reg (store) or mov reg, [abs32]. */
static void move(int reg, const void *address, int store) {
  byte(0x48 | (reg >> 3 << 2)); byte(store ? 0x89 : 0x8B); byte(0x04 | (reg & 7) << 3); byte(0x25); word((uint32_t)(uintptr_t)address);
}

static const uint8_t saves[] = { 0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57 };
static const uint8_t restores[] = { 0x41, 0x5F, 0x41, 0x5E, 0x41, 0x5D, 0x41, 0x5C, 0x5D, 0x5B, 0xFC, 0xC3 };

/* 32-bit code: mov [abs32], reg and mov reg, [abs32]. */
static void move32(int reg, const void *address, int store) {
  byte(store ? 0x89 : 0x8B); byte(0x05 | reg << 3); word((uint32_t)(uintptr_t)address);
}
static void set_esp(const void *address) { byte(0xBC); word((uint32_t)(uintptr_t)address); }

static void build32(const struct test_case *t) {
  enum { CODE32 = 0x23, CODE64 = 0x33, DATA32 = 0x2B };
  at = (uint8_t *)(uintptr_t)CODE;
  emit(saves, sizeof saves);
  move(4, &frame->saved_rsp, 1);
  byte(0x48); byte(0xC7); byte(0xC4); word((uint32_t)(uintptr_t)(frame->stack + 256));
  byte(0x6A); byte(CODE32);                                            /* push 0x23 */
  byte(0x68); word((uint32_t)(uintptr_t)at + 4 + 2);                   /* push address of the 32-bit part */
  byte(0x48); byte(0xCB);                                              /* lretq */
  byte(0xB8); word(DATA32);                                            /* mov eax, 0x2b; mov ds, eax; mov es, eax */
  byte(0x8E); byte(0xD8); byte(0x8E); byte(0xC0);
  set_esp(&frame->flags);
  byte(0x9D);                                                          /* popfd */
  for (int r = 0; r < 8; r++) move32(r, &frame->regs[r], 0);
  emit(t->code, t->length);
  for (int r = 0; r < 8; r++) move32(r, &frame->out[r], 1);
  set_esp((uint8_t *)&frame->out_flags + 4);
  byte(0x9C);                                                          /* pushfd */
  byte(0xEA); word((uint32_t)(uintptr_t)at + 6); byte(CODE64); byte(0);  /* ljmp */
  move(4, &frame->saved_rsp, 0);
  emit(restores, sizeof restores);
}

static void build(const struct test_case *t) {
  at = (uint8_t *)(uintptr_t)CODE;
  emit(saves, sizeof saves);
  move(4, &frame->saved_rsp, 1);
  byte(0x48); byte(0xC7); byte(0xC4); word((uint32_t)(uintptr_t)&frame->flags); /* mov rsp, &flags */
  byte(0x9D);                                                                   /* popfq */
  for (int r = 0; r < 16; r++) move(r, &frame->regs[r], 0);
  emit(t->code, t->length);
  for (int r = 0; r < 16; r++) move(r, &frame->out[r], 1);
  byte(0x48); byte(0xC7); byte(0xC4); word((uint32_t)(uintptr_t)(&frame->out_flags + 1));
  byte(0x9C);                                                                   /* pushfq */
  move(4, &frame->saved_rsp, 0);
  emit(restores, sizeof restores);
}

int main(int argc, char **argv) {
  int bits32 = argc > 1 && strcmp(argv[1], "32") == 0;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
  mmap((void *)(uintptr_t)DATA, DATA_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
  mmap(frame, 4096, PROT_READ | PROT_WRITE, flags, -1, 0);
  mmap((void *)(uintptr_t)CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, flags, -1, 0);
  static uint8_t signal_stack[65536];
  stack_t alternative = { .ss_sp = signal_stack, .ss_size = sizeof signal_stack };
  sigaltstack(&alternative, NULL);
  struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
  int signals[] = { SIGFPE, SIGSEGV, SIGILL, SIGTRAP, SIGBUS };
  for (int i = 0; i < 5; i++) sigaction(signals[i], &action, NULL);
  uint8_t *window = (uint8_t *)(uintptr_t)(DATA + WINDOW_AT);
  struct test_case t;
  struct result r;
  while (fread(&t, sizeof t, 1, stdin) == 1) {
    memcpy(window, t.data, WINDOW);
    memcpy(frame->regs, t.regs, sizeof t.regs);
    frame->flags = t.flags | 0x202;
    memset(frame->out, 0, sizeof frame->out);
    frame->out_flags = 0;
    if (bits32) build32(&t); else build(&t);
    trap = 0;
    memset(&r, 0, sizeof r);
    if (!sigsetjmp(escape, 1)) {
      ((void (*)(void))(uintptr_t)CODE)();
      memcpy(r.regs, frame->out, sizeof r.regs);
      r.flags = frame->out_flags;
    } else {
      memcpy(r.regs, t.regs, sizeof r.regs);
      r.flags = t.flags;
    }
    r.trap = (uint64_t)trap;
    memcpy(r.data, window, WINDOW);
    fwrite(&r, sizeof r, 1, stdout);
  }
  return 0;
}
