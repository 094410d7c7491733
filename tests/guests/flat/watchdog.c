/* Starts the watchdog and hangs, until the machine is reset; then the watchdog says that it was the reason. */
#include "virtio.h"

enum { CONFIG = 0x60, LOCK = 0x68, PRELOAD1 = 0x00, PRELOAD2 = 0x04, RELOAD = 0x0c, TIMEOUT = 0x200 };

static u64 registers;

static void unlock(void)
{
    write16(registers + RELOAD, 0x80);
    write16(registers + RELOAD, 0x86);
}

void _start(void)
{
    u32 slot = 1;
    while (slot < 32 && pci_read(slot, 0) != 0x25ab8086)
        slot++;
    if (slot == 32)
        fail("no watchdog");
    registers = pci_read(slot, 0x10) & ~15u;
    pci_write(slot, 4, 2);
    if (read16(registers + RELOAD) & TIMEOUT) {
        unlock();
        write16(registers + RELOAD, TIMEOUT);
        if (read16(registers + RELOAD) & TIMEOUT)
            fail("the reason stays");
        print("PASS\n");
        power_off();
    }
    print("hanging\n");
    unlock();
    write32(registers + PRELOAD1, 100);
    unlock();
    write32(registers + PRELOAD2, 100);
    pci_write(slot, LOCK, 2);
    for (;;)
        asm volatile("pause");
}
