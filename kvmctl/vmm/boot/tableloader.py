"""ACPI tables for a firmware, which decides where they lie: a file a table, and a script that links them.

The script is that of QEMU's hw/acpi/bios-linker-loader, which SeaBIOS and OVMF carry out (SeaBIOS
src/fw/romfile_loader.h): allocate each file, add the addresses of others to its pointers, fix its checksums.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SCRIPT: Final = "etc/table-loader"
_DIRECTORY: Final = "etc/acpi/"
_ENTRY_SIZE: Final = 128
_ALLOCATE: Final = struct.Struct("<I56sIB")
_ADD_POINTER: Final = struct.Struct("<I56s56sIB")
_ADD_CHECKSUM: Final = struct.Struct("<I56sIII")
_HIGH: Final = 1
_F_SEGMENT: Final = 2
_ALIGNMENT: Final = 64

# Where tables hold other tables' addresses (ACPI specification 6.5, 5.2): offset, size
_RSDP: Final = b"RSD PTR "
_RSDP_POINTERS: Final = ((24, 8),)
_FADT_POINTERS: Final = ((36, 4), (40, 4), (140, 8))
_XSDT_ENTRIES: Final = 36
_CHECKSUM: Final = 9
_RSDP_CHECKSUM: Final = 8
_RSDP_V1_SIZE: Final = 20
_RSDP_EXTENDED_CHECKSUM: Final = 32


@dataclass(frozen=True, slots=True)
class _Checksum:
    offset: int
    length: int


def files(tables: Mapping[int, bytes]) -> dict[str, bytes]:
    """The tables by address, as they lie when nobody moves them, as files with the script for them."""
    names = {address: _name(table) for address, table in tables.items()}
    allocations, links, sums = [], [], []
    result: dict[str, bytes] = {}
    for address, original in tables.items():
        table, name = bytearray(original), names[address]
        zone = _F_SEGMENT if original.startswith(_RSDP) else _HIGH
        allocations.append(_ALLOCATE.pack(1, name, _ALIGNMENT, zone))
        for offset, size in _pointers(original):
            target = int.from_bytes(table[offset : offset + size], "little")
            if target:
                table[offset : offset + size] = bytes(size)
                links.append(_ADD_POINTER.pack(2, name, names[target], offset, size))
        for checksum in _checksums(original):
            table[checksum.offset] = 0
            sums.append(_ADD_CHECKSUM.pack(3, name, checksum.offset, 0, checksum.length))
        result[name.decode()] = bytes(table)
    result[SCRIPT] = b"".join(entry.ljust(_ENTRY_SIZE, b"\0") for entry in (*allocations, *links, *sums))
    return result


def _name(table: bytes) -> bytes:
    name = b"rsdp" if table.startswith(_RSDP) else table[:4].lower()
    return _DIRECTORY.encode() + name


def _pointers(table: bytes) -> list[tuple[int, int]]:
    if table.startswith(_RSDP):
        return list(_RSDP_POINTERS)
    if table.startswith(b"FACP"):
        return list(_FADT_POINTERS)
    if table.startswith(b"XSDT"):
        return [(offset, 8) for offset in range(_XSDT_ENTRIES, len(table), 8)]
    return []


def _checksums(table: bytes) -> list[_Checksum]:
    if table.startswith(_RSDP):
        return [
            _Checksum(_RSDP_CHECKSUM, _RSDP_V1_SIZE),
            _Checksum(_RSDP_EXTENDED_CHECKSUM, len(table)),
        ]
    if table.startswith(b"FACS"):
        return []  # it has none
    return [_Checksum(_CHECKSUM, len(table))]
