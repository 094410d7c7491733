"""Page tables and segment descriptors for the first instruction in 64-bit mode."""

from __future__ import annotations

import struct
from typing import Final

from kvmctl.vmm.boot import layout
from kvmctl.vmm.memory import GuestMemory

# Intel SDM volume 3, 4.5 "4-level paging"
_PRESENT: Final = 1 << 0
_WRITABLE: Final = 1 << 1
_USER: Final = 1 << 2
_LARGE: Final = 1 << 7
_ENTRIES: Final = 512
_LARGE_PAGE: Final = 2 << 20
_DIRECTORIES: Final = 4

BOOT_CS: Final = 0x10
"""__BOOT_CS, execute/read (boot.rst, "64-bit Boot Protocol")."""
BOOT_DS: Final = 0x18
"""__BOOT_DS, read/write."""
USER_DS: Final = 0x20 | 3
USER_CS: Final = 0x28 | 3

# SDM volume 3, 3.4.5 "Segment descriptors": base 0, limit 4 GiB, present
_DATA: Final = 0x00CF_9300_0000_FFFF
_CODE64: Final = 0x00AF_9B00_0000_FFFF
_DPL3: Final = 3 << 45
_CODE32: Final = 0x00CF_9B00_0000_FFFF
_DESCRIPTORS: Final = (0, 0, _CODE64, _DATA, _DATA | _DPL3, _CODE64 | _DPL3)
GDT_LIMIT: Final = 8 * len(_DESCRIPTORS) - 1


def write_gdt(memory: GuestMemory) -> None:
    memory.write(layout.GDT, struct.pack(f"<{len(_DESCRIPTORS)}Q", *_DESCRIPTORS))


def write_protected_gdt(memory: GuestMemory) -> None:
    """For a start in 32-bit protected mode."""
    descriptors = (0, 0, _CODE32, _DATA, 0, 0)
    memory.write(layout.GDT, struct.pack(f"<{len(descriptors)}Q", *descriptors))


def write_page_tables(memory: GuestMemory, *, user: bool) -> int:
    """Map the first 4 GiB to themselves with 2 MiB pages; returns CR3. `user` opens them to ring 3."""
    flags = _PRESENT | _WRITABLE | (_USER if user else 0)
    pml4 = layout.PAGE_TABLES
    pdpt = pml4 + layout.PAGE_SIZE
    directories = [pdpt + layout.PAGE_SIZE * (number + 1) for number in range(_DIRECTORIES)]
    memory.write(pml4, struct.pack("<Q", pdpt | flags))
    memory.write(pdpt, struct.pack(f"<{_DIRECTORIES}Q", *(address | flags for address in directories)))
    pages = range(0, _DIRECTORIES * _ENTRIES * _LARGE_PAGE, _LARGE_PAGE)
    memory.write(directories[0], struct.pack(f"<{len(pages)}Q", *(page | flags | _LARGE for page in pages)))
    return pml4
