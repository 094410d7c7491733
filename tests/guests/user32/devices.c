/* An /init that uses the virtio devices: interrupts, entropy, console, channel, socket, memory; then a restart. */
#include "user32.h"

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum {
    SYS_read = 3, SYS_open = 5, SYS_close = 6, SYS_mount = 21, SYS_mkdir = 39, SYS_reboot = 88,
    SYS_munmap = 91, SYS_mmap2 = 192, SYS_socket = 359, SYS_connect = 362, SYS_clock_nanosleep_time64 = 407
};
enum { O_RDONLY = 0, O_RDWR = 2, CLOCK_MONOTONIC = 1, PROT_READ_WRITE = 3, MAP_PRIVATE_ANONYMOUS = 0x22 };
enum { AF_VSOCK = 40, SOCK_STREAM = 1, HOST = 2, PORT = 1234, MEMORY = 16 << 20 };

static char buffer[8192];

/* Everything in a file, as it is. */
static void show(const char *path)
{
    int file = CALL(SYS_open, path, 0, 0, 0, 0);
    long count;
    while ((count = CALL(SYS_read, file, buffer, sizeof(buffer), 0, 0)) > 0)
        CALL(SYS_write, 1, buffer, count, 0, 0);
    CALL(SYS_close, file, 0, 0, 0, 0);
}

static void nap(void)
{
    struct { long long seconds, nanoseconds; } moment = {0, 50 * 1000 * 1000};
    CALL(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC, 0, &moment, NULL, 0);
}

/* The device nodes of a driver appear a moment after it; a connection is refused until somebody listens. */
static int open_soon(const char *path, int mode)
{
    int file;
    for (int tries = 0; (file = CALL(SYS_open, path, mode, 0, 0, 0)) < 0 && tries < 40; tries++)
        nap();
    return file;
}

/* Port 1 of the console device, whose number among the virtio devices is in the name. */
static int open_channel(void)
{
    char path[] = "/dev/vport0p1";
    int file = -1;
    for (int tries = 0; file < 0 && tries < 40; tries++) {
        for (path[10] = '0'; path[10] < '8' && file < 0; path[10]++)
            file = CALL(SYS_open, path, O_RDWR, 0, 0, 0);
        if (file < 0)
            nap();
    }
    return file;
}

static int read_all(int file, unsigned count)
{
    unsigned done = 0;
    long part;
    while (done < count && (part = CALL(SYS_read, file, buffer + done, count - done, 0, 0)) > 0)
        done += part;
    return done == count;
}

int main(void)
{
    static const char from_channel[] = "channel to host\n", to_channel[] = "host to channel\n";
    static const char from_socket[] = "socket to host\n", to_socket[] = "host to socket\n";
    struct { unsigned short family, zero; unsigned port, cid; unsigned char flags, zeroes[3]; } host = {
        AF_VSOCK, 0, PORT, HOST, 0, {0}
    };
    int file, good;
    char *memory;

    say("init: started\n");
    CALL(SYS_mkdir, "/proc", 0755, 0, 0, 0);
    CALL(SYS_mount, "proc", "/proc", "proc", 0, NULL);
    check("mount devtmpfs", CALL(SYS_mount, "devtmpfs", "/dev", "devtmpfs", 0, NULL) == 0);
    file = open_soon("/dev/hwrng", O_RDONLY);
    check("entropy", CALL(SYS_read, file, buffer, 32, 0, 0) == 32);
    file = open_soon("/dev/hvc0", O_RDWR);
    check("console", CALL(SYS_write, file, "hello on hvc0\n", 14, 0, 0) == 14);
    file = open_channel();
    good = CALL(SYS_write, file, from_channel, sizeof(from_channel) - 1, 0, 0) == sizeof(from_channel) - 1;
    check("channel", good && read_all(file, sizeof(to_channel) - 1)
          && same(buffer, to_channel, sizeof(to_channel) - 1));
    CALL(SYS_close, file, 0, 0, 0, 0);
    file = CALL(SYS_socket, AF_VSOCK, SOCK_STREAM, 0, 0, 0);
    good = CALL(SYS_connect, file, &host, sizeof(host), 0, 0) == 0
           && CALL(SYS_write, file, from_socket, sizeof(from_socket) - 1, 0, 0) == sizeof(from_socket) - 1;
    check("socket", good && read_all(file, sizeof(to_socket) - 1)
          && same(buffer, to_socket, sizeof(to_socket) - 1));
    CALL(SYS_close, file, 0, 0, 0, 0);
    memory = (char *)kernel_call(SYS_mmap2, 0, MEMORY, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    for (unsigned place = 0; place < MEMORY; place += 4096)
        memory[place] = 1;
    check("memory", CALL(SYS_munmap, memory, MEMORY, 0, 0, 0) == 0);
    show("/proc/interrupts");
    say("init: waiting\n");
    file = open_channel();
    while (!read_all(file, 1)) /* nobody is connected */
        nap();
    show("/proc/meminfo");
    say("init: done\n");
    CALL(SYS_reboot, 0xfee1dead, 672274793, 0x1234567, 0, 0);
    for (;;)
        ;
}
