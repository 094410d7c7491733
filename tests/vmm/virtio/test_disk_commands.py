"""Disks of a guest that runs: QMP's block commands, errors that stop it, and a pause that is one."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest
from qemu.qmp import ExecuteError, QMPClient

from tests.guests.flat.build import build
from tests.vmm.conftest import RunningVmm, VmmStarter

pytestmark = pytest.mark.kvm

SIZE = 1 << 20


def disk(path: Path, driver: str = "", more: str = "") -> str:
    return (
        f"<disk type='file'><driver name='qemu' type='raw' {driver}/><source file='{path}'/>"
        f"<target dev='vda' bus='virtio'/>{more}<alias name='virtio-disk0'/></disk>"
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(SIZE))
    return path


def stats(vmm: RunningVmm) -> dict[str, int]:
    (report,) = vmm.execute("query-blockstats")
    assert report["device"] == report["node-name"] == "virtio-disk0"
    return dict(report["stats"])


def writes(vmm: RunningVmm) -> int:
    return stats(vmm)["wr_operations"]


def until_written(vmm: RunningVmm, count: int) -> None:
    deadline = time.monotonic() + 20
    while writes(vmm) < count:
        assert time.monotonic() < deadline, vmm.output() + vmm.log()
        time.sleep(0.02)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return build("writer", tmp_path)


def test_a_pause_is_one(program: Path, image: Path, start_vmm: VmmStarter) -> None:
    """No request is carried out and no memory touched between `stop` and `cont`; none is lost either."""
    vmm = start_vmm(program, devices=disk(image), descriptors={"virtio-disk0": image})
    until_written(vmm, 10)
    for _ in range(5):
        vmm.execute("stop")
        before = stats(vmm), image.read_bytes()
        time.sleep(0.1)
        after = stats(vmm), image.read_bytes()
        for report, _ in (before, after):
            report.pop("idle_time_ns", None)
        assert before == after
        done = writes(vmm)
        vmm.execute("cont")
        until_written(vmm, done + 5)
    assert "FAIL" not in vmm.output()


def test_what_qmp_tells_and_changes(program: Path, image: Path, start_vmm: VmmStarter) -> None:
    vmm = start_vmm(
        program, devices=disk(image, "cache='unsafe'"), descriptors={"virtio-disk0": image}, paused=True
    )
    (info,) = vmm.execute("query-block")
    assert info["device"] == "virtio-disk0"
    assert info["inserted"]["file"] == str(image)
    assert info["inserted"]["image"]["virtual-size"] == SIZE
    assert info["inserted"]["cache"] == {"writeback": True, "direct": False, "no-flush": True}
    vmm.execute("block_resize", device="virtio-disk0", size=2 * SIZE)
    assert image.stat().st_size == 2 * SIZE
    vmm.execute("block_set_io_throttle", id="virtio-disk0", **unlimited(iops=10))
    (info,) = vmm.execute("query-block")
    assert info["inserted"]["image"]["virtual-size"] == 2 * SIZE
    assert info["inserted"]["iops"] == 10
    assert info["inserted"]["group"] == "virtio-disk0"
    for arguments in (
        {"device": "nobody", "size": SIZE},
        {"size": SIZE},
        {"device": "virtio-disk0", "size": -512},
        {"device": "virtio-disk0", "size": 513},
        {"device": "virtio-disk0", "size": "1M"},
    ):
        with pytest.raises(ExecuteError):
            vmm.execute("block_resize", **arguments)
    with pytest.raises(ExecuteError):
        vmm.execute("block_set_io_throttle", id="virtio-disk0", **unlimited(iops=10, iops_rd=5))


def unlimited(**limits: int) -> dict[str, int]:
    names = ("bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr")
    return {**dict.fromkeys(names, 0), **limits}


def test_limits_change_while_the_guest_runs(program: Path, image: Path, start_vmm: VmmStarter) -> None:
    limit = "<iotune><total_iops_sec>20</total_iops_sec></iotune>"
    vmm = start_vmm(program, devices=disk(image, more=limit), descriptors={"virtio-disk0": image})
    until_written(vmm, 5)
    before, started = writes(vmm), time.monotonic()
    time.sleep(1)
    slow = (writes(vmm) - before) / (time.monotonic() - started)
    assert slow < 40
    vmm.execute("stop")
    vmm.execute("cont")
    vmm.execute("block_set_io_throttle", id="virtio-disk0", **unlimited())
    until_written(vmm, writes(vmm) + 100)


def test_a_full_file_system_stops_the_guest_until_there_is_room(
    program: Path, tmp_path: Path, start_vmm: VmmStarter
) -> None:
    """Nothing was lost: what failed is carried out when the guest goes on."""
    small = tmp_path / "small"
    small.mkdir()
    if os.system(f"mount -t tmpfs -o size=256k none {small}"):
        pytest.skip("this host lets us mount no tmpfs")
    try:
        image = small / "disk.img"
        with image.open("wb") as file:
            file.truncate(SIZE)
        vmm = start_vmm(program, devices=disk(image), descriptors={"virtio-disk0": image}, paused=True)

        async def run(client: QMPClient) -> str:
            with client.listener(("BLOCK_IO_ERROR", "STOP")) as listener:
                await client.execute("cont")
                error = await listener.get()
                assert error["data"] == {
                    "device": "virtio-disk0",
                    "qom-path": "virtio-disk0",
                    "node-name": "virtio-disk0",
                    "operation": "write",
                    "action": "stop",
                    "nospace": True,
                    "reason": "No space left on device",
                }
                assert (await listener.get())["event"] == "STOP"
            status = await client.execute("query-status")
            assert isinstance(status, dict)
            return str(status["status"])

        assert vmm.talk(run) == "io-error"
        assert stats(vmm)["failed_wr_operations"] == 1
        assert os.system(f"mount -o remount,size=4m none {small}") == 0
        done = writes(vmm)
        vmm.execute("cont")
        until_written(vmm, done + 20)
        assert "FAIL" not in vmm.output()
        vmm.execute("quit")
        vmm.wait()
    finally:
        os.system(f"umount -l {small}")


def test_a_write_that_the_host_refuses_is_the_guests_by_default(
    program: Path, image: Path, start_vmm: VmmStarter
) -> None:
    """EFBIG, by a limit of the VMM's process."""
    vmm = start_vmm(program, devices=disk(image), descriptors={"virtio-disk0": image}, paused=True)
    resource.prlimit(vmm.process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
    vmm.execute("cont")
    vmm.wait_output("FAIL request refused")
    assert "write at sector" in vmm.log()
