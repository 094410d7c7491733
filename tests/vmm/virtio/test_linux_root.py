"""The Linux test kernel finds the disk over PCI and mounts its root from it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.guests.linux.fixture import LinuxGuest

pytestmark = [pytest.mark.kvm, pytest.mark.slow]


def root_image(directory: Path) -> Path:
    """An ext4 file system without an init: the kernel ends by panicking, after it has mounted this."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed (e2fsprogs)")
    content = directory / "root"
    (content / "dev").mkdir(parents=True)
    image = directory / "root.img"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", str(content), str(image)], check=True)
    return image


def boot(guest: LinuxGuest, directory: Path, features: str, options: str) -> str:
    image = root_image(directory)
    xml = directory / "guest.xml"
    xml.write_text(
        "<domain type='kvm'><name>root</name><memory unit='MiB'>128</memory>"
        f"<os><type>hvm</type><kernel>{guest.vmlinux}</kernel>"
        f"<cmdline>{guest.cmdline} root=/dev/vda rootfstype=ext4 {options}</cmdline></os>{features}"
        "<on_reboot>destroy</on_reboot><on_crash>destroy</on_crash><devices>"
        f"<disk type='file'><source file='{image}'/><target dev='vda'/></disk>"
        f"<serial type='file'><source path='{directory}/serial'/></serial></devices></domain>"
    )
    command = [sys.executable, "-m", "kvmctl.vmm", str(xml)]
    subprocess.run(command, capture_output=True, timeout=240, check=False)
    return (directory / "serial").read_text(errors="replace")


@pytest.mark.parametrize(
    "features", ["", "<features><acpi/></features>"], ids=["from configuration space", "from _PRT"]
)
def test_root_on_the_first_disk(
    linux_guest: LinuxGuest,
    tmp_path: Path,
    features: str,
) -> None:
    """By its interrupt pin: messages are test_linux_devices's."""
    output = boot(linux_guest, tmp_path, features, "pci=nomsi")
    assert re.search(r"virtio_blk virtio\d+: \[vda\] 32768 512-byte logical blocks", output), output
    assert re.search(r"EXT4-fs \(vda\): mounted filesystem", output), output
    assert "VFS: Mounted root (ext4 filesystem)" in output
