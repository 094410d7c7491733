/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The processor's other modes: ring 3, 32-bit compatibility mode, and what a second processor starts in.
 */
        .set    CODE64, 0x10
        .set    DATA, 0x18
        .set    USER_DATA, 0x20 | 3
        .set    USER_CODE, 0x28 | 3
        .set    CODE32, 0x30
        .set    FLAG, 0x8F00            /* as in modes.h */
        .set    AP_BASE, 0x8000

        .text
/* The loader's segments, and a 32-bit code segment. */
        .globl  load_segments
load_segments:
        lgdt    gdt_pointer(%rip)
        ret

/* Run user_code at ring 3; it ends with an exception, whose handler goes on at ring3_return. */
        .globl  enter_ring3
enter_ring3:
        push    %rbx
        push    %rbp
        push    %r12
        push    %r13
        push    %r14
        push    %r15
        mov     %rsp, ring0_stack(%rip)
        mov     %rsp, 4                 /* RSP0 of the task state segment, which is at address 0 */
        push    $USER_DATA
        lea     user_stack(%rip), %rax
        push    %rax
        push    $0x2                    /* no interrupts: what fails here should not be one */
        push    $USER_CODE
        lea     user_code(%rip), %rax
        push    %rax
        iretq

        .globl  ring3_return
ring3_return:
        mov     ring0_stack(%rip), %rsp
        pop     %r15
        pop     %r14
        pop     %r13
        pop     %r12
        pop     %rbp
        pop     %rbx
        ret

user_code:
        mov     %cs, %eax
        mov     %rax, ring3_selector(%rip)
        ud2

/* Returns the number that 32-bit code makes of bytes that 64-bit code would take for a prefix. */
        .globl  compatibility_mode
compatibility_mode:
        mov     $5, %eax
        push    $CODE32
        lea     1f(%rip), %rdx
        push    %rdx
        lretq
        .code32
1:      .byte   0x48                    /* dec %eax; REX.W in 64-bit mode */
        nop
        ljmp    $CODE64, $2f
        .code64
2:      mov     %eax, %eax
        ret

/* Copied to AP_BASE: real mode, then 32-bit protected mode, each of which leaves its mark. */
        .globl  ap_start, ap_end
        .code16
ap_start:
        cli
        xor     %ax, %ax
        mov     %ax, %ds
        movb    $1, FLAG
        lgdtl   AP_BASE + ap_gdt_pointer - ap_start
        mov     %cr0, %eax
        or      $1, %al
        mov     %eax, %cr0
        ljmpl   $CODE32, $(AP_BASE + ap_protected - ap_start)
        .code32
ap_protected:
        mov     $DATA, %ax
        mov     %ax, %ds
        movb    $2, FLAG
1:      hlt
        jmp     1b
        .balign 4
ap_gdt_pointer:
        .word   gdt_end - gdt - 1
        .long   gdt
ap_end:
        .code64

        .data
        .balign 8
gdt:    .quad   0, 0
        .quad   0x00AF9B000000FFFF      /* 64-bit code */
        .quad   0x00CF93000000FFFF      /* data */
        .quad   0x00CFF3000000FFFF      /* data of ring 3 */
        .quad   0x00AFFB000000FFFF      /* 64-bit code of ring 3 */
        .quad   0x00CF9B000000FFFF      /* 32-bit code */
gdt_end:
gdt_pointer:
        .word   gdt_end - gdt - 1
        .quad   gdt

        .globl  ring3_selector
        .balign 8
ring3_selector:
        .quad   0
ring0_stack:
        .quad   0

        .bss
        .balign 16
        .skip   4096
user_stack:

        .section .note.GNU-stack, "", @progbits
