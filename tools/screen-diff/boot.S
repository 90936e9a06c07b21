# Boot sector of the screen comparison (main.ts): takes the cases of its table, which lies in the sectors behind
# it, one after the other: INT 10h sets the mode, a pattern goes through the window, registers are written, FEh
# goes to port 0xE9, and a key is waited for. A case of the table, 64 bytes:
#   0 u16 mode, FFFFh ends   2 u8 VBE   3 u8 pattern   4 u16 segment   6 u16 banks   8 u16 registers
#   10 registers: u16 port, u8 index, u8 value; 3C0 by its flip-flop, others as index and data, index FFh: data alone
    .code16
    .globl _start
_start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7C00, %sp
    cld
    sti
    movw $0x0208, %ax              # eight sectors: the table
    movw $0x8000, %bx
    movw $0x0002, %cx
    xorb %dh, %dh
    int $0x13
    movw $0x8000, %bp
next:
    cmpw $0xFFFF, %ds:(%bp)
    je end
    call set_mode
    movb %ds:3(%bp), %al
    movw %ds:4(%bp), %es
    xorw %di, %di
    cmpb $0, %al
    je text
    cmpb $1, %al
    je planar
    cmpb $2, %al
    je bytes
    cmpb $4, %al
    jne banked
    movw $0x3C4, %dx               # unchained
    movw $0x0604, %ax
    outw %ax, %dx
    jmp planar
banked:
    xorw %dx, %dx
1:  pushw %dx
    xorw %bx, %bx
    movw $0x4F05, %ax
    int $0x10
    popw %dx
    call fill
    incw %dx
    cmpw %ds:6(%bp), %dx
    jb 1b
    jmp registers
bytes:
    xorw %dx, %dx
    call fill
    jmp registers
planar:                            # each plane by the map mask, its own pattern
    movb $1, %ch
1:  movw $0x3C4, %dx
    movb $2, %al
    movb %ch, %ah
    outw %ax, %dx
    movb %ch, %dl
    xorb %dh, %dh
    call fill
    shlb $1, %ch
    cmpb $16, %ch
    jb 1b
    movw $0x0F02, %ax
    movw $0x3C4, %dx
    outw %ax, %dx
    jmp registers
text:                              # every code and attribute, but for those whose ninth dot is disputed
    xorw %cx, %cx
1:  movb %cl, %al
    movb %cl, %ah
    addb %ch, %ah
    andb $0xF0, %al
    cmpb $0xB0, %al
    movb %cl, %al
    jne 2f
    movb $0x20, %al
2:  xorb $0x5A, %ah
    stosw
    incw %cx
    cmpw $0x2000, %cx
    jb 1b
registers:
    movw %ds:8(%bp), %cx
    leaw 10(%bp), %si
    jcxz done
1:  lodsw
    movw %ax, %dx
    lodsw
    cmpw $0x3C0, %dx
    je attribute
    cmpb $0xFF, %al
    je alone
    outw %ax, %dx
    jmp 2f
alone:
    movb %ah, %al
    outb %al, %dx
    jmp 2f
attribute:
    pushw %ax
    movw $0x3DA, %dx
    inb %dx, %al
    popw %ax
    movw $0x3C0, %dx
    outb %al, %dx
    movb %ah, %al
    outb %al, %dx
    movb $0x20, %al
    outb %al, %dx
2:  loop 1b
done:
    movb $0xFE, %al
    outb %al, $0xE9
    xorb %ah, %ah
    int $0x16
    addw $64, %bp
    jmp next
end:
    hlt
    jmp end

set_mode:
    movw %ds:(%bp), %bx
    cmpb $0, %ds:2(%bp)
    jne 1f
    movb %bl, %al
    xorb %ah, %ah
    int $0x10
    movw $0x1003, %ax              # no blinking
    xorw %bx, %bx
    int $0x10
    movb $1, %ah                   # no cursor
    movw $0x2000, %cx
    int $0x10
    ret
1:  movw $0x4F02, %ax
    int $0x10
    ret

# 64 KiB at ES:0: byte n is (n low ^ n high * 3) + n high + DL * 21
fill:
    pushw %cx
    xorw %di, %di
1:  movw %di, %ax
    movb %ah, %cl
    shlb $1, %cl
    addb %ah, %cl
    xorb %cl, %al
    addb %ah, %al
    movb %dl, %cl
    shlb $2, %cl
    addb %dl, %cl
    shlb $2, %cl
    addb %cl, %al
    addb %dl, %al
    stosb
    testw %di, %di
    jnz 1b
    popw %cx
    ret
    .org 510
    .word 0xAA55
