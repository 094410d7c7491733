"""The 64-bit Linux boot protocol: what a kernel finds in memory, and what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from kvmctl.vmm.boot import BootError, Mode, layout
from kvmctl.vmm.memory import GuestMemory
from tests.vmm.boot import images
from tests.vmm.boot.conftest import Load

COMPRESSIONS = list(images.COMPRESSORS)


def zero_page(memory: GuestMemory) -> bytes:
    return memory.read(layout.ZERO_PAGE, 4096)


def u32(page: bytes, at: int) -> int:
    return int.from_bytes(page[at : at + 4], "little")


def test_vmlinux_is_entered_by_the_64_bit_protocol(memory: GuestMemory, boot: Load) -> None:
    entry = boot(images.elf())
    assert entry.mode is Mode.LONG64
    assert (entry.rip, entry.rsi, entry.dpl) == (images.LOAD_ADDRESS, layout.ZERO_PAGE, 0)
    assert memory.read(images.LOAD_ADDRESS, len(images.code())) == images.code()
    page = zero_page(memory)
    assert page[0x202:0x206] == b"HdrS"
    assert page[0x210] == 0xFF
    assert u32(page, 0x228) == layout.COMMAND_LINE
    assert memory.read(layout.COMMAND_LINE, 14) == b"console=ttyS0\0"


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("cached", [False, True])
def test_bzimage(compression: str, cached: bool, memory: GuestMemory, boot: Load, tmp_path: Path) -> None:
    vmlinux = images.elf()
    image = images.bzimage(images.compressed(vmlinux, compression))
    for _ in range(2):  # the second time from the cache, if there is one
        memory.clear()
        entry = boot(image, cache_dir=tmp_path / "cache" if cached else None)
        assert entry.rip == images.LOAD_ADDRESS
        assert memory.read(images.LOAD_ADDRESS, len(images.code())) == images.code()
        page = zero_page(memory)
        assert page[0x1F1 : 0x202 + 0x6A] == image[0x1F1:0x210] + b"\xff" + image[0x211:0x228] + (
            struct.pack("<I", layout.COMMAND_LINE) + image[0x22C : 0x202 + 0x6A]
        )


def test_relocations_after_the_kernel_are_ignored(memory: GuestMemory, boot: Load) -> None:
    payload = images.compressed(images.elf() + bytes(1000), "xz")
    assert boot(images.bzimage(payload)).rip == images.LOAD_ADDRESS


def test_page_tables_map_4_gib_to_themselves(memory: GuestMemory, boot: Load) -> None:
    entry = boot(images.elf())
    for address in (0, 0x7000, 0x100_0000, (1 << 30) + 0x20_0000, (4 << 30) - 1):
        table = entry.cr3
        for shift in (39, 30):
            (item,) = struct.unpack("<Q", memory.read(table + (address >> shift & 511) * 8, 8))
            assert item & 3 == 3
            table = item & ~0xFFF
        (item,) = struct.unpack("<Q", memory.read(table + (address >> 21 & 511) * 8, 8))
        assert item & 0x83 == 0x83
        assert item & ~0xFFF == address & ~0x1F_FFFF


def test_segments(memory: GuestMemory, boot: Load) -> None:
    entry = boot(images.elf())
    assert (entry.code_selector, entry.data_selector) == (0x10, 0x18)
    table = memory.read(entry.gdt_base, entry.gdt_limit + 1)
    descriptors = struct.unpack("<6Q", table)
    assert descriptors[0x10 // 8] >> 53 & 1 == 1  # L: 64-bit code
    assert descriptors[0x10 // 8] >> 43 & 1 == 1  # executable
    assert descriptors[0x18 // 8] >> 41 & 5 == 1  # writable data


def test_memory_map(boot: Load) -> None:
    memory = GuestMemory(5 << 30)
    boot(images.elf(), into=memory)
    page = zero_page(memory)
    entries = [struct.unpack_from("<QQI", page, 0x2D0 + 20 * number) for number in range(page[0x1E8])]
    assert entries == [
        (0, 0x9FC00, 1),
        (0x9FC00, 0x400, 2),
        (0xF0000, 0x10000, 2),
        (0x100000, (3 << 30) - 0x100000, 1),
        (4 << 30, 2 << 30, 1),
    ]


def test_rsdp(memory: GuestMemory, boot: Load) -> None:
    boot(images.elf(), rsdp=0xE0000)
    assert zero_page(memory)[0x70:0x78] == struct.pack("<Q", 0xE0000)


@pytest.mark.parametrize(
    ("memory_size", "initrd_addr_max", "top"),
    [(64 << 20, 0x7FFF_FFFF, 64 << 20), (64 << 20, 0x2FF_FFFF, 48 << 20), (4 << 30, 0x7FFF_FFFF, 2 << 30)],
)
def test_initrd_lies_high(memory_size: int, initrd_addr_max: int, top: int, boot: Load) -> None:
    memory = GuestMemory(memory_size)
    initrd = bytes(range(256)) * 33 + b"end"
    image = images.bzimage(images.compressed(images.elf(), "gzip"), initrd_addr_max=initrd_addr_max)
    boot(image, initrd, into=memory)
    page = zero_page(memory)
    address, size = u32(page, 0x218), u32(page, 0x21C)
    assert size == len(initrd)
    assert address == (top - size) & ~0xFFF
    assert memory.read(address, size) == initrd


def test_initrd_that_does_not_fit(boot: Load) -> None:
    image = images.bzimage(images.compressed(images.elf(), "gzip"), init_size=40 << 20)
    with pytest.raises(
        BootError, match=r"initrd does not fit: it has 9\.0 MiB, the guest 64\.0 MiB .* 8\.0 MiB is"
    ):
        boot(image, bytes(9 << 20))


def test_empty_initrd(boot: Load) -> None:
    with pytest.raises(BootError, match="the initrd is empty"):
        boot(images.elf(), b"")


@pytest.mark.parametrize("cmdline_size", [100, 2047])
def test_long_command_line(cmdline_size: int, memory: GuestMemory, boot: Load) -> None:
    image = images.bzimage(images.compressed(images.elf(), "gzip"), cmdline_size=cmdline_size)
    boot(image, None, "x" * cmdline_size)
    assert memory.read(layout.COMMAND_LINE, cmdline_size + 1) == b"x" * cmdline_size + b"\0"
    with pytest.raises(
        BootError, match=f"too long: {cmdline_size + 1} bytes, the kernel takes {cmdline_size}"
    ):
        boot(image, None, "x" * (cmdline_size + 1))


def test_zero_byte_in_the_command_line(boot: Load) -> None:
    with pytest.raises(BootError, match="zero byte"):
        boot(images.elf(), None, "a\0b")


def test_kernel_larger_than_the_guest(boot: Load) -> None:
    image = images.bzimage(images.compressed(images.elf(), "gzip"), init_size=60 << 20)
    with pytest.raises(BootError, match=r"needs memory up to 76\.0 MiB, the guest has 64\.0 MiB"):
        boot(image)
    with pytest.raises(BootError, match=r"the guest has 8\.0 MiB"):
        boot(images.elf(), into=GuestMemory(8 << 20))
    with pytest.raises(BootError, match=r"0\.0 MiB of memory, 2\.0 MiB is the least"):
        boot(images.elf(), into=GuestMemory(4096))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (b"hello, world\n", "a text file"),
        (b"#!/bin/sh\n", "a script"),
        (b"QFI\xfb" + bytes(1000), "qcow2"),
        (b"070701" + bytes(1000), "perhaps the initrd"),
        (bytes(0x8001) + b"CD001" + bytes(100), "ISO 9660"),
        (b"\x1f\x8b\x08" + bytes(100), "compressed with gzip"),
        (b"MZ" + bytes(1000), "PE"),
        (bytes(0x1FE) + b"\x55\xaa" + bytes(512), "boot sector"),
        (bytes(5000), "zeroes"),
        (b"\x80\x81" * 100, "neither"),
        (images.elf(machine=183), "another machine"),
        (images.elf(kind=3), "object or library"),
        (b"\x7fELF", "ends within its header"),
        (images.bzimage(b"x" * 8, xloadflags=0), "no 64-bit entry point"),
    ],
)
def test_not_a_kernel(content: bytes, what: str, boot: Load) -> None:
    with pytest.raises(BootError, match=f"not a Linux kernel.*{what}"):
        boot(content)


def test_old_kernel(boot: Load) -> None:
    with pytest.raises(BootError, match=r"too old: boot protocol 2\.05"):
        boot(images.bzimage(b"x" * 8, version=0x205))


def test_not_a_file(memory: GuestMemory) -> None:
    import os

    from kvmctl.vmm.boot import load

    reader, writer = os.pipe()
    try:
        with pytest.raises(BootError, match="kernel is not a regular file"):
            load(memory, reader, None, "")
    finally:
        os.close(reader)
        os.close(writer)
    with pytest.raises(BootError, match="cannot read the kernel: Bad file descriptor"):
        load(memory, 1 << 20, None, "")
