/* Writes the first disk once, flushes it twice and reads it back, and tells the status of every request. What was
 * acknowledged has to be there: a read that says something else ends the guest with FAIL.
 */
#include "virtio.h"

enum { IN = 0, OUT = 1, FLUSH = 4 };
#define CHUNK 65536
#define CHUNKS 16

struct request { u32 type, reserved; u64 sector; };

static struct queue queue __attribute__((aligned(4096)));
static struct request header;
static volatile u8 result;
static u64 data[CHUNK / 8] __attribute__((aligned(4096)));

static u8 request(const char *what, u32 type, u64 chunk)
{
    header.type = type;
    header.sector = chunk * (CHUNK / 512);
    result = 255;
    queue.table[0] = (struct descriptor){(u64)&header, sizeof(header), NEXT, type == FLUSH ? 2 : 1};
    queue.table[1] = (struct descriptor){(u64)data, CHUNK, NEXT | (type == IN ? WRITE : 0), 2};
    queue.table[2] = (struct descriptor){(u64)&result, 1, WRITE, 0};
    offer(&queue, 0);
    notify(&queue, 0);
    wait_used(&queue, 1);
    print(what);
    print(" ");
    print_number(chunk);
    print(" ");
    print_number(result);
    print("\n");
    return result;
}

void _start(void)
{
    static u8 acknowledged[CHUNKS];
    struct device device = {0};
    if (!find_device(2, &device))
        fail("no block device");
    negotiate(&device, 1u << 9);
    set_up_queue(&device, 0, &queue);
    write8(device.common + 20, 15);
    for (u64 chunk = 0; chunk < CHUNKS; chunk++) {
        for (int word = 0; word < CHUNK / 8; word++)
            data[word] = chunk << 32 | (word + 1);
        acknowledged[chunk] = !request("write", OUT, chunk);
    }
    request("flush", FLUSH, 0);
    request("flush", FLUSH, 1);
    for (u64 chunk = 0; chunk < CHUNKS; chunk++) {
        for (int word = 0; word < CHUNK / 8; word++)
            data[word] = 0;
        if (request("read", IN, chunk) || !acknowledged[chunk])
            continue;
        for (int word = 0; word < CHUNK / 8; word++)
            if (data[word] != (chunk << 32 | (word + 1)))
                fail("acknowledged bytes are lost");
    }
    print("DONE\n");
    power_off();
}
