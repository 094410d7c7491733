"""TAP devices: a network card's host end, as descriptors (Linux Documentation/networking/tuntap.rst)."""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

CLONE_DEVICE: Final = "/dev/net/tun"

_TUNSETIFF: Final = 0x4004_54CA
SETOFFLOAD: Final = 0x4004_54D0
_TUNSETVNETHDRSZ: Final = 0x4004_54D8
SETQUEUE: Final = 0x4004_54D9
_IFF_TAP: Final = 0x0002
_IFF_MULTI_QUEUE: Final = 0x0100
_IFF_ATTACH_QUEUE: Final = 0x0200
_IFF_DETACH_QUEUE: Final = 0x0400
_IFF_NO_PI: Final = 0x1000
_IFF_VNET_HDR: Final = 0x4000
_IFF_UP: Final = 0x0001
_NAME_SIZE: Final = 16
_SIOCBRADDIF: Final = 0x89A2
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
_SIOCGIFMTU: Final = 0x8921
_SIOCSIFMTU: Final = 0x8922

VNET_HEADER_SIZE: Final = 12
"""struct virtio_net_hdr with num_buffers."""

# TUNSETOFFLOAD: what the frames that are read may have left to do (linux/if_tun.h)
OFFLOAD_CSUM: Final = 0x01
OFFLOAD_TSO4: Final = 0x02
OFFLOAD_TSO6: Final = 0x04
OFFLOAD_ECN: Final = 0x08
OFFLOAD_UFO: Final = 0x10


def open_tap(
    name: str | None, bridge: str | None, *, queues: int = 1, mtu: int | None = None
) -> tuple[list[int], str]:
    """Attach to the TAP device of that name, or create one, and put it on the bridge; it is up then.

    One descriptor a queue. Frames carry virtio's header. Without `mtu`, a device on a bridge gets the
    bridge's. A device that was created here goes when its descriptors are closed. Raises OSError.
    """
    flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR | (_IFF_MULTI_QUEUE if queues > 1 else 0)
    descriptors: list[int] = []
    actual = name or "vnet%d"
    try:
        for _ in range(queues):
            fd = os.open(CLONE_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            descriptors.append(fd)
            reply = fcntl.ioctl(fd, _TUNSETIFF, _request(actual, struct.pack("H", flags)))
            actual = reply[:_NAME_SIZE].rstrip(b"\0").decode()
            fcntl.ioctl(fd, _TUNSETVNETHDRSZ, struct.pack("i", VNET_HEADER_SIZE))
        with _control() as control:
            if mtu is None and bridge is not None:
                mtu = _get(control, _SIOCGIFMTU, bridge, "i")
            if mtu is not None:
                # Before it is on the bridge, which has the least MTU of its ports.
                fcntl.ioctl(control, _SIOCSIFMTU, _request(actual, struct.pack("i", mtu)))
            if bridge is not None:
                index = socket.if_nametoindex(actual)
                fcntl.ioctl(control, _SIOCBRADDIF, _request(bridge, struct.pack("i", index)))
            current = _get(control, _SIOCGIFFLAGS, actual, "H")
            fcntl.ioctl(control, _SIOCSIFFLAGS, _request(actual, struct.pack("H", current | _IFF_UP)))
    except BaseException:
        for fd in descriptors:
            os.close(fd)
        raise
    return descriptors, actual


def set_offloads(fd: int, offloads: int) -> None:
    """What its reader takes over: OFFLOAD_ bits, all but OFFLOAD_CSUM only with that one. Raises OSError."""
    fcntl.ioctl(fd, SETOFFLOAD, offloads)


def set_queue(fd: int, *, attached: bool) -> None:
    """Let a queue of a device of several take part, or rest. Raises OSError (EINVAL: it does already)."""
    flags = _IFF_ATTACH_QUEUE if attached else _IFF_DETACH_QUEUE
    fcntl.ioctl(fd, SETQUEUE, _request("", struct.pack("H", flags)))


@contextmanager
def _control() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        yield control


def _get(control: socket.socket, request: int, name: str, kind: str) -> int:
    reply = fcntl.ioctl(control, request, _request(name, b""))
    value: int = struct.unpack_from(kind, reply, _NAME_SIZE)[0]
    return value


def _request(name: str, value: bytes) -> bytes:
    """struct ifreq."""
    encoded = name.encode()
    if len(encoded) >= _NAME_SIZE:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), name)
    return encoded.ljust(_NAME_SIZE, b"\0") + value.ljust(24, b"\0")
