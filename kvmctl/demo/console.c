/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The 16550 UART at COM1: output polled, input by interrupt so that a waiting monitor is halted.
 * Registers: National Semiconductor PC16550D data sheet, section 8.
 */
#include "console.h"
#include "machine.h"

#include <stdarg.h>

enum {
    COM1 = 0x3F8,
    COM1_IRQ = 4,
    DATA = COM1,
    IER = COM1 + 1,
    FCR = COM1 + 2,
    LCR = COM1 + 3,
    MCR = COM1 + 4,
    LSR = COM1 + 5,
    LSR_DATA_READY = 0x01,
    LSR_TRANSMITTER_EMPTY = 0x20,
    FIFO_DEPTH = 16,
    INPUT_SIZE = 256,
};

static char input[INPUT_SIZE];
static unsigned input_head, input_tail;
static volatile bool ctrl_c;

static bool input_full(void)
{
    return input_head - input_tail == INPUT_SIZE;
}

/* A full buffer leaves the rest in the UART, where the host sees that the guest is not reading. */
static void receive(void)
{
    while (!input_full() && (inb(LSR) & LSR_DATA_READY)) {
        char c = (char)inb(DATA);
        if (c == CTRL('C')) {
            ctrl_c = true;
            input_tail = input_head;
        }
        input[input_head++ % INPUT_SIZE] = c;
    }
}

void console_init(void)
{
    outb(IER, 0);
    outb(LCR, 0x80); /* divisor latch */
    outb(DATA, 1);   /* 115200 baud */
    outb(IER, 0);
    outb(LCR, 0x03); /* 8 bits, no parity, 1 stop bit */
    outb(FCR, 0x07); /* FIFOs on and empty, an interrupt at the first byte */
    outb(MCR, 0x0B); /* DTR, RTS and OUT2, which connects the interrupt line */
    enable_irq(COM1_IRQ, receive);
    outb(IER, 0x01);
}

static void put_raw(char c)
{
    static unsigned room;
    while (room == 0)
        if (inb(LSR) & LSR_TRANSMITTER_EMPTY)
            room = FIFO_DEPTH;
    outb(DATA, (uint8_t)c);
    room--;
}

void put_char(char c)
{
    if (c == '\n')
        put_raw('\r');
    put_raw(c);
}

char get_char(void)
{
    disable_interrupts();
    while (input_head == input_tail)
        wait_for_interrupt();
    bool was_full = input_full();
    char c = input[input_tail++ % INPUT_SIZE];
    if (was_full)
        receive();
    ctrl_c = false;
    enable_interrupts();
    return c;
}

bool interrupted(void)
{
    disable_interrupts();
    bool pressed = ctrl_c;
    if (pressed) {
        ctrl_c = false;
        input_tail = input_head;
    }
    enable_interrupts();
    return pressed;
}

static void print_number(uint64_t value, unsigned base, unsigned width, char padding)
{
    char digits[24];
    unsigned length = 0;
    do {
        digits[length++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    for (unsigned i = length; i < width; i++)
        put_char(padding);
    while (length)
        put_char(digits[--length]);
}

static void print_string(const char *text, unsigned width)
{
    unsigned length = 0;
    for (; text[length]; length++)
        put_char(text[length]);
    for (; length < width; length++)
        put_char(' ');
}

void print(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            put_char(*p);
            continue;
        }
        unsigned width = 0;
        char padding = *++p == '0' ? '0' : ' ';
        for (; *p == '-' || (*p >= '0' && *p <= '9'); p++)
            if (*p != '-')
                width = width * 10 + (unsigned)(*p - '0');
        bool wide = *p == 'l';
        if (wide)
            p++;
        if (*p == 's')
            print_string(va_arg(arguments, const char *), width);
        else if (*p == 'c')
            put_char((char)va_arg(arguments, int));
        else if (*p == 'u' || *p == 'x')
            print_number(wide ? va_arg(arguments, uint64_t) : va_arg(arguments, uint32_t),
                         *p == 'u' ? 10 : 16, width, padding);
        else
            put_char(*p);
    }
    va_end(arguments);
}
