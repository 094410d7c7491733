"""Network cards: a TAP device, on a bridge or by itself, passt, or a vhost-user server."""

import os
import socket
from dataclasses import replace
from typing import Final

from kvmctl.backends import passt
from kvmctl.backends.descriptors import BackendError, Descriptors, Unsupported
from kvmctl.domain import Domain, Interface
from kvmctl.host import tap

VHOST_NET: Final = "/dev/vhost-net"


def _open(interface: Interface, descriptors: Descriptors) -> Interface:
    """The result carries the name that the TAP device has."""
    match interface.type:
        case "bridge" | "ethernet" | "network":
            return _open_tap(interface, descriptors)
        case "user":
            if (interface.driver_queues or 1) > 1:
                raise Unsupported("an interface of type='user' has one queue: leave <driver queues='…'/> out")
            descriptors.add(interface.alias or "", passt.start(interface))
        case "vhostuser":
            _connect(interface, descriptors)
    return interface


def _connect(interface: Interface, descriptors: Descriptors) -> None:
    """To the vhost-user server's socket."""
    if interface.mode == "server":
        raise Unsupported("an interface of type='vhostuser' connects itself: use <source mode='client'/>")
    if (interface.driver_queues or 1) > 1:
        raise Unsupported("an interface of type='vhostuser' has one queue: leave <driver queues='…'/> out")
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.connect(interface.path or "")
    except OSError as error:
        stream.close()
        raise BackendError(error, f"cannot connect to the vhost-user server at '{interface.path}'") from error
    descriptors.add(interface.alias or "", stream.detach())


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
    names = [f"{alias}.{index}" if index else alias for index in range(queues)]
    for each, descriptor in zip(names, opened, strict=True):
        descriptors.add(each, descriptor)
    if interface.driver_name != "qemu":
        _open_vhost(names, descriptors, needed=interface.driver_name == "vhost")
    return replace(interface, target=name)


def _open_vhost(names: list[str], descriptors: Descriptors, *, needed: bool) -> None:
    """The kernel's own device for all of the queues, where it has one."""
    opened: list[int] = []
    try:
        for _ in names:
            opened.append(os.open(VHOST_NET, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        if needed:
            message = f"driver name='vhost' needs {VHOST_NET}: {os.strerror(error.errno or 0)}"
            raise Unsupported(message) from error
        return
    for name, descriptor in zip(names, opened, strict=True):
        descriptors.add(f"{name}.vhost", descriptor)


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    interfaces = tuple(_open(interface, descriptors) for interface in domain.devices.interfaces)
    return replace(domain, devices=replace(domain.devices, interfaces=interfaces))
