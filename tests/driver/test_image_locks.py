"""Two guests on one image: refused, unless both say that they share it or neither writes."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml

MEBIBYTE = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(MEBIBYTE))
    return path


def guest(daemon: SessionDaemon, name: str, image: Path, more: str = "", kind: str = "raw") -> str:
    disk = (
        f"<disk type='file'><driver name='qemu' type='{kind}'/><source file='{image}'/>"
        f"<target dev='vda'/>{more}</disk>"
    )
    return daemon.write(f"{name}.xml", fake_xml(name, devices=disk))


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (qemu-utils, qemu-system-common)")


@pytest.mark.parametrize(
    ("first", "second"),
    [("", ""), ("", "<readonly/>"), ("<readonly/>", ""), ("<shareable/>", ""), ("", "<shareable/>")],
)
def test_an_image_is_one_guests(daemon: SessionDaemon, image: Path, first: str, second: str) -> None:
    daemon.virsh("create", guest(daemon, "one", image, first))
    message = daemon.error("create", guest(daemon, "two", image, second))
    assert "resource busy" in message
    assert f"disk '{image}' is in use" in message
    assert daemon.virsh("list", "--all", "--name").stdout.split() == ["one"]
    daemon.virsh("destroy", "one")
    daemon.virsh("create", guest(daemon, "two", image, second))


@pytest.mark.parametrize("how", ["<readonly/>", "<shareable/>"])
def test_an_image_of_many(daemon: SessionDaemon, image: Path, how: str) -> None:
    for name in ("one", "two", "three"):
        daemon.virsh("create", guest(daemon, name, image, how))
    assert len(daemon.virsh("list", "--name").stdout.split()) == 3


def test_one_guest_has_no_image_twice(daemon: SessionDaemon, image: Path) -> None:
    disks = "".join(
        f"<disk type='file'><source file='{image}'/><target dev='{target}'/></disk>"
        for target in ("vda", "vdb")
    )
    message = daemon.error("create", daemon.write("twice.xml", fake_xml("twice", devices=disks)))
    assert f"disk '{image}' is in use" in message


def test_a_lock_is_the_guests_and_not_the_daemons(daemon: SessionDaemon, image: Path) -> None:
    daemon.virsh("create", guest(daemon, "one", image))
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert "is in use" in daemon.error("create", guest(daemon, "two", image))
    daemon.virsh("destroy", "one")
    daemon.virsh("create", guest(daemon, "two", image))


def test_qemus_tools_see_the_lock(daemon: SessionDaemon, image: Path) -> None:
    needs("qemu-img", "qemu-io")
    daemon.virsh("create", guest(daemon, "one", image))
    for command in (
        ["qemu-img", "resize", "-f", "raw", image, "2M"],
        ["qemu-io", "-f", "raw", "-c", "q", image],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode != 0
        assert "lock" in done.stderr, done.stderr


def test_a_qcow2_image_is_one_guests(daemon: SessionDaemon, tmp_path: Path) -> None:
    needs("qemu-img", "qemu-storage-daemon")
    image = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
    daemon.virsh("create", guest(daemon, "one", image, kind="qcow2"))
    for kind in ("qcow2", "raw"):
        message = daemon.error("create", guest(daemon, "two", image, kind=kind))
        assert "resource busy" in message
        assert "is in use" in message
    # Its helper ends a moment after the guest.
    for _ in range(5):
        daemon.virsh("destroy", "one")
        daemon.virsh("create", guest(daemon, "one", image, kind="qcow2"))


def test_a_format_that_cannot_be_shared(daemon: SessionDaemon, tmp_path: Path) -> None:
    text = guest(daemon, "one", tmp_path / "disk.qcow2", "<shareable/>", kind="qcow2")
    message = daemon.error("define", text)
    assert "shared access for disk 'vda'" in message
