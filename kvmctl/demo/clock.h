/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Time: the time-stamp counter measured against the 8254, and the CMOS clock.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

struct date {
    unsigned year, month, day, hour, minute, second;
};

void clock_init(void);

/* Counts of the TSC in a millisecond; 0 when the 8254 does not count. */
uint64_t tsc_khz(void);
uint64_t microseconds(uint64_t counts);
uint64_t uptime_microseconds(void);
struct date read_rtc(void);

#endif
