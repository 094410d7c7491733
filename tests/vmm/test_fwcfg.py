"""fw_cfg as a firmware reads it, through its ports; its files; and the debug port beside it."""

from __future__ import annotations

import logging
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.domain import Domain, parse, with_defaults
from kvmctl.domain.meaning.boot import boots_from_network
from kvmctl.vmm import firmwarefiles
from kvmctl.vmm.boot import BootError
from kvmctl.vmm.bootorder import bootorder
from kvmctl.vmm.devices.debugport import DebugPort
from kvmctl.vmm.devices.fwcfg import (
    DATA,
    DMA,
    KEY_BOOT_MENU,
    KEY_CPUS,
    KEY_DIRECTORY,
    KEY_ID,
    KEY_MAX_CPUS,
    SELECTOR,
    FwCfg,
)
from kvmctl.vmm.memory import GuestMemory

MIB = 1 << 20
READ, SKIP, SELECT, WRITE = 2, 4, 8, 16


class Reader:
    """The firmware's side."""

    def __init__(self, device: FwCfg, memory: GuestMemory) -> None:
        self.device = device
        self.memory = memory

    def bytes(self, key: int, count: int) -> bytes:
        self.device.write(0, 2, key)
        return bytes(self.device.read(DATA - SELECTOR, 1) for _ in range(count))

    def dma(self, control: int, length: int, address: int, at: int = 0x1000) -> int:
        self.memory.write(at, struct.pack(">IIQ", control, length, address))
        for half, value in ((DMA, at >> 32), (DMA + 4, at & 0xFFFF_FFFF)):
            self.device.write(half - SELECTOR, 4, int.from_bytes(value.to_bytes(4, "big"), "little"))
        return int.from_bytes(self.memory.read(at, 4), "big")

    def directory(self) -> dict[str, tuple[int, int]]:
        """Size and key by name."""
        count = int.from_bytes(self.bytes(KEY_DIRECTORY, 4), "big")
        data = self.bytes(KEY_DIRECTORY, 4 + 64 * count)[4:]
        entries = [struct.unpack_from(">IHH56s", data, 64 * index) for index in range(count)]
        return {name.rstrip(b"\0").decode(): (size, key) for size, key, _, name in entries}


@pytest.fixture
def reader() -> Reader:
    memory = GuestMemory(4 * MIB)
    device = FwCfg(memory)
    device.offer({"etc/b": b"second", "etc/a": bytes(range(256))}, {KEY_CPUS: 3})
    return Reader(device, memory)


def test_by_the_data_port(reader: Reader) -> None:
    assert reader.bytes(0, 6) == b"QEMU\0\0", "zeroes after the end"
    assert reader.bytes(KEY_ID, 4) == b"\3\0\0\0"
    assert reader.bytes(KEY_CPUS, 2) == b"\3\0"
    assert reader.bytes(0x7777, 4) == bytes(4)
    directory = reader.directory()
    assert list(directory) == ["etc/a", "etc/b"]
    size, key = directory["etc/b"]
    assert reader.bytes(key, size) == b"second"
    assert reader.bytes(key | 0x4000, size) == b"second"


def test_by_dma(reader: Reader) -> None:
    size, key = reader.directory()["etc/a"]
    assert reader.dma(key << 16 | SELECT | READ, size + 4, 0x20_0000) == 0
    assert reader.memory.read(0x20_0000, size + 4) == bytes(range(256)) + bytes(4)
    assert reader.dma(key << 16 | SELECT | SKIP, 250, 0) == 0
    assert reader.dma(READ, 6, 0x3000) == 0
    assert reader.memory.read(0x3000, 6) == bytes(range(250, 256))
    signature = b"".join(reader.device.read(DMA - SELECTOR + at, 4).to_bytes(4, "little") for at in (0, 4))
    assert signature == b"QEMU CFG"


def test_dma_outside_of_memory_or_for_writing_is_an_error(reader: Reader) -> None:
    assert reader.dma(READ, 16, 4 * MIB - 8) == 1
    assert reader.dma(READ, 0xFFFF_FFFF, 0) == 1
    assert reader.dma(WRITE, 4, 0x2000) == 1
    reader.device.write(DMA - SELECTOR + 4, 4, 0xFFFF_FFFF)  # the request itself lies nowhere


@given(st.lists(st.tuples(st.integers(0, 11), st.sampled_from([1, 2, 4]), st.integers(0, 2**32 - 1))))
def test_no_access_breaks_it(accesses: list[tuple[int, int, int]]) -> None:
    device = FwCfg(GuestMemory(2 * MIB))
    device.offer({"etc/a": b"x" * 100}, {})
    for offset, size, value in accesses:
        device.write(offset, size, value & (1 << 8 * size) - 1)
        assert 0 <= device.read(offset, size) < 1 << 8 * size


def domain(devices: str = "", system: str = "") -> Domain:
    text = (
        "<domain type='kvm'><name>g</name><memory unit='MiB'>64</memory><vcpu>2</vcpu>"
        f"<os><type>hvm</type>{system}</os><features><acpi/></features><devices>{devices}</devices></domain>"
    )
    return with_defaults(parse(text.encode()))


def disk(name: str, more: str = "") -> str:
    return f"<disk type='file'><source file='/{name}'/><target dev='{name}'/>{more}</disk>"


CARD = "<interface type='ethernet'>{}</interface>"


def slot(function: object) -> str:
    return f"{function.address.slot:x}"  # type: ignore[attr-defined]


def test_the_boot_order_of_kinds() -> None:
    both = domain(disk("vda") + disk("vdb") + CARD.format(""), "<boot dev='network'/><boot dev='hd'/>")
    (card,), (first, _second) = both.devices.interfaces, both.devices.disks
    assert bootorder(both).decode().rstrip("\0").split("\n") == [
        f"/pci@i0cf8/ethernet@{slot(card)}/ethernet-phy@0",
        f"/pci@i0cf8/scsi@{slot(first)}/disk@0,0",
        "HALT",
    ]


def test_the_boot_order_of_devices() -> None:
    ordered = domain(
        disk("vda") + disk("vdb", "<boot order='1'/>") + CARD.format("<boot order='2'/>"),
    )
    (card,), (_first, second) = ordered.devices.interfaces, ordered.devices.disks
    assert bootorder(ordered).decode().rstrip("\0").split("\n") == [
        f"/pci@i0cf8/scsi@{slot(second)}/disk@0,0",
        f"/pci@i0cf8/ethernet@{slot(card)}/ethernet-phy@0",
        "HALT",
    ]


def test_what_the_domain_says_reaches_the_firmware() -> None:
    memory = GuestMemory(64 * MIB)
    plain = domain("<serial type='pty'/>")
    files = firmwarefiles.files(plain, memory)
    assert files["etc/boot-fail-wait"] == b"\xff\xff\xff\xff"
    assert files["etc/sercon-port"] == b"\xf8\x03"
    assert "etc/boot-menu-wait" not in files
    assert struct.unpack_from("<QQI", files["etc/e820"]) == (0, 64 * MIB, 1)
    assert firmwarefiles.numbers(plain) == {KEY_CPUS: 2, KEY_MAX_CPUS: 2, KEY_BOOT_MENU: 0}

    system = "<bootmenu enable='yes' timeout='3000'/><bios useserial='no' rebootTimeout='500'/>"
    asked = domain("<serial type='pty'/>", system)
    files = firmwarefiles.files(asked, memory)
    assert int.from_bytes(files["etc/boot-fail-wait"], "little") == 500
    assert int.from_bytes(files["etc/boot-menu-wait"], "little") == 3000
    assert "etc/sercon-port" not in files
    assert firmwarefiles.numbers(asked)[KEY_BOOT_MENU] == 1
    assert "etc/sercon-port" not in firmwarefiles.files(domain(), memory), "there is no serial port"


def test_the_debug_port_writes_lines_and_not_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    port = DebugPort()
    assert port.read_byte(0) == 0xE9
    for byte in b"Sea\x1bBIOS\r\nhalf":
        port.write_byte(0, byte)
    assert caplog.messages == ["firmware: Sea?BIOS"]
    for byte in b"x" * 200_000:
        port.write_byte(0, byte)
    assert sum(map(len, caplog.messages)) < 80_000
    assert caplog.messages[-1].startswith("the firmware has said enough")
    caplog.clear()
    port.reset()
    port.write_byte(0, ord("\n"))
    assert caplog.messages == ["firmware: "]


def test_the_option_rom_of_network_cards(tmp_path: Path) -> None:
    memory = GuestMemory(64 * MIB)
    rom = tmp_path / "rom"
    rom.write_bytes(b"\x55\xaa" + bytes(1022))
    with rom.open("rb") as file:
        files = firmwarefiles.files(domain(), memory, file.fileno())
    assert files["pci1af4,1041.rom"] == rom.read_bytes()
    rom.write_bytes(bytes(MIB))
    with rom.open("rb") as file, pytest.raises(BootError, match="option ROM"):
        firmwarefiles.files(domain(), memory, file.fileno())


@pytest.mark.parametrize(
    ("devices", "system", "asked"),
    [
        ("", "<boot dev='network'/>", False),
        (CARD.format(""), "<boot dev='hd'/><boot dev='network'/>", True),
        (CARD.format(""), "<boot dev='hd'/>", False),
        (CARD.format("<boot order='1'/>"), "", True),
    ],
)
def test_who_boots_from_the_network(devices: str, system: str, asked: bool) -> None:
    assert boots_from_network(domain(devices, system)) is asked
