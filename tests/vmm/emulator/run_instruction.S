/*
 * run_instruction: loads every register from `state`, jumps to the instruction at `code_address`, and, when
 * that comes back by a jump to after_instruction, stores every register to `state`. RIP-relative throughout, so
 * that no register is needed to find it. Linked into host_cpu (ring 3 of the host) and flat_guest (ring 0).
 */
        .set REGS, 0            /* rax rbx rcx rdx rsi rdi rsp rbp r8 ... r15, as in struct kvm_regs */
        .set RFLAGS, 136
        .set MXCSR, 152
        .set XMM, 160

        .text
        .globl run_instruction, after_instruction
run_instruction:
        push %rbx
        push %rbp
        push %r12
        push %r13
        push %r14
        push %r15
        stmxcsr own_mxcsr(%rip)
        mov %rsp, own_rsp(%rip)
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movups state + XMM + 16 * \n(%rip), %xmm\n
        .endr
        ldmxcsr state + MXCSR(%rip)
        pushq state + RFLAGS(%rip)
        popfq
        mov state + REGS(%rip), %rax
        mov state + REGS + 8(%rip), %rbx
        mov state + REGS + 16(%rip), %rcx
        mov state + REGS + 24(%rip), %rdx
        mov state + REGS + 32(%rip), %rsi
        mov state + REGS + 40(%rip), %rdi
        mov state + REGS + 48(%rip), %rsp
        mov state + REGS + 56(%rip), %rbp
        .irp n, 8, 9, 10, 11, 12, 13, 14, 15
        mov state + REGS + 8 * \n(%rip), %r\n
        .endr
        jmp *code_address(%rip)
after_instruction:
        mov %rax, state + REGS(%rip)
        mov %rbx, state + REGS + 8(%rip)
        mov %rcx, state + REGS + 16(%rip)
        mov %rdx, state + REGS + 24(%rip)
        mov %rsi, state + REGS + 32(%rip)
        mov %rdi, state + REGS + 40(%rip)
        mov %rsp, state + REGS + 48(%rip)
        mov %rbp, state + REGS + 56(%rip)
        .irp n, 8, 9, 10, 11, 12, 13, 14, 15
        mov %r\n, state + REGS + 8 * \n(%rip)
        .endr
        mov own_rsp(%rip), %rsp
        pushfq
        popq state + RFLAGS(%rip)
        stmxcsr state + MXCSR(%rip)
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movups %xmm\n, state + XMM + 16 * \n(%rip)
        .endr
        ldmxcsr own_mxcsr(%rip)
        cld
        pop %r15
        pop %r14
        pop %r13
        pop %r12
        pop %rbp
        pop %rbx
        ret

        .data
        .balign 8
        .globl own_mxcsr
own_rsp:        .quad 0
own_mxcsr:      .quad 0
code_address:   .quad 0x200000

        .section .note.GNU-stack, "", @progbits
