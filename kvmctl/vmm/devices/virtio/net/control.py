"""The control queue's commands (virtio 1.2, 5.1.6.5)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, Protocol

from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.net import features
from kvmctl.vmm.devices.virtio.net.filter import MOST_ADDRESSES, Filter
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError

OK: Final = 0
ERROR: Final = 1
_MOST_BYTES: Final = 1 << 17
"""Of one command: two tables of addresses, whatever they hold."""

RX: Final = 0
MAC: Final = 1
VLAN: Final = 2
MQ: Final = 4
GUEST_OFFLOADS: Final = 5
MAC_TABLE_SET: Final = 0
MAC_ADDR_SET: Final = 1
VLAN_ADD: Final = 0
VLAN_DEL: Final = 1
MQ_VQ_PAIRS_SET: Final = 0
GUEST_OFFLOADS_SET: Final = 0

_RX_MODES: Final = (
    "promiscuous",
    "all_multicast",
    "all_unicast",
    "no_multicast",
    "no_unicast",
    "no_broadcast",
)
"""By the command; those from the third on are VIRTIO_NET_F_CTRL_RX_EXTRA's."""
_LAST_PLAIN_RX_MODE: Final = 1
_ADDRESS_SIZE: Final = 6
_MOST_VLAN: Final = 4095


class Controlled(Protocol):
    """What commands change of the device."""

    filter: Filter
    negotiated: int

    def use_pairs(self, pairs: int) -> bool:
        """Let that many queue pairs carry frames; false when there are not so many."""

    def use_receive_offloads(self, offloads: int) -> bool:
        """What may be left to the driver from now on; false when that was not negotiated."""


class BadCommand(Exception):
    """The driver is told so."""


def carry_out(device: Controlled, chain: Chain) -> int:
    """Do what a request says and write its ack; bytes written. Raises QueueError for one without form."""
    size = buffers.total(chain.readable)
    if not 2 <= size <= _MOST_BYTES or not chain.writable:
        raise QueueError(f"a control command of {size} bytes")
    request = b"".join(chain.readable)
    try:
        needed, command = _COMMANDS[request[0]]
        if not device.negotiated & needed:
            raise BadCommand
        command(device, request[1], request[2:])
    except (KeyError, BadCommand, struct.error):
        return buffers.scatter(chain.writable, bytes([ERROR]))
    return buffers.scatter(chain.writable, bytes([OK]))


def _rx(device: Controlled, command: int, data: bytes) -> None:
    (on,) = struct.unpack("<B", data)
    if command >= len(_RX_MODES):
        raise BadCommand
    if command > _LAST_PLAIN_RX_MODE and not device.negotiated & features.CTRL_RX_EXTRA:
        raise BadCommand
    setattr(device.filter, _RX_MODES[command], bool(on))


def _mac(device: Controlled, command: int, data: bytes) -> None:
    if command == MAC_ADDR_SET and device.negotiated & features.CTRL_MAC_ADDR:
        if len(data) != _ADDRESS_SIZE or data[0] & 1:
            raise BadCommand
        device.filter.mac = data
    elif command == MAC_TABLE_SET and device.negotiated & features.CTRL_RX:
        unicast, rest = _addresses(data)
        multicast, rest = _addresses(rest)
        if rest:
            raise BadCommand
        device.filter.unicast, device.filter.multicast = unicast, multicast
    else:
        raise BadCommand


def _addresses(data: bytes) -> tuple[frozenset[bytes] | None, bytes]:
    """A table of addresses, None when it is too large to keep; and what follows it."""
    (count,) = struct.unpack_from("<I", data)
    end = 4 + count * _ADDRESS_SIZE
    if end > len(data):
        raise BadCommand
    if count > MOST_ADDRESSES:
        return None, data[end:]
    table = frozenset(data[at : at + _ADDRESS_SIZE] for at in range(4, end, _ADDRESS_SIZE))
    return table, data[end:]


def _vlan(device: Controlled, command: int, data: bytes) -> None:
    (number,) = struct.unpack("<H", data)
    if number > _MOST_VLAN or command not in (VLAN_ADD, VLAN_DEL):
        raise BadCommand
    if command == VLAN_ADD:
        device.filter.vlans.add(number)
    else:
        device.filter.vlans.discard(number)


def _mq(device: Controlled, command: int, data: bytes) -> None:
    (pairs,) = struct.unpack("<H", data)
    if command != MQ_VQ_PAIRS_SET or not device.use_pairs(pairs):
        raise BadCommand


def _guest_offloads(device: Controlled, command: int, data: bytes) -> None:
    (offloads,) = struct.unpack("<Q", data)
    if command != GUEST_OFFLOADS_SET or not device.use_receive_offloads(offloads):
        raise BadCommand


_COMMANDS: Final[dict[int, tuple[int, Callable[[Controlled, int, bytes], None]]]] = {
    RX: (features.CTRL_RX, _rx),
    MAC: (features.CTRL_VQ, _mac),
    VLAN: (features.CTRL_VLAN, _vlan),
    MQ: (features.MQ, _mq),
    GUEST_OFFLOADS: (features.CTRL_GUEST_OFFLOADS, _guest_offloads),
}
"""By the class: the feature without which the driver must not use it, and what it does."""
