/* Writes garbage to the configuration space and the registers of every PCI device and to the ports of the
 * board, with the rings in memory full of garbage, too; then uses the block device as if nothing had been.
 */
#include "virtio.h"

#define ROUNDS 4000
#define WINDOW 0xc0000000u
#define BAR_SIZE 0x8000

static struct queue queue __attribute__((aligned(4096)));
static u64 noise[4096] __attribute__((aligned(4096)));
static u64 state = 88172645463325252ul;

static u64 random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Not the ports that end the guest, nor the one that we talk through. */
static const u16 ports[] = {0x20, 0x21, 0x40, 0x43, 0x60, 0x61, 0x70, 0x71, 0xa0, 0xa1, 0x4d0, 0x80, 0xcf8, 0xcfc};

static u32 slots[32];

static void put_back(u32 devices)
{
    for (u32 number = 0; number < devices; number++) {
        pci_write(slots[number], 0x10, WINDOW + number * BAR_SIZE);
        pci_write(slots[number], 4, 6);
    }
}

static void write_somewhere(u32 devices)
{
    u64 value = random();
    u64 place = WINDOW + random() % (devices * BAR_SIZE);
    /* Half of it to the start of a page, where the registers are. */
    if (random() & 1)
        place = (place & ~0xffful) + random() % 64;
    switch (random() % 8) {
    case 0: {
        u32 offset = random() & 0xfc;
        /* Not the MSI-X control: a message may be an NMI, which this guest could not take. */
        if (offset != 0x40)
            pci_write(random() % 32, offset, value);
        break;
    }
    case 1: outb(ports[random() % (sizeof(ports) / sizeof(*ports))], value); break;
    case 2: write8(place, value); break;
    case 3: write16(place & ~1ul, value); break;
    case 4: write32(place & ~3ul, value); break;
    case 5: write8(place, value & 15); break;
    case 6: (void)read32(place & ~3ul); break;
    case 7:
        /* A queue over the noise, and the status bits that start it. */
        place = WINDOW + random() % devices * BAR_SIZE;
        write8(place + 20, 0);
        write8(place + 20, 3);
        write32(place + 8, 1);
        write32(place + 12, 1);
        write8(place + 20, 11);
        write16(place + 22, random() % 8);
        write16(place + 24, 1u << random() % 9);
        for (int i = 0; i < 3; i++)
            write32(place + 32 + 8 * i, (u32)(u64)noise + (random() & 0x3ff0));
        write16(place + 28, 1);
        write8(place + 20, 15);
        write16(place + 0x3000 + 4 * (random() % 8), 0);
        break;
    }
}

void _start(void)
{
    struct device device = {0};
    u32 devices = 0;
    for (u32 slot = 1; slot < 32; slot++)
        if (pci_read(slot, 0) != ~0u)
            slots[devices++] = slot;
    for (u32 i = 0; i < sizeof(noise) / sizeof(*noise); i++)
        noise[i] = random() & 1 ? random() : random() % 64;
    for (u32 count = 0; count < ROUNDS; count++) {
        if (count % 64 == 0)
            put_back(devices);
        write_somewhere(devices);
    }
    put_back(devices);
    if (!find_device(2, &device))
        fail("no block device any more");
    static struct { u32 type, reserved; u64 sector; } header;
    static u8 sector[512];
    static volatile u8 result = 255;
    negotiate(&device, 0);
    set_up_queue(&device, 0, &queue);
    write8(device.common + 20, 15);
    queue.table[0] = (struct descriptor){(u64)&header, sizeof(header), NEXT, 1};
    queue.table[1] = (struct descriptor){(u64)sector, sizeof(sector), NEXT | WRITE, 2};
    queue.table[2] = (struct descriptor){(u64)&result, 1, WRITE, 0};
    offer(&queue, 0);
    notify(&queue, 0);
    wait_used(&queue, 1);
    if (result || sector[511] != 0x5a)
        fail("wrong sector");
    print("PASS\n");
    power_off();
}
