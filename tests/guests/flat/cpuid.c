/* Prints CPUID: a line a leaf and sub-leaf, with the number of each and the four registers in hexadecimal. */
#include "virtio.h"

static void print_hex(u32 value)
{
    char text[] = "00000000 ";
    for (int digit = 7; digit >= 0; digit--, value >>= 4)
        text[digit] = "0123456789abcdef"[value & 15];
    print(text);
}

static u32 print_leaf(u32 leaf, u32 index)
{
    u32 a, b, c, d;
    asm volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(index));
    u32 values[] = {leaf, index, a, b, c, d};
    for (u32 at = 0; at < 6; at++)
        print_hex(values[at]);
    print("\n");
    return a;
}

static void print_leaves(u32 first)
{
    u32 last = print_leaf(first, 0);
    if (last > first + 0x1f)
        last = first + 0x1f;
    for (u32 leaf = first + 1; leaf <= last; leaf++)
        for (u32 index = 0; index < (leaf == 4 || leaf == 0xb ? 4 : 1); index++)
            print_leaf(leaf, index);
}

void _start(void)
{
    print_leaves(0);
    print_leaves(0x40000000);
    print_leaves(0x80000000);
    power_off();
}
