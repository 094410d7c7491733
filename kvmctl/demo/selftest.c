/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The guest of `kvmctl doctor`: it looks at the virtual machine from the inside. Each check is one line,
 * "ok" or "FAIL", the name, a colon and what was seen; "done" is the last.
 */
#include "clock.h"
#include "console.h"
#include "machine.h"
#include "modes.h"
#include "virtio.h"

enum { ACPI_PM1A_CONTROL = 0x604, ACPI_SOFT_OFF = 0x2000 };
enum { TIMER_IRQ = 0, IRQ_BASE = 32, LAPIC_TIMER_IRQ = 15, MESSAGE_IRQ = 14, INVALID_OPCODE = 6 };
#define LAPIC 0xFEE00000ul
enum { LAPIC_EOI = 0xB0, LAPIC_SPURIOUS = 0xF0, LAPIC_COMMAND = 0x300, LAPIC_COMMAND_HIGH = 0x310 };
enum { LAPIC_TIMER = 0x320, LAPIC_INITIAL = 0x380, LAPIC_DIVIDE = 0x3E0 };

static const struct boot_info *boot;
static volatile unsigned ticks, timer_interrupts, messages;
static struct queue queue __attribute__((aligned(4096)));
static uint8_t buffer[4096] __attribute__((aligned(4096)));

#define PASS(name, ...) (print("ok %s: ", name), print(__VA_ARGS__), put_char('\n'))
#define FAIL(name, ...) (print("FAIL %s: ", name), print(__VA_ARGS__), put_char('\n'))
#define CHECK(good, name, ...) \
    do { \
        if (good) \
            PASS(name, __VA_ARGS__); \
        else \
            FAIL(name, __VA_ARGS__); \
    } while (0)

static uint32_t lapic_read(unsigned offset) { return *(volatile uint32_t *)(LAPIC + offset); }
static void lapic_write(unsigned offset, uint32_t value) { *(volatile uint32_t *)(LAPIC + offset) = value; }

static void tick(void) { ticks++; }

static void timer(void)
{
    timer_interrupts++;
    lapic_write(LAPIC_EOI, 0);
}

static void message(void)
{
    messages++;
    lapic_write(LAPIC_EOI, 0);
}

/* Up to a second with interrupts on, until a counter moves. */
static bool moves(volatile unsigned *counter)
{
    uint64_t begin = uptime_microseconds();
    unsigned before = *counter;
    enable_interrupts();
    while (*counter == before && uptime_microseconds() - begin < 1000000)
        __asm__ volatile("pause");
    disable_interrupts();
    return *counter != before;
}

static uint64_t read_msr(uint32_t number)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (uint64_t)high << 32 | low;
}

/* Every table entry of the loader's 2 MiB pages, open to ring 3 (Intel SDM vol. 3, 4.5). */
static void open_pages(void)
{
    uint64_t cr3;
    __asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
    uint64_t *top = (uint64_t *)(cr3 & ~0xFFFul);
    top[0] |= 4;
    uint64_t *second = (uint64_t *)(top[0] & ~0xFFFul);
    for (unsigned i = 0; i < 4; i++) {
        second[i] |= 4;
        uint64_t *third = (uint64_t *)(second[i] & ~0xFFFul);
        for (unsigned j = 0; j < 512; j++)
            third[j] |= 4;
    }
    __asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

static void processor(void)
{
    uint16_t selector;
    __asm__ volatile("mov %%cs, %0" : "=r"(selector));
    uint64_t efer = read_msr(0xC0000080);
    CHECK((selector & 3) == 0 && (efer & 0x400), "64-bit ring 0", "CS %x, EFER %lx", selector, efer);

    uint32_t number = compatibility_mode();
    CHECK(number == 4, "32-bit compatibility mode", "%s", number == 4 ? "runs as 32-bit code" : "does not");

    open_pages();
    enter_ring3();
    CHECK((ring3_selector & 3) == 3, "64-bit ring 3", "CS %lx, and back by an exception", ring3_selector);

    struct cpuid leaf = cpuid(0x40000000);
    char name[13] = {0};
    uint32_t parts[] = {leaf.ebx, leaf.ecx, leaf.edx};
    for (unsigned i = 0; i < 12; i++)
        name[i] = (char)(parts[i / 4] >> (8 * (i % 4)));
    CHECK(cpuid(1).ecx >> 31, "hypervisor bit", "%s", name[0] ? name : "set");
}

/* INIT and start-up messages to every other processor (Intel SDM vol. 3, 9.4.4). */
static void second_processor(void)
{
    if (boot->vcpus < 2)
        return;
    volatile uint8_t *flag = (volatile uint8_t *)AP_FLAG;
    for (long i = 0; i < ap_end - ap_start; i++)
        ((volatile char *)AP_BASE)[i] = ap_start[i];
    *flag = 0;
    lapic_write(LAPIC_COMMAND_HIGH, 0);
    lapic_write(LAPIC_COMMAND, 0xC4500);
    uint64_t begin = uptime_microseconds();
    while (uptime_microseconds() - begin < 10000)
        __asm__ volatile("pause");
    lapic_write(LAPIC_COMMAND, 0xC4600 | AP_BASE >> 12);
    begin = uptime_microseconds();
    while (*flag != 2 && uptime_microseconds() - begin < 1000000)
        __asm__ volatile("pause");
    CHECK(*flag >= 1, "second processor", "%s", *flag ? "starts in real mode" : "does not start");
    CHECK(*flag == 2, "32-bit protected mode", "%s", *flag == 2 ? "reached there" : "not reached there");
}

static void interrupts(void)
{
    outb(0x43, 0x34); /* channel 0, rate generator, 100 a second */
    outb(0x40, 11932 & 0xFF);
    outb(0x40, 11932 >> 8);
    enable_irq(TIMER_IRQ, tick);
    bool good = moves(&ticks);
    CHECK(good, "8259 and 8254", "%s", good ? "the timer interrupts" : "no interrupt in a second");

    enable_irq(LAPIC_TIMER_IRQ, timer);
    enable_irq(MESSAGE_IRQ, message);
    lapic_write(LAPIC_SPURIOUS, lapic_read(LAPIC_SPURIOUS) | 0x100);
    lapic_write(LAPIC_DIVIDE, 0xB);
    lapic_write(LAPIC_TIMER, IRQ_BASE + LAPIC_TIMER_IRQ);
    lapic_write(LAPIC_INITIAL, 100000);
    good = moves(&timer_interrupts);
    CHECK(good, "local APIC timer", "%s", good ? "interrupts" : "no interrupt in a second");
}

static void timers(void)
{
    CHECK(tsc_khz(), "time-stamp counter", "%lu MHz by the 8254", tsc_khz() / 1000);
    uint64_t last = rdtsc();
    bool backwards = false;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t now = rdtsc();
        backwards |= now < last;
        last = now;
    }
    CHECK(!backwards, "monotonic time", "%s", backwards ? "the counter ran backwards" : "1000 readings");
    struct date date = read_rtc();
    CHECK(date.year >= 2024 && date.month >= 1 && date.month <= 12 && date.day >= 1, "CMOS clock",
          "%u-%02u-%02u %02u:%02u", date.year, date.month, date.day, date.hour, date.minute);
}

static const char *block(struct virtio *device)
{
    static struct {
        uint32_t type, reserved;
        uint64_t sector;
    } header;
    static volatile uint8_t status;
    struct piece pieces[] = {{&header, 16, false}, {buffer, 512, true}, {&status, 1, true}};
    status = 255;
    if (virtio_request(&queue, pieces, 3) < 0)
        return "no answer to a read";
    if (status || buffer[0] != 'k' || buffer[511] != 'v')
        return "a read brought other bytes";
    for (unsigned i = 0; i < 512; i++)
        buffer[i] = (uint8_t)(i * 7);
    header.type = 1;
    header.sector = 1;
    pieces[1].writable = false;
    status = 255;
    if (virtio_request(&queue, pieces, 3) < 0 || status)
        return "a write failed";
    for (unsigned i = 0; i < 512; i++)
        buffer[i] = 0;
    header.type = 0;
    pieces[1].writable = true;
    if (virtio_request(&queue, pieces, 3) < 0 || status || buffer[3] != 21 || buffer[511] != (uint8_t)(511 * 7))
        return "what was written did not come back";
    (void)device;
    return NULL;
}

static const char *entropy(struct virtio *device)
{
    struct piece piece = {buffer, 64, true};
    (void)device;
    for (unsigned i = 0; i < 64; i++)
        buffer[i] = 0;
    int64_t length = virtio_request(&queue, &piece, 1);
    if (length <= 0)
        return "no bytes";
    for (int64_t i = 0; i < length; i++)
        if (buffer[i])
            return NULL;
    return "only zeros";
}

/* A broadcast frame of an experimental type (IEEE 802, local experimental Ethertype 1). */
static const char *network(struct virtio *device)
{
    struct piece piece = {buffer, 12 + 60, false};
    for (unsigned i = 0; i < 72; i++)
        buffer[i] = 0;
    for (unsigned i = 0; i < 6; i++) {
        buffer[12 + i] = 0xFF;
        buffer[18 + i] = config8(device, i);
    }
    buffer[24] = 0x88;
    buffer[25] = 0xB5;
    return virtio_request(&queue, &piece, 1) < 0 ? "a frame was not sent" : NULL;
}

static const char *balloon(struct virtio *device)
{
    static uint32_t page;
    struct piece piece = {&page, 4, false};
    (void)device;
    page = (uint32_t)((uint64_t)buffer >> 12);
    return virtio_request(&queue, &piece, 1) < 0 ? "a page was not taken" : NULL;
}

static const char *text(struct virtio *device)
{
    struct piece piece = {"kvmctl self-test\n", 17, false};
    (void)device;
    return virtio_request(&queue, &piece, 1) < 0 ? "a line was not taken" : NULL;
}

struct kind {
    unsigned type;
    const char *name;
    uint16_t queue;
    uint32_t features;
    const char *(*use)(struct virtio *device);
};

static const struct kind kinds[] = {
    {DEVICE_NET, "virtio network card", 1, 1u << 5, network}, /* MAC */
    {DEVICE_BLOCK, "virtio disk", 0, 0, block},
    {DEVICE_CONSOLE, "virtio console", 1, 0, text},
    {DEVICE_RNG, "virtio entropy", 0, 0, entropy},
    {DEVICE_BALLOON, "virtio balloon", 0, 0, balloon},
    {DEVICE_INPUT, "virtio input", 0, 0, NULL},
    {DEVICE_VSOCK, "virtio socket", 0, 0, NULL},
    {DEVICE_FS, "virtio file system", 0, 0, NULL},
};

static void device(struct virtio *found)
{
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *kind = &kinds[i];
        if (kind->type != found->type)
            continue;
        const char *wrong = virtio_negotiate(found, kind->features);
        if (!wrong && kind->use)
            wrong = virtio_queue(found, kind->queue, &queue, IRQ_BASE + MESSAGE_IRQ);
        unsigned before = messages;
        if (!wrong && kind->use) {
            virtio_ready(found);
            enable_interrupts();
            wrong = kind->use(found);
            uint64_t begin = uptime_microseconds();
            while (!wrong && messages == before && uptime_microseconds() - begin < 1000000)
                __asm__ volatile("pause");
            disable_interrupts();
            if (!wrong && messages == before)
                wrong = "works, but no interrupt came";
        }
        if (wrong)
            FAIL(kind->name, "slot %u: %s", found->slot, wrong);
        else
            PASS(kind->name, "slot %u, %s", found->slot, kind->use ? "works, interrupts by MSI-X" : "agrees on features");
        return;
    }
    const char *wrong = virtio_negotiate(found, 0);
    CHECK(!wrong, "virtio device", "slot %u, type %u: %s", found->slot, found->type,
          wrong ? wrong : "agrees on features");
}

/* ud2 at ring 3 ends the visit there. */
static void invalid_opcode(struct frame *frame)
{
    if ((frame->cs & 3) != 3)
        triple_fault();
    frame->rip = (uint64_t)ring3_return;
    frame->cs = 0x10;
    frame->ss = 0x18;
    frame->rflags = 2;
}

void guest_main(const struct boot_info *info)
{
    boot = info;
    load_segments();
    interrupts_init();
    console_init();
    clock_init();
    on_exception(INVALID_OPCODE, invalid_opcode);
    processor();
    timers();
    interrupts();
    second_processor();
    for (unsigned slot = 0; slot < 32; slot++) {
        struct virtio found;
        if (virtio_find(slot, &found))
            device(&found);
    }
    print("done\n");
    outw(ACPI_PM1A_CONTROL, ACPI_SOFT_OFF);
    for (;;)
        wait_for_interrupt();
}
