"""Linux by its 64-bit boot protocol: vmlinux, zero page, command line, initrd.

Documentation/arch/x86/boot.rst, "64-bit Boot Protocol", and zero-page.rst. The kernel arrives decompressed
and is entered at its own start, so nothing of a bzImage runs in the guest but the kernel itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from kvmctl.vmm.boot import elf, layout, tables
from kvmctl.vmm.boot.entry import Entry, Mode
from kvmctl.vmm.boot.errors import BootError, mib
from kvmctl.vmm.boot.image import HEADER_AT, BzImage
from kvmctl.vmm.boot.source import Source
from kvmctl.vmm.memory import GuestMemory

# Offsets in the zero page
_ACPI_RSDP_ADDR: Final = 0x070
_E820_ENTRIES: Final = 0x1E8
_BOOT_FLAG: Final = 0x1FE
_HEADER_MAGIC: Final = 0x202
_VERSION: Final = 0x206
_TYPE_OF_LOADER: Final = 0x210
_LOADFLAGS: Final = 0x211
_RAMDISK_IMAGE: Final = 0x218
_RAMDISK_SIZE: Final = 0x21C
_CMD_LINE_PTR: Final = 0x228
_INITRD_ADDR_MAX: Final = 0x22C
_CMDLINE_SIZE: Final = 0x238
_E820_TABLE: Final = 0x2D0

_LOADER_UNDEFINED: Final = 0xFF
_LOADED_HIGH: Final = 1
_E820_RAM: Final = 1
_E820_RESERVED: Final = 2
_E820_ACPI: Final = 3
_E820_NVS: Final = 4
_E820_ENTRY: Final = struct.Struct("<QQI")

# A bare vmlinux has no setup header: what x86-64 kernels of today state there
_VMLINUX_VERSION: Final = 0x20F
_VMLINUX_CMDLINE_SIZE: Final = 2047
_VMLINUX_INITRD_ADDR_MAX: Final = 0x7FFF_FFFF

_RFLAGS: Final = 0x2
"""Interrupts off; bit 1 is always one (SDM volume 1, 3.4.3)."""


@dataclass(frozen=True, slots=True)
class _Limits:
    cmdline_size: int
    initrd_addr_max: int
    kernel_end: int


def load(
    memory: GuestMemory,
    kernel: Source,
    image: elf.Elf,
    setup: BzImage | None,
    initrd: Source | None,
    cmdline: bytes,
    *,
    rsdp: int,
) -> Entry:
    """Put a kernel and all that it is handed into memory."""
    limits = _limits(image, setup)
    if len(cmdline) > limits.cmdline_size:
        raise BootError(
            f"the command line is too long: {len(cmdline)} bytes, the kernel takes {limits.cmdline_size}"
        )
    if not any(start <= image.start and limits.kernel_end <= start + size for start, size in memory.e820()):
        raise BootError(
            f"the kernel does not fit: it needs memory up to {mib(limits.kernel_end)}, "
            f"the guest has {mib(memory.size)}"
        )
    elf.load(memory, kernel, image, lowest=layout.HIGH_MEMORY)
    ramdisk = (0, 0) if initrd is None else _load_initrd(memory, initrd, limits)
    memory.write(layout.COMMAND_LINE, cmdline + b"\0")
    memory.write(layout.ZERO_PAGE, _zero_page(memory, setup, ramdisk, rsdp))
    tables.write_gdt(memory)
    return Entry(
        mode=Mode.LONG64,
        rip=image.entry,
        rsp=layout.BOOT_STACK_TOP,
        cr3=tables.write_page_tables(memory, user=False),
        gdt_base=layout.GDT,
        gdt_limit=tables.GDT_LIMIT,
        code_selector=tables.BOOT_CS,
        data_selector=tables.BOOT_DS,
        rflags=_RFLAGS,
        rsi=layout.ZERO_PAGE,
    )


def _limits(image: elf.Elf, setup: BzImage | None) -> _Limits:
    if setup is None:
        return _Limits(_VMLINUX_CMDLINE_SIZE, _VMLINUX_INITRD_ADDR_MAX, image.end)
    return _Limits(
        min(setup.cmdline_size, layout.COMMAND_LINE_MAX - 1),
        setup.initrd_addr_max or _VMLINUX_INITRD_ADDR_MAX,
        max(image.start + setup.init_size, image.end),
    )


def _load_initrd(memory: GuestMemory, initrd: Source, limits: _Limits) -> tuple[int, int]:
    """As high as the kernel can reach in low memory, where it is in nobody's way; (address, size)."""
    if not initrd.size:
        raise BootError("the initrd is empty")
    low_start, low_size = memory.e820()[0]
    top = min(low_start + low_size, limits.initrd_addr_max + 1)
    address = (top - initrd.size) // layout.PAGE_SIZE * layout.PAGE_SIZE
    if address < limits.kernel_end:
        raise BootError(
            f"the initrd does not fit: it has {mib(initrd.size)}, the guest {mib(memory.size)} of memory, "
            f"of which {mib(max(top - limits.kernel_end, 0))} is free for it above the kernel"
        )
    initrd.copy_to(memory, address, 0, initrd.size)
    return address, initrd.size


def _zero_page(memory: GuestMemory, setup: BzImage | None, ramdisk: tuple[int, int], rsdp: int) -> bytes:
    page = bytearray(layout.PAGE_SIZE)
    if setup is not None:
        page[HEADER_AT : HEADER_AT + len(setup.header)] = setup.header
    else:
        page[_BOOT_FLAG : _BOOT_FLAG + 2] = b"\x55\xaa"
        page[_HEADER_MAGIC : _HEADER_MAGIC + 4] = b"HdrS"
        struct.pack_into("<H", page, _VERSION, _VMLINUX_VERSION)
        struct.pack_into("<I", page, _INITRD_ADDR_MAX, _VMLINUX_INITRD_ADDR_MAX)
        struct.pack_into("<I", page, _CMDLINE_SIZE, _VMLINUX_CMDLINE_SIZE)
    page[_TYPE_OF_LOADER] = _LOADER_UNDEFINED
    page[_LOADFLAGS] |= _LOADED_HIGH
    struct.pack_into("<Q", page, _ACPI_RSDP_ADDR, rsdp)
    struct.pack_into("<I", page, _RAMDISK_IMAGE, ramdisk[0])
    struct.pack_into("<I", page, _RAMDISK_SIZE, ramdisk[1])
    struct.pack_into("<I", page, _CMD_LINE_PTR, layout.COMMAND_LINE)
    entries = e820(memory, acpi=rsdp != 0)
    page[_E820_ENTRIES] = len(entries)
    for number, entry in enumerate(entries):
        _E820_ENTRY.pack_into(page, _E820_TABLE + number * _E820_ENTRY.size, *entry)
    return bytes(page)


def e820(memory: GuestMemory, *, acpi: bool) -> list[tuple[int, int, int]]:
    """(address, size, type): RAM without the PC's holes below 1 MiB; the hole below 4 GiB is in no entry."""
    entries = [
        (0, layout.EBDA, _E820_RAM),
        (layout.EBDA, layout.VGA_HOLE - layout.EBDA, _E820_RESERVED),
    ]
    if acpi:
        entries += [
            (layout.ACPI_TABLES, layout.ACPI_NVS - layout.ACPI_TABLES, _E820_ACPI),
            (layout.ACPI_NVS, layout.BIOS - layout.ACPI_NVS, _E820_NVS),
        ]
    entries.append((layout.BIOS, layout.HIGH_MEMORY - layout.BIOS, _E820_RESERVED))
    for start, size in memory.e820():
        first = max(start, layout.HIGH_MEMORY)
        entries.append((first, start + size - first, _E820_RAM))
    return entries
