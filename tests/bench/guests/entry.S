/* From the PVH entry point (32-bit, paging off) to 64-bit code at ring 3 with all ports open.
   The same program starts on kvmctl-vmm, on QEMU (-kernel) and on everything else that knows PVH. */
    .set FLAT_PAGES, 4              /* page directories: 4 GiB, identity-mapped */
    .set CODE64, 0x10
    .set TSS, 0x40
    .set SYSENTER_CS, 0x10          /* SYSEXIT to 64-bit code: CS = +32, SS = +40 */

    .section .note.pvh, "a", @note
    .long 4, 4, 18                  /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long _start

    .text
    .code32
    .globl _start
_start:
    cld
    /* page tables: one PML4, one PDPT, four directories of 2 MiB pages, all of them user pages */
    movl $pdpt + 7, pml4
    movl $directories + 7, %eax
    movl $pdpt, %edi
    movl $FLAT_PAGES, %ecx
1:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 1b
    movl $0x87, %eax                /* present, writable, user, 2 MiB */
    movl $directories, %edi
    movl $FLAT_PAGES * 512, %ecx
2:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 2b

    /* the task state's address goes into its descriptor */
    movl $tss, %eax
    movw %ax, gdt + TSS + 2
    shrl $16, %eax
    movb %al, gdt + TSS + 4
    movb %ah, gdt + TSS + 7

    /* Every processor comes through here; secondary ones with their own stack in %esp. */
    movl $stack_end, %esp
    .globl enter_long_mode
enter_long_mode:
    lgdt gdt_pointer
    movl $pml4, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x20, %eax                 /* PAE */
    movl %eax, %cr4
    movl $0xC0000080, %ecx          /* EFER: LME */
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax
    movl %eax, %cr0
    ljmp $CODE64, $long_mode

    .code64
long_mode:
    movl $0x18, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    andb $0xFD, gdt + TSS + 5       /* not busy: the next processor loads it as well */
    movl $TSS, %eax
    ltr %ax
    movl $0x174, %ecx               /* MSR_IA32_SYSENTER_CS */
    movl $SYSENTER_CS, %eax
    xorl %edx, %edx
    wrmsr
    pushq $0x3002                   /* all ports, no interrupts: there is no table for them */
    popfq
    movl $user, %edx
    movl %esp, %ecx
    sysexitq

user:
    movl $0x3B, %eax
    movl %eax, %ds
    movl %eax, %es
    xorl %ebp, %ebp
    cmpl $stack_end, %esp
    jne secondary
    call guest
    movb $0xFE, %al                 /* the keyboard controller's reset line */
    outb %al, $0x64
3:  jmp 3b

    .weak secondary_guest
secondary:
    call secondary_guest
4:  pause
    jmp 4b

/* Where secondary processors start, in real mode, once this has been copied below 1 MiB. */
    .code16
    .globl trampoline, trampoline_stack, trampoline_end
trampoline:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl %cs:trampoline_gdt - trampoline
    movl %cs:trampoline_stack - trampoline, %esp
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $8, $enter_protected
    .balign 4
trampoline_stack:
    .long 0
trampoline_gdt:
    .word gdt_end - gdt - 1
    .long gdt
trampoline_end:

    .code32
enter_protected:
    movl $0x18, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    jmp enter_long_mode

    .data
    .balign 8
gdt:
    .quad 0
    .quad 0x00CF9B000000FFFF        /* 0x08 code, 32 bits */
    .quad 0x00AF9B000000FFFF        /* 0x10 code, 64 bits */
    .quad 0x00CF93000000FFFF        /* 0x18 data */
    .quad 0x00CFFB000000FFFF        /* 0x20 unused by 64-bit SYSEXIT */
    .quad 0x00CFF3000000FFFF        /* 0x28 */
    .quad 0x00AFFB000000FFFF        /* 0x30 code, 64 bits, ring 3 */
    .quad 0x00CFF3000000FFFF        /* 0x38 data, ring 3 */
    .quad 0x0000890000002068        /* 0x40 task state, 64 bits: limit 0x2068 */
    .quad 0
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt

    .balign 8
tss:
    .skip 102
    .word 104                       /* where the I/O permission bitmap is: all ports are allowed */
    .skip 8192
    .byte 0xFF

    .bss
    .balign 4096
pml4:
    .skip 4096
pdpt:
    .skip 4096
directories:
    .skip 4096 * FLAT_PAGES
    .skip 16384
    .globl stack_end
stack_end:
    .section .note.GNU-stack, "", @progbits
