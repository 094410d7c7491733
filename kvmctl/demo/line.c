/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Line editing: backspace, Ctrl-U, Ctrl-W, Ctrl-L, Ctrl-C and the up and down arrows.
 */
#include "console.h"
#include "text.h"

#define HISTORY 8
#define LINE_SIZE 128

static char history[HISTORY][LINE_SIZE];
static unsigned history_count;

static void erase(size_t count)
{
    while (count--)
        print("\b \b");
}

static size_t replace(char *line, size_t length, size_t size, const char *with)
{
    erase(length);
    copy_text(line, with, size);
    print("%s", line);
    return text_length(line);
}

/* The last byte of an ANSI escape sequence such as "ESC [ A"; ESC itself has been read. */
static char escape_sequence(void)
{
    char c = get_char();
    if (c != '[' && c != 'O')
        return 0;
    do
        c = get_char();
    while (c < '@' || c > '~');
    return c;
}

static void remember(const char *line)
{
    if (*line && !(history_count && same_text(history[(history_count - 1) % HISTORY], line)))
        copy_text(history[history_count++ % HISTORY], line, LINE_SIZE);
}

bool read_line(const char *prompt, char *line, size_t size)
{
    size_t length = 0;
    unsigned position = history_count;
    unsigned oldest = history_count > HISTORY ? history_count - HISTORY : 0;

    print("%s", prompt);
    line[0] = 0;
    for (;;) {
        char c = get_char();
        switch (c) {
        case '\r':
        case '\n':
            print("\n");
            remember(line);
            return true;
        case CTRL('C'):
            print("^C\n");
            return false;
        case CTRL('U'):
            erase(length);
            length = 0;
            break;
        case CTRL('W'):
            while (length && line[length - 1] == ' ')
                length--, erase(1);
            while (length && line[length - 1] != ' ')
                length--, erase(1);
            break;
        case CTRL('L'):
            print("\033[H\033[2J%s%s", prompt, line);
            break;
        case '\b':
        case 0x7F:
            if (length)
                length--, erase(1);
            break;
        case '\033':
            c = escape_sequence();
            if (c == 'A' && position > oldest)
                length = replace(line, length, size, history[--position % HISTORY]);
            else if (c == 'B' && position < history_count)
                length = replace(line, length, size,
                                 ++position == history_count ? "" : history[position % HISTORY]);
            break;
        default:
            if (c >= ' ' && c <= '~' && length + 1 < size) {
                line[length++] = c;
                put_char(c);
            }
        }
        line[length] = 0;
    }
}
