/* Asks the entropy device for bytes and prints them in hexadecimal. */
#include "virtio.h"

static struct queue queue __attribute__((aligned(4096)));
static u8 bytes[16];

void _start(void)
{
    struct device device = {0};
    if (!find_device(4, &device))
        fail("no entropy device");
    negotiate(&device, 0);
    set_up_queue(&device, 0, &queue);
    write8(device.common + 20, 15);
    queue.table[0] = (struct descriptor){(u64)bytes, sizeof(bytes), WRITE, 0};
    offer(&queue, 0);
    notify(&queue, 0);
    wait_used(&queue, 1);
    if (queue.used.ring[0].length != sizeof(bytes))
        fail("too few bytes");
    for (u32 i = 0; i < sizeof(bytes); i++) {
        char digits[] = {"0123456789abcdef"[bytes[i] >> 4], "0123456789abcdef"[bytes[i] & 15], 0};
        print(digits);
    }
    print("\nPASS\n");
    power_off();
}
