"""A bare guest writes garbage to every device on real KVM; the devices still work afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vmm.virtio.conftest import FlatGuest

pytestmark = pytest.mark.kvm


def test_garbage(tmp_path: Path, run_flat: FlatGuest) -> None:
    image = tmp_path / "disk.img"
    content = bytes([0x5A]) * (1 << 20)
    image.write_bytes(content)
    devices = (
        f"<disk type='file'><source file='{image}'/><target dev='vda'/><readonly/></disk>"
        "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
        f"<console type='file'><source path='{tmp_path}/console'/><target type='virtio'/></console>"
        f"<channel type='unix'><source mode='bind' path='{tmp_path}/channel'/>"
        "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
        "<vsock model='virtio'><cid auto='yes'/></vsock><watchdog model='i6300esb' action='none'/>"
        "<memballoon model='virtio' freePageReporting='on'/>"
    )
    assert run_flat("garbage", devices) == "PASS\n"
    assert image.read_bytes() == content
