/* Asks the host for the hardware address of 198.51.100.1 over the network device, and prints its own. */
#include "virtio.h"

#define BUFFERS 64
#define PATIENCE 500000000ul

static struct queue receive __attribute__((aligned(4096)));
static struct queue transmit __attribute__((aligned(4096)));
static u8 incoming[BUFFERS][2048];

struct frame {
    u8 header[12], to[6], from[6], type[2];
    u8 arp[8], sender_mac[6], sender_ip[4], target_mac[6], target_ip[4];
};
static struct frame ask = {
    .to = {255, 255, 255, 255, 255, 255},
    .type = {8, 6},
    .arp = {0, 1, 8, 0, 6, 4, 0, 1},
    .sender_ip = {198, 51, 100, 2},
    .target_ip = {198, 51, 100, 1},
};

static void look_at(const struct frame *frame)
{
    if (frame->type[0] == 8 && frame->type[1] == 6 && frame->arp[7] == 2 && frame->sender_ip[3] == 1) {
        print("reply in buffers ");
        print_number(frame->header[10]);
        print("\nPASS\n");
        power_off();
    }
}

void _start(void)
{
    struct device device = {0};
    if (!find_device(1, &device))
        fail("no network device");
    negotiate(&device, 1u << 5);
    set_up_queue(&device, 0, &receive);
    set_up_queue(&device, 1, &transmit);
    write8(device.common + 20, 15);
    for (int i = 0; i < 6; i++) {
        ask.from[i] = ask.sender_mac[i] = read8(device.config + i);
        print_number(ask.from[i]);
        print(i < 5 ? "." : "\n");
    }
    for (u16 i = 0; i < BUFFERS; i++) {
        receive.table[i] = (struct descriptor){(u64)incoming[i], sizeof(incoming[i]), WRITE, 0};
        offer(&receive, i);
    }
    notify(&receive, 0);
    transmit.table[0] = (struct descriptor){(u64)&ask, sizeof(ask), 0, 0};
    /* The host drops what it sends while its end is coming up, and sends other frames of its own. */
    u16 seen = 0;
    for (int tries = 0; tries < 20; tries++) {
        offer(&transmit, 0);
        notify(&transmit, 1);
        wait_used(&transmit, 1);
        for (u64 begin = rdtsc(); rdtsc() - begin < PATIENCE;)
            while (seen != *(volatile u16 *)&receive.used.index && seen < BUFFERS)
                look_at((struct frame *)incoming[receive.used.ring[seen++].id]);
    }
    fail("no reply");
}
