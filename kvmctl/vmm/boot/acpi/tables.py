"""The system description tables (ACPI specification 6.5, chapter 5): fields, checksums and where they lie."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from kvmctl.vmm.boot import layout
from kvmctl.vmm.boot.acpi import dsdt
from kvmctl.vmm.boot.acpi.board import Board, PciRoot

_OEM: Final = b"KVMCTL"
_OEM_TABLE: Final = b"KVMCTL  "
_OEM_REVISION: Final = 1
_CREATOR: Final = b"KVMC"
_CREATOR_REVISION: Final = 1
_HEADER: Final = struct.Struct("<4sIBB6s8sI4sI")
_CHECKSUM_AT: Final = 9
_ALIGNMENT: Final = 16

# RSDP (5.2.5.3)
_RSDP: Final = struct.Struct("<8sB6sBIIQB3x")
_RSDP_V1_SIZE: Final = 20
_RSDP_CHECKSUM_AT: Final = 8
_RSDP_EXTENDED_CHECKSUM_AT: Final = 32
_RSDP_REVISION: Final = 2

# FACS (5.2.10)
_FACS: Final = struct.Struct("<4sIIIIIQB31x")
_FACS_VERSION: Final = 2

# FADT (5.2.9)
_FADT_REVISION: Final = 6
_FADT_MINOR: Final = 5
_PROFILE_DESKTOP: Final = 1
_NO_C_STATE: Final = 0xFFFF
_WBINVD: Final = 1 << 0
_PROC_C1: Final = 1 << 2
_NO_SLEEP_BUTTON: Final = 1 << 5
_NO_FIXED_RTC_WAKE: Final = 1 << 6
_TIMER_32_BITS: Final = 1 << 8
_RESET_REGISTER: Final = 1 << 10
_FADT_FLAGS: Final = (
    _WBINVD | _PROC_C1 | _NO_SLEEP_BUTTON | _NO_FIXED_RTC_WAKE | _TIMER_32_BITS | _RESET_REGISTER
)
_BOOT_LEGACY_DEVICES: Final = 1 << 0
_BOOT_8042: Final = 1 << 1
_BOOT_NO_VGA: Final = 1 << 2

# Generic Address Structure (5.2.3.2)
_SPACE_IO: Final = 1

_ECAM_BUS_SIZE: Final = 1 << 20

# SRAT (5.2.16)
_SRAT_REVISION: Final = 3

# MADT (5.2.12)
_MADT_REVISION: Final = 5
_LOCAL_APIC_ADDRESS: Final = 0xFEE0_0000
_IO_APIC_ADDRESS: Final = 0xFEC0_0000
_IO_APIC_ID: Final = 0
_PCAT_COMPAT: Final = 1
_ENABLED: Final = 1
_TIMER_IRQ: Final = 0
_TIMER_PIN: Final = 2
_LEVEL_ACTIVE_HIGH: Final = 0b1101
_ALL_PROCESSORS: Final = 0xFF
_NMI_INPUT: Final = 1


def table(signature: bytes, revision: int, body: bytes) -> bytes:
    """A table with the common header (5.2.6)."""
    length = _HEADER.size + len(body)
    data = bytearray(
        _HEADER.pack(
            signature,
            length,
            revision,
            0,
            _OEM,
            _OEM_TABLE,
            _OEM_REVISION,
            _CREATOR,
            _CREATOR_REVISION,
        )
        + body
    )
    data[_CHECKSUM_AT] = _checksum(data)
    return bytes(data)


def _checksum(data: bytes | bytearray) -> int:
    """The byte that makes the sum of all zero."""
    return -sum(data) & 0xFF


def build(board: Board, write: Callable[[int, bytes], None]) -> int:
    """Write every table into guest memory; the address of the RSDP."""
    position = layout.ACPI_TABLES

    def place(data: bytes) -> int:
        nonlocal position
        address = position
        position += -(-len(data) // _ALIGNMENT) * _ALIGNMENT
        if position > layout.ACPI_NVS:
            raise ValueError("the ACPI tables do not fit")
        write(address, data)
        return address

    write(layout.ACPI_NVS, _facs())
    definitions = place(table(b"DSDT", 2, dsdt.definitions(board)))
    addresses = [place(_fadt(board, definitions)), place(_madt(board))]
    if board.pci is not None:
        addresses.append(place(_mcfg(board.pci)))
    if board.memory:
        addresses.append(place(_srat(board)))
    if board.distances:
        addresses.append(place(_slit(board.distances)))
    xsdt = place(table(b"XSDT", 1, struct.pack(f"<{len(addresses)}Q", *addresses)))
    write(layout.RSDP, _rsdp(xsdt))
    return layout.RSDP


def _rsdp(xsdt: int) -> bytes:
    data = bytearray(_RSDP.pack(b"RSD PTR ", 0, _OEM, _RSDP_REVISION, 0, _RSDP.size, xsdt, 0))
    data[_RSDP_CHECKSUM_AT] = _checksum(data[:_RSDP_V1_SIZE])
    data[_RSDP_EXTENDED_CHECKSUM_AT] = _checksum(data)
    return bytes(data)


def _facs() -> bytes:
    return _FACS.pack(b"FACS", _FACS.size, 0, 0, 0, 0, 0, _FACS_VERSION)


def _address(port: int, size: int, access: int | None = None) -> bytes:
    """An I/O port as a Generic Address Structure; zero bytes where there is none."""
    if not size:
        return bytes(12)
    access_size = (access or size).bit_length()
    return struct.pack("<BBBBQ", _SPACE_IO, 8 * size, 0, access_size, port)


def _fadt(board: Board, definitions: int) -> bytes:
    """No SMI command port: the machine is always in ACPI mode (4.8.2.5)."""
    power = board.power
    boot_flags = _BOOT_LEGACY_DEVICES | _BOOT_NO_VGA | (_BOOT_8042 if board.keyboard_controller else 0)
    fields = (
        struct.pack("<IIBBHI4B", layout.ACPI_NVS, definitions, 0, _PROFILE_DESKTOP, power.sci, 0, 0, 0, 0, 0),
        # PM1a and PM1b event blocks, PM1a and PM1b control blocks, PM2 control, PM timer, GPE0, GPE1
        struct.pack("<8I", power.event, 0, power.control, 0, 0, power.timer, 0, 0),
        # Their lengths, GPE1's base, _CST's SMI value
        struct.pack("<8B", 4, 2, 0, 4, 0, 0, 0, 0),
        # C2 and C3 latency, flush size and stride
        struct.pack("<4H", _NO_C_STATE, _NO_C_STATE, 0, 0),
        # Duty offset and width, day and month alarm, century; boot flags; flags
        struct.pack("<5BHBI", 0, 0, 0, 0, board.rtc_century, boot_flags, 0, _FADT_FLAGS),
        _address(board.reset_port, 1),
        struct.pack("<BHB", board.reset_value, 0, _FADT_MINOR),
        struct.pack("<QQ", 0, definitions),
        _address(power.event, 4, access=2),
        _address(0, 0),
        _address(power.control, 2),
        _address(0, 0),
        _address(0, 0),
        _address(power.timer, 4),
        _address(0, 0),
        _address(0, 0),
        # Sleep control and status registers of hardware-reduced machines, hypervisor vendor
        _address(0, 0),
        _address(0, 0),
        b"KVMCTL\0\0",
    )
    return table(b"FACP", _FADT_REVISION, b"".join(fields))


def _madt(board: Board) -> bytes:
    pci_gsis = sorted(set(board.pci.gsis)) if board.pci else []
    entries = [struct.pack("<II", _LOCAL_APIC_ADDRESS, _PCAT_COMPAT)]
    for number, cpu in enumerate(board.processors):
        entries.append(struct.pack("<BBBBI", 0, 8, number, cpu.apic_id, _ENABLED if cpu.enabled else 0))
    entries += [
        struct.pack("<BBBBII", 1, 12, _IO_APIC_ID, 0, _IO_APIC_ADDRESS, 0),
        _override(_TIMER_IRQ, _TIMER_PIN, 0),
        _override(board.power.sci, board.power.sci, _LEVEL_ACTIVE_HIGH),
        *(_override(gsi, gsi, _LEVEL_ACTIVE_HIGH) for gsi in pci_gsis),
        struct.pack("<BBBHB", 4, 6, _ALL_PROCESSORS, 0, _NMI_INPUT),
    ]
    return table(b"APIC", _MADT_REVISION, b"".join(entries))


def _override(irq: int, gsi: int, flags: int) -> bytes:
    """Interrupt Source Override (5.2.12.5): how an ISA interrupt is wired that is not wired one to one."""
    return struct.pack("<BBBBIH", 2, 10, 0, irq, gsi, flags)


def _mcfg(root: PciRoot) -> bytes:
    """Where ECAM is (PCI Firmware Specification 3.0, 4.1.2): segment 0, from bus 0 on."""
    last_bus = root.ecam_size // _ECAM_BUS_SIZE - 1
    return table(b"MCFG", 1, struct.pack("<8xQHBB4x", root.ecam, 0, 0, last_bus))


def _srat(board: Board) -> bytes:
    """Which node each processor and each piece of memory belongs to (5.2.16)."""
    entries = [struct.pack("<IQ", 1, 0)]
    for cpu in board.processors:
        low, high = cpu.node & 0xFF, (cpu.node >> 8).to_bytes(3, "little")
        entries.append(struct.pack("<BBBBIB3sI", 0, 16, low, cpu.apic_id, _ENABLED, 0, high, 0))
    for part in board.memory:
        fields = (1, 40, part.node, 0, part.address, part.size, 0, _ENABLED, 0)
        entries.append(struct.pack("<BBIHQQIIQ", *fields))
    return table(b"SRAT", _SRAT_REVISION, b"".join(entries))


def _slit(distances: Sequence[Sequence[int]]) -> bytes:
    """How far each node is from each other (5.2.17)."""
    rows = b"".join(bytes(row) for row in distances)
    return table(b"SLIT", 1, struct.pack("<Q", len(distances)) + rows)
