/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clock.h"
#include "machine.h"

enum {
    PIT_HZ = 1193182,
    PIT_CHANNEL0 = 0x40,
    PIT_COMMAND = 0x43,
    MEASURE_TICKS = PIT_HZ / 100,
    CMOS_INDEX = 0x70,
    CMOS_DATA = 0x71,
};

static uint64_t start_tsc, khz;

/* Intel 8254 data sheet: a latch command freezes the count for the two reads that follow. */
static uint16_t pit_count(void)
{
    outb(PIT_COMMAND, 0x00);
    uint16_t low = inb(PIT_CHANNEL0);
    return (uint16_t)(inb(PIT_CHANNEL0) << 8 | low);
}

void clock_init(void)
{
    start_tsc = rdtsc();
    outb(PIT_COMMAND, 0x34); /* channel 0, both bytes, rate generator: counts down from 65536 */
    outb(PIT_CHANNEL0, 0);
    outb(PIT_CHANNEL0, 0);

    uint16_t last = pit_count();
    uint64_t begin = rdtsc(), ticks = 0;
    for (unsigned tries = 0; ticks < MEASURE_TICKS && tries < 1000000; tries++) {
        uint16_t now = pit_count();
        ticks += (uint16_t)(last - now);
        last = now;
    }
    uint64_t counts = rdtsc() - begin;
    if (ticks >= MEASURE_TICKS)
        khz = counts * PIT_HZ / ticks / 1000;
}

uint64_t tsc_khz(void)
{
    return khz;
}

uint64_t microseconds(uint64_t counts)
{
    return khz ? counts / khz * 1000 + counts % khz * 1000 / khz : 0;
}

uint64_t uptime_microseconds(void)
{
    return microseconds(rdtsc() - start_tsc);
}

/* Registers: Motorola MC146818A data sheet, address map; century in 0x32 as every PC has it. */
static uint8_t cmos(uint8_t index)
{
    outb(CMOS_INDEX, index);
    return inb(CMOS_DATA);
}

static unsigned decimal(uint8_t value, bool binary)
{
    return binary ? value : (value >> 4) * 10u + (value & 15);
}

static struct date read_rtc_once(void)
{
    for (unsigned tries = 0; (cmos(0x0A) & 0x80) && tries < 100; tries++)
        ;
    uint8_t mode = cmos(0x0B);
    bool binary = mode & 0x04, hours_24 = mode & 0x02;
    uint8_t hour = cmos(0x04);
    unsigned hours = decimal(hour & 0x7F, binary);
    if (!hours_24)
        hours = hours % 12 + (hour & 0x80 ? 12 : 0);
    unsigned century = decimal(cmos(0x32), binary);
    return (struct date){
        .year = (century >= 19 && century <= 21 ? century : 20) * 100 + decimal(cmos(0x09), binary),
        .month = decimal(cmos(0x08), binary),
        .day = decimal(cmos(0x07), binary),
        .hour = hours,
        .minute = decimal(cmos(0x02), binary),
        .second = decimal(cmos(0x00), binary),
    };
}

/* Two equal readings in a row: no update fell between the registers. */
struct date read_rtc(void)
{
    struct date before, now = read_rtc_once();
    do {
        before = now;
        now = read_rtc_once();
    } while (before.second != now.second || before.minute != now.minute);
    return now;
}
