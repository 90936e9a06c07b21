/* Runs privileged cases on a bare machine (layout.ts has the memory map and both packed forms). Multiboot with
 * addresses in the header, one CPU, everything below 4 GiB mapped one to one. A case begins by IRET and ends with
 * the next event of its IDT, whose gates lead to the stubs here; there every register is saved before anything
 * else, without a stack. Multiboot specification 0.6.96; SDM vol. 3A 6.14, 9.8.5, 10.4.7.
 * x87 and SSE begin as FNINIT leaves them and are not reported: user mode shows them. */
#define STACK 0x1D0000
#define SHADOW 0x1D0000
#define TABLES 0x1F0000
#define IDT 0x1F8000
#define RESULT 0x180000
#define APIC 0x40000000
#define HARNESS_CR0 0x80000033
#define HARNESS_CR4 0x40620
#define BUSY 2

	.text
	.code32
	.globl _start
_start:
	jmp start
	.align 4
header:	.long 0x1BADB002, 0x10000, -(0x1BADB002 + 0x10000), header, IMAGE, 0, 0, _start

start:
	cli
	cld
	mov $STACK, %esp
	mov $0xFF, %al
	out %al, $0x21
	out %al, $0xA1
	/* Page tables: 4 GiB of 2 MiB pages. */
	mov $TABLES, %edi
	xor %eax, %eax
	mov $6144, %ecx
	rep stosl
	movl $TABLES + 0x1003, TABLES
	mov $4, %ecx
	mov $TABLES + 0x1000, %edi
	mov $TABLES + 0x2003, %eax
1:	mov %eax, (%edi)
	add $4096, %eax
	add $8, %edi
	loop 1b
	mov $2048, %ecx
	mov $TABLES + 0x2000, %edi
	mov $0x83, %eax
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	loop 1b
	/* The local APIC at 1 GiB, within reach of 32-bit displacements. */
	movl $0xFEE00093, TABLES + 0x2000 + (APIC >> 21) * 8
	/* IDT: all events to `stray`. */
	mov $IDT, %edi
	mov $256, %ecx
1:	mov $stray, %eax
	mov %ax, (%edi)
	movw $0x10, 2(%edi)
	movw $0x8E00, 4(%edi)
	shr $16, %eax
	mov %eax, 6(%edi)
	movl $0, 10(%edi)
	movw $0, 14(%edi)
	add $16, %edi
	loop 1b
	/* Long mode. */
	mov $HARNESS_CR4, %eax
	mov %eax, %cr4
	mov $TABLES, %eax
	mov %eax, %cr3
	mov $0xC0000080, %ecx
	xor %edx, %edx
	mov $0x900, %eax
	wrmsr
	mov $HARNESS_CR0, %eax
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $0x10, $next
	.code64

next:
	mov $0x18, %eax
	mov %eax, %ss
	mov $STACK, %esp
	mov %eax, %ds
	mov %eax, %es
	cld
	lidt idt_pointer
	movl $0x1FF, APIC + 0xF0
	mov P_current, %eax
	cmp P_count, %eax
	jae ended
	mov P_cases, %ebx
	/* The arena. */
	mov $TEMPLATE, %esi
	mov $ARENA, %edi
	mov $ARENA_BYTES / 8, %ecx
	rep movsq
	lea BLOCK_BYTES + 8(%rbx), %rsi
	mov BLOCK_BYTES(%rbx), %edx
1:	test %edx, %edx
	jz 2f
	dec %edx
	movzwl (%rsi), %edi
	movzwl 2(%rsi), %ecx
	add $4, %rsi
	add $ARENA, %edi
	rep movsb
	jmp 1b
2:	mov $ARENA, %esi
	mov $SHADOW, %edi
	mov $ARENA_BYTES / 8, %ecx
	rep movsq
	/* LTR makes the TSS busy. */
	mov F_gdtBase(%rbx), %rsi
	movzwl F_tr(%rbx), %eax
	test %eax, %eax
	jz 1f
	orb $BUSY, SHADOW - ARENA + 5(%rsi, %rax)
1:	mov %rbx, %rsi
	mov $before, %edi
	mov $BLOCK_BYTES / 8, %ecx
	rep movsq
	mov $before, %esi
	mov $after, %edi
	mov $BLOCK_BYTES / 8, %ecx
	rep movsq
	mov F_size(%rbx), %eax
	add %eax, P_cases
	movb $0, inside
	fxrstor fpu

	.macro to_msr number, field
	mov $\number, %ecx
	mov before + \field, %eax
	mov before + \field + 4, %edx
	wrmsr
	.endm
	.macro to_register register, field
	mov before + \field, %rax
	mov %rax, %\register
	.endm
	to_msr 0xC0000081, F_star
	to_msr 0xC0000082, F_lstar
	to_msr 0xC0000083, F_cstar
	to_msr 0xC0000084, F_fmask
	to_msr 0x174, F_sysenterCs
	to_msr 0x175, F_sysenterEsp
	to_msr 0x176, F_sysenterEip
	to_msr 0xC0000102, F_kernelGsBase
	to_msr 0xC0000103, F_tscAux
	to_msr 0x277, F_pat
	xor %ecx, %ecx
	mov before + F_xcr0, %eax
	xor %edx, %edx
	xsetbv
	to_register dr0, F_dr0
	to_register dr1, F_dr1
	to_register dr2, F_dr2
	to_register dr3, F_dr3
	to_register dr6, F_dr6
	to_register cr8, F_cr8
	to_register cr2, F_cr2
	mov before + F_pending, %eax
	test %eax, %eax
	jz 1f
	/* To itself. */
	or $0x44000, %eax
	movl %eax, APIC + 0x300
1:	to_msr 0xC0000080, F_efer
	to_register cr3, F_cr3
	to_register cr4, F_cr4
	to_register cr0, F_cr0
	lgdt before + F_gdtLimit + 6
	lidt before + F_idtLimit + 6
	mov before + F_ldtr, %eax
	lldt %ax
	mov before + F_tr, %eax
	ltr %ax
	mov before + F_ds, %ds
	mov before + F_es, %es
	mov before + F_fs, %fs
	mov before + F_gs, %gs
	to_msr 0xC0000100, F_fsBase
	to_msr 0xC0000101, F_gsBase
	/* In the arena: IRET to a 16-bit stack keeps the upper half of ESP. */
	mov $ENTRY_FRAME + 40, %esp
	pushq before + F_ss
	pushq before + F_rsp
	pushq before + F_rflags
	pushq before + F_cs
	pushq before + F_rip
	to_register dr7, F_dr7
	mov before + F_rcx, %rcx
	mov before + F_rdx, %rdx
	mov before + F_rbx, %rbx
	mov before + F_rbp, %rbp
	mov before + F_rsi, %rsi
	mov before + F_rdi, %rdi
	mov before + F_r8, %r8
	mov before + F_r9, %r9
	mov before + F_r10, %r10
	mov before + F_r11, %r11
	mov before + F_r12, %r12
	mov before + F_r13, %r13
	mov before + F_r14, %r14
	mov before + F_r15, %r15
	mov before + F_rax, %rax
	iretq

ended:
	movl $1, P_ended
	mov $0xF4, %edx
	xor %eax, %eax
	out %eax, %dx
1:	hlt
	jmp 1b

/* An interrupt while the harness itself runs: the one that a case left pending. An exception ends the machine. */
stray:
	movl $0, APIC + 0xB0
	iretq

	.org STUBS - IMAGE, 0xCC
	.set v, 0
	.rept 256
	.org STUBS - IMAGE + v * STUB_BYTES, 0xCC
	movb $v, vector
	jmp common
	.set v, v + 1
	.endr
	.org STUBS - IMAGE + 256 * STUB_BYTES, 0xCC

	.macro from_register register, field
	mov %\register, %rax
	mov %rax, after + \field
	.endm
	.macro from_msr number, field
	mov $\number, %ecx
	rdmsr
	mov %eax, after + \field
	mov %edx, after + \field + 4
	.endm
common:
	cmpb $0, inside
	je 1f
	/* #DB of DR7.GD at the first debug register below; GD is clear now. */
	iretq
1:	mov %rax, after + F_rax
	movzbl vector, %eax
	mov %rax, after + F_vector
	mov %rcx, after + F_rcx
	mov %rdx, after + F_rdx
	mov %rbx, after + F_rbx
	mov %rsp, after + F_rsp
	mov %rbp, after + F_rbp
	mov %rsi, after + F_rsi
	mov %rdi, after + F_rdi
	mov %r8, after + F_r8
	mov %r9, after + F_r9
	mov %r10, after + F_r10
	mov %r11, after + F_r11
	mov %r12, after + F_r12
	mov %r13, after + F_r13
	mov %r14, after + F_r14
	mov %r15, after + F_r15
	pushf
	pop %rax
	mov %rax, after + F_rflags
	cld
	from_register cr0, F_cr0
	from_register cr2, F_cr2
	from_register cr3, F_cr3
	from_register cr4, F_cr4
	from_msr 0xC0000080, F_efer
	sgdt after + F_gdtLimit + 6
	sidt after + F_idtLimit + 6
	movb $1, inside
	from_register dr7, F_dr7
	mov $0x400, %eax
	mov %rax, %dr7
	mov $HARNESS_CR4, %eax
	mov %rax, %cr4
	mov $HARNESS_CR0, %eax
	mov %rax, %cr0
	mov $TABLES, %eax
	mov %rax, %cr3
	.macro from_selector instruction, field
	xor %eax, %eax
	\instruction %eax
	mov %rax, after + \field
	.endm
	.macro from_segment segment, field
	xor %eax, %eax
	mov %\segment, %eax
	mov %rax, after + \field
	.endm
	from_selector sldt, F_ldtr
	from_selector str, F_tr
	from_segment es, F_es
	from_segment ds, F_ds
	from_segment fs, F_fs
	from_segment gs, F_gs
	from_segment ss, F_ss
	from_segment cs, F_cs
	from_msr 0xC0000100, F_fsBase
	from_msr 0xC0000101, F_gsBase
	lgdt gdt_pointer
	lidt idt_pointer
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $STACK, %esp
	pushq $0x10
	pushq $1f
	lretq
1:	xor %eax, %eax
	lldt %ax
	from_register cr8, F_cr8
	from_register dr0, F_dr0
	from_register dr1, F_dr1
	from_register dr2, F_dr2
	from_register dr3, F_dr3
	from_register dr6, F_dr6
	from_msr 0xC0000081, F_star
	from_msr 0xC0000082, F_lstar
	from_msr 0xC0000083, F_cstar
	from_msr 0xC0000084, F_fmask
	from_msr 0x174, F_sysenterCs
	from_msr 0x175, F_sysenterEsp
	from_msr 0x176, F_sysenterEip
	from_msr 0xC0000102, F_kernelGsBase
	from_msr 0xC0000103, F_tscAux
	from_msr 0x277, F_pat
	xor %ecx, %ecx
	xgetbv
	mov %eax, after + F_xcr0
	/* The interrupt of the case, and those that it left. */
	xor %eax, %eax
	mov %rax, %cr8
	movl %eax, APIC + 0xB0
	sti
	nop
	nop
	cli
	/* What changed in the arena. */
	mov $RESULT + 8, %edi
	mov $after, %esi
	mov $BLOCK_BYTES / 8, %ecx
	rep movsq
	mov %rdi, %rbx
	mov $ARENA, %esi
	mov $SHADOW, %edi
	mov $ARENA_BYTES / 8, %ecx
2:	repe cmpsq
	je 3f
	lea -ARENA - 8(%rsi), %rax
	mov %rax, (%rbx)
	mov -8(%rsi), %rax
	mov %rax, 8(%rbx)
	add $16, %rbx
	test %ecx, %ecx
	jnz 2b
3:	sub $RESULT, %rbx
	mov %ebx, RESULT
	mov P_current, %eax
	mov %eax, RESULT + 4
	inc %eax
	mov $RESULT, %esi
	mov %ebx, %ecx
	mov P_out, %edi
	test %edi, %edi
	jz 4f
	rep movsb
	mov %edi, P_out
	mov %eax, P_current
	jmp next
4:	mov $0xE9, %edx
	rep outsb
	mov %eax, P_current
	jmp next

	.align 16
/* Selectors as in the arena (world.ts). */
gdt:	.quad 0, 0
	.quad 0x00AF9B000000FFFF
	.quad 0x00CF93000000FFFF
gdt_pointer: .word 31
	.quad gdt
idt_pointer: .word 4095
	.quad IDT
inside:	.byte 0
vector:	.byte 0
	.align 16
fpu:	.word 0x37F, 0, 0xFF
	.skip 18
	.long 0x1F80
	.skip 484
	.align 16
before:	.skip BLOCK_BYTES
	.align 16
after:	.skip BLOCK_BYTES
