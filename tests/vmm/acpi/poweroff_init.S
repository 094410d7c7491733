/* An /init whose one system call powers the machine off: reboot(2) with RB_POWER_OFF.
 *
 * 32-bit code, and the call goes through the vDSO (AT_SYSINFO): where KVM runs without hardware
 * virtualization that is the one way into the kernel that works, and the call must not return.
 */
        .code32
        .include "vdso.inc"
        .set SYS_REBOOT, 88
        /* linux/reboot.h */
        .set MAGIC1, 0xfee1dead
        .set MAGIC2, 672274793
        .set POWER_OFF, 0x4321fedc

        .text
        .globl _start
_start:
        find_kernel_entry lost
        movl $SYS_REBOOT, %eax
        movl $MAGIC1, %ebx
        movl $MAGIC2, %ecx
        movl $POWER_OFF, %edx
        call *%edi
lost:
        hlt
