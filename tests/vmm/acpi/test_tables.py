"""The ACPI tables: found, checksummed, true; the ACPI reference compiler takes them apart and together."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from kvmctl.domain import parse, with_defaults
from kvmctl.vmm import firmware
from kvmctl.vmm.boot import acpi, layout
from kvmctl.vmm.memory import GuestMemory
from tests.vmm.acpi.boards import BOARD, BOARDS, LARGEST, Tables

IASL = shutil.which("iasl")


@pytest.fixture(params=list(BOARDS.values()), ids=list(BOARDS))
def board(request: pytest.FixtureRequest) -> acpi.Board:
    chosen = request.param
    assert isinstance(chosen, acpi.Board)
    return chosen


def test_checksums_and_lengths(board: acpi.Board) -> None:
    tables = Tables(board)
    assert tables.rsdp[:8] == b"RSD PTR "
    assert sum(tables.rsdp[:20]) % 256 == 0
    assert sum(tables.rsdp) % 256 == 0
    assert struct.unpack_from("<BII", tables.rsdp, 15) == (2, 0, len(tables.rsdp))
    for table in tables.all():
        assert sum(table) % 256 == 0
        assert struct.unpack_from("<I", table, 4) == (len(table),)


def test_where_they_lie(board: acpi.Board) -> None:
    """In the memory that the e820 map keeps for them, and the RSDP where a search looks for it (5.2.5.1)."""
    tables = Tables(board)
    assert 0xE0000 <= tables.rsdp_address < 0x100000
    for address, data in tables.written.items():
        if data[:4] == b"FACS":
            assert address % 64 == 0
            assert layout.ACPI_NVS <= address < layout.BIOS
        elif address != tables.rsdp_address:
            assert address >= layout.ACPI_TABLES
            assert address + len(data) <= layout.ACPI_NVS


def madt_entries(madt: bytes) -> list[bytes]:
    entries = []
    position = 44
    while position < len(madt):
        entries.append(madt[position : position + madt[position + 1]])
        position += madt[position + 1]
    assert position == len(madt)
    return entries


def test_madt(board: acpi.Board) -> None:
    madt = Tables(board)["APIC"]
    assert struct.unpack_from("<II", madt, 36) == (0xFEE00000, 1)
    entries = madt_entries(madt)
    processors = [struct.unpack("<BBBBI", entry) for entry in entries if entry[0] == 0]
    assert processors == [
        (0, 8, number, cpu.apic_id, int(cpu.enabled)) for number, cpu in enumerate(board.processors)
    ]
    assert [entry for entry in entries if entry[0] != 0] == [
        struct.pack("<BBBBII", 1, 12, 0, 0, 0xFEC00000, 0),
        struct.pack("<BBBBIH", 2, 10, 0, 0, 2, 0),
        struct.pack("<BBBBIH", 2, 10, 0, 9, 9, 0xD),
        *(struct.pack("<BBBBIH", 2, 10, 0, gsi, gsi, 0xD) for gsi in ((10, 11) if board.pci else ())),
        struct.pack("<BBBHB", 4, 6, 0xFF, 0, 1),
    ]


def test_fadt() -> None:
    fadt = Tables(BOARD).fadt
    assert len(fadt) == 276
    assert (fadt[8], fadt[131]) == (6, 5)
    assert struct.unpack_from("<HI", fadt, 46) == (9, 0), "SCI, no SMI command port"
    assert struct.unpack_from("<8I", fadt, 56) == (0x600, 0, 0x604, 0, 0, 0x608, 0, 0)
    flags = struct.unpack_from("<I", fadt, 112)[0]
    assert flags & 1 << 10, "reset register"
    assert not flags & 1 << 4, "the power button is fixed hardware"
    assert not flags & 1 << 20, "not hardware-reduced"
    assert struct.unpack_from("<BBBBQB", fadt, 116) == (1, 8, 0, 1, 0xCF9, 6)
    assert struct.unpack_from("<H", fadt, 109)[0] & 2, "an i8042"


def test_mcfg() -> None:
    tables = Tables(LARGEST)
    assert struct.unpack("<8xQHBB4x", tables["MCFG"][36:]) == (0xE0000000, 0, 0, 0)
    assert b"PCI0" in tables.dsdt
    without = Tables(BOARD)
    assert [table[:4] for table in without.listed] == [b"FACP", b"APIC"]
    assert b"PCI0" not in without.dsdt


NUMA = """<domain type='kvm'><name>a</name><memory unit='GiB'>5</memory><vcpu current='5'>6</vcpu>
<os><type>hvm</type></os><features><acpi/></features>
<cpu><topology sockets='2' cores='3' threads='1'/><numa>
<cell id='1' cpus='3-5' memory='4' unit='GiB'><distances><sibling id='0' value='31'/></distances></cell>
<cell id='0' cpus='0-2' memory='1' unit='GiB'/></numa></cpu></domain>"""


def test_numa_nodes() -> None:
    """Sockets begin at APIC ids of their own, and the second node's memory goes around the hole."""
    tables = Tables(firmware.board(with_defaults(parse(NUMA))))
    processors = [entry for entry in madt_entries(tables["APIC"]) if entry[0] == 0]
    assert [entry[3] for entry in processors] == [0, 1, 2, 4, 5, 6]
    assert [entry[4] for entry in processors] == [1, 1, 1, 1, 1, 0]
    srat = tables["SRAT"]
    assert struct.unpack_from("<IQ", srat, 36) == (1, 0)
    nodes = [struct.unpack_from("<BBBBI", srat, 48 + 16 * number) for number in range(6)]
    assert nodes == [
        (0, 16, node, apic, 1) for node, apic in zip([0, 0, 0, 1, 1, 1], [0, 1, 2, 4, 5, 6], strict=True)
    ]
    parts = [struct.unpack_from("<BBIHQQIIQ", srat, 144 + 40 * number) for number in range(3)]
    assert parts == [
        (1, 40, 0, 0, 0, 1 << 30, 0, 1, 0),
        (1, 40, 1, 0, 1 << 30, 2 << 30, 0, 1, 0),
        (1, 40, 1, 0, 4 << 30, 2 << 30, 0, 1, 0),
    ]
    assert len(srat) == 144 + 3 * 40
    assert tables["SLIT"][36:] == struct.pack("<Q4B", 2, 10, 31, 31, 10)


def test_domain_without_acpi_has_no_tables() -> None:
    text = "<domain type='kvm'><name>a</name><memory>65536</memory>{}<os><type>hvm</type></os></domain>"
    without, with_acpi = (
        with_defaults(parse(text.format(features)))
        for features in ("", "<features><acpi/></features><vcpu current='2'>3</vcpu>")
    )
    memory = GuestMemory(4 << 20)
    assert firmware.write_tables(without, memory) == 0
    assert b"RSD PTR " not in memory.read(0xE0000, 0x20000)
    rsdp = firmware.write_tables(with_acpi, memory)
    assert memory.read(rsdp, 8) == b"RSD PTR "
    entries = madt_entries(Tables(firmware.board(with_acpi))["APIC"])
    assert [entry[4] for entry in entries if entry[0] == 0] == [1, 1, 0]


def test_memory_too_small_is_left_to_the_boot_code() -> None:
    text = (
        "<domain type='kvm'><name>a</name><memory>64</memory><features><acpi/></features>"
        "<os><type>hvm</type></os></domain>"
    )
    memory = GuestMemory(64 << 10)
    assert firmware.write_tables(with_defaults(parse(text)), memory) == 0


def iasl(directory: Path, *arguments: str) -> str:
    assert IASL is not None
    run = subprocess.run([IASL, *arguments], cwd=directory, capture_output=True, text=True)
    output = run.stdout + run.stderr
    assert run.returncode == 0, output
    return output


@pytest.mark.skipif(IASL is None, reason="iasl is not installed (apt-get install acpica-tools)")
def test_iasl_disassembles_and_compiles(board: acpi.Board, tmp_path: Path) -> None:
    """What is compiled from the disassembly differs from our bytes in the compiler's own name only."""
    tables = Tables(board)
    for table in (*tables.all(), tables.facs):
        name = table[:4].decode()
        (tmp_path / f"{name}.dat").write_bytes(table)
        output = iasl(tmp_path, "-d", f"{name}.dat")
        assert "rror" not in output.replace("0 Errors", "")
        # -oa: no optimizations, so that the bytes can be compared.
        output = iasl(tmp_path, "-oa", "-p", f"again_{name}", f"{name}.dsl")
        assert "0 Errors, 0 Warnings" in output
        again = (tmp_path / f"again_{name}.aml").read_bytes()
        if name == "FACS":
            assert again == table
        else:
            assert without_compiler(again) == without_compiler(table)


def without_compiler(table: bytes) -> bytes:
    """Without the checksum and the creator's id and revision."""
    return table[:9] + table[10:28] + table[36:]
