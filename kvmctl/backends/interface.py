"""Network cards: a TAP device, on a bridge or by itself."""

from dataclasses import replace

from kvmctl.backends.descriptors import BackendError, Descriptors
from kvmctl.domain import Domain, Interface
from kvmctl.host import tap


def _open(interface: Interface, descriptors: Descriptors) -> Interface:
    """The result carries the name that the TAP device has."""
    try:
        descriptor, name = tap.open_tap(interface.target, interface.bridge)
    except OSError as error:
        place = f" on bridge '{interface.bridge}'" if interface.bridge else ""
        what = f"TAP device '{interface.target}'" if interface.target else "a TAP device"
        raise BackendError(error, f"cannot open {what}{place}") from error
    descriptors.add(interface.alias or "", descriptor)
    return replace(interface, target=name)


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    interfaces = tuple(_open(interface, descriptors) for interface in domain.devices.interfaces)
    return replace(domain, devices=replace(domain.devices, interfaces=interfaces))
