"""The filters of system calls of this process and of each of its threads, loaded (seccomp(2)).

A filter can only be added to: a thread starts with its creator's, and narrows it.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from kvmctl.vmm.engine import sigsys

_SYS_SECCOMP: Final = 317
SET_MODE_FILTER: Final = 1
_FLAG_TSYNC: Final = 1
_INSTRUCTION: Final = struct.Struct("=HBBI")
_JUMP_IF_EQUAL: Final = 0x15
THIS_PROCESS: Final = 0x6B76_6D63
"""Stands in a program for the process's id, which is not known yet when it is compiled."""

_libc = ctypes.CDLL(None, use_errno=True)


class Thread(Enum):
    """A kind of thread; each may do less than the one before it, which starts it."""

    CONTROL = "control"
    """The main thread: the event loop, QMP, character devices, resets."""
    VCPU = "vCPU"
    """A vCPU, and what its accesses make the devices do."""
    IO = "I/O"
    """A virtqueue's worker, or one that listens to a back end."""


@dataclass(frozen=True, slots=True)
class Filters:
    """The compiled programs."""

    programs: Mapping[Thread, bytes]
    connector: bytes
    """For the process that connects to the host's vsock servers (vsockhost)."""
    names: bytes
    """Of the system calls by number, each ended by a zero byte: for what is said of a breach."""


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


_loaded: Filters | None = None


def confine(filters: Filters) -> None:
    """Every thread of this process, and those to come, as CONTROL. Raises OSError."""
    global _loaded
    sigsys.install(filters.names)
    _load(filters.programs[Thread.CONTROL], _FLAG_TSYNC)
    _loaded = filters


def confine_connector(filters: Filters) -> None:
    """A process of one thread. Raises OSError."""
    sigsys.install(filters.names)
    _load(filters.connector, 0)


def narrow(thread: Thread) -> None:
    """The calling thread is of this kind from now on; nothing happens in a process that is not confined."""
    if _loaded is not None:
        _load(_loaded.programs[thread], 0)


def _load(program: bytes, flags: int) -> None:
    ready = b"".join(_instructions(program))
    structure = _Program(len(ready) // _INSTRUCTION.size, ready)
    if _libc.syscall(_SYS_SECCOMP, SET_MODE_FILTER, flags, ctypes.byref(structure)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot load a filter of system calls: {os.strerror(number)}")


def _instructions(program: bytes) -> list[bytes]:
    """With this process's id in place."""
    result = []
    for code, yes, no, value in _INSTRUCTION.iter_unpack(program):
        if code == _JUMP_IF_EQUAL and value == THIS_PROCESS:
            value = os.getpid()
        result.append(_INSTRUCTION.pack(code, yes, no, value))
    return result
