/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver of modern virtio devices on PCI, one queue at a time (virtio 1.2, 4.1).
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#define QUEUE_SIZE 16

enum { DEVICE_NET = 1, DEVICE_BLOCK = 2, DEVICE_CONSOLE = 3, DEVICE_RNG = 4, DEVICE_BALLOON = 5 };
enum { DEVICE_INPUT = 18, DEVICE_VSOCK = 19, DEVICE_FS = 26 };
enum { WRITE_ONLY = 2 };

struct descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};

struct queue {
    struct descriptor table[QUEUE_SIZE] __attribute__((aligned(16)));
    struct {
        uint16_t flags, index, ring[QUEUE_SIZE], used_event;
    } available __attribute__((aligned(4)));
    struct {
        uint16_t flags, index;
        struct {
            uint32_t id, length;
        } ring[QUEUE_SIZE];
        uint16_t available_event;
    } used __attribute__((aligned(4)));
    uint64_t doorbell;
    uint16_t number;
};

struct virtio {
    unsigned slot, type;
    uint64_t common, config, notify, msix_table;
    uint32_t multiplier;
    unsigned msix;
};

/* One piece of a request: what the device reads, or writes where `writable`. */
struct piece {
    const volatile void *data;
    uint32_t length;
    bool writable;
};

/* Whether there is a virtio device at a slot of bus 0, filled in then. */
bool virtio_find(unsigned slot, struct virtio *device);

/* Reset, and agree on VERSION_1 and on `features` (of bits 0 to 31); NULL, or what went wrong. */
const char *virtio_negotiate(struct virtio *device, uint32_t features);

/* Make a queue ready, with its interrupts at a vector of this CPU (0 for none); NULL, or what went wrong. */
const char *virtio_queue(struct virtio *device, uint16_t number, struct queue *queue, uint8_t vector);

void virtio_ready(struct virtio *device);

/* Send one request and wait up to a second for its end; the bytes that the device wrote, or -1. */
int64_t virtio_request(struct queue *queue, const struct piece *pieces, unsigned count);

uint8_t config8(const struct virtio *device, unsigned offset);
uint32_t config32(const struct virtio *device, unsigned offset);

#endif
