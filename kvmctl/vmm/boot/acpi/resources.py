"""Resource descriptors (ACPI specification 6.5, 6.4) and the template that holds them, as _CRS gives it."""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

from kvmctl.vmm.boot.acpi import aml

_IRQ_NO_FLAGS: Final = 0x22
_IO_PORT: Final = 0x47
_END_TAG: Final = b"\x79\x00"
_MEMORY32_FIXED: Final = 0x86
_DWORD_SPACE: Final = 0x87
_EXTENDED_IRQ: Final = 0x89
_WORD_SPACE: Final = 0x88
_QWORD_SPACE: Final = 0x8A

_DECODE_16: Final = 1
_READ_WRITE: Final = 1
_MIN_FIXED: Final = 1 << 2
_MAX_FIXED: Final = 1 << 3
_ISA_IRQS: Final = 16
_CONSUMER: Final = 1 << 0
_SHARED: Final = 1 << 3
_IO_ENTIRE_RANGE: Final = 3


class Space(IntEnum):
    """The resource type of an address space descriptor."""

    MEMORY = 0
    IO = 1
    BUS = 2


_TYPE_FLAGS: Final = {Space.MEMORY: _READ_WRITE, Space.IO: _IO_ENTIRE_RANGE, Space.BUS: 0}
_SPACES: Final = {2: (_WORD_SPACE, "H"), 4: (_DWORD_SPACE, "I"), 8: (_QWORD_SPACE, "Q")}


def template(*descriptors: bytes) -> bytes:
    """A buffer object; the end tag's checksum of zero says that it needs no check (6.4.2.9)."""
    return aml.buffer(b"".join(descriptors) + _END_TAG)


def io(start: int, size: int) -> bytes:
    """I/O ports that are decoded with 16 bits (6.4.2.5)."""
    if not (0 <= start <= 0xFFFF and 0 < size <= 0xFF and start + size <= 0x1_0000):
        raise aml.AmlError(f"ports {start:#x}+{size:#x}")
    return struct.pack("<BBHHBB", _IO_PORT, _DECODE_16, start, start, 1, size)


def irq(number: int) -> bytes:
    """An ISA interrupt: edge-triggered, active high, exclusive (6.4.2.1)."""
    if not 0 <= number < _ISA_IRQS:
        raise aml.AmlError(f"there is no ISA interrupt {number}")
    return struct.pack("<BH", _IRQ_NO_FLAGS, 1 << number)


def interrupt(gsi: int) -> bytes:
    """A level-triggered interrupt, active high, that devices may share (6.4.3.6)."""
    if not 0 <= gsi < 1 << 32:
        raise aml.AmlError(f"there is no interrupt {gsi}")
    return struct.pack("<BHBBI", _EXTENDED_IRQ, 6, _CONSUMER | _SHARED, 1, gsi)


def memory32_fixed(start: int, size: int) -> bytes:
    """Memory that cannot be moved (6.4.3.4)."""
    if not (start >= 0 and size > 0 and start + size <= 1 << 32):
        raise aml.AmlError(f"memory {start:#x}+{size:#x}")
    return struct.pack("<BHBII", _MEMORY32_FIXED, 9, _READ_WRITE, start, size)


def window(space: Space, width: int, start: int, size: int) -> bytes:
    """A fixed range that a bridge hands on, with fields of `width` bytes (6.4.3.5)."""
    tag, field = _SPACES[width]
    if not (start >= 0 and size > 0 and start + size <= 1 << 8 * width):
        raise aml.AmlError(f"a window {start:#x}+{size:#x} of {width} bytes")
    body = struct.pack(
        f"<BBB5{field}",
        space,
        _MIN_FIXED | _MAX_FIXED,
        _TYPE_FLAGS[space],
        0,
        start,
        start + size - 1,
        0,
        # The length of a window over all of the addresses does not fit; zero would mean a movable one.
        min(size, (1 << 8 * width) - 1),
    )
    return struct.pack("<BH", tag, len(body)) + body
