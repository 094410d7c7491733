"""The network device (virtio 1.2, 5.1) on a TAP device or on passt, for every <interface> of a domain."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio.device import DeviceFailed
from kvmctl.vmm.devices.virtio.net import features
from kvmctl.vmm.devices.virtio.net.device import QUEUE_SIZE, Network
from kvmctl.vmm.devices.virtio.net.link import CarriedLink, Link, StreamLink, TapLink
from kvmctl.vmm.devices.virtio.net.served import ServedNetwork, kernel_served, user_served
from kvmctl.vmm.devices.virtio.transport import plug
from kvmctl.vmm.qmp import QmpError

if TYPE_CHECKING:
    from kvmctl.domain import Interface

__all__ = ["Network", "attach"]

log = logging.getLogger(__name__)

_HOST_OFFLOADS: Final = {
    "csum": features.CSUM,
    "gso": features.SEND & ~features.CSUM,
    "tso4": features.HOST_TSO4,
    "tso6": features.HOST_TSO6,
    "ecn": features.HOST_ECN,
    "ufo": features.HOST_UFO,
    "mrg_rxbuf": features.MRG_RXBUF,
}
_GUEST_OFFLOADS: Final = {
    "csum": features.GUEST_CSUM,
    "tso4": features.GUEST_TSO4,
    "tso6": features.GUEST_TSO6,
    "ecn": features.GUEST_ECN,
    "ufo": features.GUEST_UFO,
}


def attach(platform: Platform) -> list[Device]:
    """The transport of every <interface>, and QMP's set_link for all of them."""
    networks: dict[str, Network | ServedNetwork] = {}
    devices: list[Device] = []
    for interface in platform.domain.devices.interfaces:
        network = _network(interface, platform)
        served = _served(interface, network, platform)
        transport = plug(served or network, platform, interface.address)
        network.tell_driver = transport.core.configuration_changed
        if served is not None:
            served.watch(transport.core.fail)
        networks[network.name] = served or network
        devices.append(transport)

    def set_link(arguments: Mapping[str, object]) -> object:
        network = networks.get(str(arguments.get("name")))
        if network is None:
            raise QmpError(f"Device '{arguments.get('name')}' not found", "DeviceNotFound")
        up = arguments.get("up")
        if not isinstance(up, bool):
            raise QmpError("Parameter 'up' expects a boolean")
        network.set_link(up)
        return {}

    platform.monitor.command("set_link", set_link, frozenset({"name", "up"}))
    return devices


def _names(interface: Interface) -> list[str]:
    """Of the descriptors, one a queue pair."""
    name = interface.alias or ""
    return [name, *(f"{name}.{index}" for index in range(1, interface.driver_queues or 1))]


def _network(interface: Interface, platform: Platform) -> Network:
    links: list[Link]
    if interface.type == "vhostuser":
        links = [CarriedLink()]
    else:
        kind: type[TapLink | StreamLink] = StreamLink if interface.type == "user" else TapLink
        links = [kind(platform.descriptor(name)) for name in _names(interface)]
    return Network(
        interface.alias or "",
        links,
        bytes.fromhex((interface.mac or "").replace(":", "")),
        withheld=_withheld(interface),
        mtu=interface.mtu,
        link_up=interface.link_state != "down",
        queue_sizes=(interface.rx_queue_size or QUEUE_SIZE, interface.tx_queue_size or QUEUE_SIZE),
    )


def _served(interface: Interface, network: Network, platform: Platform) -> ServedNetwork | None:
    """By a vhost-user server, or by the host's kernel, where the card's files have been opened for that."""
    name = network.name
    if interface.type == "vhostuser":
        return user_served(network, platform.descriptor(name), platform.memory)
    kernel = [fd for each in _names(interface) if (fd := platform.opened(f"{each}.vhost")) is not None]
    if not kernel:
        return None
    taps = [platform.descriptor(each) for each in _names(interface)]
    try:
        return kernel_served(network, kernel, taps, platform.memory)
    except DeviceFailed as error:
        if interface.driver_name == "vhost":
            raise
        log.warning("%s: the kernel does not carry its frames: %s", name, error)
        return None


def _withheld(interface: Interface) -> int:
    """What <driver><host …/><guest …/> turns off."""
    result = 0
    for offloads, bits in (
        (interface.host_offloads, _HOST_OFFLOADS),
        (interface.guest_offloads, _GUEST_OFFLOADS),
    ):
        if offloads is not None:
            for name, bit in bits.items():
                if getattr(offloads, name) is False:
                    result |= bit
    return result
