/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The serial console: characters in and out, formatted output, one edited line of input.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

#define CTRL(letter) ((letter) & 0x1F)

void console_init(void);
void put_char(char c);
char get_char(void);

/* Whether Ctrl-C was pressed since the last call; what was typed up to it is dropped. */
bool interrupted(void);

/* %s %c %u %lu %x %lx %%, with a minimum width (0 first: padded with zeros). */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The next line without its end; false when Ctrl-C abandoned it. */
bool read_line(const char *prompt, char *line, size_t size);

#endif
