/* The test guest's /init: one line to the console, then nothing more.
 *
 * 32-bit code, and the call goes through the vDSO (AT_SYSINFO): where KVM runs without hardware
 * virtualization that is the one way into the kernel that works. There the call may come back in 64-bit
 * mode, where the vDSO's "pop %ebp; pop %edx; pop %ecx; ret" takes twice the bytes off the stack and so
 * returns to the address 8 bytes above its own. That is code which is the same in both modes and which
 * stays in user space: there is no second call.
 */
        .code32
        .include "vdso.inc"
        .set SYS_WRITE, 4
        .set STDOUT, 1

        .section .rodata
line:   .ascii "kvmctl: init reached\n"
        .set line_size, . - line

        .text
        .globl _start
_start:
        find_kernel_entry forever       /* without it there is nothing to say it with */
        movl $SYS_WRITE, %eax
        movl $STDOUT, %ebx
        movl $line, %ecx
        movl $line_size, %edx
        pushl $0
        pushl $forever          /* where a 64-bit return goes */
        pushl $0
        pushl $0
        call *%edi
forever:
        pause
        jmp forever

        .section .note.GNU-stack, "", @progbits
