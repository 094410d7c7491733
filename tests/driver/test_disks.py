"""Disks and random numbers through the daemon: a bare guest on the real VMM, and what is refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import domain_xml, fake_xml
from tests.guests.flat.build import build

MEBIBYTE = 1 << 20


def disk(path: Path | str, target: str = "vda", more: str = "") -> str:
    return f"<disk type='file'><source file='{path}'/><target dev='{target}'/>{more}</disk>"


@pytest.mark.kvm
def test_a_guest_gets_what_the_daemon_opened(daemon: SessionDaemon, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(MEBIBYTE))
    output = tmp_path / "serial"
    devices = (
        f"{disk(image)}<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
        f"<serial type='file'><source path='{output}'/></serial>"
    )
    text = domain_xml("entropy", kernel=str(build("entropy", tmp_path)), devices=devices)
    daemon.virsh("create", daemon.write("entropy.xml", text))
    deadline = time.monotonic() + 20
    while "PASS" not in output.read_text():
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)


def test_the_xml_of_a_disk(daemon: SessionDaemon, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(MEBIBYTE))
    devices = f"{disk(image, more='<readonly/><serial>S1</serial>')}<serial type='pty'/>"
    daemon.virsh("define", daemon.write("disk.xml", fake_xml("disk", devices=devices)))
    inactive = daemon.virsh("dumpxml", "disk").stdout
    assert "<driver name='qemu' type='raw'/>" in inactive
    assert "<target dev='vda' bus='virtio'/>" in inactive
    assert "virtio-disk0" not in inactive
    daemon.virsh("start", "disk")
    live = daemon.virsh("dumpxml", "disk").stdout
    assert "<alias name='virtio-disk0'/>" in live
    assert "<readonly/>" in live
    daemon.virsh("destroy", "disk")


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo"])
def test_a_disk_that_cannot_be_opened(daemon: SessionDaemon, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "disk"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    text = fake_xml("disk", devices=disk(path))
    message = daemon.error("create", daemon.write("disk.xml", text))
    assert str(path) in message


def test_a_block_device_is_no_file(daemon: SessionDaemon, tmp_path: Path) -> None:
    devices = f"<disk type='block'><source dev='{tmp_path}/image'/><target dev='vda'/></disk>"
    (tmp_path / "image").write_bytes(bytes(512))
    message = daemon.error("create", daemon.write("disk.xml", fake_xml("disk", devices=devices)))
    assert "is not a block device" in message
