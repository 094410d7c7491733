"""A machine that is reset while its disk works starts over with every device as after power-on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vmm.virtio.conftest import FlatGuest

pytestmark = pytest.mark.kvm


def test_reset_with_requests_under_way(tmp_path: Path, run_flat: FlatGuest) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(1 << 20))
    disk = f"<disk type='file'><source file='{image}'/><target dev='vda'/></disk>"
    assert run_flat("again", disk) == "start\n" * 4 + "PASS\n"
    assert image.read_bytes() == b"\3" + bytes((1 << 20) - 1)
