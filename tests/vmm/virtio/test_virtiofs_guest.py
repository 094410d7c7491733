"""The Linux test kernel mounts a directory of the host as its root, and runs its /init from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.guests.linux.fixture import LinuxGuest

VIRTIOFSD = Path("/usr/lib/qemu/virtiofsd")

pytestmark = [
    pytest.mark.kvm,
    pytest.mark.slow,
    pytest.mark.skipif(not VIRTIOFSD.exists(), reason="virtiofsd (qemu-system-common) is not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="this virtiofsd runs as root only"),
]


def unpack(archive: Path, directory: Path) -> None:
    """The /init of an initramfs into a directory; the kernel mounts /dev by itself."""
    with archive.open("rb") as file:
        subprocess.run(["cpio", "-id", "--quiet", "init"], cwd=directory, stdin=file, check=True)
    (directory / "dev").mkdir()


def await_line(vmm: subprocess.Popen[bytes], serial: Path, line: str) -> str:
    """The guest's output as soon as it has that line: its /init does not end on every host."""
    deadline = time.monotonic() + 240
    while True:
        output = serial.read_text(errors="replace") if serial.exists() else ""
        if line in output:
            return output
        assert vmm.poll() is None, output
        assert time.monotonic() < deadline, output
        time.sleep(0.2)


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_root_in_a_directory_of_the_host(linux_guest: LinuxGuest, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    unpack(linux_guest.initrd, root)
    serial = tmp_path / "serial"
    xml = tmp_path / "guest.xml"
    xml.write_text(
        "<domain type='kvm'><name>virtiofs</name><memory unit='MiB'>128</memory>"
        f"<os><type>hvm</type><kernel>{linux_guest.vmlinux}</kernel>"
        f"<cmdline>{linux_guest.cmdline} root=host rootfstype=virtiofs rw init=/init</cmdline></os>"
        "<on_reboot>destroy</on_reboot><on_crash>destroy</on_crash><devices>"
        f"<filesystem type='mount'><driver type='virtiofs'/><source dir='{root}'/>"
        "<target dir='host'/></filesystem>"
        f"<serial type='file'><source path='{serial}'/></serial></devices></domain>"
    )
    command = [sys.executable, "-m", "kvmctl.vmm", str(xml)]
    with (tmp_path / "log").open("wb") as log:
        vmm = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        output = await_line(vmm, serial, linux_guest.line)
    finally:
        vmm.kill()
        vmm.wait()
    assert "VFS: Mounted root (virtiofs filesystem)" in output
    assert "Run /init as init process" in output
