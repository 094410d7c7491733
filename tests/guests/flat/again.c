/* Counts in the first sector how often it was started, and resets the machine while requests are under way. */
#include "virtio.h"

#define STARTS 4
static struct queue queue __attribute__((aligned(4096)));
static struct { u32 type, reserved; u64 sector; } headers[2];
static u8 sector[512];
static volatile u8 result;

static void request(int slot, u32 type)
{
    struct descriptor *chain = &queue.table[3 * slot];
    headers[slot].type = type;
    chain[0] = (struct descriptor){(u64)&headers[slot], sizeof(headers[slot]), NEXT, 3 * slot + 1};
    chain[1] = (struct descriptor){(u64)sector, sizeof(sector), NEXT | (type ? 0 : WRITE), 3 * slot + 2};
    chain[2] = (struct descriptor){(u64)&result, 1, WRITE, 0};
    offer(&queue, 3 * slot);
}

static void finish(void)
{
    notify(&queue, 0);
    wait_used(&queue, 1);
    if (result)
        fail("request refused");
}

void _start(void)
{
    struct device device = {0};
    if (!find_device(2, &device))
        fail("no block device");
    negotiate(&device, 0);
    set_up_queue(&device, 0, &queue);
    write8(device.common + 20, 15);
    request(0, 0);
    finish();
    print("start\n");
    if (++sector[0] == STARTS) {
        print("PASS\n");
        power_off();
    }
    request(0, 1);
    finish();
    for (int count = 0; count < 20; count++)
        request(1, 1);
    notify(&queue, 0);
    for (;;)
        outb(0x64, 0xfe);
}
