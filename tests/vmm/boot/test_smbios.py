"""SMBIOS: structures and strings, and what dmidecode reads from them."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.domain import parse
from kvmctl.vmm import firmware
from kvmctl.vmm.boot import BootError, smbios

ID = UUID("5f1a9a40-3f0c-4a8e-8f3c-0d7f0a5c1e11")
PLAIN = smbios.Information(uuid=ID, version="1.2.3", acpi=True)
FULL = replace(
    PLAIN,
    bios={"vendor": "Some Vendor", "version": "7", "date": "02/03/2024", "release": "4.5"},
    system={
        "manufacturer": "Some Maker",
        "product": "Thing",
        "version": "8",
        "serial": "S-123",
        "sku": "K",
        "family": "F",
    },
    oem_strings=("first", "second"),
    sockets=2,
    cores=300,
    threads=600,
    memory=((0, 3 << 30), (4 << 30, 5 << 40)),
)


def build(information: smbios.Information) -> tuple[bytes, bytes]:
    """(entry point, table), found by the entry point's address."""
    written: dict[int, bytes] = {}
    entry = written[smbios.build(information, written.__setitem__)]
    size, address = struct.unpack_from("<IQ", entry, 12)
    table = written[address]
    assert len(table) == size
    assert address + size <= 0x100000
    return entry, table


def structures(table: bytes) -> list[tuple[int, bytes, list[bytes]]]:
    """(type, formatted area, strings) of each structure."""
    result = []
    position = 0
    while position < len(table):
        kind, length = table[position], table[position + 1]
        end = table.index(b"\0\0", position + length)
        strings = table[position + length : end].split(b"\0") if end > position + length else []
        result.append((kind, table[position : position + length], strings))
        position = end + 2
    return result


def test_entry_point() -> None:
    address = smbios.build(PLAIN, lambda _address, _data: None)
    assert 0xF0000 <= address < 0x100000
    assert address % 16 == 0
    entry, _ = build(PLAIN)
    assert entry[:5] == b"_SM3_"
    assert sum(entry) % 256 == 0
    assert entry[6:9] == bytes([24, 3, 6])


def test_structures() -> None:
    kinds = [(kind, len(formatted)) for kind, formatted, _ in structures(build(PLAIN)[1])]
    assert kinds == [(0, 26), (1, 27), (3, 22), (4, 48), (127, 4)]
    kinds = [(kind, len(formatted)) for kind, formatted, _ in structures(build(FULL)[1])]
    devices = [(17, 40)] * 64
    assert kinds[3:] == [(4, 48), (4, 48), (16, 23), *devices, (19, 31), (19, 31), (11, 5), (127, 4)]


def test_uuid_is_little_endian() -> None:
    (system,) = (formatted for kind, formatted, _ in structures(build(PLAIN)[1]) if kind == 1)
    assert system[8:24] == bytes.fromhex("409a1a5f0c3f8e4a8f3c0d7f0a5c1e11")


TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)


@given(
    st.dictionaries(st.sampled_from(["manufacturer", "product", "version", "serial", "sku", "family"]), TEXT)
)
def test_any_strings(system: dict[str, str]) -> None:
    _, table = build(replace(PLAIN, system=system))
    ((formatted, strings),) = [(one[1], one[2]) for one in structures(table) if one[0] == 1]
    for name, offset in (("manufacturer", 4), ("product", 5), ("serial", 7), ("sku", 25), ("family", 26)):
        number = formatted[offset]
        if name in system:
            assert (strings[number - 1] if number else b"") == system[name].encode()


@pytest.mark.parametrize(
    "wrong",
    [
        replace(PLAIN, system={"serial": "a\0b"}),
        replace(PLAIN, system={"serial": "x" * 70000}),
        replace(PLAIN, oem_strings=("x",) * 256),
        replace(PLAIN, bios={"release": "1"}),
        replace(PLAIN, bios={"release": "1.256"}),
    ],
    ids=["zero byte", "too long", "too many", "no release", "release too large"],
)
def test_what_does_not_fit_is_refused(wrong: smbios.Information) -> None:
    with pytest.raises(BootError):
        build(wrong)


def dmidecode(information: smbios.Information, directory: Path) -> str:
    """As from `dmidecode --dump-bin`: the table at byte 32, and the entry point says so."""
    entry, table = build(information)
    moved = bytearray(entry)
    struct.pack_into("<Q", moved, 16, 32)
    moved[5] = 0
    moved[5] = -sum(moved) & 0xFF
    dump = directory / "dump"
    dump.write_bytes(bytes(moved).ljust(32, b"\0") + table)
    run = subprocess.run(["dmidecode", "--from-dump", dump], capture_output=True, text=True, check=True)
    assert not run.stderr
    return run.stdout


@pytest.mark.skipif(shutil.which("dmidecode") is None, reason="dmidecode is not installed")
def test_dmidecode(tmp_path: Path) -> None:
    plain = dmidecode(PLAIN, tmp_path)
    assert f"UUID: {ID}" in plain
    assert "Manufacturer: kvmctl" in plain
    assert "System is a virtual machine" in plain
    assert "ACPI is supported" in plain
    full = dmidecode(FULL, tmp_path)
    for line in (
        *("Vendor: Some Vendor", "Version: 7", "Release Date: 02/03/2024", "BIOS Revision: 4.5"),
        *("Manufacturer: Some Maker", "Product Name: Thing", "Version: 8", "Serial Number: S-123"),
        *("SKU Number: K", "Family: F", "String 1: first", "String 2: second"),
    ):
        assert line in full
    for line in (
        *("Socket Designation: CPU 1", "Core Count: 300", "Thread Count: 600", "Multi-Core"),
        *("Maximum Capacity: 5123 GB", "Number Of Devices: 64", "Locator: DIMM 63", "Type: RAM"),
        *("Ending Address: 0x000BFFFFFFF", "Range Size: 5 TB"),
    ):
        assert line in full
    small = dmidecode(replace(PLAIN, memory=((0, (16 << 20) + 4096),)), tmp_path)
    assert "Size: 16388 kB" in small
    for text in (plain, full, small):
        assert "broken" not in text.lower()
        assert "Wrong" not in text
        assert "Invalid entry" not in text


SYSINFO = """
<domain type='kvm'><name>a</name><uuid>5f1a9a40-3f0c-4a8e-8f3c-0d7f0a5c1e11</uuid><memory>65536</memory>
<sysinfo type='smbios'><bios><entry name='vendor'>V</entry></bios>
<system><entry name='serial'>S</entry></system><oemStrings><entry>O</entry></oemStrings></sysinfo>
<os><type>hvm</type>{}</os></domain>
"""


def test_sysinfo() -> None:
    used, unused = (
        firmware.identity(parse(SYSINFO.format(mode))) for mode in ("<smbios mode='sysinfo'/>", "")
    )
    assert (used.uuid, used.bios, used.system, used.oem_strings) == (
        ID,
        {"vendor": "V"},
        {"serial": "S"},
        ("O",),
    )
    assert (unused.uuid, unused.bios, unused.system, unused.oem_strings) == (ID, {}, {}, ())
