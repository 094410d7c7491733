"""Flat guests: bare programs for tests, benchmarks and the demo, without an operating system's boot protocol.

A flat guest is an ELF64 executable with a note (owner "kvmctl", type 1, descriptor: the ring as a u32). It
starts in 64-bit mode on identity page tables for the first 4 GiB, at ring 0 or 3, with I/O privilege 3, and
RDI points to {u64 memory in bytes; u32 vCPUs; u32 zero; the command line, zero-terminated}.
"""

from __future__ import annotations

import struct
from typing import Final

from kvmctl.vmm.boot import elf, layout, tables
from kvmctl.vmm.boot.entry import Entry, Mode
from kvmctl.vmm.boot.errors import BootError
from kvmctl.vmm.boot.source import Source
from kvmctl.vmm.memory import GuestMemory

NOTE_OWNER: Final = b"kvmctl"
NOTE_TYPE: Final = 1
_RFLAGS: Final = 0x3002
"""I/O privilege level 3, and bit 1, which is always one (SDM volume 1, 3.4.3)."""
_BOOT_INFO: Final = struct.Struct("<QII")


def ring(image: elf.Elf) -> int | None:
    """The ring that a flat guest asks for; None for an ELF file that is none."""
    for note in image.notes:
        if note.owner == NOTE_OWNER and note.type == NOTE_TYPE:
            level = int.from_bytes(note.descriptor, "little")
            if len(note.descriptor) != 4 or level not in (0, 3):
                raise BootError("broken flat guest: its note must hold the ring, 0 or 3")
            return level
    return None


def load(
    memory: GuestMemory, source: Source, image: elf.Elf, level: int, cmdline: bytes, *, vcpus: int
) -> Entry:
    """Put a flat guest and its boot information into memory."""
    elf.load(memory, source, image, lowest=layout.STRUCTURES_END)
    info = _BOOT_INFO.pack(memory.size, vcpus, 0) + cmdline + b"\0"
    room = layout.STRUCTURES_END - layout.BOOT_INFO
    if len(info) > room:
        raise BootError(
            f"the command line is too long: {len(cmdline)} bytes, {room - _BOOT_INFO.size - 1} fit"
        )
    memory.write(layout.BOOT_INFO, info)
    tables.write_gdt(memory)
    cr3 = tables.write_page_tables(memory, user=level == 3)
    return Entry(
        mode=Mode.FLAT_RING3 if level == 3 else Mode.FLAT_RING0,
        rip=image.entry,
        rsp=layout.FLAT_STACK_TOP,
        cr3=cr3,
        gdt_base=layout.GDT,
        gdt_limit=tables.GDT_LIMIT,
        code_selector=tables.USER_CS if level == 3 else tables.BOOT_CS,
        data_selector=tables.USER_DS if level == 3 else tables.BOOT_DS,
        rflags=_RFLAGS,
        rdi=layout.BOOT_INFO,
    )
