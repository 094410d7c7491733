"""Helpers that serve a guest's devices live as long as the guest, whatever becomes of the daemon."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import monitor_xml
from tests.driver.waiting import wait_until

pytestmark = [
    pytest.mark.kvm,
    pytest.mark.skipif(
        not (shutil.which("qemu-storage-daemon") and shutil.which("qemu-img")),
        reason="qemu-storage-daemon (qemu-system-common) or qemu-img (qemu-utils) is not installed",
    ),
]


def helpers(image: Path) -> list[int]:
    """Those that have the image on their command line; a zombie has none."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(str(image) in part for part in process.info["cmdline"] or ())
        and process.name().startswith("qemu-storage")
    ]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "8M"], check=True)
    return path


def guest(image: Path, driver: str = "", more: str = "") -> str:
    devices = (
        f"<disk type='file'><driver type='qcow2' {driver}/><source file='{image}'/>"
        f"<target dev='vda'/>{more}</disk>"
        "<serial type='pty'/>"
    )
    return monitor_xml("served", devices=devices)


def test_a_helper_outlives_the_daemon_and_ends_with_the_guest(daemon: SessionDaemon, image: Path) -> None:
    daemon.virsh("create", daemon.write("served.xml", guest(image)))
    started = helpers(image)
    assert len(started) == 1
    daemon.stop(signal.SIGKILL)
    assert helpers(image) == started
    daemon.start()
    assert daemon.virsh("domstate", "served").stdout.strip() == "running"
    assert helpers(image) == started
    daemon.virsh("destroy", "served")
    wait_until(lambda: not helpers(image))


def test_a_helper_ends_with_a_guest_that_is_killed(daemon: SessionDaemon, image: Path) -> None:
    daemon.virsh("create", daemon.write("served.xml", guest(image)))
    assert len(helpers(image)) == 1
    daemon.virsh("create", daemon.write("other.xml", monitor_xml("other")))
    pid = daemon.vmm_pid("served")
    daemon.stop(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not helpers(image))
    daemon.start()
    daemon.virsh("destroy", "other")


def test_a_guest_survives_its_helper(daemon: SessionDaemon, image: Path) -> None:
    daemon.virsh("create", daemon.write("served.xml", guest(image)))
    os.kill(helpers(image)[0], signal.SIGKILL)
    log = daemon.logs / "served.log"
    wait_until(lambda: "the back end has ended" in log.read_text())
    assert daemon.virsh("domstate", "served").stdout.strip() == "running"
    daemon.virsh("reset", "served")
    assert daemon.virsh("domstate", "served").stdout.strip() == "running"
    daemon.virsh("destroy", "served")


def test_an_image_that_the_helper_refuses(daemon: SessionDaemon, image: Path) -> None:
    image.write_bytes(b"no qcow2" * 1000)
    message = daemon.error("create", daemon.write("served.xml", guest(image)))
    assert "qemu-storage-daemon does not serve virtio-disk0" in message
    assert "not in qcow2 format" in message
    wait_until(lambda: not helpers(image))


@pytest.mark.parametrize(
    ("driver", "more", "what"),
    [
        ("", "<serial>S1</serial>", "a serial number"),
        ("error_policy='stop'", "", "error_policy='stop'"),
        ("", "<iotune><total_iops_sec>5</total_iops_sec><group_name>g</group_name></iotune>", "shares"),
    ],
)
def test_what_only_raw_disks_can_have(
    daemon: SessionDaemon, image: Path, driver: str, more: str, what: str
) -> None:
    message = daemon.error("create", daemon.write("served.xml", guest(image, driver, more)))
    assert "disk 'vda' of type 'qcow2' cannot have" in message
    assert what in message
