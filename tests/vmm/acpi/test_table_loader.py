"""The tables as a firmware links them are those that a guest without one finds."""

from __future__ import annotations

import struct

import pytest

from kvmctl.vmm.boot import acpi, tableloader
from tests.vmm.acpi.boards import BOARDS

PLACES = 0x7FF_0000


class Linker:
    """Carries out the script as a firmware does, with each file at an address of its own."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = {name: bytearray(data) for name, data in files.items()}
        self.address: dict[str, int] = {}
        self.zones: dict[str, int] = {}
        script = files[tableloader.SCRIPT]
        for at in range(0, len(script), 128):
            (command,) = struct.unpack_from("<I", script, at)
            {1: self.allocate, 2: self.point, 3: self.check}[command](script[at + 4 : at + 128])

    @staticmethod
    def name(field: bytes) -> str:
        return field.rstrip(b"\0").decode()

    def allocate(self, entry: bytes) -> None:
        field, alignment, zone = struct.unpack_from("<56sIB", entry)
        name = self.name(field)
        assert name not in self.address
        self.address[name] = PLACES + 0x1_0000 * len(self.address)
        assert self.address[name] % alignment == 0
        self.zones[name] = zone

    def point(self, entry: bytes) -> None:
        to, source, offset, size = struct.unpack_from("<56s56sIB", entry)
        table = self.files[self.name(to)]
        value = int.from_bytes(table[offset : offset + size], "little") + self.address[self.name(source)]
        table[offset : offset + size] = value.to_bytes(size, "little")

    def check(self, entry: bytes) -> None:
        field, offset, start, length = struct.unpack_from("<56sIII", entry)
        table = self.files[self.name(field)]
        table[offset] = (table[offset] - sum(table[start : start + length])) & 0xFF


@pytest.mark.parametrize("name", BOARDS)
def test_linked(name: str) -> None:
    written: dict[int, bytes] = {}
    rsdp = written[acpi.build(BOARDS[name], written.__setitem__)]
    linker = Linker(tableloader.files(written))
    by_address = {linker.address[name]: bytes(linker.files[name]) for name in linker.address}
    assert [linker.zones[name] for name in linker.address].count(2) == 1
    assert linker.zones["etc/acpi/rsdp"] == 2
    root = by_address[linker.address["etc/acpi/rsdp"]]
    assert sum(root[:20]) % 256 == sum(root) % 256 == 0
    assert len(root) == len(rsdp)
    xsdt = by_address[struct.unpack_from("<Q", root, 24)[0]]
    listed = [by_address[entry] for entry in struct.unpack(f"<{(len(xsdt) - 36) // 8}Q", xsdt[36:])]
    original = written[struct.unpack_from("<Q", rsdp, 24)[0]]
    assert [table[:4] for table in listed] == [
        written[entry][:4] for entry in struct.unpack(f"<{(len(original) - 36) // 8}Q", original[36:])
    ]
    assert all(sum(table) % 256 == 0 for table in (xsdt, *listed))
    (fadt,) = (table for table in listed if table[:4] == b"FACP")
    assert by_address[struct.unpack_from("<I", fadt, 36)[0]][:4] == b"FACS"
    assert by_address[struct.unpack_from("<I", fadt, 40)[0]][:4] == b"DSDT"
    assert by_address[struct.unpack_from("<Q", fadt, 140)[0]][:4] == b"DSDT"
    assert set(written.values()) & set(by_address.values()), "tables without pointers stay as they are"
