"""qcow2 through qemu-storage-daemon: a bare guest over vhost-user and QEMU's tools see the same bytes."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from qemu.qmp import ExecuteError, QMPClient

from tests.guests.flat.build import build
from tests.vmm.virtio.conftest import FlatGuest
from tests.vmm.virtio.test_blk_guest import pattern

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


def test_size_and_limits_change_while_the_guest_runs(tmp_path: Path) -> None:
    image, qmp = tmp_path / "disk.qcow2", tmp_path / "qmp"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "8M"], check=True)
    xml = tmp_path / "guest.xml"
    xml.write_text(
        "<domain type='kvm'><name>resized</name><memory unit='MiB'>32</memory>"
        f"<os><type>hvm</type><kernel>{build('writer', tmp_path)}</kernel></os><devices>"
        f"<disk type='file'><driver name='qemu' type='qcow2'/><source file='{image}'/><target dev='vda'/>"
        "<iotune><total_bytes_sec>1000000</total_bytes_sec></iotune></disk></devices></domain>"
    )

    async def talk() -> None:
        client = QMPClient("test")
        await client.connect(str(qmp))
        (info,) = await client.execute("query-block")  # type: ignore[misc]
        assert info["inserted"]["drv"] == "qcow2"
        assert info["inserted"]["image"]["virtual-size"] == 8 << 20
        assert info["inserted"]["bps"] == 1000000
        await client.execute("block_resize", {"device": "virtio-disk0", "size": 16 << 20})
        await client.execute("block_set_io_throttle", {"id": "virtio-disk0", "iops": 50, "bps": 0})
        while info["inserted"]["image"]["virtual-size"] != 16 << 20:
            await asyncio.sleep(0.02)
            (info,) = await client.execute("query-block")  # type: ignore[misc]
        assert info["inserted"]["bps"] == 0
        assert info["inserted"]["iops"] == 50
        with pytest.raises(ExecuteError, match="shares its limits"):
            await client.execute("block_set_io_throttle", {"id": "virtio-disk0", "iops": 50, "group": "all"})
        await client.execute("quit")
        await client.disconnect()

    with subprocess.Popen([sys.executable, "-m", "kvmctl.vmm", xml, "--qmp", qmp]) as vmm:
        try:
            await_path(qmp)
            asyncio.run(asyncio.wait_for(talk(), 20))
        finally:
            vmm.kill()
    done = subprocess.run(
        ["qemu-img", "info", "-U", "--output=json", image], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["virtual-size"] == 16 << 20
