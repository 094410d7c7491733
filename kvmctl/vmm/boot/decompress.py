"""The compressions that Linux knows for its own image, except LZO: one function a format, output bounded.

A bzImage's payload ends with the size of what is in it (32 bits, little endian): gzip has that by itself, and
the kernel's build appends it to the others. So every format is told how much to expect, stops there whatever
its input claims, and anything that yields less or more is refused.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import lz4.block
import zstandard

from kvmctl.vmm.boot.errors import BootError, mib

# The largest dictionary that the kernel's build asks of xz is 32 MiB (scripts/xz_wrap.sh).
_XZ_MEMORY_LIMIT: Final = 256 << 20
# zstd -22 --ultra uses a window of 128 MiB, which is also the largest that a kernel unpacks.
_ZSTD_WINDOW_LIMIT: Final = 128 << 20
# LZ4 frame format, "Legacy frame": 4 bytes of magic, then blocks of a size and its data, 8 MiB each unpacked
_LZ4_MAGIC: Final = 0x184C2102
_LZ4_BLOCK: Final = 8 << 20
_U32: Final = struct.Struct("<I")


def _gzip(data: memoryview, expected: int) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data, expected + 1)


def _bzip2(data: memoryview, expected: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, expected + 1)


def _lzma(data: memoryview, expected: int) -> bytes:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_XZ_MEMORY_LIMIT)
    return decompressor.decompress(data, expected + 1)


def _xz(data: memoryview, expected: int) -> bytes:
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_LIMIT)
    return decompressor.decompress(data, expected + 1)


def _lz4(data: memoryview, expected: int) -> bytes:
    blocks = []
    position = total = 0
    while total < expected and position + _U32.size <= len(data):
        (size,) = _U32.unpack_from(data, position)
        position += _U32.size
        if size == _LZ4_MAGIC:  # another frame follows
            continue
        if size == 0 or size > len(data) - position:
            raise BootError("the compressed kernel is corrupt: a broken LZ4 block")
        block = lz4.block.decompress(data[position : position + size], uncompressed_size=_LZ4_BLOCK)
        blocks.append(block)
        total += len(block)
        position += size
    return b"".join(blocks)


def _zstd(data: memoryview, expected: int) -> bytes:
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_LIMIT)
    with decompressor.stream_reader(data) as reader:
        return reader.read(expected + 1)


@dataclass(frozen=True, slots=True)
class Compression:
    """One format: how it is recognised and undone."""

    name: str
    magic: bytes
    decompress: Callable[[memoryview, int], bytes] | None


COMPRESSIONS: Final = (
    Compression("gzip", b"\x1f\x8b\x08", _gzip),
    Compression("bzip2", b"BZh", _bzip2),
    Compression("LZMA", b"\x5d\x00\x00", _lzma),
    Compression("XZ", b"\xfd7zXZ\x00", _xz),
    Compression("LZ4", b"\x02\x21\x4c\x18", _lz4),
    Compression("Zstandard", b"\x28\xb5\x2f\xfd", _zstd),
    Compression("LZO", b"\x89LZO\x00", None),
)


def recognise(data: bytes | memoryview) -> Compression | None:
    head = bytes(data[:8])
    return next((format for format in COMPRESSIONS if head.startswith(format.magic)), None)


def decompress(payload: bytes, limit: int) -> bytes:
    """Undo the compression of a bzImage's payload; BootError when it would be larger than `limit` bytes."""
    compression = recognise(payload)
    if compression is None or len(payload) < 2 * _U32.size:
        raise BootError(f"the kernel is compressed in an unknown way (it starts with {payload[:8].hex(' ')})")
    if compression.decompress is None:
        raise BootError(f"the kernel is compressed with {compression.name}, which is not supported")
    (expected,) = _U32.unpack_from(payload, len(payload) - _U32.size)
    if not 0 < expected <= limit:
        raise BootError(
            f"the compressed kernel is corrupt: it claims {mib(expected)}, {mib(limit)} is the limit"
        )
    try:
        data = compression.decompress(memoryview(payload), expected)
    except (
        zlib.error,
        lzma.LZMAError,
        lz4.block.LZ4BlockError,
        zstandard.ZstdError,
        OSError,
        ValueError,
        EOFError,
        MemoryError,
    ) as error:
        raise BootError(f"the compressed kernel is corrupt: {compression.name}: {error}") from error
    if len(data) != expected:
        amount = "more" if len(data) > expected else "less"
        raise BootError(
            f"the compressed kernel is corrupt: {compression.name} data for {amount} than the size it states"
        )
    return data
