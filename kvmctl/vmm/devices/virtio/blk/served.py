"""Disks that a vhost-user-blk back end serves: an image's helper, or a server of somebody's."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from kvmctl.backends import storagedaemon
from kvmctl.vmm.devices.virtio.blk import limits
from kvmctl.vmm.devices.virtio.blk.device import (
    CLASS_MASS_STORAGE,
    CONFIG_SIZE,
    DEVICE_ID,
    F_MQ,
    F_RO,
    NUM_QUEUES_AT,
    QUEUE_SIZE,
    SECTOR,
)
from kvmctl.vmm.devices.virtio.blk.report import block_info
from kvmctl.vmm.devices.virtio.vhost.device import VhostUserDevice
from kvmctl.vmm.devices.virtio.vhost.user import Connection
from kvmctl.vmm.memory import GuestMemory
from kvmctl.vmm.qmp import QmpError
from kvmctl.vmm.throttle import Limits

_ANSWER_SECONDS: Final = 5.0
_CAPACITY: Final = struct.Struct("<Q")


def create(name: str, fd: int, memory: GuestMemory, queues: int | None) -> VhostUserDevice:
    """As many queues as the domain wants and the back end has. Raises DeviceFailed."""
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


class HelperMonitor:
    """QMP with qemu-storage-daemon, one command at a time; events are not waited for."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.settimeout(_ANSWER_SECONDS)
        self._stream = self._socket.makefile("rb")
        self._greeted = False

    def execute(self, command: str, **arguments: object) -> object:
        """Raises QmpError with the helper's own words."""
        try:
            if not self._greeted:
                self._stream.readline()
                self._ask("qmp_capabilities", {})
                self._greeted = True
            return self._ask(command, arguments)
        except (OSError, ValueError) as error:
            raise QmpError(f"{storagedaemon.PROGRAM} does not answer: {error}") from error

    def _ask(self, command: str, arguments: dict[str, object]) -> object:
        request = {"execute": command, "arguments": arguments}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while line := self._stream.readline():
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise QmpError(str(answer["error"]["desc"]))
            if "return" in answer:
                return answer["return"]
        raise QmpError(f"{storagedaemon.PROGRAM} has ended")


@dataclass(slots=True)
class ServedDrive:
    """A disk whose image is elsewhere: its helper is asked, where it has one of ours."""

    device: VhostUserDevice
    filename: str
    format: str
    monitor: HelperMonitor | None
    limits: Limits
    changed: Callable[[], None]
    """Tells the driver of a new configuration."""

    @property
    def name(self) -> str:
        return self.device.name

    def describe(self) -> dict[str, object]:
        """BlockInfo."""
        (sectors,) = _CAPACITY.unpack_from(self.device.configuration())
        image = {"filename": self.filename, "format": self.format, "virtual-size": sectors * SECTOR}
        inserted: dict[str, object] = {
            "file": self.filename,
            "node-name": self.name,
            "ro": bool(self.device.features & F_RO),
            "drv": self.format,
            "image": image,
            **limits.report(self.limits),
        }
        return block_info(self.name, inserted)

    def statistics(self) -> None:
        """The back end does not count."""

    def resize(self, size: int) -> None:
        """Before QEMU 8.0 the helper keeps telling the old size, though it serves the new one."""
        self._helper().execute("block_resize", **{"node-name": storagedaemon.DISK, "size": size})
        self.device.amend(0, _CAPACITY.pack(size // SECTOR))
        self.changed()

    def set_limits(self, group: str | None, wanted: Limits) -> None:
        if group is not None and group != self.name:
            raise QmpError(f"Device '{self.name}' shares its limits with no other")
        value = limits.throttle_group(wanted)
        path = f"/objects/{storagedaemon.LIMITS}"
        self._helper().execute("qom-set", path=path, property="limits", value=value)
        self.limits = wanted

    def _helper(self) -> HelperMonitor:
        if self.monitor is None:
            raise QmpError(f"Device '{self.name}' is its vhost-user server's to change")
        return self.monitor
