"""PVH, the x86/HVM direct boot ABI (Xen docs/misc/pvh.pandoc, xen/include/public/arch-x86/hvm/start_info.h).

For kernels other than Linux, which have no boot protocol of their own that we speak: they are entered in
32-bit protected mode without paging, with EBX pointing to the start information.
"""

from __future__ import annotations

import struct
from typing import Final

from kvmctl.vmm.boot import elf, layout, linux, tables
from kvmctl.vmm.boot.entry import Entry, Mode
from kvmctl.vmm.boot.errors import BootError, mib
from kvmctl.vmm.boot.source import Source
from kvmctl.vmm.memory import GuestMemory

NOTE_OWNER: Final = b"Xen"
NOTE_PHYS32_ENTRY: Final = 18
_LINUX_OWNER: Final = b"Linux"

_MAGIC: Final = 0x336E_C578
_VERSION: Final = 1
# struct hvm_start_info, hvm_modlist_entry, hvm_memmap_table_entry
_START_INFO: Final = struct.Struct("<IIIIQQQQII")
_MODULE: Final = struct.Struct("<QQQQ")
_MEMORY_MAP_ENTRY: Final = struct.Struct("<QQII")
_RFLAGS: Final = 0x2


def entry_point(image: elf.Elf) -> int | None:
    """Where a kernel with the note starts; None without it, and for Linux, whose own protocol is better."""
    if any(note.owner == _LINUX_OWNER for note in image.notes):
        return None
    for note in image.notes:
        if note.owner == NOTE_OWNER and note.type == NOTE_PHYS32_ENTRY:
            entry = int.from_bytes(note.descriptor, "little")
            if not any(segment.gpa <= entry < segment.end for segment in image.segments) or entry >> 32:
                raise BootError(
                    f"broken ELF file: the PVH entry point {entry:#x} is in no segment below 4 GiB"
                )
            return entry
    return None


def load(
    memory: GuestMemory,
    kernel: Source,
    image: elf.Elf,
    entry: int,
    initrd: Source | None,
    cmdline: bytes,
    *,
    rsdp: int,
) -> Entry:
    """Put a kernel, its one module and its start information into memory."""
    if len(cmdline) >= layout.COMMAND_LINE_MAX:
        raise BootError(f"the command line is too long: {len(cmdline)} bytes")
    elf.load(memory, kernel, image, lowest=layout.HIGH_MEMORY)
    memory.write(layout.COMMAND_LINE, cmdline + b"\0")
    memory_map = b"".join(
        _MEMORY_MAP_ENTRY.pack(start, size, kind, 0)
        for start, size, kind in linux.e820(memory, acpi=rsdp != 0)
    )
    modules = b"" if initrd is None else _load_module(memory, initrd, image.end)
    modules_at = layout.ZERO_PAGE + _START_INFO.size
    memory_map_at = modules_at + len(modules)
    start_info = _START_INFO.pack(
        _MAGIC,
        _VERSION,
        0,
        len(modules) // _MODULE.size,
        modules_at if modules else 0,
        layout.COMMAND_LINE,
        rsdp,
        memory_map_at,
        len(memory_map) // _MEMORY_MAP_ENTRY.size,
        0,
    )
    memory.write(layout.ZERO_PAGE, start_info + modules + memory_map)
    tables.write_protected_gdt(memory)
    return Entry(
        mode=Mode.PROTECTED32,
        rip=entry,
        rsp=layout.BOOT_STACK_TOP,
        cr3=0,
        gdt_base=layout.GDT,
        gdt_limit=tables.GDT_LIMIT,
        code_selector=tables.BOOT_CS,
        data_selector=tables.BOOT_DS,
        rflags=_RFLAGS,
        rbx=layout.ZERO_PAGE,
    )


def _load_module(memory: GuestMemory, initrd: Source, kernel_end: int) -> bytes:
    """At the top of low memory."""
    low_start, low_size = memory.e820()[0]
    address = (low_start + low_size - initrd.size) // layout.PAGE_SIZE * layout.PAGE_SIZE
    if address < kernel_end:
        raise BootError(
            f"the initrd does not fit: it has {mib(initrd.size)}, the guest {mib(memory.size)} of memory"
        )
    initrd.copy_to(memory, address, 0, initrd.size)
    return _MODULE.pack(address, initrd.size, 0, 0)
