/*
 * Runs the instructions of `records` at ring 0 and writes what became of each record to the serial port.
 *
 * A record is `struct state` of host_cpu.c with 64 bytes of data. Exceptions and interrupts end the instruction: the
 * record's `signal` is then the vector + 1, `rip` what was pushed.
 */
        .set CODE, 0x200000
        .set DATA, 0x201000
        .set GATES, 256
        .set HEADER_SIZE, 440
        .set DATA_SIZE, 64
        .set RECORD_SIZE, HEADER_SIZE + DATA_SIZE
        .set STATE_RIP, 128
        .set STATE_XCR0, 144
        .set STATE_SIGNAL, 156
        .set STATE_CODE, 416
        .set STATE_CODE_SIZE, 432
        .set SERIAL, 0x3f8
        .set MSR_GS_BASE, 0xc0000101

        .section .note.kvmctl, "a", @note
        .long 7, 4, 1
        .asciz "kvmctl"
        .balign 4
        .long 0

        .text
        .globl _start
_start:
        mov $0x80000, %rsp
        /* Interrupt gates to the stubs, in 64-bit code of the selector that is loaded now. */
        lea idt(%rip), %rdi
        lea stubs(%rip), %rsi
        mov $GATES, %ecx
gate:   mov %rsi, %rax
        mov %ax, (%rdi)
        mov %cs, 2(%rdi)
        movw $0x8e00, 4(%rdi)
        shr $16, %rax
        mov %ax, 6(%rdi)
        shr $16, %rax
        mov %eax, 8(%rdi)
        add $STUB_SIZE, %rsi
        add $16, %rdi
        dec %ecx
        jnz gate
        lidt idt_register(%rip)
        mov $MSR_GS_BASE, %ecx
        mov $DATA, %eax
        xor %edx, %edx
        wrmsr

        lea records(%rip), %r12
        mov record_count(%rip), %r13d
next:   mov %r12, %rsi
        lea state(%rip), %rdi
        mov $HEADER_SIZE, %ecx
        rep movsb
        mov $DATA, %edi
        mov $DATA_SIZE, %ecx
        rep movsb
        lea state + STATE_CODE(%rip), %rsi
        mov $CODE, %edi
        mov state + STATE_CODE_SIZE(%rip), %ecx
        lea (%rdi, %rcx), %rax
        mov %rax, state + STATE_RIP(%rip)
        rep movsb
        movl $0x25ff, (%rdi)            /* jmp *0(%rip) */
        movw $0, 4(%rdi)
        lea after_instruction(%rip), %rax
        mov %rax, 6(%rdi)
        call run_instruction
        lea state(%rip), %rsi
        mov $HEADER_SIZE, %ecx
        mov $SERIAL, %edx
        rep outsb
        mov $DATA, %esi
        mov $DATA_SIZE, %ecx
        rep outsb
        add $RECORD_SIZE, %r12
        dec %r13d
        jnz next
        mov $0x604, %dx                 /* power off */
        mov $0x2000, %ax
        out %ax, %dx
1:      hlt
        jmp 1b

/* One stub a vector; those without an error code push a zero. */
        .set STUB_SIZE, 32
        .balign STUB_SIZE
stubs:
        .set vector, 0
        .rept GATES
        .balign STUB_SIZE
        .if vector != 8 && (vector < 10 || vector > 14) && vector != 17
        push $0
        .endif
        movl $vector + 1, state + STATE_SIGNAL(%rip)
        jmp ended
        .set vector, vector + 1
        .endr
/* error code, RIP, CS, RFLAGS, RSP, SS: keep what is told of it, and leave as if the instruction had jumped. */
ended:
        popq state + STATE_XCR0(%rip)
        popq state + STATE_RIP(%rip)
        add $8, %rsp
        popfq
        pop %rsp
        jmp after_instruction

        .data
idt_register:   .word GATES * 16 - 1
                .quad idt
                .balign 8
record_count:   .long (records_end - records) / RECORD_SIZE
                .balign 16
records:        .incbin RECORDS
records_end:

        .bss
        .balign 16
idt:            .skip GATES * 16
        .globl state
state:          .skip RECORD_SIZE
        .section .note.GNU-stack, "", @progbits
