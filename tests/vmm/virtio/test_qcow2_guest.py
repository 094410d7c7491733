"""qcow2 through qemu-storage-daemon: a bare guest over vhost-user and QEMU's tools see the same bytes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

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
