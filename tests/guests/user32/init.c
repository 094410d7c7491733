/* An /init that uses the kernel: mounts, files, a child process, time; then the machine's restart. */
#include "user32.h"

/* arch/x86/entry/syscalls/syscall_32.tbl */
enum {
    SYS_exit = 1, SYS_fork = 2, SYS_read = 3, SYS_open = 5, SYS_close = 6, SYS_waitpid = 7,
    SYS_getpid = 20, SYS_mount = 21, SYS_mkdir = 39, SYS_reboot = 88, SYS_clock_nanosleep_time64 = 407
};
enum { O_RDWR = 2, O_CREAT = 0100, CLOCK_MONOTONIC = 1 };

int main(void)
{
    static const char content[] = "kept in memory";
    static char buffer[256];
    struct { long long seconds, nanoseconds; } moment = {0, 20 * 1000 * 1000};
    int file, child, status = 0;

    say("init: started\n");
    check("pid 1", CALL(SYS_getpid, 0, 0, 0, 0, 0) == 1);
    CALL(SYS_mkdir, "/proc", 0755, 0, 0, 0);
    check("mount proc", CALL(SYS_mount, "proc", "/proc", "proc", 0, NULL) == 0);
    file = CALL(SYS_open, "/proc/version", 0, 0, 0, 0);
    check("read proc", CALL(SYS_read, file, buffer, sizeof(buffer) - 1, 0, 0) > 14
          && same(buffer, "Linux version ", 14));
    say(buffer);
    CALL(SYS_close, file, 0, 0, 0, 0);
    CALL(SYS_mkdir, "/tmp", 0755, 0, 0, 0);
    check("mount tmpfs", CALL(SYS_mount, "tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
    file = CALL(SYS_open, "/tmp/file", O_RDWR | O_CREAT, 0600, 0, 0);
    check("write", CALL(SYS_write, file, content, sizeof(content), 0, 0) == sizeof(content));
    CALL(SYS_close, file, 0, 0, 0, 0);
    file = CALL(SYS_open, "/tmp/file", 0, 0, 0, 0);
    check("read back", CALL(SYS_read, file, buffer, sizeof(buffer), 0, 0) == sizeof(content)
          && same(buffer, content, sizeof(content)));
    CALL(SYS_close, file, 0, 0, 0, 0);
    check("sleep", CALL(SYS_clock_nanosleep_time64, CLOCK_MONOTONIC, 0, &moment, NULL, 0) == 0);
    child = CALL(SYS_fork, 0, 0, 0, 0, 0);
    if (child == 0)
        CALL(SYS_exit, 7, 0, 0, 0, 0);
    check("child", child > 1 && CALL(SYS_waitpid, child, &status, 0, 0, 0) == child && status == 7 << 8);
    say("init: done\n");
    CALL(SYS_reboot, 0xfee1dead, 672274793, 0x1234567, 0, 0);
    for (;;)
        ;
}
