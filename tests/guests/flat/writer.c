/* Writes the first disk from its start to its end, over and over, and reads back what it wrote. */
#include "virtio.h"

enum { IN = 0, OUT = 1 };
#define CHUNK 4096

struct request { u32 type, reserved; u64 sector; };

static struct queue queue __attribute__((aligned(4096)));
static struct request header;
static volatile u8 result;
static u64 data[CHUNK / 8] __attribute__((aligned(4096)));

static void request(u32 type, u64 sector)
{
    header.type = type;
    header.sector = sector;
    result = 255;
    queue.table[0] = (struct descriptor){(u64)&header, sizeof(header), NEXT, 1};
    queue.table[1] = (struct descriptor){(u64)data, CHUNK, NEXT | (type == IN ? WRITE : 0), 2};
    queue.table[2] = (struct descriptor){(u64)&result, 1, WRITE, 0};
    offer(&queue, 0);
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
    negotiate(&device, 1u << 9);
    set_up_queue(&device, 0, &queue);
    write8(device.common + 20, 15);
    u64 chunks = (read32(device.config) | (u64)read32(device.config + 4) << 32) / (CHUNK / 512);
    for (u64 round = 1;; round++)
        for (u64 chunk = 0; chunk < chunks; chunk++) {
            for (int word = 0; word < CHUNK / 8; word++)
                data[word] = round << 32 | chunk;
            request(OUT, chunk * (CHUNK / 512));
            for (int word = 0; word < CHUNK / 8; word++)
                data[word] = 0;
            request(IN, chunk * (CHUNK / 512));
            for (int word = 0; word < CHUNK / 8; word++)
                if (data[word] != (round << 32 | chunk))
                    fail("wrong bytes");
        }
}
