"""Namespaces of a process's own (namespaces(7)), and an empty directory for a root (pivot_root(2))."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Set
from pathlib import Path
from typing import Final

_CLONE_FLAGS: Final = {
    "mount": 0x0002_0000,
    "uts": 0x0400_0000,
    "ipc": 0x0800_0000,
    "user": 0x1000_0000,
    "pid": 0x2000_0000,
    "net": 0x4000_0000,
}
OWN: Final = frozenset({"mount", "uts", "ipc", "net"})
"""What a process moves into by itself; into a namespace of processes it has to be born."""
_MS_RDONLY: Final = 1
_MS_NOSUID: Final = 2
_MS_NODEV: Final = 4
_MS_NOEXEC: Final = 8
_MS_REC: Final = 1 << 14
_MS_PRIVATE: Final = 1 << 18
_MNT_DETACH: Final = 2
_SYS_PIVOT_ROOT: Final = 155
_PLACE: Final = b"/proc"
"""Any directory that is there: the new root is mounted on it for a moment."""
_OPTIONS: Final = b"size=4k,nr_inodes=2,mode=0555"

_libc = ctypes.CDLL(None, use_errno=True)


def enter(names: Set[str]) -> None:
    """Into new ones of the OWN. Raises OSError; a user without privileges needs user namespaces for them."""
    if not names:
        return
    flags = 0
    for name in names:
        flags |= _CLONE_FLAGS[name]
    if os.geteuid() == 0:
        _unshare(flags)
    else:
        _unshare_as_user(flags)
    if "mount" in names:
        _empty_root()


def fork_apart() -> int:
    """fork(2), with the child as the first of a new namespace of processes. Raises OSError."""
    ours = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    pid = -1
    try:
        _unshare(_CLONE_FLAGS["pid"])
        try:
            pid = os.fork()
        finally:
            if pid != 0:
                _check(_libc.setns(ours, _CLONE_FLAGS["pid"]))
    finally:
        os.close(ours)
    return pid


def _unshare_as_user(flags: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _unshare(flags | _CLONE_FLAGS["user"])
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(text)


def _unshare(flags: int) -> None:
    _check(_libc.unshare(flags))


def _empty_root() -> None:
    """An empty file system, read-only, in place of all that is mounted."""
    flags = _MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    _check(_libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None))
    _check(_libc.mount(b"jail", _PLACE, b"tmpfs", ctypes.c_ulong(flags), _OPTIONS))
    os.chdir(_PLACE)
    # With both at one place the old root ends up on top of the new one (pivot_root(2), "NOTES").
    _check(_libc.syscall(_SYS_PIVOT_ROOT, b".", b"."))
    _check(_libc.umount2(b".", _MNT_DETACH))
    os.chdir("/")


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
