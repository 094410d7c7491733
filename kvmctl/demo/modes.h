/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What modes.S offers.
 */
#ifndef MODES_H
#define MODES_H

#include <stdint.h>

#define AP_BASE 0x8000ul
#define AP_FLAG 0x8F00ul /* 1 in real mode, 2 in protected mode */

void load_segments(void);

/* Ring 3 and back; ring3_selector is CS as ring 3 saw it. */
void enter_ring3(void);
extern const char ring3_return[];
extern volatile uint64_t ring3_selector;

/* 4 when 32-bit code ran as 32-bit code. */
uint32_t compatibility_mode(void);

extern const char ap_start[], ap_end[];

#endif
