/* One byte on the first serial port, then rest: how long a start takes. */
#include "guest.h"

void guest(void)
{
    write_port(COM1, '!');
    for (;;)
        pause();
}
