/*
 * Start-up and system calls of a 32-bit program that also runs where KVM has no hardware virtualization.
 *
 * There the kernel's return from a system call through the vDSO (SYSRETL, emulated) comes back to the
 * right place in 64-bit mode. In that mode the vDSO's "pop %ebp; pop %edx; pop %ecx; ret" takes 8 bytes each:
 * the three registers and the return address that it pushed, and the 16 bytes above them. So the last 8 of
 * these hold the address of 64-bit code, which returns to 32-bit code by a far return.
 */
        .set AT_SYSINFO, 32
        .set USER32_CS, 0x23    /* __USER32_CS of every 64-bit Linux */

        .code32
        .text
        .globl _start, kernel_call
_start: /* i386 psABI, "Process Initialization": argc, argv, 0, environment, 0, auxiliary vector */
        movl (%esp), %ecx
        leal 8(%esp, %ecx, 4), %esi
1:      lodsl
        testl %eax, %eax
        jnz 1b
2:      movl (%esi), %eax
        movl 4(%esi), %edi
        addl $8, %esi
        cmpl $AT_SYSINFO, %eax
        je 3f
        testl %eax, %eax
        jnz 2b
        ud2                     /* a kernel without the vDSO's entry */
3:      movl %edi, sysinfo
        andl $-16, %esp
        call main
        ud2

/* long kernel_call(long number, a, b, c, d, e, f) */
kernel_call:
        pushl %ebp
        pushl %ebx
        pushl %esi
        pushl %edi
        movl 20(%esp), %eax
        movl 24(%esp), %ebx
        movl 28(%esp), %ecx
        movl 32(%esp), %edx
        movl 36(%esp), %esi
        movl 40(%esp), %edi
        movl 44(%esp), %ebp
        pushl $0
        pushl $in_64_bit_mode
        pushl $0
        pushl $0
        call *sysinfo
        addl $16, %esp
in_32_bit_mode:
        popl %edi
        popl %esi
        popl %ebx
        popl %ebp
        ret

        .code64
in_64_bit_mode:
        pushq $USER32_CS
        movl $in_32_bit_mode, %ecx
        pushq %rcx
        lretq

        .bss
        .balign 4
sysinfo:
        .long 0
        .section .note.GNU-stack, "", @progbits
