"""Network interfaces."""

from collections.abc import Iterator
from typing import Final

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain, Interface

_SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "bridge": ("bridge",),
    "ethernet": (),
    "network": ("network",),
    "user": (),
    "vhostuser": ("type", "path", "mode"),
}
"""What <source> has to say, by the type of the interface."""

_POSSIBLE: Final[dict[str, tuple[str, ...]]] = {"network": ("portid", "bridge"), "user": ("dev",)}
"""What it may say besides."""

_FIELDS: Final = {"type": "source_type"}


def check(domain: Domain) -> Iterator[Finding]:
    for index, interface in enumerate(domain.devices.interfaces):
        path = numbered("/domain/devices/interface", index)
        yield from _source(interface, path)
        yield from _back_end(interface, path)
        yield from _queues(interface, path)
        yield from _forwarding(interface, path)


def _source(interface: Interface, path: str) -> Iterator[Finding]:
    kind = interface.type
    needed = _SOURCES[kind]
    missing = [name for name in needed if getattr(interface, _FIELDS.get(name, name)) is None]
    if missing:
        attributes = " ".join(f"{name}='{'unix' if name == 'type' else '…'}'" for name in needed)
        message = f"an interface of type='{kind}' has no <source {attributes}/>"
        yield Finding(ErrorKind.XML_ERROR, message, path)
    possible = {*needed, *_POSSIBLE.get(kind, ())}
    for name in ("type", "path", "mode", "network", "portid", "bridge", "dev"):
        if name not in possible and getattr(interface, _FIELDS.get(name, name)) is not None:
            types = " or ".join(
                f"type='{other}'"
                for other in _SOURCES
                if name in (*_SOURCES[other], *_POSSIBLE.get(other, ()))
            )
            message = f"source {name} needs {types}"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@{name}")


def _back_end(interface: Interface, path: str) -> Iterator[Finding]:
    if interface.type != "user":
        if interface.backend is not None:
            message = "the 'passt' backend can only be used with interface type='user'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/backend/@type")
        if interface.log_file is not None:
            message = "a log file needs interface type='user', whose passt writes it"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/backend/@logFile")
    if interface.type in ("user", "vhostuser") and interface.driver_name == "vhost":
        message = f"driver name 'vhost' needs a TAP device, which type='{interface.type}' has not"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/driver/@name")
    if interface.type == "user" and interface.target is not None:
        message = "target dev names a TAP device, which type='user' has not"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/target/@dev")


def _queues(interface: Interface, path: str) -> Iterator[Finding]:
    if interface.type == "user" and (interface.driver_queues or 1) > 1:
        message = "Multiqueue devices are not supported for interfaces of type: user"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/driver/@queues")
    for name in ("rx_queue_size", "tx_queue_size"):
        size = getattr(interface, name)
        if size and size & (size - 1):
            message = f"{name} has to be a power of two"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/driver/@{name}")


def _forwarding(interface: Interface, path: str) -> Iterator[Finding]:
    """What passt is told of the guest's addresses and ports."""
    if interface.type != "user":
        for element, given in (("ip", interface.addresses), ("portForward", interface.port_forwards)):
            if given:
                message = f"<{element}> needs interface type='user'"
                yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/{element}")
    versions = [address.address.version for address in interface.addresses]
    if len(versions) != len(set(versions)):
        message = "only one IP address per family is allowed"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/ip")
    for address in interface.addresses:
        if address.family not in (None, f"ipv{address.address.version}"):
            message = f"address '{address.address}' is not of family '{address.family}'"
            yield Finding(ErrorKind.XML_ERROR, message, f"{path}/ip/@family")
        if (address.prefix or 0) > address.address.max_prefixlen:
            message = f"address '{address.address}' has a prefix of {address.prefix} bits"
            yield Finding(ErrorKind.XML_ERROR, message, f"{path}/ip/@prefix")
    for forward in interface.port_forwards:
        if forward.dev is not None and forward.address is None:
            message = "a <portForward> with dev needs an address too"
            yield Finding(ErrorKind.XML_ERROR, message, f"{path}/portForward/@dev")
        for ports in forward.ranges:
            end = ports.end or ports.start
            if end < ports.start or (ports.to or ports.start) + end - ports.start > 65535:
                message = f"ports from {ports.start} to {end} are no range"
                yield Finding(ErrorKind.XML_ERROR, message, f"{path}/portForward/range")
            if ports.exclude and ports.to is not None:
                message = "ports that are excluded lead nowhere: leave 'to' out"
                yield Finding(ErrorKind.XML_ERROR, message, f"{path}/portForward/range/@to")
