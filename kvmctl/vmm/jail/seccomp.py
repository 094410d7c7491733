"""The policy compiled to programs, by libseccomp: once, as the launcher starts, for every guest."""

from __future__ import annotations

import socket
import tempfile
from errno import EACCES, ENOSYS
from typing import Final

import pyseccomp

from kvmctl.vmm.jail import policy
from kvmctl.vmm.jail.threads import SET_MODE_FILTER, THIS_PROCESS, Filters, Thread

_PR_SET_NAME: Final = 15
_PR_GET_NAME: Final = 16
_PROT_EXEC: Final = 4
_AT_EMPTY_PATH: Final = 0x1000
_CLONE_THREAD: Final = 0x1_0000
_WORD: Final = 0xFFFF_FFFF
_MOST_CALLS: Final = 512


def compile() -> Filters:
    """Raises OSError."""
    return Filters({thread: _thread(thread) for thread in Thread}, _connector(), _names())


class _Rules:
    """A list of what is allowed; all else is a breach, which SIGSYS tells of."""

    def __init__(self) -> None:
        self._filter = pyseccomp.SyscallFilter(pyseccomp.TRAP)
        # A tree instead of a list: the calls of the hot path are not the first ones.
        self._filter.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)

    def allow(self, call: str, *conditions: pyseccomp.Arg) -> None:
        self._filter.add_rule(pyseccomp.ALLOW, call, *conditions)

    def refuse(self, error: int, call: str, *conditions: pyseccomp.Arg) -> None:
        self._filter.add_rule(pyseccomp.ERRNO(error), call, *conditions)

    def program(self) -> bytes:
        with tempfile.TemporaryFile() as file:
            self._filter.export_bpf(file)
            file.seek(0)
            return file.read()


def _thread(thread: Thread) -> bytes:
    rules = _common(policy.ALLOWED[thread])
    for call in policy.REFUSED:
        rules.refuse(EACCES, call)
    for call in policy.UNKNOWN:
        rules.refuse(ENOSYS, call)
    rules.refuse(EACCES, "newfstatat", _arg(3, pyseccomp.NE, _AT_EMPTY_PATH))
    rules.allow("clone", _bits(0, _CLONE_THREAD, _CLONE_THREAD))
    rules.allow("tgkill", _arg(0, pyseccomp.EQ, THIS_PROCESS))
    rules.allow("prlimit64", _arg(0, pyseccomp.EQ, 0), _arg(2, pyseccomp.EQ, 0))
    rules.allow("seccomp", _arg(0, pyseccomp.EQ, SET_MODE_FILTER))
    for command in policy.FCNTLS:
        rules.allow("fcntl", _arg(1, pyseccomp.EQ, command))
    for request in policy.IOCTLS[thread]:
        rules.allow("ioctl", _bits(1, _WORD, request & _WORD))
    return rules.program()


def _connector() -> bytes:
    rules = _common(policy.CONNECTOR)
    rules.allow("socket", _arg(0, pyseccomp.EQ, socket.AF_UNIX))
    rules.allow("ioctl", _bits(1, _WORD, policy.FIONBIO))
    return rules.program()


def _common(calls: tuple[str, ...]) -> _Rules:
    rules = _Rules()
    for call in calls:
        rules.allow(call)
    rules.allow("newfstatat", _arg(3, pyseccomp.EQ, _AT_EMPTY_PATH))
    # No memory becomes code.
    rules.allow("mmap", _bits(2, _PROT_EXEC, 0))
    rules.allow("mprotect", _bits(2, _PROT_EXEC, 0))
    for option in (_PR_SET_NAME, _PR_GET_NAME):
        rules.allow("prctl", _arg(0, pyseccomp.EQ, option))
    return rules


def _arg(number: int, comparison: int, value: int) -> pyseccomp.Arg:
    return pyseccomp.Arg(number, comparison, value)


def _bits(number: int, mask: int, value: int) -> pyseccomp.Arg:
    return pyseccomp.Arg(number, pyseccomp.MASKED_EQ, mask, value)


def _names() -> bytes:
    names = []
    for number in range(_MOST_CALLS):
        try:
            name = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, number)
        except (OSError, ValueError):
            name = b""
        names.append(name)
    return b"\0".join(names) + b"\0"
