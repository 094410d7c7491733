"""SMBIOS tables: who the machine says it is (DMTF DSP0134, SMBIOS reference specification 3.6)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from kvmctl.vmm.boot import layout
from kvmctl.vmm.boot.errors import BootError

MANUFACTURER: Final = "kvmctl"
PRODUCT: Final = "KVM Virtual Machine"
_RELEASE_DATE: Final = "01/01/2026"

_ENTRY_POINT: Final = struct.Struct("<5sBBBBBBBIQ")
_CHECKSUM_AT: Final = 5
_MAJOR: Final = 3
_MINOR: Final = 6
_ENTRY_POINT_REVISION: Final = 1
_ALIGNMENT: Final = 16

_BIOS: Final = 0
_SYSTEM: Final = 1
_CHASSIS: Final = 3
_PROCESSOR: Final = 4
_OEM_STRINGS: Final = 11
_MEMORY_ARRAY: Final = 16
_MEMORY_DEVICE: Final = 17
_MEMORY_MAP: Final = 19
_END: Final = 127

# Type 0 (7.1)
_CHARACTERISTICS_UNKNOWN: Final = 1 << 3
_EXTENSION1_ACPI: Final = 1 << 0
_EXTENSION2_VIRTUAL_MACHINE: Final = 1 << 4
_NOT_APPLICABLE: Final = 0xFF
# Type 1 (7.2)
_WAKE_BY_POWER_SWITCH: Final = 6
# Type 3 (7.4)
_CHASSIS_OTHER: Final = 1
_STATE_SAFE: Final = 3
_SECURITY_NONE: Final = 3

# Type 4 (7.5)
_CENTRAL_PROCESSOR: Final = 3
_FAMILY_OTHER: Final = 1
_POPULATED_AND_ENABLED: Final = 0x41
_UPGRADE_OTHER: Final = 1
_NO_CACHE: Final = 0xFFFF
_SIXTY_FOUR_BIT: Final = 1 << 2
_MULTI_CORE: Final = 1 << 3
_SEE_WIDER_FIELD: Final = 0xFF
# Type 16 (7.17)
_LOCATION_OTHER: Final = 1
_USE_SYSTEM_MEMORY: Final = 3
_NO_ERROR_CORRECTION: Final = 3
_SEE_EXTENDED_CAPACITY: Final = 0x8000_0000
_NO_ERROR_INFORMATION: Final = 0xFFFE
# Type 17 (7.18)
_UNKNOWN_WIDTH: Final = 0xFFFF
_SEE_EXTENDED_SIZE: Final = 0x7FFF
_SIZE_IN_KIB: Final = 0x8000
_DIMM: Final = 9
_RAM: Final = 7
_DETAIL_OTHER: Final = 1 << 1
_USUAL_DEVICE: Final = 16 << 30
_MOST_DEVICES: Final = 64
# Type 19 (7.20)
_SEE_EXTENDED_ADDRESS: Final = 0xFFFF_FFFF

_MOST_STRINGS: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """What the tables say. The mappings' keys are libvirt's names of <sysinfo>'s entries."""

    uuid: UUID | None
    version: str
    acpi: bool
    bios: Mapping[str, str] = field(default_factory=dict)
    system: Mapping[str, str] = field(default_factory=dict)
    oem_strings: tuple[str, ...] = ()
    sockets: int = 1
    cores: int = 1
    """Of a socket, as the threads."""
    threads: int = 1
    memory: tuple[tuple[int, int], ...] = ()
    """Address and size of every piece of RAM."""


class _Strings:
    """The strings after a structure (6.1.3), which its fields name by number."""

    def __init__(self) -> None:
        self._strings: list[bytes] = []

    def add(self, text: str | None) -> int:
        if not text:
            return 0
        if "\0" in text:
            raise BootError("an SMBIOS string holds a zero byte")
        if len(self._strings) == _MOST_STRINGS:
            raise BootError(f"more than {_MOST_STRINGS} SMBIOS strings of one kind")
        self._strings.append(text.encode())
        return len(self._strings)

    def encode(self) -> bytes:
        return b"".join(string + b"\0" for string in self._strings or [b""]) + b"\0"


def build(information: Information, write: Callable[[int, bytes], None]) -> int:
    """Write the tables into guest memory; the address of the entry point, which a search finds (5.2)."""
    structures = [_bios(information), _system(information), _chassis(information)]
    structures += [_processor(number, information) for number in range(information.sockets)]
    structures += _memory(information)
    if information.oem_strings:
        structures.append(_oem_strings(information.oem_strings))
    structures.append(_structure(_END, b"", _Strings()))
    table = b"".join(structures)
    address = layout.SMBIOS + -(-_ENTRY_POINT.size // _ALIGNMENT) * _ALIGNMENT
    if address + len(table) > layout.HIGH_MEMORY:
        room = layout.HIGH_MEMORY - address
        raise BootError(f"the SMBIOS strings are too long: {len(table)} bytes of tables, {room} fit")
    write(address, table)
    write(layout.SMBIOS, _entry_point(address, len(table)))
    return layout.SMBIOS


def _entry_point(address: int, size: int) -> bytes:
    fields = (b"_SM3_", 0, _ENTRY_POINT.size, _MAJOR, _MINOR, 0, _ENTRY_POINT_REVISION, 0, size, address)
    data = bytearray(_ENTRY_POINT.pack(*fields))
    data[_CHECKSUM_AT] = -sum(data) & 0xFF
    return bytes(data)


def _structure(kind: int, formatted: bytes, strings: _Strings, number: int = 0) -> bytes:
    header = struct.pack("<BBH", kind, 4 + len(formatted), _handle(kind, number))
    return header + formatted + strings.encode()


def _handle(kind: int, number: int = 0) -> int:
    """Of the `number`th structure of a type."""
    return kind << 8 | number


def _bios(information: Information) -> bytes:
    strings, given = _Strings(), information.bios
    major, minor = _release(given.get("release"))
    formatted = struct.pack(
        "<BBHBBQBBBBBBH",
        strings.add(given.get("vendor", MANUFACTURER)),
        strings.add(given.get("version", information.version)),
        layout.BIOS >> 4,
        strings.add(given.get("date", _RELEASE_DATE)),
        0,  # 64 KiB
        _CHARACTERISTICS_UNKNOWN,
        _EXTENSION1_ACPI if information.acpi else 0,
        _EXTENSION2_VIRTUAL_MACHINE,
        major,
        minor,
        _NOT_APPLICABLE,
        _NOT_APPLICABLE,
        0,
    )
    return _structure(_BIOS, formatted, strings)


def _release(text: str | None) -> tuple[int, int]:
    """major.minor as bytes; 255 where there is none."""
    if text is None:
        return _NOT_APPLICABLE, _NOT_APPLICABLE
    major, dot, minor = text.partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal() and max(int(major), int(minor)) <= 0xFF):
        raise BootError(f"the BIOS release {text!r} is not two numbers up to 255 with a dot between")
    return int(major), int(minor)


def _system(information: Information) -> bytes:
    strings, given = _Strings(), information.system
    names = [
        strings.add(given.get(name, default))
        for name, default in (
            ("manufacturer", MANUFACTURER),
            ("product", PRODUCT),
            ("version", information.version),
            ("serial", None),
        )
    ]
    # The first three fields of the UUID are little-endian (7.2.1); all zeroes: there is none.
    uuid = information.uuid.bytes_le if information.uuid else bytes(16)
    formatted = bytes(names) + uuid
    formatted += bytes(
        [_WAKE_BY_POWER_SWITCH, strings.add(given.get("sku")), strings.add(given.get("family"))]
    )
    return _structure(_SYSTEM, formatted, strings)


def _chassis(information: Information) -> bytes:
    strings = _Strings()
    manufacturer = strings.add(information.system.get("manufacturer", MANUFACTURER))
    formatted = struct.pack(
        "<9BI5B",
        *(manufacturer, _CHASSIS_OTHER, 0, 0, 0),
        *(_STATE_SAFE, _STATE_SAFE, _STATE_SAFE, _SECURITY_NONE),
        *(0, 0, 0, 0, 0, 0),
    )
    return _structure(_CHASSIS, formatted, strings)


def _oem_strings(texts: tuple[str, ...]) -> bytes:
    strings = _Strings()
    count = 0
    for text in texts:
        count = max(count, strings.add(text))
    return _structure(_OEM_STRINGS, bytes([count]), strings)


def _processor(number: int, information: Information) -> bytes:
    """One of a socket. What a virtual processor has none of, such as a voltage, is unknown or zero."""
    strings = _Strings()
    designation = strings.add(f"CPU {number}")
    maker = strings.add(information.system.get("manufacturer", MANUFACTURER))
    cores, threads = information.cores, information.threads
    traits = _SIXTY_FOUR_BIT | (_MULTI_CORE if cores > 1 else 0)
    formatted = struct.pack(
        "<4BQ2B3H2B3H6B2H3H",
        *(designation, _CENTRAL_PROCESSOR, _FAMILY_OTHER, maker, 0, 0, 0),
        *(0, 0, 0, _POPULATED_AND_ENABLED, _UPGRADE_OTHER, _NO_CACHE, _NO_CACHE, _NO_CACHE),
        *(0, 0, 0, *(min(count, _SEE_WIDER_FIELD) for count in (cores, cores, threads))),
        *(traits, _FAMILY_OTHER, cores, cores, threads),
    )
    return _structure(_PROCESSOR, formatted, strings, number)


def _memory(information: Information) -> list[bytes]:
    """One array of memory devices, and where it is seen."""
    total = sum(size for _address, size in information.memory)
    if not total:
        return []
    largest = max(_USUAL_DEVICE, -(-total // _MOST_DEVICES >> 20) << 20)
    sizes = [min(largest, total - start) for start in range(0, total, largest)]
    capacity = total >> 10
    array = struct.pack(
        "<3BIHHQ",
        *(_LOCATION_OTHER, _USE_SYSTEM_MEMORY, _NO_ERROR_CORRECTION),
        min(capacity, _SEE_EXTENDED_CAPACITY),
        *(_NO_ERROR_INFORMATION, len(sizes)),
        total if capacity >= _SEE_EXTENDED_CAPACITY else 0,
    )
    structures = [_structure(_MEMORY_ARRAY, array, _Strings())]
    structures += [_memory_device(number, size) for number, size in enumerate(sizes)]
    for number, (address, size) in enumerate(information.memory):
        structures.append(_memory_map(number, address, size))
    return structures


def _memory_device(number: int, size: int) -> bytes:
    strings = _Strings()
    locator = strings.add(f"DIMM {number}")
    maker = strings.add(MANUFACTURER)
    mib = size >> 20
    # A size below 32 MiB that is no whole number of them can be said in KiB.
    small = size >> 10 if size % (1 << 20) and size >> 10 < _SIZE_IN_KIB else 0
    field = small | _SIZE_IN_KIB if small else min(mib, _SEE_EXTENDED_SIZE)
    formatted = struct.pack(
        "<5H4BB2H5BI4H",
        *(_handle(_MEMORY_ARRAY), _NO_ERROR_INFORMATION, _UNKNOWN_WIDTH, _UNKNOWN_WIDTH, field),
        *(_DIMM, 0, locator, 0, _RAM, _DETAIL_OTHER, 0, maker, 0, 0, 0, 0),
        mib if field == _SEE_EXTENDED_SIZE else 0,
        *(0, 0, 0, 0),
    )
    return _structure(_MEMORY_DEVICE, formatted, strings, number)


def _memory_map(number: int, address: int, size: int) -> bytes:
    """In KiB as far as 32 bits go, and in bytes beyond; both ends are inside."""
    last = address + size - 1
    narrow = last >> 10 < _SEE_EXTENDED_ADDRESS
    formatted = struct.pack(
        "<IIHBQQ",
        address >> 10 if narrow else _SEE_EXTENDED_ADDRESS,
        last >> 10 if narrow else _SEE_EXTENDED_ADDRESS,
        *(_handle(_MEMORY_ARRAY), 1),
        *((0, 0) if narrow else (address, last)),
    )
    return _structure(_MEMORY_MAP, formatted, _Strings(), number)
