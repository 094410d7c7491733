"""The file system device (virtio 1.2, 5.11), which a vhost-user back end such as virtiofsd serves."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio.transport import plug
from kvmctl.vmm.devices.virtio.vhost.device import VhostUserDevice
from kvmctl.vmm.devices.virtio.vhost.user import Connection

if TYPE_CHECKING:
    from kvmctl.domain.model import Filesystem

DEVICE_ID: Final = 26
QUEUE_SIZE: Final = 1024
TAG_SIZE: Final = 36
REQUEST_QUEUES: Final = 1
_CONFIG: Final = struct.Struct(f"<{TAG_SIZE}sI")
_CLASS_STORAGE: Final = 0x01_80_00


def attach(platform: Platform) -> list[Device]:
    """A device for every <filesystem> of the domain."""
    return [_attach(filesystem, platform) for filesystem in platform.domain.devices.filesystems]


def _attach(filesystem: Filesystem, platform: Platform) -> Device:
    name = filesystem.alias or ""
    # One queue for what cannot wait, such as forgotten inodes, before those for requests (5.11.2).
    queues = (filesystem.queue_size or QUEUE_SIZE,) * (1 + REQUEST_QUEUES)
    device = VhostUserDevice(
        name,
        DEVICE_ID,
        _CLASS_STORAGE,
        Connection(platform.descriptor(name)),
        platform.memory,
        queue_sizes=lambda _configuration: queues,
        configuration=_CONFIG.pack(filesystem.target.encode(), REQUEST_QUEUES),
    )
    transport = plug(device, platform, filesystem.address)
    device.watch(transport.core.configuration_changed, transport.core.fail)
    return transport
