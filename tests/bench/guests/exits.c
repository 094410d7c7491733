/* Cycles that one port access and one memory-mapped access cost, both to nothing. */
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
    print_number((middle - begin) / ROUNDS);
    print(" ");
    print_number((end - middle) / ROUNDS);
    print("\n");
    for (;;)
        pause();
}
