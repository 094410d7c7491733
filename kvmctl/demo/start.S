/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Entry, the note that asks for ring 0 and the 48 interrupt entries.
 *
 * The loader starts a guest that carries this note in 64-bit mode with flat segments and the first 4 GiB
 * mapped one to one; RDI holds the guest-physical address of the boot information.
 */
        .section .note.kvmctl, "a", @note
        .balign 4
        .long   7                       /* namesz: "kvmctl" and its NUL */
        .long   4                       /* descsz */
        .long   1                       /* type: privilege level to start at */
        .asciz  "kvmctl"
        .balign 4
        .long   0                       /* ring 0: hlt is privileged, and an idle monitor must sleep */

        .text
        .globl  _start
_start: cli
        cld
        lea     stack_top(%rip), %rsp
        xor     %ebp, %ebp
        call    guest_main
1:      cli
        hlt
        jmp     1b

/* Intel SDM vol. 3, 6.13: these exceptions push an error code; the others get a zero for the same frame. */
        .altmacro                       /* lets %vector pass the number, not the name */
        .macro  entry vector
        .balign 16
        .if !((\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17) || (\vector == 21))
        push    $0
        .endif
        push    $\vector
        jmp     interrupt_common
        .endm

        .globl  interrupt_entries
        .balign 16
interrupt_entries:
        .set    vector, 0
        .rept   48
        entry   %vector
        .set    vector, vector + 1
        .endr

interrupt_common:
        push    %rax
        push    %rcx
        push    %rdx
        push    %rsi
        push    %rdi
        push    %r8
        push    %r9
        push    %r10
        push    %r11
        mov     %rsp, %rdi
        mov     %rsp, %rax              /* the C ABI wants a 16-byte aligned stack at a call */
        and     $-16, %rsp
        push    %rax
        push    %rax
        cld
        call    interrupt
        pop     %rsp
        pop     %r11
        pop     %r10
        pop     %r9
        pop     %r8
        pop     %rdi
        pop     %rsi
        pop     %rdx
        pop     %rcx
        pop     %rax
        add     $16, %rsp
        iretq

        .bss
        .balign 16
stack:  .skip   16384
stack_top:

        .section .note.GNU-stack, "", @progbits
