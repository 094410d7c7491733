"""Network cards: a TAP device, on a bridge or by itself, or user-mode networking by passt."""

from dataclasses import replace

from kvmctl.backends import passt
from kvmctl.backends.descriptors import BackendError, Descriptors, Unsupported
from kvmctl.domain import Domain, Interface
from kvmctl.host import tap


def _open(interface: Interface, descriptors: Descriptors) -> Interface:
    """The result carries the name that the TAP device has."""
    match interface.type:
        case "bridge" | "ethernet" | "network":
            return _open_tap(interface, descriptors)
        case "user":
            if (interface.driver_queues or 1) > 1:
                raise Unsupported("an interface of type='user' has one queue: leave <driver queues='…'/> out")
            descriptors.add(interface.alias or "", passt.start(interface))
    return interface


def _open_tap(interface: Interface, descriptors: Descriptors) -> Interface:
    if interface.type == "network" and interface.bridge is None:
        message = f"network '{interface.network}' is known to the daemon only: start this domain through it"
        raise Unsupported(message)
    queues = interface.driver_queues or 1
    try:
        opened, name = tap.open_tap(interface.target, interface.bridge, queues=queues, mtu=interface.mtu)
    except OSError as error:
        place = f" on bridge '{interface.bridge}'" if interface.bridge else ""
        what = f"TAP device '{interface.target}'" if interface.target else "a TAP device"
        raise BackendError(error, f"cannot open {what}{place}") from error
    alias = interface.alias or ""
    for index, descriptor in enumerate(opened):
        descriptors.add(f"{alias}.{index}" if index else alias, descriptor)
    return replace(interface, target=name)


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    interfaces = tuple(_open(interface, descriptors) for interface in domain.devices.interfaces)
    return replace(domain, devices=replace(domain.devices, interfaces=interfaces))
