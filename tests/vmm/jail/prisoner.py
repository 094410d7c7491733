"""A process that goes into a VMM's jail and then tries to get out: what hostile code in it could do.

Every attempt is a system call of its own, made in a process of its own, because a breach of the filters ends
the process. The answers are a line of JSON for each on standard output; arguments are the jail as JSON, the
kind of thread, the process id of a victim outside, and the attempts to make where it is not all of them.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from errno import errorcode

from kvmctl.host.jail import Settings
from kvmctl.vmm import jail
from kvmctl.vmm.jail import seccomp, threads

_libc = ctypes.CDLL(None, use_errno=True)
_AF_UNIX, _AF_INET, _AF_NETLINK, _AF_PACKET, _AF_VSOCK = 1, 2, 16, 17, 40
_STREAM, _RAW = 1, 3


def call(number: int, *arguments: int | bytes | None) -> Callable[[], int]:
    return lambda: int(_libc.syscall(number, *arguments))


def attempts(victim: int) -> dict[str, Callable[[], int]]:
    """`victim` is a process outside, as the host knows it."""
    return {
        "open a file": call(257, -100, b"/etc/passwd", 0),
        "open by the old call": call(2, b"/etc/passwd", 0),
        "open by the new call": call(437, -100, b"/etc/passwd", bytes(24), 24),
        "create a file": call(85, b"/here", 0o600),
        "leave by a directory": call(81, 3),
        "chroot": call(161, b"/"),
        "mount": call(165, b"none", b"/", b"tmpfs", 0, None),
        "unmount": call(166, b"/", 2),
        "the new mount calls": call(428, -100, b"/", 0),
        "pivot_root": call(155, b"/", b"/"),
        "execute": call(59, b"/bin/sh", None, None),
        "execute a descriptor": call(322, 3, b"", None, None, 0x1000),
        "fork": call(57),
        "fork by clone": call(56, signal.SIGCHLD, None, None, None, None),
        "a new namespace": call(272, 0x1000_0000),
        "join a namespace": call(308, 3, 0),
        "a socket of the network": call(41, _AF_INET, _STREAM, 0),
        "a raw socket": call(41, _AF_PACKET, _RAW, 0),
        "netlink": call(41, _AF_NETLINK, _RAW, 0),
        "vsock": call(41, _AF_VSOCK, _STREAM, 0),
        "a local socket": call(41, _AF_UNIX, _STREAM, 0),
        "kill another": call(62, victim, signal.SIGKILL),
        "kill all": call(62, -1, signal.SIGKILL),
        "kill a thread of another": call(234, victim, victim, signal.SIGKILL),
        "signal by pidfd": call(424, 3, signal.SIGKILL, None, 0),
        "queue a signal": call(129, victim, signal.SIGKILL, bytes(128)),
        "a descriptor of a process": call(434, victim, 0),
        "take a descriptor": call(438, 3, 0, 0),
        "ptrace": call(101, 16, victim, None, None),
        "read another's memory": call(310, victim, None, 0, None, 0, 0),
        "write another's memory": call(311, victim, None, 0, None, 0, 0),
        "compare processes": call(312, victim, victim, 0, 0, 0),
        "become root": call(105, 0),
        "become any user": call(117, 0, 0, 0),
        "capabilities": call(126, bytes(8), bytes(24)),
        "keys": call(250, 0, -3, 0),
        "add a key": call(248, b"user", b"name", b"data", 4, -3),
        "bpf": call(321, 0, bytes(64), 64),
        "performance counters": call(298, bytes(112), 0, -1, -1, 0),
        "userfaultfd": call(323, 0),
        "io_uring": call(425, 8, bytes(120)),
        "register with io_uring": call(427, 3, 0, None, 0),
        "a kernel module": call(175, b"", 0, b""),
        "kexec": call(246, 0, 0, None, 0),
        "reboot": call(169, 0xFEE1DEAD, 672274793, 0x1234567, None),
        "set the clock": call(227, 0, bytes(16)),
        "the host's name": call(170, b"name", 4),
        "swap": call(167, b"/x", 0),
        "accounting": call(163, b"/x"),
        "priority": call(141, 0, 0, -20),
        "a limit of its own": call(160, 7, bytes(16)),
        "a limit of another": call(302, victim, 7, None, bytes(16)),
        "a watch on files": call(253),
        "a watch on the file system": call(300, 0, 0),
        "a file's handle": call(304, 3, bytes(16), 0),
        "memory that is code": lambda: 0 if _libc.mprotect(_page(), 4096, 7) == 0 else -1,
        "mapped code": call(9, None, 4096, 7, 0x22, -1, 0),
        "a personality": call(135, 0x0400000),
        "dumpable": call(157, 4, 1, 0, 0, 0),
        "a process tree's messages": call(69, 0, None, 0, 0),
        "shared memory": call(29, 1, 4096, 0o1600),
        "whose signals": call(72, 1, 8, victim),
        "type into a terminal": call(16, 1, 0x5412, b"x"),
        "ports of the machine": call(172, 3),
        "a foreign system call table": call(0x4000_0000 | 39),
    }


def _page() -> ctypes.c_void_p:
    _libc.mmap.restype = ctypes.c_void_p
    return ctypes.c_void_p(_libc.mmap(None, ctypes.c_size_t(4096), 3, 0x22, -1, ctypes.c_long(0)))


def main() -> None:
    settings = Settings.from_json(sys.argv[1])
    kind = threads.Thread[sys.argv[2]]
    victim = int(sys.argv[3])
    programs = seccomp.compile()
    wanted = sys.argv[4:]
    for name, attempt in attempts(victim).items():
        if wanted and name not in wanted:
            continue
        out, back = os.pipe()
        if jail.fork(settings) == 0:
            os.close(out)
            _try(settings, programs, kind, attempt, back)
        os.close(back)
        with os.fdopen(out) as answer:
            text = answer.read()
        _, status = os.wait()
        ended = os.waitstatus_to_exitcode(status)
        print(json.dumps({"attempt": name, "result": text or f"ended {ended}"}), flush=True)


def _try(
    settings: Settings,
    programs: threads.Filters,
    kind: threads.Thread,
    attempt: Callable[[], int],
    answer: int,
) -> None:
    try:
        jail.enter(settings)
        if settings.seccomp:
            threads.confine(programs)
            threads.narrow(kind)
        ctypes.set_errno(0)
        result = attempt()
        said = errorcode.get(ctypes.get_errno(), "?") if result == -1 else f"got {result}"
    except BaseException as error:
        said = f"failed: {error!r}"
    os.write(answer, said.encode())
    os._exit(0)


if __name__ == "__main__":
    main()
