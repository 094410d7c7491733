/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The demo guest: a small monitor on the first serial port.
 */
#include "clock.h"
#include "console.h"
#include "machine.h"
#include "text.h"

#define MIB (1024ul * 1024)
#define SCREEN_WIDTH 78

enum {
    I8042_COMMAND = 0x64,
    I8042_RESET = 0xFE,
    ACPI_PM1A_CONTROL = 0x604,
    ACPI_SOFT_OFF = 0x2000, /* SLP_EN, sleep type 0 */
};

struct command {
    const char *name, *arguments, *summary;
    void (*run)(const char *arguments);
};

static const struct boot_info *boot;
static const struct command commands[];
extern char image_start[], image_end[];

static void help(const char *arguments)
{
    (void)arguments;
    for (const struct command *c = commands; c->name; c++)
        print("  %-9s%-8s%s\n", c->name, c->arguments, c->summary);
    print("Keys: Backspace, Ctrl-W (word), Ctrl-U (line), Ctrl-C (stop), Up, Down (history)\n");
}

struct feature {
    uint8_t bit;
    const char *name;
};

static const struct feature features_1_edx[] = {
    {0, "fpu"}, {4, "tsc"}, {5, "msr"}, {6, "pae"}, {8, "cx8"}, {9, "apic"}, {15, "cmov"}, {19, "clfsh"},
    {23, "mmx"}, {24, "fxsr"}, {25, "sse"}, {26, "sse2"}, {28, "htt"}, {0, NULL}};
static const struct feature features_1_ecx[] = {
    {0, "sse3"}, {1, "pclmulqdq"}, {3, "monitor"}, {5, "vmx"}, {9, "ssse3"}, {12, "fma"}, {13, "cx16"},
    {17, "pcid"}, {19, "sse4.1"}, {20, "sse4.2"}, {21, "x2apic"}, {22, "movbe"}, {23, "popcnt"},
    {24, "tsc-deadline"}, {25, "aes"}, {26, "xsave"}, {28, "avx"}, {29, "f16c"}, {30, "rdrand"},
    {31, "hypervisor"}, {0, NULL}};
static const struct feature features_7_ebx[] = {
    {0, "fsgsbase"}, {3, "bmi1"}, {5, "avx2"}, {7, "smep"}, {8, "bmi2"}, {9, "erms"}, {10, "invpcid"},
    {16, "avx512f"}, {18, "rdseed"}, {19, "adx"}, {20, "smap"}, {29, "sha"}, {0, NULL}};
static const struct feature features_x1_edx[] = {
    {11, "syscall"}, {20, "nx"}, {26, "1gib-pages"}, {27, "rdtscp"}, {29, "lm"}, {0, NULL}};

static unsigned print_features(uint32_t bits, const struct feature *list, unsigned column)
{
    for (; list->name; list++) {
        if (!(bits >> list->bit & 1))
            continue;
        unsigned length = (unsigned)text_length(list->name) + 1;
        if (column + length > SCREEN_WIDTH) {
            print("\n           ");
            column = 11;
        }
        print(" %s", list->name);
        column += length;
    }
    return column;
}

static void copy_registers(char *to, const uint32_t *registers, unsigned count)
{
    for (unsigned i = 0; i < 4 * count; i++)
        to[i] = (char)(registers[i / 4] >> 8 * (i % 4));
    to[4 * count] = 0;
}

/* Layout of the leaves: Intel SDM vol. 2A, CPUID; 0x40000000: KVM's documentation, "KVM CPUID bits". */
static void cpu(const char *arguments)
{
    char text[49];
    (void)arguments;

    struct cpuid leaf0 = cpuid(0);
    copy_registers(text, (uint32_t[]){leaf0.ebx, leaf0.edx, leaf0.ecx}, 3);
    print("vendor      %s\n", text);

    uint32_t last_extended = cpuid(0x80000000).eax;
    if (last_extended >= 0x80000004) {
        for (unsigned i = 0; i < 3; i++) {
            struct cpuid part = cpuid(0x80000002 + i);
            copy_registers(text + 16 * i, (uint32_t[]){part.eax, part.ebx, part.ecx, part.edx}, 4);
        }
        const char *brand = text;
        while (*brand == ' ')
            brand++;
        if (*brand)
            print("brand       %s\n", brand);
    }

    struct cpuid leaf1 = cpuid(1);
    unsigned family = leaf1.eax >> 8 & 15, model = leaf1.eax >> 4 & 15;
    if (family == 6 || family == 15)
        model |= leaf1.eax >> 12 & 0xF0;
    if (family == 15)
        family += leaf1.eax >> 20 & 0xFF;
    print("family      %u, model %u, stepping %u\n", family, model, leaf1.eax & 15);
    print("vcpus       %u (the monitor runs on the first)\n", boot->vcpus);
    if (leaf1.ecx >> 31) {
        struct cpuid hypervisor = cpuid(0x40000000);
        copy_registers(text, (uint32_t[]){hypervisor.ebx, hypervisor.ecx, hypervisor.edx}, 3);
        print("hypervisor  %s\n", text);
    } else {
        print("hypervisor  not announced\n");
    }
    if (tsc_khz())
        print("tsc         %lu.%03lu MHz\n", tsc_khz() / 1000, tsc_khz() % 1000);

    print("features   ");
    unsigned column = print_features(leaf1.edx, features_1_edx, 11);
    column = print_features(leaf1.ecx, features_1_ecx, column);
    if (leaf0.eax >= 7)
        column = print_features(cpuid(7).ebx, features_7_ebx, column);
    if (last_extended >= 0x80000001)
        print_features(cpuid(0x80000001).edx, features_x1_edx, column);
    print("\n");
}

static void fill(uint64_t *memory, uint64_t words, uint64_t value)
{
    __asm__ volatile("rep stosq" : "+D"(memory), "+c"(words) : "a"(value) : "memory");
}

/* The number of leading words that hold value. */
static uint64_t matching(const uint64_t *memory, uint64_t words, uint64_t value)
{
    uint64_t left = words;
    bool equal;
    __asm__ volatile("repe scasq" : "+D"(memory), "+c"(left), "=@ccz"(equal) : "a"(value) : "memory");
    return equal ? words : words - left - 1;
}

static void print_rate(const char *what, uint64_t bytes, uint64_t counts)
{
    uint64_t time = microseconds(counts);
    if (time)
        print("%s %lu MB/s", what, bytes / time);
    else
        print("%s (too fast to measure)", what);
}

/* One MiB after the other, so that Ctrl-C and the time limit work on a slow (emulated) processor too. */
static void test_memory(uint64_t begin, uint64_t end)
{
    static const uint64_t patterns[] = {0x5555555555555555, 0xAAAAAAAAAAAAAAAA};
    uint64_t write_counts = 0, read_counts = 0, bytes = 0, address = begin;

    for (; address + MIB <= end && microseconds(write_counts + read_counts) < 1000000; address += MIB) {
        for (unsigned i = 0; i < 2; i++) {
            uint64_t before = rdtsc();
            fill((uint64_t *)address, MIB / 8, patterns[i]);
            uint64_t between = rdtsc();
            uint64_t good = matching((const uint64_t *)address, MIB / 8, patterns[i]);
            read_counts += rdtsc() - between;
            write_counts += between - before;
            if (good != MIB / 8) {
                print("test        FAILED at 0x%lx: wrote 0x%lx, read 0x%lx\n", address + 8 * good, patterns[i],
                      ((volatile uint64_t *)address)[good]);
                return;
            }
            bytes += MIB;
        }
        if (interrupted()) {
            print("test        stopped\n");
            return;
        }
    }
    print("test        0x%lx-0x%lx good; ", begin, address - 1);
    print_rate("write", bytes, write_counts);
    print_rate(", read", bytes, read_counts);
    print("\n");
}

static void mem(const char *arguments)
{
    uint64_t begin = 4 * MIB, end = boot->mem_bytes < 64 * MIB ? boot->mem_bytes : 64 * MIB;
    (void)arguments;

    print("memory      %lu MiB\n", boot->mem_bytes / MIB);
    print("monitor     0x%lx-0x%lx, %lu KiB\n", (uint64_t)image_start, (uint64_t)image_end - 1,
          (uint64_t)(image_end - image_start + 1023) / 1024);
    if (end < begin + MIB)
        print("test        needs 5 MiB of memory\n");
    else
        test_memory(begin, end);
}

static void time(const char *arguments)
{
    struct date d = read_rtc();
    uint64_t up = uptime_microseconds();
    (void)arguments;

    print("clock       %u-%02u-%02u %02u:%02u:%02u (CMOS)\n", d.year, d.month, d.day, d.hour, d.minute, d.second);
    if (tsc_khz())
        print("uptime      %lu:%02lu:%02lu.%03lu\n", up / 3600000000, up / 60000000 % 60, up / 1000000 % 60,
              up / 1000 % 1000);
    else
        print("uptime      unknown: the 8254 timer does not count\n");
}

static void echo(const char *arguments)
{
    print("%s\n", arguments);
}

static void wait_for_end(const char *what)
{
    uint64_t begin = uptime_microseconds();
    while (uptime_microseconds() - begin < 1000000 && tsc_khz())
        __asm__ volatile("pause");
    print("The machine did not %s.\n", what);
}

static void reboot(const char *arguments)
{
    (void)arguments;
    print("Rebooting.\n");
    outb(I8042_COMMAND, I8042_RESET);
    wait_for_end("reboot");
}

static void poweroff(const char *arguments)
{
    (void)arguments;
    print("Powering off.\n");
    outw(ACPI_PM1A_CONTROL, ACPI_SOFT_OFF);
    wait_for_end("power off");
}

static void crash(const char *arguments)
{
    (void)arguments;
    print("Crashing: an exception without an interrupt table is a triple fault.\n");
    triple_fault();
}

static const struct command commands[] = {
    {"help", "", "this list", help},
    {"cpu", "", "what the processor says about itself (CPUID)", cpu},
    {"mem", "", "memory size, and a quick test of up to 60 MiB of it", mem},
    {"time", "", "date, time and uptime", time},
    {"echo", "TEXT", "print TEXT", echo},
    {"reboot", "", "reset the machine through the keyboard controller", reboot},
    {"poweroff", "", "turn the machine off", poweroff},
    {"crash", "", "end with a triple fault", crash},
    {NULL, NULL, NULL, NULL},
};

static void run(char *line)
{
    while (*line == ' ')
        line++;
    char *name = line;
    while (*line && *line != ' ')
        line++;
    if (*line)
        *line++ = 0;
    while (*line == ' ')
        line++;

    if (!*name)
        return;
    for (const struct command *c = commands; c->name; c++) {
        if (!same_text(c->name, name))
            continue;
        if (*line && !*c->arguments)
            print("%s takes no arguments.\n", name);
        else
            c->run(line);
        return;
    }
    print("%s: no such command. \"help\" lists the commands.\n", name);
}

void guest_main(const struct boot_info *info)
{
    char line[SCREEN_WIDTH - 2];

    boot = info;
    interrupts_init();
    console_init();
    clock_init();
    enable_interrupts();
    print("\nkvmctl demo guest: a monitor on bare (virtual) metal, %lu MiB, %u vCPU%s.\n", boot->mem_bytes / MIB,
          boot->vcpus, boot->vcpus == 1 ? "" : "s");
    if (*boot->cmdline)
        print("Command line: %s\n", boot->cmdline);
    print("\"help\" lists the commands.\n\n");
    for (;;)
        if (read_line("> ", line, sizeof line))
            run(line);
}
