"""A writer of cpio archives in the "newc" format, as the kernel unpacks them.

Documentation/driver-api/early-userspace/buffer-format.rst. No file of the build machine decides an owner, a
date or an inode number, so the same content is the same archive.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass

_MAGIC = b"070701"
_ALIGNMENT = 4
_TRAILER = "TRAILER!!!"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, directory or device node."""

    name: str
    mode: int
    data: bytes = b""
    device: tuple[int, int] = (0, 0)


def directory(name: str) -> Entry:
    return Entry(name, stat.S_IFDIR | 0o755)


def program(name: str, data: bytes) -> Entry:
    return Entry(name, stat.S_IFREG | 0o755, data)


def character_device(name: str, major: int, minor: int) -> Entry:
    return Entry(name, stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: list[Entry]) -> bytes:
    """The archive, uncompressed."""
    records = [_record(inode, entry) for inode, entry in enumerate(entries, 1)]
    return b"".join([*records, _record(0, Entry(_TRAILER, 0))])


def _record(inode: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    owner = group = time = checksum = 0
    fields = (
        *(inode, entry.mode, owner, group, links, time, len(entry.data)),
        *(0, 0, *entry.device, len(name), checksum),
    )
    header = _MAGIC + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
