/* A flat guest at ring 3: full speed on every host. */
    .section .note.kvmctl, "a", @note
    .long 7, 4, 1
    .asciz "kvmctl"
    .balign 4
    .long 3
    .section .note.GNU-stack, "", @progbits
