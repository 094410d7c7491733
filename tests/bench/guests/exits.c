/* Cycles that one port access and one memory-mapped access to nothing cost, and a byte on the console. */
#include "guest.h"

#define ROUNDS 4000
#define NOWHERE_PORT 0x80
#define NOWHERE_MEMORY 0xD0000000UL

void guest(void)
{
    volatile u32 *nowhere = (u32 *)NOWHERE_MEMORY;
    u64 begin = tsc();
    for (int round = 0; round < ROUNDS; round++)
        read_port(NOWHERE_PORT);
    u64 middle = tsc();
    for (int round = 0; round < ROUNDS; round++)
        *nowhere;
    u64 end = tsc();
    for (int round = 0; round < ROUNDS; round++)
        write_port(COM1, '.');
    u64 written = tsc();
    print(" ");
    print_number((middle - begin) / ROUNDS);
    print(" ");
    print_number((end - middle) / ROUNDS);
    print(" ");
    print_number((written - end) / ROUNDS);
    print("\n");
    for (;;)
        pause();
}
