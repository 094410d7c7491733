"""A virtio device that a vhost-user back end serves: the kinds differ in their identity only."""

from __future__ import annotations

import logging
import os
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from kvmctl.vmm.devices.virtio.device import (
    F_EVENT_IDX,
    F_INDIRECT_DESC,
    F_VERSION_1,
    DeviceFailed,
    Ring,
)
from kvmctl.vmm.devices.virtio.vhost.user import (
    MAX_CONFIG,
    P_BACKEND_REQ,
    P_CONFIG,
    P_MQ,
    P_REPLY_ACK,
    P_RESET_DEVICE,
    BackendRequest,
    Connection,
    MemoryRegion,
    Watch,
)
from kvmctl.vmm.memory import GuestMemory

_PROTOCOL: Final = P_MQ | P_REPLY_ACK | P_BACKEND_REQ | P_CONFIG | P_RESET_DEVICE
_OFFERED: Final = (1 << 24) - 1 | F_INDIRECT_DESC | F_EVENT_IDX | F_VERSION_1
"""The device's own, and the formats of rings that our transports know."""
DRAIN_SECONDS: Final = 5.0
"""How long a stop waits for requests that the back end has taken."""
_DRAIN_POLL: Final = 0.0005
_INDEX: Final = struct.Struct("<H")

log = logging.getLogger(__name__)


class VhostUserDevice:
    """The front end. What the driver sees as features and configuration is the back end's own."""

    def __init__(
        self,
        name: str,
        device_id: int,
        class_code: int,
        connection: Connection,
        memory: GuestMemory,
        *,
        queue_sizes: Callable[[bytes], Sequence[int]],
        configuration: bytes | None = None,
        config_size: int = 0,
        without: int = 0,
    ) -> None:
        """`queue_sizes` finds them in the configuration, which is the back end's where none is given;
        `without` are features not to offer. Raises DeviceFailed."""
        self.name = name
        self.device_id = device_id
        self.class_code = class_code
        self._connection = connection
        self._memory = memory
        self._rings: dict[int, Ring] = {}
        self._amended: dict[int, bytes] = {}
        connection.negotiate(_PROTOCOL)
        if not connection.features & F_VERSION_1:
            raise DeviceFailed("the back end knows no virtio 1.x")
        self.features = connection.features & _OFFERED & ~without
        self._channel = connection.open_backend_channel()
        self._config_size = min(config_size, MAX_CONFIG)
        self._backend_has_config = configuration is None and bool(config_size)
        if self._backend_has_config and not connection.protocol_features & P_CONFIG:
            raise DeviceFailed("the back end does not tell the device's configuration")
        self._configuration = (
            connection.get_config(self._config_size) if self._backend_has_config else configuration or b""
        )
        self.queue_sizes = queue_sizes(self._configuration)
        limit = connection.queue_limit()
        if limit is not None and len(self.queue_sizes) > limit:
            raise DeviceFailed(f"the back end serves {limit} queues, not {len(self.queue_sizes)}")

    def watch(self, changed: Callable[[], None], failed: Callable[[str], None]) -> None:
        """Tell of changes of the configuration, and of the end of the back end, on a thread of its own."""
        watch = Watch(self._connection, self._channel)

        def main() -> None:
            try:
                while watch.run() is BackendRequest.CONFIG_CHANGE_MSG:
                    if self._backend_has_config:
                        self._read_config()
                        changed()
            except DeviceFailed as error:
                failed(str(error))
            else:
                failed("the back end has ended")

        threading.Thread(target=main, name=f"{self.name}/vhost", daemon=True).start()

    def configuration(self) -> bytes:
        return self._configuration

    def configure(self, offset: int, data: bytes) -> None:
        """The back end decides what the driver may write; its answer is the new configuration."""
        if not self._backend_has_config or offset + len(data) > self._config_size:
            return
        try:
            self._connection.set_config(offset, data)
            self._read_config()
        except DeviceFailed as error:
            log.warning("%s: %s", self.name, error)

    def amend(self, offset: int, data: bytes) -> None:
        """What has changed in the configuration, for back ends that go on telling what was."""
        self._amended[offset] = data
        self._apply_amendments()

    def _read_config(self) -> None:
        self._configuration = self._connection.get_config(self._config_size)
        self._apply_amendments()

    def _apply_amendments(self) -> None:
        content = bytearray(self._configuration)
        for offset, data in self._amended.items():
            content[offset : offset + len(data)] = data
        self._configuration = bytes(content)

    def start(self, features: int) -> None:
        self._connection.set_features(features)
        self._connection.set_memory(_regions(self._memory))

    def start_queue(self, ring: Ring) -> None:
        layout = ring.layout
        addresses = (
            self._user_address(layout.descriptors),
            self._user_address(layout.available),
            self._user_address(layout.used),
        )
        self._connection.start_ring(ring.index, layout.size, ring.base, addresses, ring.kick_fd, ring.call_fd)
        self._rings[ring.index] = ring
        # What the driver asked for, and what was completed, while nobody listened.
        os.eventfd_write(ring.kick_fd, 1)
        os.eventfd_write(ring.call_fd, 1)

    def stop_queue(self, index: int) -> int:
        ring = self._rings.pop(index)
        base = self._connection.stop_ring(index)
        self._await_used(ring, base)
        return base

    def stop(self) -> None:
        """Its queues have stopped, which is all that a back end has to do."""

    def _user_address(self, address: int) -> int:
        for region in _regions(self._memory):
            if region.guest_address <= address < region.guest_address + region.size:
                return region.user_address + address - region.guest_address
        raise DeviceFailed(f"a ring at {address:#x}, where no memory is")

    def _await_used(self, ring: Ring, base: int) -> None:
        """Back ends answer before what they had taken is done: wait for its completion in the used ring."""
        index = self._memory.view(ring.layout.used + 2, 2)
        deadline = time.monotonic() + DRAIN_SECONDS
        while _INDEX.unpack(index)[0] != base:
            if time.monotonic() > deadline:
                log.warning("%s: requests of queue %d are not completed", self.name, ring.index)
                return
            time.sleep(_DRAIN_POLL)


def _regions(memory: GuestMemory) -> list[MemoryRegion]:
    return [
        MemoryRegion(region.gpa, region.size, memory.host_address + region.offset, memory.fd, region.offset)
        for region in memory.regions
    ]
