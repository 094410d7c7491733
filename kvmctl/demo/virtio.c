/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "virtio.h"
#include "clock.h"
#include "machine.h"

/* Common configuration: virtio 1.2, 4.1.4.3 */
enum {
    DEVICE_FEATURE_SELECT = 0,
    DEVICE_FEATURE = 4,
    DRIVER_FEATURE_SELECT = 8,
    DRIVER_FEATURE = 12,
    CONFIG_VECTOR = 16,
    STATUS = 20,
    QUEUE_SELECT = 22,
    QUEUE_SIZE_FIELD = 24,
    QUEUE_VECTOR = 26,
    QUEUE_ENABLE = 28,
    QUEUE_NOTIFY_OFFSET = 30,
    QUEUE_ADDRESSES = 32,
};

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { NO_VECTOR = 0xFFFF, NEXT = 1 };
enum { CAPABILITY_VENDOR = 0x09, CAPABILITY_MSIX = 0x11 };
enum { PCI_ADDRESS = 0xCF8, PCI_DATA = 0xCFC };
#define LAPIC_MESSAGES 0xFEE00000u

static void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t inl(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static uint32_t pci_read(unsigned slot, unsigned offset)
{
    outl(PCI_ADDRESS, 0x80000000u | slot << 11 | (offset & ~3u));
    return inl(PCI_DATA);
}

static void pci_write(unsigned slot, unsigned offset, uint32_t value)
{
    outl(PCI_ADDRESS, 0x80000000u | slot << 11 | (offset & ~3u));
    outl(PCI_DATA, value);
}

static void write8(uint64_t address, uint8_t value) { *(volatile uint8_t *)address = value; }
static void write16(uint64_t address, uint16_t value) { *(volatile uint16_t *)address = value; }
static void write32(uint64_t address, uint32_t value) { *(volatile uint32_t *)address = value; }
static uint8_t read8(uint64_t address) { return *(volatile uint8_t *)address; }
static uint16_t read16(uint64_t address) { return *(volatile uint16_t *)address; }
static uint32_t read32(uint64_t address) { return *(volatile uint32_t *)address; }

/* The address of a place in a BAR, which may have 64 bits. */
static uint64_t place(unsigned slot, unsigned bar, uint32_t offset)
{
    uint32_t low = pci_read(slot, 0x10 + 4 * bar);
    uint64_t base = low & ~15u;
    if ((low & 6) == 4)
        base |= (uint64_t)pci_read(slot, 0x14 + 4 * bar) << 32;
    return base + offset;
}

bool virtio_find(unsigned slot, struct virtio *device)
{
    uint32_t id = pci_read(slot, 0);
    if ((id & 0xFFFF) != 0x1AF4 || id >> 16 < 0x1040 || id >> 16 > 0x107F)
        return false;
    *device = (struct virtio){.slot = slot, .type = (id >> 16) - 0x1040};
    for (unsigned cap = pci_read(slot, 0x34) & 0xFF; cap; cap = pci_read(slot, cap) >> 8 & 0xFF) {
        uint32_t head = pci_read(slot, cap);
        if ((head & 0xFF) == CAPABILITY_MSIX) {
            uint32_t table = pci_read(slot, cap + 4);
            device->msix = cap;
            device->msix_table = place(slot, table & 7, table & ~7u);
        }
        if ((head & 0xFF) != CAPABILITY_VENDOR)
            continue;
        uint64_t where = place(slot, pci_read(slot, cap + 4) & 0xFF, pci_read(slot, cap + 8));
        switch (head >> 24) {
        case 1: device->common = where; break;
        case 2: device->notify = where; device->multiplier = pci_read(slot, cap + 16); break;
        case 4: device->config = where; break;
        }
    }
    pci_write(slot, 4, (pci_read(slot, 4) & 0xFFFF) | 6); /* memory space, bus master */
    return device->common && device->notify;
}

const char *virtio_negotiate(struct virtio *device, uint32_t features)
{
    uint64_t common = device->common;
    write8(common + STATUS, 0);
    for (unsigned tries = 0; read8(common + STATUS); tries++)
        if (tries == 100000)
            return "does not end its reset";
    write8(common + STATUS, ACKNOWLEDGE | DRIVER);
    write32(common + DEVICE_FEATURE_SELECT, 1);
    if (!(read32(common + DEVICE_FEATURE) & 1))
        return "does not offer VERSION_1";
    write32(common + DRIVER_FEATURE_SELECT, 0);
    write32(common + DRIVER_FEATURE, features);
    write32(common + DRIVER_FEATURE_SELECT, 1);
    write32(common + DRIVER_FEATURE, 1);
    write8(common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    if (!(read8(common + STATUS) & FEATURES_OK))
        return "refuses its own features";
    write16(common + CONFIG_VECTOR, NO_VECTOR);
    return NULL;
}

/* Message 0 of the MSI-X table to this CPU, and messages on (PCI 3.0, 6.8.2). */
static void use_vector(struct virtio *device, uint8_t vector)
{
    uint64_t entry = device->msix_table;
    write32(entry, LAPIC_MESSAGES);
    write32(entry + 4, 0);
    write32(entry + 8, vector);
    write32(entry + 12, 0);
    pci_write(device->slot, device->msix, (pci_read(device->slot, device->msix) & 0x3FFFFFFF) | 0x80000000u);
}

const char *virtio_queue(struct virtio *device, uint16_t number, struct queue *queue, uint8_t vector)
{
    uint64_t common = device->common;
    uint64_t places[] = {(uint64_t)queue->table, (uint64_t)&queue->available, (uint64_t)&queue->used};
    write16(common + QUEUE_SELECT, number);
    if (read16(common + QUEUE_SIZE_FIELD) < QUEUE_SIZE)
        return "has too small a queue";
    write16(common + QUEUE_SIZE_FIELD, QUEUE_SIZE);
    queue->available.index = queue->used.index = 0;
    queue->available.flags = vector ? 0 : 1;
    if (vector) {
        if (!device->msix)
            return "has no MSI-X";
        use_vector(device, vector);
        write16(common + QUEUE_VECTOR, 0);
        if (read16(common + QUEUE_VECTOR))
            return "refuses its interrupt vector";
    } else {
        write16(common + QUEUE_VECTOR, NO_VECTOR);
    }
    for (unsigned i = 0; i < 3; i++) {
        write32(common + QUEUE_ADDRESSES + 8 * i, (uint32_t)places[i]);
        write32(common + QUEUE_ADDRESSES + 4 + 8 * i, (uint32_t)(places[i] >> 32));
    }
    queue->number = number;
    queue->doorbell = device->notify + (uint64_t)read16(common + QUEUE_NOTIFY_OFFSET) * device->multiplier;
    write16(common + QUEUE_ENABLE, 1);
    return NULL;
}

void virtio_ready(struct virtio *device)
{
    write8(device->common + STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

int64_t virtio_request(struct queue *queue, const struct piece *pieces, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        queue->table[i] = (struct descriptor){
            .address = (uint64_t)pieces[i].data,
            .length = pieces[i].length,
            .flags = (pieces[i].writable ? WRITE_ONLY : 0) | (i + 1 < count ? NEXT : 0),
            .next = (uint16_t)(i + 1),
        };
    uint16_t seen = *(volatile uint16_t *)&queue->used.index;
    queue->available.ring[queue->available.index % QUEUE_SIZE] = 0;
    __asm__ volatile("" : : : "memory");
    *(volatile uint16_t *)&queue->available.index = (uint16_t)(queue->available.index + 1);
    __asm__ volatile("mfence" : : : "memory");
    write16(queue->doorbell, queue->number);
    uint64_t begin = uptime_microseconds();
    while (*(volatile uint16_t *)&queue->used.index == seen) {
        if (uptime_microseconds() - begin > 2000000)
            return -1;
        __asm__ volatile("pause");
    }
    __asm__ volatile("" : : : "memory");
    return queue->used.ring[seen % QUEUE_SIZE].length;
}

uint8_t config8(const struct virtio *device, unsigned offset)
{
    return read8(device->config + offset);
}

uint32_t config32(const struct virtio *device, unsigned offset)
{
    return read32(device->config + offset);
}
