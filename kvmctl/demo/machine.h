/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The instructions that C has no words for, and what the loader leaves at RDI.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct boot_info {
    uint64_t mem_bytes;
    uint32_t vcpus;
    uint32_t pad;
    char cmdline[];
};

struct cpuid {
    uint32_t eax, ebx, ecx, edx;
};

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static inline struct cpuid cpuid(uint32_t leaf)
{
    struct cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
    return r;
}

static inline void disable_interrupts(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void enable_interrupts(void)
{
    __asm__ volatile("sti" : : : "memory");
}

/* sti takes effect after the next instruction, so an interrupt cannot slip in before the hlt. */
static inline void wait_for_interrupt(void)
{
    __asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* What interrupt_common in start.S leaves on the stack, lowest address first. */
struct frame {
    uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

void interrupts_init(void);
void enable_irq(unsigned irq, void (*handler)(void));

/* The handler may change the frame, which is where the guest goes on. */
void on_exception(unsigned vector, void (*handler)(struct frame *frame));

/* An empty interrupt table turns the next exception into a triple fault. */
_Noreturn void triple_fault(void);

#endif
