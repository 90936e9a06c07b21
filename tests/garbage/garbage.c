/* Random bytes as user programs, for the suite `garbage`: garbage SEED COUNT JOBS. Each child maps pages of random bytes
 * (execute, read, write), and jumps into them in 64-, 32- or 16-bit code with random registers. A signal of a fault goes on
 * elsewhere, LANDINGS times at most, so that exceptions, signal frames and returns of every kind are met; a timer ends a
 * loop. System calls but exit and sigreturn are answered with ENOSYS (seccomp), so that chance does nothing to the
 * system but what a program's instructions can do. One line at the end counts how the children ended. */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	AT = 0x10000000, BYTES = 0x40000, LANDINGS = 300, LOOP_MS = 60, CS64 = 0x33, CS32 = 0x23, DS = 0x2B, CS16 = 0x07,
	UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4
};

static uint64_t state;
static unsigned landed;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void leave(int status)
{
	__asm__ volatile("syscall" :: "a"(SYS_exit_group), "D"(status) : "rcx", "r11", "memory");
	__builtin_unreachable();
}

/* No library call here: FS is whatever the code left. */
static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)number; (void)info;
	__asm__ volatile("cld; pushfq; andl $~0x254000, (%%rsp); popfq" ::: "memory", "cc");
	if (landed++ >= LANDINGS) leave(0);
	ucontext_t *u = context;
	greg_t *g = u->uc_mcontext.gregs;
	unsigned kind = next() % 8;
	for (int n = 0; n < REG_RIP; n++) if (next() & 1) g[n] = (greg_t)(AT + next() % BYTES);
	g[REG_RSP] = AT + BYTES / 2 + (greg_t)(next() % 4096 & ~7u);
	g[REG_RIP] = (greg_t)((kind == 7 ? 0 : AT) + next() % (kind == 7 ? 0xFF00 : BYTES - 64));
	g[REG_EFL] = 0x202;
	g[REG_CSGSFS] = (greg_t)((kind < 5 ? CS64 : kind < 7 ? CS32 : CS16) | (uint64_t)DS << 48);
	u->uc_flags |= UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
}

static void filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xC000003E, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	struct sock_fprog program = { .len = sizeof code / sizeof *code, .filter = code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) leave(2);
}

static void child(uint64_t seed)
{
	state = (seed + 1) * 0x9E3779B97F4A7C15ull;
	for (int n = 0; n < 8; n++) next();
	uint64_t *p = mmap((void *)AT, BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (p != (void *)AT) leave(2);
	for (int n = 0; n < BYTES / 8; n++) p[n] = next();
	struct user_desc d = { .entry_number = 0, .base_addr = AT, .limit = 0xFFFF, .contents = MODIFY_LDT_CONTENTS_CODE };
	if (syscall(SYS_modify_ldt, 0x11, &d, sizeof d)) leave(2);
	struct itimerval timer = { .it_value = { .tv_usec = LOOP_MS * 1000 } };
	/* Every fourth child dies of its first fault, as most programs do. */
	if (seed % 4 != 0) {
		static uint8_t stack[65536];
		stack_t alternative = { .ss_sp = stack, .ss_size = sizeof stack };
		sigaltstack(&alternative, NULL);
		struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
		int signals[] = { SIGFPE, SIGSEGV, SIGILL, SIGTRAP, SIGBUS };
		for (unsigned n = 0; n < sizeof signals / sizeof *signals; n++) sigaction(signals[n], &action, NULL);
	}
	setitimer(ITIMER_REAL, &timer, NULL);
	filter();
	if (seed % 4 != 0) __builtin_trap();
	uint64_t to = AT + next() % (BYTES - 64), registers = AT + next() % BYTES;
	__asm__ volatile("mov %0, %%rsp; mov %1, %%rbx; mov %1, %%rsi; mov %1, %%rdi; mov %1, %%rbp; mov %1, %%r8; jmp *%2"
		:: "r"((uint64_t)AT + BYTES / 2), "r"(registers), "a"(to) : "memory");
	__builtin_unreachable();
}

enum { ENDS = 8 };
static const int END[ENDS] = { 0, SIGSEGV, SIGILL, SIGTRAP, SIGFPE, SIGBUS, SIGALRM, -1 };
static const char *const END_NAME[ENDS] = { "exit", "SEGV", "ILL", "TRAP", "FPE", "BUS", "ALRM", "other" };

int main(int argc, char **argv)
{
	if (argc != 4) { fprintf(stderr, "garbage SEED COUNT JOBS\n"); return 2; }
	uint64_t seed = strtoull(argv[1], NULL, 10), count = strtoull(argv[2], NULL, 10), jobs = strtoull(argv[3], NULL, 10);
	unsigned ends[ENDS] = { 0 };
	uint64_t started = 0, ended = 0;
	while (ended < count) {
		if (started < count && started - ended < jobs) {
			pid_t pid = fork();
			if (pid == 0) child(seed + started);
			if (pid < 0) { perror("garbage: fork"); return 2; }
			started++;
			continue;
		}
		int status;
		if (wait(&status) < 0) { perror("garbage: wait"); return 2; }
		ended++;
		int how = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) == 0 ? 0 : -1, n = 0;
		while (n < ENDS - 1 && END[n] != how) n++;
		ends[n]++;
	}
	printf("garbage: %llu children:", (unsigned long long)count);
	for (int n = 0; n < ENDS; n++) printf(" %s %u", END_NAME[n], ends[n]);
	printf("\n");
	return 0;
}
