"""Filters of system calls (seccomp(2)), made by libseccomp, one for each kind of thread.

They are compiled once, as the launcher starts, and loaded by every process that is forked from it. A filter
can only be added to: a thread starts with its creator's, and narrows it.
"""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from errno import EACCES, ENOSYS
from typing import Final

import pyseccomp

from kvmctl.vmm.engine import sigsys
from kvmctl.vmm.jail import policy
from kvmctl.vmm.jail.policy import Thread

_SYS_SECCOMP: Final = 317
_SET_MODE_FILTER: Final = 1
_FLAG_TSYNC: Final = 1
_PR_SET_NAME: Final = 15
_PR_GET_NAME: Final = 16
_PROT_EXEC: Final = 4
_AT_EMPTY_PATH: Final = 0x1000
_CLONE_THREAD: Final = 0x1_0000
_WORD: Final = 0xFFFF_FFFF
_INSTRUCTION: Final = struct.Struct("=HBBI")
_JUMP_IF_EQUAL: Final = 0x15
_THIS_PROCESS: Final = 0x6B76_6D63
"""Stands for the process's id, which is not known yet when the filters are made."""
_MOST_CALLS: Final = 512

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


@dataclass(frozen=True, slots=True)
class Filters:
    """The compiled filters, and the names of the system calls for what is said of a breach."""

    programs: Mapping[Thread, bytes]
    names: bytes

    @classmethod
    def compile(cls) -> Filters:
        return cls({thread: _compile(thread) for thread in Thread}, _names())


_loaded: Filters | None = None


def confine(filters: Filters) -> None:
    """Every thread of this process, and those to come. Raises OSError."""
    global _loaded
    sigsys.install(filters.names)
    _load(filters.programs[Thread.CONTROL], _FLAG_TSYNC)
    _loaded = filters


def narrow(thread: Thread) -> None:
    """The calling thread is of this kind from now on; nothing happens in a process that is not confined."""
    if _loaded is not None:
        _load(_loaded.programs[thread], 0)


def _load(program: bytes, flags: int) -> None:
    ready = b"".join(_instructions(program))
    structure = _Program(len(ready) // _INSTRUCTION.size, ready)
    done = _libc.syscall(_SYS_SECCOMP, _SET_MODE_FILTER, flags, ctypes.byref(structure))
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot load a filter of system calls: {os.strerror(number)}")


def _instructions(program: bytes) -> list[bytes]:
    """With this process's id in place."""
    result = []
    for code, yes, no, value in _INSTRUCTION.iter_unpack(program):
        if code == _JUMP_IF_EQUAL and value == _THIS_PROCESS:
            value = os.getpid()
        result.append(_INSTRUCTION.pack(code, yes, no, value))
    return result


def _compile(thread: Thread) -> bytes:
    rules = pyseccomp.SyscallFilter(pyseccomp.TRAP)
    rules.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)
    arg = pyseccomp.Arg

    def only(call: str, *conditions: pyseccomp.Arg) -> None:
        rules.add_rule(pyseccomp.ALLOW, call, *conditions)

    for call in policy.ALLOWED[thread]:
        only(call)
    for call in policy.REFUSED:
        rules.add_rule(pyseccomp.ERRNO(EACCES), call)
    for call in policy.UNKNOWN:
        rules.add_rule(pyseccomp.ERRNO(ENOSYS), call)
    only("newfstatat", arg(3, pyseccomp.EQ, _AT_EMPTY_PATH))
    rules.add_rule(pyseccomp.ERRNO(EACCES), "newfstatat", arg(3, pyseccomp.NE, _AT_EMPTY_PATH))
    # No memory becomes code.
    only("mmap", arg(2, pyseccomp.MASKED_EQ, _PROT_EXEC, 0))
    only("mprotect", arg(2, pyseccomp.MASKED_EQ, _PROT_EXEC, 0))
    only("clone", arg(0, pyseccomp.MASKED_EQ, _CLONE_THREAD, _CLONE_THREAD))
    only("tgkill", arg(0, pyseccomp.EQ, _THIS_PROCESS))
    only("prlimit64", arg(0, pyseccomp.EQ, 0), arg(2, pyseccomp.EQ, 0))
    for option in (_PR_SET_NAME, _PR_GET_NAME):
        only("prctl", arg(0, pyseccomp.EQ, option))
    only("seccomp", arg(0, pyseccomp.EQ, _SET_MODE_FILTER))
    for command in policy.FCNTLS:
        only("fcntl", arg(1, pyseccomp.EQ, command))
    _ioctls(rules, policy.IOCTLS[thread])
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _ioctls(rules: pyseccomp.SyscallFilter, requests: frozenset[int]) -> None:
    for request in requests:
        rules.add_rule(
            pyseccomp.ALLOW, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, _WORD, request & _WORD)
        )


def _names() -> bytes:
    """Of every system call by number, each ended by a zero byte."""
    names = []
    for number in range(_MOST_CALLS):
        try:
            name = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, number)
        except (OSError, ValueError):
            name = b""
        names.append(name)
    return b"\0".join(names) + b"\0"
