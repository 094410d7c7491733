/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The interrupt table and the two 8259A controllers behind it.
 */
#include "console.h"
#include "machine.h"

#define VECTORS 48
#define IRQ_BASE 32
#define ENTRY_SIZE 16

enum { PIC1 = 0x20, PIC2 = 0xA0, PIC_EOI = 0x20 };

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
} __attribute__((packed));

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

extern const char interrupt_entries[];
static struct gate table[VECTORS] __attribute__((aligned(16)));
static void (*handlers[VECTORS - IRQ_BASE])(void);
static void (*exceptions[IRQ_BASE])(struct frame *frame);

static void load_table(const void *base, uint16_t limit)
{
    struct table_pointer pointer = {limit, (uint64_t)base};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void interrupts_init(void)
{
    uint16_t selector;
    __asm__ volatile("mov %%cs, %0" : "=r"(selector));
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        uint64_t entry = (uint64_t)interrupt_entries + vector * ENTRY_SIZE;
        table[vector] = (struct gate){
            .offset_low = (uint16_t)entry,
            .selector = selector,
            .type = 0x8E, /* present, DPL 0, 64-bit interrupt gate */
            .offset_middle = (uint16_t)(entry >> 16),
            .offset_high = (uint32_t)(entry >> 32),
        };
    }
    load_table(table, sizeof table - 1);

    /* 8259A data sheet, initialization command words 1 to 4; then everything masked but the cascade. */
    outb(PIC1, 0x11);
    outb(PIC2, 0x11);
    outb(PIC1 + 1, IRQ_BASE);
    outb(PIC2 + 1, IRQ_BASE + 8);
    outb(PIC1 + 1, 1 << 2);
    outb(PIC2 + 1, 2);
    outb(PIC1 + 1, 0x01);
    outb(PIC2 + 1, 0x01);
    outb(PIC1 + 1, 0xFB);
    outb(PIC2 + 1, 0xFF);
}

void enable_irq(unsigned irq, void (*handler)(void))
{
    uint16_t port = irq < 8 ? PIC1 + 1 : PIC2 + 1;
    handlers[irq] = handler;
    outb(port, inb(port) & ~(1u << (irq & 7)));
}

void on_exception(unsigned vector, void (*handler)(struct frame *frame))
{
    exceptions[vector] = handler;
}

void interrupt(struct frame *frame)
{
    if (frame->vector < IRQ_BASE && exceptions[frame->vector]) {
        exceptions[frame->vector](frame);
        return;
    }
    if (frame->vector < IRQ_BASE) {
        print("\nException %lu (error code 0x%lx) at 0x%lx, stack 0x%lx: the monitor cannot go on.\n",
              frame->vector, frame->error, frame->rip, frame->rsp);
        triple_fault();
    }
    unsigned irq = (unsigned)frame->vector - IRQ_BASE;
    if (handlers[irq])
        handlers[irq]();
    if (irq >= 8)
        outb(PIC2, PIC_EOI);
    outb(PIC1, PIC_EOI);
}

_Noreturn void triple_fault(void)
{
    load_table(NULL, 0);
    for (;;)
        __asm__ volatile("ud2");
}
