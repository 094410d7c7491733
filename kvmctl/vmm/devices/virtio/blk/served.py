"""Disks that a vhost-user-blk back end serves: an image's helper, or a server of somebody's."""

from __future__ import annotations

from kvmctl.vmm.devices.virtio.blk.device import (
    CLASS_MASS_STORAGE,
    CONFIG_SIZE,
    DEVICE_ID,
    F_MQ,
    NUM_QUEUES_AT,
    QUEUE_SIZE,
)
from kvmctl.vmm.devices.virtio.vhost.device import VhostUserDevice
from kvmctl.vmm.devices.virtio.vhost.user import Connection
from kvmctl.vmm.memory import GuestMemory


def create(name: str, fd: int, memory: GuestMemory, queues: int | None) -> VhostUserDevice:
    """As many queues as the back end has, or fewer. Raises DeviceFailed."""
    connection = Connection(fd)

    def queue_sizes(configuration: bytes) -> tuple[int, ...]:
        available = 1
        if connection.features & F_MQ:
            available = int.from_bytes(configuration[NUM_QUEUES_AT : NUM_QUEUES_AT + 2], "little")
        return (QUEUE_SIZE,) * max(1, min(available, queues or 1))

    return VhostUserDevice(
        name,
        DEVICE_ID,
        CLASS_MASS_STORAGE,
        connection,
        memory,
        queue_sizes=queue_sizes,
        config_size=CONFIG_SIZE,
    )
