/* Waits a moment, then writes to every page of its memory from 4 MiB on, up to 60 MiB. */
#include "virtio.h"

void _start(void)
{
    for (u64 begin = rdtsc(); rdtsc() - begin < 1000000000;)
        asm volatile("pause");
    for (u64 address = 4 << 20; address < 60 << 20; address += 4096)
        write8(address, 1);
    print("DONE\n");
    power_off();
}
