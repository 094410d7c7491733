"""Devices put in, taken out and changed, and what they count, through virsh."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.conftest import SessionDaemon
from tests.driver.guests import fake_xml, monitor_xml

pytestmark = pytest.mark.kvm

MAC = "52:54:00:11:22:33"
NO_BALLOON = "<serial type='pty'/><memballoon model='none'/>"


def card(rest: str = "") -> str:
    return f"<interface type='ethernet'><mac address='{MAC}'/><model type='virtio'/>{rest}</interface>"


def table(text: str) -> dict[str, str]:
    """Lines of name and value."""
    return dict(
        re.split(r"\s*[: ]\s*", line.strip(), maxsplit=1) for line in text.splitlines() if ":" in line
    )


@pytest.fixture
def image(daemon: SessionDaemon) -> Path:
    path = daemon.directory / "disk.img"
    path.write_bytes(bytes(1 << 20))
    return path


def test_definition(daemon: SessionDaemon, image: Path) -> None:
    """Attach, change and detach in the definition; each leaves one that is valid and on disk."""
    daemon.virsh("define", daemon.write("guest.xml", fake_xml("guest")))
    file = daemon.definitions / "guest.xml"
    daemon.virsh("attach-disk", "guest", str(image), "vdb", "--config")
    assert f"<source file='{image}'/>" in file.read_text()
    assert "target vdb already exists" in daemon.error("attach-disk", "guest", str(image), "vdb", "--config")
    daemon.virsh("attach-device", "guest", daemon.write("card.xml", card()), "--config")
    assert re.search(rf"{MAC}.*?<address type='pci'", file.read_text(), re.DOTALL)
    daemon.virsh("domif-setlink", "guest", MAC, "down", "--config")
    assert f"{MAC} down" in daemon.virsh("domif-getlink", "guest", MAC, "--config").stdout
    changed = daemon.write("changed.xml", card("<mtu size='9000'/>"))
    daemon.virsh("update-device", "guest", changed, "--config")
    assert "<mtu size='9000'/>" in file.read_text()
    daemon.virsh("detach-interface", "guest", "ethernet", "--mac", MAC, "--config")
    daemon.virsh("detach-disk", "guest", "vdb", "--config")
    left = file.read_text()
    assert MAC not in left
    assert str(image) not in left
    missing = daemon.error("detach-device", "guest", changed, "--config")
    assert f"device not found: no device matching MAC address {MAC} found" in missing
    wrong = daemon.write("wrong.xml", "<hostdev mode='subsystem'/>")
    assert "element 'hostdev' is not supported" in daemon.error("attach-device", "guest", wrong, "--config")
    broken = daemon.write("broken.xml", "<disk")
    assert "(device_definition):1: " in daemon.error("attach-device", "guest", broken, "--config")


def test_running_disk(daemon: SessionDaemon, image: Path) -> None:
    disk = f"<disk type='file' device='disk'><source file='{image}'/><target dev='vda' bus='virtio'/></disk>"
    daemon.virsh(
        "define", daemon.write("guest.xml", monitor_xml("guest", devices=disk + "<serial type='pty'/>"))
    )
    daemon.virsh("start", "guest")
    assert "rd_req 0" in daemon.virsh("domblkstat", "guest", "vda").stdout
    assert "invalid path: vdz" in daemon.error("domblkstat", "guest", "vdz")
    daemon.virsh("blkdeviotune", "guest", "vda", "--read-iops-sec", "500", "--live", "--config")
    for where in ("--live", "--config"):
        assert table(daemon.virsh("blkdeviotune", "guest", "vda", where).stdout)["read_iops_sec"] == "500"
    daemon.virsh("blkdeviotune", "guest", "vda", "--total-iops-sec", "700", "--live")
    live = table(daemon.virsh("blkdeviotune", "guest", "vda", "--live").stdout)
    assert (live["total_iops_sec"], live["read_iops_sec"]) == ("700", "0")
    assert table(daemon.virsh("blkdeviotune", "guest", "vda", "--config").stdout)["read_iops_sec"] == "500"
    error = daemon.error(
        "blkdeviotune", "guest", "vda", "--total-bytes-sec", "1", "--read-bytes-sec", "1", "--live"
    )
    assert "total and read/write of bytes_sec cannot be set at the same time" in error
    daemon.virsh("blockresize", "guest", "vda", "2M")
    assert image.stat().st_size == 2 << 20
    assert table(daemon.virsh("domblkinfo", "guest", "vda").stdout)["Capacity"] == str(2 << 20)
    stats = daemon.virsh("domstats", "guest", "--block").stdout
    assert f"block.0.path={image}" in stats
    assert "block.0.rd.reqs=0" in stats
    for refused in (["detach-disk", "guest", "vda"], ["attach-disk", "guest", str(image), "vdb"]):
        assert "of device 'disk' is not supported" in daemon.error(*refused)
    # The next daemon knows the limits, too.
    daemon.stop()
    daemon.start()
    live = table(daemon.virsh("blkdeviotune", "guest", "vda", "--live").stdout)
    assert live["total_iops_sec"] == "700"


@pytest.mark.skipif(os.geteuid() != 0, reason="a TAP device needs root")
def test_running_card(daemon: SessionDaemon) -> None:
    devices = card("<target dev='kvmctltest7'/>") + "<serial type='pty'/>"
    daemon.virsh("create", daemon.write("guest.xml", monitor_xml("guest", devices=devices)))
    daemon.virsh("domif-setlink", "guest", "kvmctltest7", "down")
    assert "kvmctltest7 down" in daemon.virsh("domif-getlink", "guest", "kvmctltest7").stdout
    assert "rx_bytes 0" in daemon.virsh("domifstat", "guest", MAC).stdout
    assert "net.0.name=kvmctltest7" in daemon.virsh("domstats", "guest", "--interface").stdout
    other = daemon.write("other.xml", card("<target dev='kvmctltest7'/><mtu size='9000'/>"))
    assert "cannot change 'mtu' of device 'interface'" in daemon.error(
        "update-device", "guest", other, "--live"
    )
    assert "'vnet77' is not a known interface" in daemon.error("domifstat", "guest", "vnet77")
    daemon.virsh("destroy", "guest")


def test_tuning(daemon: SessionDaemon) -> None:
    """Of the running guest, of the definition, of both."""
    daemon.virsh("define", daemon.write("guest.xml", monitor_xml("guest", vcpus=2, devices=NO_BALLOON)))
    daemon.virsh("start", "guest")
    daemon.virsh("vcpupin", "guest", "1", "0", "--live", "--config")
    pid = daemon.vmm_pid("guest")
    allowed = {
        (task / "comm").read_text().strip(): re.search(
            r"Cpus_allowed_list:\s*(\S+)", (task / "status").read_text()
        )[1]  # type: ignore[index]
        for task in Path(f"/proc/{pid}/task").iterdir()
    }
    assert allowed["CPU 1/KVM"] == "0"
    assert re.search(r"1 +0$", daemon.virsh("vcpupin", "guest", "--config").stdout, re.MULTILINE)
    daemon.virsh("schedinfo", "guest", "--set", "cpu_shares=300", "--config")
    assert "<shares>300</shares>" in (daemon.definitions / "guest.xml").read_text()
    assert "value of 'vcpu_period' is out of range" in daemon.error(
        "schedinfo", "guest", "--set", "vcpu_period=5", "--config"
    )
    daemon.virsh("memtune", "guest", "--hard-limit", "200000", "--config")
    assert "hard_limit     : 200000" in daemon.virsh("memtune", "guest", "--config").stdout
    assert "must be lower than or equal to swap_hard_limit" in daemon.error(
        "memtune", "guest", "--swap-hard-limit", "100", "--config"
    )
    assert "cannot be changed; use --config" in daemon.error("setvcpus", "guest", "1", "--live")
    assert "without the balloon device" in daemon.error("setmem", "guest", "8M", "--live")
    daemon.virsh("set-lifecycle-action", "guest", "crash", "preserve", "--config")
    assert "<on_crash>preserve</on_crash>" in (daemon.definitions / "guest.xml").read_text()


def test_a_failing_change_changes_nothing(daemon: SessionDaemon, image: Path) -> None:
    """The stand-in's disks cannot be limited while it runs, the definition's could be."""
    disk = f"<disk type='file' device='disk'><source file='{image}'/><target dev='vda' bus='virtio'/></disk>"
    xml = fake_xml("guest", devices=disk + "<serial type='pty'/>")
    daemon.virsh("define", daemon.write("guest.xml", xml))
    daemon.virsh("start", "guest")
    before = (daemon.definitions / "guest.xml").read_text()
    change = ("blkdeviotune", "guest", "vda", "--read-iops-sec", "500")
    assert "cannot be limited while it runs" in daemon.error(*change, "--live", "--config")
    assert (daemon.definitions / "guest.xml").read_text() == before
    assert "iotune" not in daemon.virsh("dumpxml", "guest").stdout
    daemon.virsh(*change, "--config")
    assert "<read_iops_sec>500</read_iops_sec>" in (daemon.definitions / "guest.xml").read_text()
