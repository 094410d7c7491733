/* Rests, with interrupts off, from its first instruction on: what a guest costs that does nothing. */
    .section .note.pvh, "a", @note
    .long 4, 4, 18                  /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long _start
    .text
    .code32
    .globl _start
_start:
    movw $0x3F8, %dx
    movb $'!', %al
    outb %al, %dx
    cli
1:  hlt
    jmp 1b
    .section .note.GNU-stack, "", @progbits
