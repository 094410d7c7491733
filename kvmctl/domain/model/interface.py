# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Network interfaces"."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from kvmctl.domain.binding import always, many, one, value
from kvmctl.domain.codecs import (
    ABSOLUTE_PATH,
    INTERFACE_NAME,
    LINE,
    MAC_ADDRESS,
    ON_OFF,
    UUID_TEXT,
    Unsigned,
    choice,
)
from kvmctl.domain.model.address import Address
from kvmctl.domain.model.disk import ORDER
from kvmctl.domain.model.forwarding import GuestAddress, PortForward
from kvmctl.domain.model.shared import address, alias

TAP_PREFIX: Final = "vnet"
"""Begins the names of TAP devices that are made up for each run."""
_QUEUES = Unsigned(256, 1)
_QUEUE_SIZE = Unsigned(32768, 1)
_MTU = Unsigned(65535, 68)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOffloads:
    """What the guest may leave to the host for the frames that it sends; all of it where nothing is said."""

    csum: bool | None = value("@csum", ON_OFF, default=None)
    gso: bool | None = value("@gso", ON_OFF, default=None)
    tso4: bool | None = value("@tso4", ON_OFF, default=None)
    tso6: bool | None = value("@tso6", ON_OFF, default=None)
    ecn: bool | None = value("@ecn", ON_OFF, default=None)
    ufo: bool | None = value("@ufo", ON_OFF, default=None)
    mrg_rxbuf: bool | None = value("@mrg_rxbuf", ON_OFF, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestOffloads:
    """What the host may leave to the guest for the frames that it receives."""

    csum: bool | None = value("@csum", ON_OFF, default=None)
    tso4: bool | None = value("@tso4", ON_OFF, default=None)
    tso6: bool | None = value("@tso6", ON_OFF, default=None)
    ecn: bool | None = value("@ecn", ON_OFF, default=None)
    ufo: bool | None = value("@ufo", ON_OFF, default=None)


def _from_network(interface: "Interface") -> bool:
    return interface.type == "network"


def _has_made_up_target(interface: "Interface") -> bool:
    return interface.target is not None and interface.target.startswith(TAP_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """formatdomain, "Network interfaces": a virtio card on a TAP device, on passt or on a vhost-user server.

    One on a network has the network's bridge while it runs.
    """

    type: str = value("@type", choice("bridge", "ethernet", "network", "user", "vhostuser"))
    mac: str | None = value("mac/@address", MAC_ADDRESS, default=None)
    source_type: str | None = value("source/@type", choice("unix"), default=None)
    path: str | None = value("source/@path", ABSOLUTE_PATH, default=None)
    mode: str | None = value("source/@mode", choice("server", "client"), default=None)
    network: str | None = value("source/@network", LINE, default=None)
    portid: UUID | None = value("source/@portid", UUID_TEXT, default=None, live=always)
    bridge: str | None = value("source/@bridge", INTERFACE_NAME, default=None, live=_from_network)
    dev: str | None = value("source/@dev", INTERFACE_NAME, default=None)
    """Of type user: the host's interface whose addresses the guest gets."""
    addresses: tuple[GuestAddress, ...] = many("ip", GuestAddress)
    port_forwards: tuple[PortForward, ...] = many("portForward", PortForward)
    target: str | None = value("target/@dev", INTERFACE_NAME, default=None, live=_has_made_up_target)
    model: str | None = value("model/@type", choice("virtio"), default=None)
    driver_name: str | None = value("driver/@name", choice("vhost", "qemu"), default=None)
    driver_queues: int | None = value("driver/@queues", _QUEUES, default=None)
    rx_queue_size: int | None = value("driver/@rx_queue_size", _QUEUE_SIZE, default=None)
    tx_queue_size: int | None = value("driver/@tx_queue_size", _QUEUE_SIZE, default=None)
    host_offloads: HostOffloads | None = one("driver/host", HostOffloads, default=None)
    guest_offloads: GuestOffloads | None = one("driver/guest", GuestOffloads, default=None)
    backend: str | None = value("backend/@type", choice("passt"), default=None)
    log_file: str | None = value("backend/@logFile", ABSOLUTE_PATH, default=None)
    link_state: str | None = value("link/@state", choice("up", "down"), default=None)
    mtu: int | None = value("mtu/@size", _MTU, default=None)
    boot_order: int | None = value("boot/@order", ORDER, default=None)
    alias: str | None = alias()
    address: Address | None = address()
