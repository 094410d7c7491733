/* What a bare 64-bit guest needs to drive one modern virtio PCI device: ports, PCI configuration, one queue. */
#ifndef VIRTIO_H
#define VIRTIO_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

static inline void outb(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outw(u16 port, u16 value) { asm volatile("outw %0, %1" : : "a"(value), "Nd"(port)); }
static inline void outl(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline u32 inl(u16 port)
{
    u32 value;
    asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u64 rdtsc(void)
{
    u32 low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static void print(const char *text)
{
    while (*text)
        outb(0x3f8, *text++);
}

static void print_number(u64 value)
{
    char digits[21];
    int at = 20;
    digits[at] = 0;
    do
        digits[--at] = '0' + value % 10;
    while (value /= 10);
    print(digits + at);
}

static void power_off(void)
{
    for (;;)
        outw(0x604, 0x2000);
}

static void fail(const char *what)
{
    print("FAIL ");
    print(what);
    print("\n");
    power_off();
}

/* PCI configuration mechanism #1 */
static u32 pci_read(u32 slot, u32 offset)
{
    outl(0xcf8, 0x80000000u | slot << 11 | (offset & ~3u));
    return inl(0xcfc);
}

static void pci_write(u32 slot, u32 offset, u32 value)
{
    outl(0xcf8, 0x80000000u | slot << 11 | (offset & ~3u));
    outl(0xcfc, value);
}

static inline void write8(u64 address, u8 value) { *(volatile u8 *)address = value; }
static inline void write16(u64 address, u16 value) { *(volatile u16 *)address = value; }
static inline void write32(u64 address, u32 value) { *(volatile u32 *)address = value; }
static inline u8 read8(u64 address) { return *(volatile u8 *)address; }
static inline u16 read16(u64 address) { return *(volatile u16 *)address; }
static inline u32 read32(u64 address) { return *(volatile u32 *)address; }

#define QUEUE_SIZE 64
struct descriptor { u64 address; u32 length; u16 flags; u16 next; };
struct available { u16 flags, index, ring[QUEUE_SIZE], used_event; };
struct used { u16 flags, index; struct { u32 id, length; } ring[QUEUE_SIZE]; u16 available_event; };
enum { NEXT = 1, WRITE = 2 };

struct queue {
    struct descriptor table[QUEUE_SIZE] __attribute__((aligned(16)));
    struct available available __attribute__((aligned(4)));
    struct used used __attribute__((aligned(4)));
    u64 notify;
    u16 seen;
};

struct device { u32 slot; u64 common, isr, config, notify; u32 multiplier; };

static int find_device(u32 id, struct device *device)
{
    for (u32 slot = 1; slot < 32; slot++) {
        if (pci_read(slot, 0) != ((0x1040u + id) << 16 | 0x1af4))
            continue;
        device->slot = slot;
        for (u32 cap = pci_read(slot, 0x34) & 0xff; cap; cap = pci_read(slot, cap) >> 8 & 0xff) {
            u32 head = pci_read(slot, cap);
            if ((head & 0xff) != 9)
                continue;
            u32 bar = pci_read(slot, cap + 4) & 0xff;
            u64 place = (pci_read(slot, 0x10 + 4 * bar) & ~15u) + pci_read(slot, cap + 8);
            switch (head >> 24) {
            case 1: device->common = place; break;
            case 2: device->notify = place; device->multiplier = pci_read(slot, cap + 16); break;
            case 3: device->isr = place; break;
            case 4: device->config = place; break;
            }
        }
        pci_write(slot, 4, 6); /* memory space, bus master */
        return 1;
    }
    return 0;
}

/* Reset, negotiate VERSION_1 and `features` of the low half, leave the device before DRIVER_OK. */
static void negotiate(struct device *device, u32 features)
{
    u64 common = device->common;
    write8(common + 20, 0);
    while (read8(common + 20))
        ;
    write8(common + 20, 3);
    write32(common + 0, 1);
    if (!(read32(common + 4) & 1))
        fail("no VERSION_1");
    write32(common + 8, 0);
    write32(common + 12, features);
    write32(common + 8, 1);
    write32(common + 12, 1);
    write8(common + 20, 11);
    if (!(read8(common + 20) & 8))
        fail("features refused");
}

static void set_up_queue(struct device *device, u16 index, struct queue *queue)
{
    u64 common = device->common;
    u64 places[3] = {(u64)queue->table, (u64)&queue->available, (u64)&queue->used};
    write16(common + 22, index);
    if (read16(common + 24) < QUEUE_SIZE)
        fail("queue too small");
    write16(common + 24, QUEUE_SIZE);
    for (int i = 0; i < 3; i++) {
        write32(common + 32 + 8 * i, (u32)places[i]);
        write32(common + 36 + 8 * i, (u32)(places[i] >> 32));
    }
    queue->notify = device->notify + (u64)read16(common + 30) * device->multiplier;
    queue->available.flags = 1; /* we poll */
    write16(common + 28, 1);
}

static void offer(struct queue *queue, u16 head)
{
    queue->available.ring[queue->available.index % QUEUE_SIZE] = head;
    asm volatile("" : : : "memory");
    *(volatile u16 *)&queue->available.index = queue->available.index + 1;
}

static void notify(struct queue *queue, u16 index)
{
    asm volatile("mfence" : : : "memory");
    if (!(*(volatile u16 *)&queue->used.flags & 1))
        write16(queue->notify, index);
}

static void wait_used(struct queue *queue, u16 count)
{
    queue->seen += count;
    while (*(volatile u16 *)&queue->used.index != queue->seen)
        asm volatile("pause");
    asm volatile("" : : : "memory");
}

#endif
