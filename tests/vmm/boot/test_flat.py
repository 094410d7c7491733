"""Flat guests: the note, the ring, the boot information."""

from __future__ import annotations

import struct

import pytest

from kvmctl.vmm.boot import BootError, Mode
from kvmctl.vmm.memory import GuestMemory
from tests.vmm.boot import images
from tests.vmm.boot.conftest import Load


@pytest.mark.parametrize(("ring", "mode"), [(0, Mode.FLAT_RING0), (3, Mode.FLAT_RING3)])
def test_entry(ring: int, mode: Mode, memory: GuestMemory, boot: Load) -> None:
    entry = boot(images.flat(ring), None, "a b", vcpus=3)
    assert (entry.mode, entry.rip, entry.dpl) == (mode, 0x100000, ring)
    assert entry.data_selector & 3 == ring
    assert entry.rflags >> 12 & 3 == 3
    assert memory.read(entry.rdi, 20) == struct.pack("<QII", 64 << 20, 3, 0) + b"a b\0"
    (code_segment,) = struct.unpack("<Q", memory.read(entry.gdt_base + (entry.code_selector & ~7), 8))
    assert code_segment >> 45 & 3 == ring
    (first,) = struct.unpack("<Q", memory.read(entry.cr3, 8))
    assert first & 4 == (4 if ring else 0)


def test_wrong_ring(boot: Load) -> None:
    with pytest.raises(BootError, match="ring, 0 or 3"):
        boot(images.flat(1))


def test_another_owner_is_linux(boot: Load) -> None:
    segments = [
        images.Segment(images.PT_LOAD, 0x100000, images.code()),
        images.Segment(images.PT_NOTE, 0, images.note(3, b"Xen\0")),
    ]
    assert boot(images.elf(segments)).mode is Mode.LONG64


def test_no_initrd(boot: Load) -> None:
    with pytest.raises(BootError, match="takes no initrd"):
        boot(images.flat(0), b"x")


def test_too_low(boot: Load) -> None:
    with pytest.raises(BootError, match="loads to 0x7000, below 0x30000"):
        boot(images.flat(0, gpa=0x7000))


def test_long_command_line(boot: Load) -> None:
    with pytest.raises(BootError, match="too long: 70000 bytes, 65519 fit"):
        boot(images.flat(0), None, "x" * 70000)
