/* Writes and reads back the whole first disk over all its queues, checks every byte, and measures the rate.
 *
 * The disk comes with the pattern of round 0; it is left with the pattern of round 1. Both are functions of
 * the sector and the place in it, which the host computes as well.
 */
#include "virtio.h"

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8 };
enum { F_FLUSH = 1 << 9, F_MQ = 1 << 12 };
#define QUEUES 4
#define CHUNK 65536
#define BATCH (QUEUE_SIZE / 3)

struct request { u32 type, reserved; u64 sector; };

static struct queue queues[QUEUES] __attribute__((aligned(4096)));
static int used_queues = 1;
static struct request headers[BATCH];
static volatile u8 results[BATCH];
static u64 buffers[BATCH][CHUNK / 8] __attribute__((aligned(4096)));

static void request(int slot, u32 type, u64 sector, void *data, u32 length)
{
    struct queue *queue = &queues[slot % used_queues];
    u16 head = 3 * (slot / used_queues);
    struct descriptor *chain = &queue->table[head];
    headers[slot].type = type;
    headers[slot].sector = sector;
    results[slot] = 255;
    chain[0] = (struct descriptor){(u64)&headers[slot], sizeof(struct request), NEXT, head + 1};
    chain[1] = (struct descriptor){(u64)data, length, NEXT | (type == OUT ? 0 : WRITE), head + 2};
    chain[2] = (struct descriptor){(u64)&results[slot], 1, WRITE, 0};
    if (!length)
        chain[0].next = head + 2;
    offer(queue, head);
}

static void complete(int count)
{
    for (int index = 0; index < used_queues && index < count; index++)
        notify(&queues[index], index);
    for (int index = 0; index < used_queues; index++)
        wait_used(&queues[index], (count + used_queues - 1 - index) / used_queues);
    for (int slot = 0; slot < count; slot++)
        if (results[slot])
            fail("request refused");
}

static u64 pattern(u64 sector, u32 word, u64 round)
{
    return (sector * 64 + word + 1) * 0x9e3779b97f4a7c15ul ^ round;
}

static void fill(u64 *data, u64 sector, u64 round)
{
    for (u32 word = 0; word < CHUNK / 8; word++)
        data[word] = pattern(sector + word / 64, word % 64, round);
}

static void check(u64 *data, u64 sector, u64 round)
{
    for (u32 word = 0; word < CHUNK / 8; word++)
        if (data[word] != pattern(sector + word / 64, word % 64, round))
            fail("wrong bytes");
}

/* All of the disk in batches of chunks; `data` says whether the bytes are made and checked, too. */
static void pass(u32 type, u64 chunks, u64 round, int data)
{
    for (u64 first = 0; first < chunks; first += BATCH) {
        int count = chunks - first < BATCH ? chunks - first : BATCH;
        for (int slot = 0; slot < count; slot++) {
            u64 sector = (first + slot) * (CHUNK / 512);
            if (data && type == OUT)
                fill(buffers[slot], sector, round);
            request(slot, type, sector, buffers[slot], CHUNK);
        }
        complete(count);
        for (int slot = 0; data && type == IN && slot < count; slot++)
            check(buffers[slot], (first + slot) * (CHUNK / 512), round);
    }
}

void _start(void)
{
    struct device device = {0};
    if (!find_device(2, &device))
        fail("no block device");
    write32(device.common, 0);
    u32 offered = read32(device.common + 4);
    negotiate(&device, F_FLUSH | (offered & F_MQ));
    if (offered & F_MQ)
        used_queues = read8(device.config + 34) < QUEUES ? read8(device.config + 34) : QUEUES;
    for (int index = 0; index < used_queues; index++)
        set_up_queue(&device, index, &queues[index]);
    write8(device.common + 20, 15);
    u64 sectors = read32(device.config) | (u64)read32(device.config + 4) << 32;
    u64 chunks = sectors / (CHUNK / 512);

    request(0, GET_ID, 0, buffers[0], 20);
    complete(1);
    print("serial ");
    print((char *)buffers[0]);
    print("\nqueues ");
    print_number(used_queues);
    print("\n");

    pass(IN, chunks, 0, 1);
    pass(OUT, chunks, 1, 1);
    request(0, FLUSH, 0, 0, 0);
    complete(1);
    pass(IN, chunks, 1, 1);
    print("every byte is right\n");

    u64 begin = rdtsc();
    pass(IN, chunks, 0, 0);
    u64 cycles = rdtsc() - begin;
    print("read ");
    print_number(chunks * CHUNK);
    print(" bytes in ");
    print_number(cycles);
    print(" cycles\n");

    begin = rdtsc();
    for (int count = 0; count < 1000; count++) {
        request(0, IN, 0, buffers[0], 512);
        complete(1);
    }
    print("1000 single sectors in ");
    print_number(rdtsc() - begin);
    print(" cycles\n");

    request(0, IN, sectors, buffers[0], 512);
    notify(&queues[0], 0);
    wait_used(&queues[0], 1);
    if (results[0] != 1)
        fail("a read beyond the end");
    print("PASS\n");
    power_off();
}
