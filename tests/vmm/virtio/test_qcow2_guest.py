"""qcow2 through qemu-storage-daemon: a bare guest over vhost-user and QEMU's tools see the same bytes."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from qemu.qmp import ExecuteError, QMPClient

from tests.guests.flat.build import build
from tests.vmm.virtio.conftest import FlatGuest
from tests.vmm.virtio.test_blk_guest import pattern, rates

pytestmark = [
    pytest.mark.kvm,
    pytest.mark.skipif(
        not (shutil.which("qemu-storage-daemon") and shutil.which("qemu-img")),
        reason="qemu-storage-daemon (qemu-system-common) or qemu-img (qemu-utils) is not installed",
    ),
]


def convert(source: Path, target: Path, kind: str) -> None:
    subprocess.run(["qemu-img", "convert", "-O", kind, source, target], check=True)


@pytest.mark.parametrize("queues", [1, 3])
def test_every_byte_of_a_qcow2_image(tmp_path: Path, run_flat: FlatGuest, queues: int) -> None:
    raw, image = tmp_path / "disk.raw", tmp_path / "disk.qcow2"
    raw.write_bytes(pattern(0))
    convert(raw, image, "qcow2")
    output = run_flat(
        "block",
        f"<disk type='file'><driver name='qemu' type='qcow2' queues='{queues}'/><source file='{image}'/>"
        "<target dev='vda'/></disk>",
    )
    assert "PASS" in output, output
    assert f"queues {queues}\n" in output
    print(f"\nqcow2 with {queues} queues: {rates(output)}")
    assert image.read_bytes()[:4] == b"QFI\xfb"
    convert(image, raw, "raw")
    assert raw.read_bytes() == pattern(1)


def test_a_server_of_somebody_else(tmp_path: Path, run_flat: FlatGuest) -> None:
    raw, path = tmp_path / "disk.raw", tmp_path / "socket"
    raw.write_bytes(pattern(0))
    command = [
        "qemu-storage-daemon",
        f"--blockdev=file,node-name=image,filename={raw}",
        f"--export=vhost-user-blk,id=disk,node-name=image,addr.type=unix,addr.path={path},writable=on",
    ]
    with subprocess.Popen(command) as server:
        try:
            await_path(path)
            output = run_flat(
                "block",
                f"<disk type='vhostuser'><source type='unix' path='{path}'/><target dev='vda'/></disk>",
            )
        finally:
            server.terminate()
    assert "PASS" in output, output
    assert raw.read_bytes() == pattern(1)


def await_path(path: Path) -> None:
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def running(directory: Path, image: Path, more: str = "") -> Iterator[Path]:
    """A guest that writes the image over and over; the path of its QMP socket."""
    qmp, xml, serial = directory / "qmp", directory / "guest.xml", directory / "serial"
    xml.write_text(
        "<domain type='kvm'><name>writer</name><memory unit='MiB'>32</memory>"
        f"<os><type>hvm</type><kernel>{build('writer', directory)}</kernel></os><devices>"
        f"<disk type='file'><driver name='qemu' type='qcow2'/><source file='{image}'/><target dev='vda'/>"
        f"{more}</disk><serial type='file'><source path='{serial}'/></serial></devices></domain>"
    )
    with subprocess.Popen([sys.executable, "-m", "kvmctl.vmm", xml, "--qmp", qmp]) as vmm:
        try:
            await_path(qmp)
            yield qmp
            assert "FAIL" not in serial.read_text()
        finally:
            vmm.kill()


def create(image: Path, size: str) -> None:
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, size], check=True)


def talk(qmp: Path, conversation: Callable[[QMPClient], Awaitable[None]]) -> None:
    async def run() -> None:
        client = QMPClient("test")
        await client.connect(str(qmp))
        await conversation(client)
        await client.disconnect()

    asyncio.run(asyncio.wait_for(run(), 30))


def test_a_pause_is_one_for_the_helper(tmp_path: Path) -> None:
    """Nothing is written between `stop` and `cont`, and the guest finds all that it had written."""
    image = tmp_path / "disk.qcow2"
    create(image, "1M")

    async def changed_from(before: bytes) -> None:
        while image.read_bytes() == before:
            await asyncio.sleep(0.02)

    async def conversation(client: QMPClient) -> None:
        await changed_from(image.read_bytes())
        for _ in range(3):
            await client.execute("stop")
            content = image.read_bytes()
            await asyncio.sleep(0.2)
            assert image.read_bytes() == content
            await client.execute("cont")
            await changed_from(content)

    with running(tmp_path, image) as qmp:
        talk(qmp, conversation)


def test_size_and_limits_change_while_the_guest_runs(tmp_path: Path) -> None:
    image = tmp_path / "disk.qcow2"
    create(image, "8M")

    async def conversation(client: QMPClient) -> None:
        (info,) = await client.execute("query-block")  # type: ignore[misc]
        assert info["inserted"]["drv"] == "qcow2"
        assert info["inserted"]["image"]["virtual-size"] == 8 << 20
        assert info["inserted"]["bps"] == 1000000
        await client.execute("block_resize", {"device": "virtio-disk0", "size": 16 << 20})
        await client.execute("block_set_io_throttle", {"id": "virtio-disk0", "iops": 50, "bps": 0})
        (info,) = await client.execute("query-block")  # type: ignore[misc]
        assert info["inserted"]["image"]["virtual-size"] == 16 << 20
        assert info["inserted"]["bps"] == 0
        assert info["inserted"]["iops"] == 50
        with pytest.raises(ExecuteError, match="shares its limits"):
            await client.execute("block_set_io_throttle", {"id": "virtio-disk0", "iops": 50, "group": "all"})

    limits = "<iotune><total_bytes_sec>1000000</total_bytes_sec></iotune>"
    with running(tmp_path, image, limits) as qmp:
        talk(qmp, conversation)
    command = ["qemu-img", "info", "-U", "--output=json", image]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["virtual-size"] == 16 << 20


@pytest.mark.skipif(os.geteuid() != 0, reason="virtiofsd of QEMU 7.2 runs as root only")
def test_garbage_to_devices_that_helpers_serve(tmp_path: Path, run_flat: FlatGuest) -> None:
    """Whatever becomes of the helpers, the VMM stays, and so does a disk of its own."""
    raw, image = tmp_path / "disk.raw", tmp_path / "disk.qcow2"
    raw.write_bytes(bytes([0x5A]) * (1 << 20))
    create(image, "1M")
    (tmp_path / "shared").mkdir()
    devices = (
        f"<disk type='file'><source file='{raw}'/><target dev='vda'/><readonly/></disk>"
        f"<disk type='file'><driver name='qemu' type='qcow2' queues='2'/><source file='{image}'/>"
        "<target dev='vdb'/></disk><filesystem type='mount'><driver type='virtiofs'/>"
        f"<source dir='{tmp_path}/shared'/><target dir='shared'/></filesystem>"
    )
    assert run_flat("garbage", devices) == "PASS\n"
