/* Freestanding test kernels: multiboot 1 entry of the boot processor and the start-up trampoline of the others.
 * Both end in 64-bit mode with 4 GiB mapped one to one by 2 MiB pages. Multiboot specification 0.6.96; SDM vol. 3A 9.8.5. */
#define FLAGS 3
	.section .multiboot, "a"
	.align 4
	.long 0x1BADB002, FLAGS, -(0x1BADB002 + FLAGS)

	.text
	.code32
	.globl _start
_start:
	cli
	mov $boot_stack_top, %esp
	mov %eax, %edi
	mov %ebx, %esi
	/* PML4[0] -> PDPT, PDPT[0..3] -> 4 page directories of 2 MiB pages. */
	movl $pdpt + 7, pml4
	mov $pd + 7, %eax
	mov $pdpt, %edx
	mov $4, %ecx
1:	mov %eax, (%edx)
	add $4096, %eax
	add $8, %edx
	loop 1b
	mov $0x87, %eax
	mov $pd, %edx
	mov $2048, %ecx
2:	mov %eax, (%edx)
	add $0x200000, %eax
	add $8, %edx
	loop 2b
	call to_long
	.code64
	mov $boot_stack_top, %rsp
	call main
	mov %eax, %edi
	call guest_exit

	/* Common to both: paging on, long mode, flat 64-bit segments; returns in 64-bit mode to the caller's address. */
	.code32
to_long:
	pop %ebp
	lgdt gdt_pointer
	mov %cr4, %eax
	or $0x620, %eax			/* PAE, OSFXSR, OSXMMEXCPT */
	mov %eax, %cr4
	mov $pml4, %eax
	mov %eax, %cr3
	mov $0xC0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000002, %eax		/* PG, MP */
	and $0xFFFFFFFB, %eax		/* not EM */
	mov %eax, %cr0
	ljmp $0x10, $3f
	.code64
3:	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %ebp, %ebp
	jmp *%rbp

	/* Copied to AP_PAGE (0x8000); CS:IP = 0800:0000 after the SIPI. */
	.code16
	.globl trampoline, trampoline_end
trampoline:
	cli
	xor %ax, %ax
	mov %ax, %ds
	lgdtl 0x8000 + tramp_gdt - trampoline
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $8, $ap32
tramp_gdt:
	.word 31
	.long gdt
trampoline_end:

	.code32
ap32:
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	/* Each AP takes the next stack. */
	mov $1, %eax
	lock xadd %eax, ap_count
	inc %eax
	mov %eax, %edi
	shl $14, %eax
	add $ap_stacks, %eax
	mov %eax, %esp
	push %edi
	call to_long
	.code64
	mov (%rsp), %edi
	and $-16, %rsp
	call ap_main
4:	cli
	hlt
	jmp 4b

	/* Interrupt stubs: 256 of 16 bytes. */
	.globl stubs
	.align 16
stubs:
	.set vector, 0
	.rept 256
	.align 16
	.if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17)
	.else
	push $0
	.endif
	push $vector
	jmp common
	.set vector, vector + 1
	.endr
common:
	push %rax; push %rcx; push %rdx; push %rbx; push %rbp; push %rsi; push %rdi
	push %r8; push %r9; push %r10; push %r11; push %r12; push %r13; push %r14; push %r15
	mov %rsp, %rdi
	cld
	call interrupt
	pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8
	pop %rdi; pop %rsi; pop %rbp; pop %rbx; pop %rdx; pop %rcx; pop %rax
	add $16, %rsp
	iretq

	.data
	.align 16
	.globl gdt
gdt:	.quad 0
	.quad 0x00CF9B000000FFFF	/* 08: 32-bit code */
	.quad 0x00AF9B000000FFFF	/* 10: 64-bit code */
	.quad 0x00CF93000000FFFF	/* 18: data */
gdt_pointer:
	.word 31
	.long gdt
	.globl ap_count
ap_count: .long 0

	.bss
	.align 4096
	.globl pml4, pdpt, pd
pml4:	.skip 4096
pdpt:	.skip 4096
pd:	.skip 16384
boot_stack: .skip 16384
boot_stack_top:
	/* AP n's stack top is ap_stacks + n * 16 KiB. */
ap_stacks: .skip 16384 * 17
