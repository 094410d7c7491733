"""Guests without a kernel: unmodified disk images boot through the firmware, and a person drives them."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import libvirt
import pexpect
import pytest

from kvmctl.host import firmware
from tests.conftest import SessionDaemon
from tests.driver.test_bad_input import refused
from tests.driver.test_console import ESCAPE, virsh
from tests.guests.disk import build

pytestmark = [
    pytest.mark.kvm,
    pytest.mark.skipif(not Path(firmware.bios()).exists(), reason="SeaBIOS is missing (seabios)"),
]

DOWN = "\x1b[B"
MENU_SECONDS = 240
"""GRUB and what it loads run in KVM's emulator on a nested host, beside other tests."""


def image_xml(image: Path | str, *, system: str = "", devices: str = "", memory: int = 64) -> str:
    return f"""<domain type='kvm'><name>guest</name><memory unit='MiB'>{memory}</memory>
<os><type arch='x86_64'>hvm</type>{system}</os><features><acpi/></features>
<devices><disk type='file'><source file='{image}'/><target dev='vda'/></disk>{devices}
<serial type='pty'/></devices></domain>"""


def console_of(daemon: SessionDaemon, text: str) -> pexpect.spawn:
    daemon.virsh("define", daemon.write("guest.xml", text))
    child = virsh(daemon, "start", "--console", "guest")
    child.expect("Escape character is")
    return child


@pytest.mark.skipif(build.missing() is not None, reason=build.missing() or "")
@pytest.mark.skipif(not build.MEMTEST.exists(), reason=f"{build.MEMTEST} is missing (memtest86+)")
def test_grub_is_driven_to_the_memory_test(daemon: SessionDaemon, tmp_path: Path) -> None:
    """From the boot sector to a pass of memtest86+, which GRUB loads from ext4 as it loads Linux."""
    config = f"""{build.SERIAL}
set timeout=-1
menuentry "End" {{ halt }}
menuentry "Memory test" {{
    echo chosen with a key
    linux /boot/memtest console=ttyS0,115200
}}
"""
    image = build.grub_disk(tmp_path / "grub.img", config, {"boot/memtest": build.MEMTEST}, mib=16)
    child = console_of(daemon, image_xml(image, memory=256))
    child.expect("Booting from Hard Disk", timeout=MENU_SECONDS)
    child.expect(r"\*End", timeout=MENU_SECONDS)
    child.send(DOWN)
    child.expect(r"\*Memory test", timeout=MENU_SECONDS)
    child.send("\r")
    child.expect("chosen with a key", timeout=MENU_SECONDS)
    child.expect(r"Memtest86\+", timeout=MENU_SECONDS)
    child.expect(r"#\d+ +\[Address test", timeout=MENU_SECONDS)
    child.expect(r"(\d+)% #+", timeout=MENU_SECONDS)
    assert int(child.match[1]) > 0, "the pass is running"
    child.send(ESCAPE)
    child.expect(pexpect.EOF)
    assert daemon.virsh("domstate", "guest").stdout.strip() == "running"
    log = (daemon.logs / "guest.log").read_text()
    assert "firmware: Booting from 0000:7c00" in log


def bad_boot_sector(path: Path) -> None:
    path.write_bytes(bytes(1 << 20))


def truncated(path: Path) -> None:
    """A boot sector, and nothing of what it would load."""
    path.write_bytes(bytes(510) + b"\x55\xaa")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def qcow2_named_raw(path: Path) -> None:
    path.write_bytes(struct.pack(">4sI", b"QFI\xfb", 3).ljust(1 << 20, b"\0"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (bad_boot_sector, "not a bootable disk"),
        (truncated, "could not read the boot disk"),
        (empty, "No bootable device"),
        (qcow2_named_raw, "not a bootable disk"),
    ],
)
def test_a_bad_image_ends_in_the_firmwares_words(
    daemon: SessionDaemon, tmp_path: Path, make: object, message: str
) -> None:
    image = tmp_path / "bad.img"
    make(image)  # type: ignore[operator]
    child = console_of(daemon, image_xml(image))
    child.expect(message, timeout=60)
    child.send(ESCAPE)
    child.expect(pexpect.EOF)
    assert daemon.virsh("domstate", "guest").stdout.strip() == "running"
    daemon.virsh("reset", "guest")
    child = virsh(daemon, "console", "guest")
    child.expect(message, timeout=60)
    child.close()
    daemon.virsh("destroy", "guest")
    assert daemon.virsh("domstate", "guest").stdout.strip() == "shut off"


def test_nothing_to_boot_starts_again_when_asked_to(daemon: SessionDaemon, tmp_path: Path) -> None:
    image = tmp_path / "bad.img"
    image.write_bytes(bytes(1 << 20))
    child = console_of(daemon, image_xml(image, system="<bios useserial='yes' rebootTimeout='0'/>"))
    for _ in range(2):
        child.expect("not a bootable disk", timeout=60)
        child.expect("SeaBIOS", timeout=60)
    child.close()


def test_the_boot_menu_is_driven_by_keys(daemon: SessionDaemon, tmp_path: Path) -> None:
    """The second disk is chosen, whose boot sector says so and powers off by ACPI's port."""
    first, second = tmp_path / "first.img", tmp_path / "second.img"
    first.write_bytes(bytes(1 << 20))
    second.write_bytes(_speaking_sector().ljust(1 << 20, b"\0"))
    disk = (
        f"<disk type='file'><source file='{second}'/><target dev='vdb'/><boot order='2'/></disk>"
        "<watchdog model='i6300esb'/>"
    )
    text = image_xml(first, system="<bootmenu enable='yes' timeout='30000'/>", devices=disk)
    text = text.replace("<target dev='vda'/>", "<target dev='vda'/><boot order='1'/>")
    child = console_of(daemon, text)
    child.expect("Press ESC for boot menu", timeout=60)
    child.send("\x1b")
    child.expect("Select boot device", timeout=60)
    child.expect("2. Virtio disk", timeout=60)
    child.send("2")
    child.expect("own sector", timeout=60)
    child.expect(pexpect.EOF, timeout=60)
    assert daemon.virsh("domstate", "--reason", "guest").stdout.strip() == "shut off (shutdown)"


@pytest.mark.skipif(not Path(firmware.netboot()).exists(), reason="iPXE is missing (ipxe-qemu)")
@pytest.mark.skipif(shutil.which("passt") is None, reason="passt is missing")
def test_a_network_card_is_booted_from(daemon: SessionDaemon, tmp_path: Path) -> None:
    """Ahead of the disk, by the option ROM that the firmware is given for it."""
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1 << 20))
    card = "<interface type='user'><backend type='passt'/></interface>"
    boot = "<boot dev='network'/><boot dev='hd'/>"
    child = console_of(daemon, image_xml(image, system=boot, devices=card))
    child.expect(r"iPXE \(http://ipxe\.org\)", timeout=MENU_SECONDS)
    child.expect("Booting from ROM", timeout=MENU_SECONDS)
    child.expect("starting execution", timeout=MENU_SECONDS)
    child.close()


def _speaking_sector() -> bytes:
    """16-bit code that writes its text with the BIOS's teletype, then SLP_EN into PM1a_CNT."""
    text = b"own sector\r\n\0"
    code = (
        b"\x31\xc0\x8e\xd8"  # xor ax, ax; mov ds, ax
        b"\xbe\x1c\x7c"  # mov si, text
        b"\xac\x84\xc0\x74\x06"  # lodsb; test al, al; jz off
        b"\xb4\x0e\xcd\x10\xeb\xf5"  # mov ah, 0x0e; int 0x10; jmp lodsb
        b"\xfb\xf4\xf4\xf4"  # off: sti; hlt; hlt; hlt: SeaBIOS writes the last character on a timer tick
        b"\xba\x04\x06\xb4\x20\xef"  # mov dx, 0x604; mov ah, 0x20; out dx, ax
    )
    assert len(code) == 0x1C
    return (code + text).ljust(510, b"\0") + b"\x55\xaa"


def test_firmware_that_cannot_be(daemon: SessionDaemon, tmp_path: Path) -> None:
    connection = libvirt.open(daemon.uri)
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1 << 20))
    small = tmp_path / "firmware"
    small.write_bytes(bytes(1000))
    code, message = refused(connection.createXML, image_xml(image, system=f"<loader>{small}</loader>"))
    assert code == libvirt.VIR_ERR_INTERNAL_ERROR
    assert "not a PC firmware" in message
    missing = image_xml(image, system="<loader>/nowhere/firmware</loader>")
    assert refused(connection.createXML, missing) == (
        libvirt.VIR_ERR_SYSTEM_ERROR,
        "cannot open firmware '/nowhere/firmware': No such file or directory",
    )
    microvm = image_xml(image).replace("arch='x86_64'", "machine='microvm'")
    code, message = refused(connection.createXML, microvm)
    assert code == libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    assert "<kernel>" in message
    connection.close()


def test_firmware_of_a_file_of_ones_own(daemon: SessionDaemon, tmp_path: Path) -> None:
    image, loader = tmp_path / "disk.img", tmp_path / "bios.bin"
    image.write_bytes(bytes(1 << 20))
    loader.write_bytes(Path(firmware.bios()).read_bytes())
    child = console_of(daemon, image_xml(image, system=f"<loader readonly='yes'>{loader}</loader>"))
    child.expect("not a bootable disk", timeout=60)
    child.close()
    assert "<loader readonly='yes' type='rom'>" in daemon.virsh("dumpxml", "guest").stdout
