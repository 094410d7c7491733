# cython: language_level=3
"""What follows a system call that the seccomp filters do not know: a line on stderr, and the end.

The interpreter's own signal handlers run later, on another thread, after the offending code has gone on.
"""

cdef extern from *:
    """
    #include <errno.h>
    #include <signal.h>
    #include <string.h>
    #include <sys/prctl.h>
    #include <ucontext.h>
    #include <unistd.h>

    #define SIGSYS_NAMES_SIZE 16384
    #define SIGSYS_STATUS (128 + SIGSYS)

    static char sigsys_names[SIGSYS_NAMES_SIZE];
    static size_t sigsys_names_length;

    static size_t sigsys_put(char *text, size_t at, size_t size, const char *more)
    {
        while (*more && at < size)
            text[at++] = *more++;
        return at;
    }

    /* The number's name, or nothing where it has none. */
    static const char *sigsys_name(int number)
    {
        size_t at = 0;
        while (number-- > 0 && at < sigsys_names_length)
            at += strlen(sigsys_names + at) + 1;
        return at < sigsys_names_length ? sigsys_names + at : "";
    }

    /* `room` takes 24 bytes. */
    static const char *sigsys_digits(char *room, unsigned long long value, unsigned base)
    {
        size_t place = 23;

        room[place] = 0;
        do
            room[--place] = "0123456789abcdef"[value % base];
        while (value /= base);
        return room + place;
    }

    static void sigsys_handle(int signal, siginfo_t *info, void *context)
    {
        const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
        char text[256], number[24], argument[24], thread[17] = "";
        size_t at = 0;
        ssize_t written;

        prctl(PR_GET_NAME, thread, 0, 0, 0);
        at = sigsys_put(text, at, sizeof text, "kvmctl-vmm: error: system call ");
        at = sigsys_put(text, at, sizeof text, sigsys_digits(number, info->si_syscall, 10));
        at = sigsys_put(text, at, sizeof text, " (");
        at = sigsys_put(text, at, sizeof text, sigsys_name(info->si_syscall));
        at = sigsys_put(text, at, sizeof text, ", second argument 0x");
        at = sigsys_put(text, at, sizeof text, sigsys_digits(argument, registers[REG_RSI], 16));
        at = sigsys_put(text, at, sizeof text, ") is not allowed in the jail, thread '");
        at = sigsys_put(text, at, sizeof text, thread);
        at = sigsys_put(text, at, sizeof text, "'\\n");
        written = write(2, text, at);
        (void)written; (void)signal;
        _exit(SIGSYS_STATUS);
    }

    static int sigsys_install(const char *names, size_t length)
    {
        struct sigaction action;

        if (length > SIGSYS_NAMES_SIZE)
            length = 0;
        memcpy(sigsys_names, names, length);
        sigsys_names_length = length;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = sigsys_handle;
        action.sa_flags = SA_SIGINFO;
        sigemptyset(&action.sa_mask);
        return sigaction(SIGSYS, &action, NULL) ? errno : 0;
    }
    """
    int sigsys_install(const char *names, size_t length) nogil


def install(bytes names not None):
    """Be there from now on; `names` are those of the system calls by number, each ended by a zero byte."""
    cdef int number = sigsys_install(names, len(names))
    if number:
        raise OSError(number, "cannot handle SIGSYS")
