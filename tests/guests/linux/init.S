/* The test guest's /init: one line to the console, then nothing more.
 *
 * 32-bit code, and the call goes through the vDSO (AT_SYSINFO): where KVM runs without hardware
 * virtualization that is the one way into the kernel that works, and only the first call returns whole. So
 * this makes one call and then stays in user space.
 */
        .code32
        .set AT_SYSINFO, 32
        .set SYS_WRITE, 4
        .set STDOUT, 1

        .section .rodata
line:   .ascii "kvmctl: init reached\n"
        .set line_size, . - line

        .text
        .globl _start
_start:
        /* i386 psABI, "Process Initialization": argc, argv, 0, environment, 0, auxiliary vector */
        movl (%esp), %ecx
        leal 8(%esp, %ecx, 4), %esi
environment:
        lodsl
        testl %eax, %eax
        jnz environment
auxiliary:
        movl (%esi), %eax
        movl 4(%esi), %edi
        addl $8, %esi
        cmpl $AT_SYSINFO, %eax
        je found
        testl %eax, %eax        /* AT_NULL */
        jnz auxiliary
        jmp forever             /* a kernel without the vDSO's entry: say nothing */
found:
        movl $SYS_WRITE, %eax
        movl $STDOUT, %ebx
        movl $line, %ecx
        movl $line_size, %edx
        call *%edi
forever:
        pause
        jmp forever
