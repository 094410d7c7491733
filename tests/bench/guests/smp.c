/* Cycles for a number of exits on one processor, and on two and four at once. */
#include "guest.h"

#define ROUNDS 4000
#define NOWHERE_PORT 0x80
#define PROCESSORS 4
#define PAGE 0x8000UL           /* where a start-up IPI with vector 8 begins */
#define LAPIC 0xFEE00000UL
#define INIT 0x4500
#define STARTUP 0x4600

extern char trampoline[], trampoline_end[];
extern u32 trampoline_stack;
static u8 stacks[PROCESSORS][4096] __attribute__((aligned(16)));
static volatile int online = 1, go, done;

static void exits(void)
{
    for (int round = 0; round < ROUNDS; round++)
        read_port(NOWHERE_PORT);
}

void secondary_guest(void)
{
    int turn = 0;
    __atomic_fetch_add(&online, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        while (go == turn)
            pause();
        turn = go;
        exits();
        __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
    }
}

static void interrupt(u32 processor, u32 command)
{
    *(volatile u32 *)(LAPIC + 0x310) = processor << 24;
    *(volatile u32 *)(LAPIC + 0x300) = command;
}

static void wait(u64 cycles)
{
    u64 begin = tsc();
    while (tsc() - begin < cycles)
        pause();
}

static void start(int processor)
{
    u32 at = (char *)&trampoline_stack - trampoline;
    for (int index = 0; index < trampoline_end - trampoline; index++)
        ((volatile char *)PAGE)[index] = trampoline[index];
    *(volatile u32 *)(PAGE + at) = (u32)(u64)(stacks[processor] + sizeof(stacks[processor]));
    interrupt(processor, INIT);
    wait(30000000);
    interrupt(processor, STARTUP | PAGE >> 12);
    while (online <= processor)
        pause();
}

static void measure(int processors)
{
    while (online < processors)
        start(online);
    done = 0;
    u64 begin = tsc();
    go++;
    exits();
    while (done < processors - 1)
        pause();
    print_number(tsc() - begin);
}

void guest(void)
{
    measure(1);
    print(" ");
    measure(2);
    print(" ");
    measure(PROCESSORS);
    print("\n");
    for (;;)
        pause();
}
