"""Which system calls the threads of a VMM make: all others end the process.

Lists are by what calls need, not by who makes them in today's code: the interpreter and the C library choose
among equals. What only lazily read files would need (a time zone, the source lines of a traceback) is
refused with an error instead, because it is no sign of an attack and the code at hand goes on without.
"""

from __future__ import annotations

import fcntl
import termios
from typing import Final

from kvmctl.host import tap
from kvmctl.vmm.jail.threads import Thread
from kvmctl.vmm.kvm import abi

_EVERYWHERE: Final = (
    # memory: mmap and mprotect are among the CONDITIONS
    *("brk", "munmap", "mremap", "madvise"),
    # threads and signals
    *(
        "futex",
        "set_robust_list",
        "rseq",
        "sched_yield",
        "sched_getaffinity",
        "gettid",
        "getpid",
        "membarrier",
    ),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall"),
    *("exit", "exit_group", "getcpu"),
    # time and chance
    *("clock_gettime", "clock_getres", "clock_nanosleep", "gettimeofday", "nanosleep", "time", "getrandom"),
    # descriptors
    *("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2"),
    *("lseek", "close", "fstat", "dup", "dup2", "dup3", "pipe2", "eventfd2"),
    *("poll", "ppoll", "select", "pselect6"),
    *("epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait"),
    *("timerfd_create", "timerfd_settime", "timerfd_gettime"),
    # files that are open
    *("ftruncate", "fallocate", "fsync", "fdatasync", "sync_file_range", "fadvise64"),
    # rings that are there: the operations of each were restricted when it was made
    "io_uring_enter",
    # sockets that are open
    *(
        "accept",
        "accept4",
        "listen",
        "sendto",
        "recvfrom",
        "sendmsg",
        "recvmsg",
        "shutdown",
        "getsockname",
        "getpeername",
    ),
    *("getsockopt", "setsockopt"),
    # who am I
    *("getuid", "geteuid", "getgid", "getegid", "uname", "getrusage", "times", "sysinfo"),
)
ALLOWED: Final[dict[Thread, tuple[str, ...]]] = {
    Thread.CONTROL: (*_EVERYWHERE, "socketpair", "memfd_create", "mlock", "munlock"),
    Thread.VCPU: (*_EVERYWHERE, "socketpair"),
    Thread.IO: _EVERYWHERE,
}

REFUSED: Final = (
    *("open", "openat", "openat2", "creat", "stat", "lstat", "statx", "access", "faccessat", "faccessat2"),
    *("readlink", "readlinkat", "getcwd", "getdents64", "chdir", "unlink", "unlinkat"),
    *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "utimensat"),
    *("socket", "connect", "bind"),
)
"""Files and sockets that are not open yet: EACCES."""

CONNECTOR: Final = (
    *("brk", "munmap", "mremap", "madvise", "futex", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn"),
    *("read", "write", "sendto", "recvfrom", "sendmsg", "recvmsg", "close", "connect"),
    *("getsockname", "getsockopt", "fstat", "lseek", "getpid", "gettid", "exit", "exit_group"),
)
"""Of the process that connects to the host's vsock servers (vsockhost)."""

UNKNOWN: Final = ("clone3", "io_uring_setup")
"""ENOSYS: what can be done without. The flags of clone3 cannot be looked at, nor what a ring would do."""

_KVM_TYPE: Final = 0xAE00
_KVM_GET_STATS_FD: Final = 0xAECE
_KVM: Final = frozenset(
    value for value in vars(abi).values() if isinstance(value, int) and value & 0xFF00 == _KVM_TYPE
) | {_KVM_GET_STATS_FD}
_MACHINE_MAKING: Final = frozenset(
    {
        abi.CREATE_VM,
        abi.CREATE_VCPU,
        abi.CREATE_IRQCHIP,
        abi.CREATE_PIT2,
        abi.SET_CPUID2,
        abi.SET_TSS_ADDR,
        abi.SET_IDENTITY_MAP_ADDR,
        abi.SET_USER_MEMORY_REGION,
    }
)
_INTERRUPTS: Final = frozenset({abi.IRQ_LINE, abi.IRQFD, abi.IOEVENTFD, abi.SET_GSI_ROUTING})
_VHOST: Final = frozenset(
    {0x8008_AF00, 0x4008_AF00, 0xAF01, 0xAF02, 0x4008_AF03}
    | {0x4008_AF10, 0x4028_AF11, 0x4008_AF12, 0xC008_AF12}
    | {0x4008_AF20, 0x4008_AF21, 0x4008_AF22, 0x4008_AF30, 0x4004_AF61}
)
"""linux/vhost.h: features, owner, memory, rings, back end of a card, whether a vsock runs."""
FIONBIO: Final = 0x5421
_FIOCLEX: Final = 0x5451
_FIONCLEX: Final = 0x5450
_TIOCGPTPEER: Final = 0x5441
_TIOCGPTN: Final = 0x8004_5430
_BLKGETSIZE64: Final = 0x8008_1272
_DESCRIPTORS: Final = frozenset(
    {
        *(FIONBIO, _FIOCLEX, _FIONCLEX, termios.FIONREAD, _BLKGETSIZE64),
        *(termios.TCGETS, termios.TCSETS, termios.TCSETSW, termios.TCSETSF, termios.TIOCGWINSZ),
        *(_TIOCGPTN, _TIOCGPTPEER, termios.TIOCPKT),
        *(tap.SETOFFLOAD, tap.SETQUEUE),
    }
)
IOCTLS: Final[dict[Thread, frozenset[int]]] = {
    Thread.CONTROL: _DESCRIPTORS | _VHOST | _KVM,
    Thread.VCPU: _DESCRIPTORS | _VHOST | _KVM - _MACHINE_MAKING,
    Thread.IO: _DESCRIPTORS | _VHOST | _INTERRUPTS,
}

FCNTLS: Final = frozenset(
    {
        *(fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_DUPFD_CLOEXEC),
        *(fcntl.F_SETLK, fcntl.F_GETLK, fcntl.F_OFD_SETLK, fcntl.F_OFD_GETLK),
        *(fcntl.F_ADD_SEALS, fcntl.F_GET_SEALS),
    }
)
"""Without F_SETOWN and F_SETSIG, which send signals."""
