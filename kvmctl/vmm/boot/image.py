"""What the file is that a domain calls its kernel.

The setup header of a bzImage: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from kvmctl.vmm.boot import elf
from kvmctl.vmm.boot.decompress import recognise as recognise_compression
from kvmctl.vmm.boot.errors import BootError
from kvmctl.vmm.boot.source import Source

HEADER_AT: Final = 0x1F1
HEADER_ROOM: Final = 0x290 - HEADER_AT
"""The zero page has that much room for the setup header (zero-page.rst)."""
_JUMP_OFFSET_AT: Final = 0x201
_JUMP_END: Final = 0x202
_MAGIC_AT: Final = 0x202
_MAGIC: Final = b"HdrS"
_BOOT_FLAG_AT: Final = 0x1FE
_BOOT_FLAG: Final = b"\x55\xaa"
_LOADED_HIGH: Final = 1
_SECTOR: Final = 512
_DEFAULT_SETUP_SECTORS: Final = 4

_OLDEST: Final = 0x208  # payload_offset and payload_length
_SINCE_INIT_SIZE: Final = 0x20A
_SINCE_XLOADFLAGS: Final = 0x20C
_XLF_KERNEL_64: Final = 1
_HEAD: Final = 4096


@dataclass(frozen=True, slots=True)
class BzImage:
    """The fields of a setup header that a 64-bit boot needs."""

    header: bytes
    """From 0x1f1 on, as it goes into the zero page."""
    payload_offset: int
    payload_size: int
    cmdline_size: int
    initrd_addr_max: int
    init_size: int
    """Memory that the kernel needs from its load address on, until it has read the memory map; 0: unknown."""


@dataclass(frozen=True, slots=True)
class ElfImage:
    """vmlinux, or a flat guest."""

    elf: elf.Elf


def recognise(source: Source) -> BzImage | ElfImage:
    """Look at the file's start; BootError says what it is instead of a kernel."""
    head = source.read(0, min(_HEAD, source.size))
    if head[_MAGIC_AT : _MAGIC_AT + 4] == _MAGIC and head[_BOOT_FLAG_AT : _BOOT_FLAG_AT + 2] == _BOOT_FLAG:
        return _setup_header(head, source.size)
    if head.startswith(elf.MAGIC):
        return ElfImage(elf.parse(source))
    raise BootError(f"not a Linux kernel: {_guess(head, source)}")


def _setup_header(head: bytes, size: int) -> BzImage:
    if len(head) < HEADER_AT + HEADER_ROOM:
        raise BootError(f"not a Linux kernel: a bzImage of only {size} bytes")

    def u8(at: int) -> int:
        return head[at]

    def u16(at: int) -> int:
        return int(struct.unpack_from("<H", head, at)[0])

    def u32(at: int) -> int:
        return int(struct.unpack_from("<I", head, at)[0])

    version = u16(0x206)
    if version < _OLDEST or not u8(0x211) & _LOADED_HIGH:
        raise BootError(
            f"the kernel is too old: boot protocol {version >> 8}.{version & 0xFF:02}, "
            f"{_OLDEST >> 8}.{_OLDEST & 0xFF:02} is needed"
        )
    if version >= _SINCE_XLOADFLAGS and not u16(0x236) & _XLF_KERNEL_64:
        raise BootError("not a Linux kernel for x86-64: it has no 64-bit entry point")
    setup_size = ((u8(0x1F1) or _DEFAULT_SETUP_SECTORS) + 1) * _SECTOR
    payload_offset = setup_size + u32(0x248)
    payload_size = u32(0x24C)
    if not payload_size or payload_offset + payload_size > size:
        raise BootError(
            f"the kernel is truncated: its payload ends at byte {payload_offset + payload_size}, "
            f"the file at {size}"
        )
    header_size = min(_JUMP_END + u8(_JUMP_OFFSET_AT) - HEADER_AT, HEADER_ROOM)
    return BzImage(
        header=head[HEADER_AT : HEADER_AT + header_size],
        payload_offset=payload_offset,
        payload_size=payload_size,
        cmdline_size=u32(0x238),
        initrd_addr_max=u32(0x22C),
        init_size=u32(0x260) if version >= _SINCE_INIT_SIZE else 0,
    )


_OTHERS: Final = (
    (0, b"QFI\xfb", "a qcow2 disk image"),
    (0, b"KDMV", "a VMDK disk image"),
    (0, b"conectix", "a VHD disk image"),
    (0, b"vhdxfile", "a VHDX disk image"),
    (0, b"07070", "a cpio archive, perhaps the initrd"),
    (0, b"#!", "a script"),
    (0, b"<", "an XML or HTML text"),
    (0x38, b"ARMd", "a kernel for 64-bit ARM"),
    (0x30, b"RISCV", "a kernel for RISC-V"),
    (0, b"MZ", "a PE (EFI or Windows) program without a Linux setup header"),
    (_BOOT_FLAG_AT, _BOOT_FLAG, "a disk image with a boot sector"),
)
_ISO_AT: Final = 0x8001
_ISO: Final = b"CD001"


def _guess(head: bytes, source: Source) -> str:
    if not head:
        return "an empty file"
    for at, magic, name in _OTHERS:
        if head[at : at + len(magic)] == magic:
            return name
    if compression := recognise_compression(head):
        return f"a file compressed with {compression.name}"
    if source.size >= _ISO_AT + len(_ISO) and source.read(_ISO_AT, len(_ISO)) == _ISO:
        return "an ISO 9660 image"
    if not any(head):
        return "a file that starts with zeroes"
    if head.isascii() and b"\0" not in head:
        return "a text file"
    return "neither a bzImage nor an ELF file"
