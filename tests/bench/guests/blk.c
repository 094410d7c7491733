/* What block requests cost: cycles a request of each kind, through one virtqueue of a modern virtio PCI disk.

   The same on kvmctl-vmm and QEMU's microvm: both have ECAM at the same place, and unassigned BARs get a place. */
#include "guest.h"

#define ECAM 0xE0000000UL
#define BARS 0xD0000000UL       /* where BARs go that nobody has placed: a megabyte each */
#define SIZE 128                /* of the queue */
#define DISK_SECTORS (256UL << 11)
#define BUFFERS 0x1000000UL

enum { IN = 0, OUT = 1 };
enum { NEXT = 1, WRITE = 2 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
#define EVENT_IDX (1U << 29)
#define FLUSH (1U << 9)         /* without it, every write is to be stable at once */

struct descriptor { u64 address; u32 length; u16 flags, next; };
static struct {
    struct descriptor table[SIZE];
    struct { volatile u16 flags, index, ring[SIZE], used_event; } available __attribute__((aligned(16)));
    struct { volatile u16 flags, index; struct { volatile u32 id, length; } ring[SIZE]; volatile u16 available_event; }
        used __attribute__((aligned(16)));
} queue __attribute__((aligned(4096)));
static struct { u32 type, reserved; u64 sector; } headers[SIZE];
static volatile u8 statuses[SIZE];
static u64 common, notify;

static void fail(const char *what)
{
    print("FAIL ");
    print(what);
    print("\n");
    for (;;)
        pause();
}

#define AT(type, address) (*(volatile type *)(address))

static u64 place_bar(u64 function, u32 bar)
{
    u64 at = function + 0x10 + 4 * bar;
    if (!(AT(u32, at) & ~15U))
        AT(u32, at) = BARS + 0x100000 * bar;
    if ((AT(u32, at) & 6) == 4)
        AT(u32, at + 4) = 0;
    return AT(u32, at) & ~15U;
}

static void find_disk(void)
{
    for (u64 function = ECAM; function < ECAM + (32 << 15); function += 1 << 15) {
        if (AT(u32, function) != 0x10421AF4)
            continue;
        u32 multiplier = 0;
        for (u8 at = AT(u8, function + 0x34); at; at = AT(u8, function + at + 1)) {
            if (AT(u8, function + at) != 9)
                continue;
            u8 kind = AT(u8, function + at + 3);
            if (kind != 1 && kind != 2)
                continue;
            u64 place = place_bar(function, AT(u8, function + at + 4)) + AT(u32, function + at + 8);
            if (kind == 1)
                common = place;
            else {
                notify = place;
                multiplier = AT(u32, function + at + 16);
            }
        }
        AT(u16, function + 4) = 6; /* memory space, bus master */
        AT(u16, common + 22) = 0;
        notify += (u64)AT(u16, common + 30) * multiplier;
        return;
    }
    fail("no disk");
}

static void start_disk(void)
{
    AT(u8, common + 20) = 0;
    while (AT(u8, common + 20))
        pause();
    AT(u8, common + 20) = ACKNOWLEDGE | DRIVER;
    AT(u32, common + 8) = 0;
    AT(u32, common + 12) = EVENT_IDX | FLUSH;
    AT(u32, common + 8) = 1;
    AT(u32, common + 12) = 1;
    AT(u8, common + 20) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    if (!(AT(u8, common + 20) & FEATURES_OK))
        fail("features refused");
    AT(u16, common + 22) = 0;
    AT(u16, common + 24) = SIZE;
    u64 places[] = {(u64)queue.table, (u64)&queue.available, (u64)&queue.used};
    for (int part = 0; part < 3; part++) {
        AT(u32, common + 32 + 8 * part) = (u32)places[part];
        AT(u32, common + 36 + 8 * part) = 0;
    }
    AT(u16, common + 28) = 1;
    AT(u8, common + 20) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
}

static u64 dice = 88172645463325252UL;

static u64 random(void)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    return dice ^= dice << 17;
}

static u16 offered, seen;

static void offer(int slot, u32 type, u64 sector, u32 length)
{
    int head = 3 * slot;
    headers[slot].type = type;
    headers[slot].sector = sector;
    statuses[slot] = 0xFF;
    queue.table[head] = (struct descriptor){(u64)&headers[slot], 16, NEXT, head + 1};
    queue.table[head + 1] = (struct descriptor){BUFFERS + (u64)slot * length, length,
                                                NEXT | (type == IN ? WRITE : 0), head + 2};
    queue.table[head + 2] = (struct descriptor){(u64)&statuses[slot], 1, WRITE, 0};
    queue.available.ring[offered++ % SIZE] = head;
}

/* Let the device see what is offered, and kick it if it asks for that (2.7.10). */
static void submit(u16 before)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    queue.available.index = offered;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if ((u16)(offered - queue.used.available_event - 1) < (u16)(offered - before))
        AT(u16, notify) = 0;
}

static void measure(const char *name, u32 type, int depth, u32 length, int requests, int sequential)
{
    u64 sectors = length >> 9, next = 0, places = DISK_SECTORS / sectors;
    int left = requests, waiting = 0;
    u64 begin = tsc();
    u16 before = offered;
    for (int slot = 0; slot < depth; slot++, left--, waiting++)
        offer(slot, type, (sequential ? next++ : random()) % places * sectors, length);
    submit(before);
    while (waiting) {
        queue.available.used_event = seen - 1; /* no interrupts: we look ourselves */
        while (queue.used.index == seen)
            pause();
        before = offered;
        while (queue.used.index != seen) {
            int slot = queue.used.ring[seen++ % SIZE].id / 3;
            if (statuses[slot])
                fail(name);
            waiting--;
            if (left > 0) {
                offer(slot, type, (sequential ? next++ : random()) % places * sectors, length);
                left--;
                waiting++;
            }
        }
        if (offered != before)
            submit(before);
    }
    print_number((tsc() - begin) / requests);
    print("\n");
}

void guest(void)
{
    find_disk();
    start_disk();
    for (u64 page = BUFFERS; page < BUFFERS + (4 << 20); page += 4096)
        AT(u64, page) = page;
    print("ready\n");
    measure("reads at depth 1", IN, 1, 4096, 4000, 0);
    measure("reads at depth 32", IN, 32, 4096, 16000, 0);
    measure("writes at depth 32", OUT, 32, 4096, 8000, 0);
    measure("sequential reads", IN, 4, 1 << 20, 256, 1);
    for (;;)
        pause();
}
