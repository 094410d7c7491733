"""Synthetic kernels: just enough of an ELF file and of a bzImage for the boot code."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

import lz4.block
import zstandard

LOAD_ADDRESS = 0x100_0000
PT_LOAD, PT_NOTE = 1, 4
SETUP_SECTORS = 4
PAYLOAD_SHIFT = 0x40


@dataclass
class Segment:
    kind: int
    gpa: int
    data: bytes
    memory_size: int | None = None


def elf(
    segments: list[Segment] | None = None, entry: int | None = None, *, kind: int = 2, machine: int = 62
) -> bytes:
    """An ELF64 executable whose segments' data follows its program headers."""
    if segments is None:
        segments = [Segment(PT_LOAD, LOAD_ADDRESS, code(), 0x10000)]
    if entry is None:
        entry = segments[0].gpa
    identification = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", identification, kind, machine, 1, entry, 64, 0, 0, 64, 56, len(segments), 0, 0, 0
    )
    offset = 64 + 56 * len(segments)
    table, body = b"", b""
    for segment in segments:
        size = len(segment.data)
        memory_size = size if segment.memory_size is None else segment.memory_size
        where = offset + len(body)
        table += struct.pack("<IIQQQQQQ", segment.kind, 7, where, 0, segment.gpa, size, memory_size, 8)
        body += segment.data
    return header + table + body


def code() -> bytes:
    """Compressible, but not all the same."""
    return b"".join(struct.pack("<I", number * number & 0xFFFF) for number in range(4096)) * 2


def note(ring: int, owner: bytes = b"kvmctl\0") -> bytes:
    padded = owner + bytes(-len(owner) % 4)
    return struct.pack("<III", len(owner), 4, 1) + padded + struct.pack("<I", ring)


def flat(ring: int, gpa: int = 0x100000) -> bytes:
    return elf([Segment(PT_LOAD, gpa, code()), Segment(PT_NOTE, 0, note(ring))])


def _lz4_legacy(data: bytes) -> bytes:
    frame = struct.pack("<I", 0x184C2102)
    for start in range(0, len(data), 8 << 20):
        block = lz4.block.compress(data[start : start + (8 << 20)], store_size=False)
        frame += struct.pack("<I", len(block)) + block
    return frame


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "xz": lambda data: lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_CRC32),
    "lz4": _lz4_legacy,
    "zstd": lambda data: zstandard.ZstdCompressor(level=3, write_content_size=False).compress(data),
}


def compressed(data: bytes, name: str) -> bytes:
    """As the kernel's build does it: the size follows, except after gzip, which ends with it."""
    size = b"" if name == "gzip" else struct.pack("<I", len(data))
    return COMPRESSORS[name](data) + size


def bzimage(
    payload: bytes,
    *,
    version: int = 0x20F,
    xloadflags: int = 1,
    init_size: int = 0x20_0000,
    cmdline_size: int = 2047,
    initrd_addr_max: int = 0x7FFF_FFFF,
) -> bytes:
    """A setup header, real-mode code of zeroes, and a payload."""
    setup = bytearray((SETUP_SECTORS + 1) * 512)
    setup[0x1F1] = SETUP_SECTORS
    setup[0x1FE:0x200] = b"\x55\xaa"
    setup[0x200:0x202] = b"\xeb\x6a"
    setup[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", setup, 0x206, version)
    setup[0x211] = 1
    struct.pack_into("<I", setup, 0x22C, initrd_addr_max)
    struct.pack_into("<H", setup, 0x236, xloadflags)
    struct.pack_into("<I", setup, 0x238, cmdline_size)
    struct.pack_into("<II", setup, 0x248, PAYLOAD_SHIFT, len(payload))
    struct.pack_into("<Q", setup, 0x258, LOAD_ADDRESS)
    struct.pack_into("<I", setup, 0x260, init_size)
    return bytes(setup) + bytes(PAYLOAD_SHIFT) + payload + bytes(16)


def as_fd(data: bytes) -> int:
    """A descriptor of a file with this content; the caller closes it."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return os.dup(file.fileno())
