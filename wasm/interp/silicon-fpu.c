// The judge of x87 and SSE instructions as a whole: executes each case of stdin on this processor and prints the state
// after it. fpu.test.ts makes the cases. Case: code[16], u32 length, u32 eflags, u64 rax, memory[128] (at [rdi]),
// FXSAVE image[512]. Result: u64 rax, u64 eflags, memory[128], image[512].
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
  uint8_t code[16];
  uint32_t length, eflags;
  uint64_t rax;
  uint8_t memory[128], image[512];
} Case;
typedef struct {
  uint64_t rax, eflags;
  uint8_t memory[128], image[512];
} Result;

static Case in __attribute__((aligned(64)));
static Result out __attribute__((aligned(64)));
static uint8_t image[512] __attribute__((aligned(16))), after[512] __attribute__((aligned(16)));
static uint8_t memory[128] __attribute__((aligned(16)));

int main(void) {
  uint8_t *page = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 2;
  // fxrstor [rsi]; push r8; popf; mov rax, r9
  static const uint8_t head[] = {0x0F, 0xAE, 0x0E, 0x41, 0x50, 0x9D, 0x4C, 0x89, 0xC8};
  // mov [r10], rax; pushf; pop [r10+8]; fxsave [rdx]; fninit; cld; ret
  static const uint8_t tail[] = {0x49, 0x89, 0x02, 0x9C, 0x41, 0x8F, 0x42, 0x08, 0x0F, 0xAE, 0x02, 0xDB, 0xE3, 0xFC, 0xC3};
  while (fread(&in, sizeof in, 1, stdin) == 1) {
    memcpy(page, head, sizeof head);
    memcpy(page + sizeof head, in.code, in.length);
    memcpy(page + sizeof head + in.length, tail, sizeof tail);
    memcpy(image, in.image, 512);
    memcpy(memory, in.memory, 128);
    memset(after, 0, sizeof after);
    register uint64_t flags __asm__("r8") = in.eflags;
    register uint64_t rax __asm__("r9") = in.rax;
    register void *to __asm__("r10") = &out;
    register void *code __asm__("r11") = page;
    __asm__ volatile("call *%3" : "+r"(flags), "+r"(rax), "+r"(to), "+r"(code)
      : "D"(memory), "S"(image), "d"(after)
      : "memory", "cc", "rax", "rcx", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",
        "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
    memcpy(out.memory, memory, 128);
    memcpy(out.image, after, 512);
    fwrite(&out, sizeof out, 1, stdout);
  }
  return 0;
}
