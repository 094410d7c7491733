"""TAP devices: a network card's host end, as a descriptor (Linux Documentation/networking/tuntap.rst)."""

import errno
import fcntl
import os
import socket
import struct
from typing import Final

CLONE_DEVICE: Final = "/dev/net/tun"

_TUNSETIFF: Final = 0x4004_54CA
_TUNSETVNETHDRSZ: Final = 0x4004_54D8
_SIOCBRADDIF: Final = 0x89A2
_IFF_TAP: Final = 0x0002
_IFF_NO_PI: Final = 0x1000
_IFF_VNET_HDR: Final = 0x4000
_IFF_UP: Final = 0x0001
_NAME_SIZE: Final = 16
_SIOCGIFFLAGS: Final = 0x8913
_SIOCSIFFLAGS: Final = 0x8914
VNET_HEADER_SIZE: Final = 12
"""struct virtio_net_hdr with num_buffers."""


def open_tap(name: str | None, bridge: str | None) -> tuple[int, str]:
    """Attach to the TAP device of that name, or create one, and put it on the bridge; it is up then.

    Frames carry virtio's header. A device that was created here goes when its descriptor is closed.
    """
    fd = os.open(CLONE_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR
        reply = fcntl.ioctl(fd, _TUNSETIFF, _request(name or "vnet%d", struct.pack("H", flags)))
        actual = reply[:_NAME_SIZE].rstrip(b"\0").decode()
        fcntl.ioctl(fd, _TUNSETVNETHDRSZ, struct.pack("i", VNET_HEADER_SIZE))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            if bridge is not None:
                index = socket.if_nametoindex(actual)
                fcntl.ioctl(control, _SIOCBRADDIF, _request(bridge, struct.pack("i", index)))
            reply = fcntl.ioctl(control, _SIOCGIFFLAGS, _request(actual, b""))
            (current,) = struct.unpack_from("H", reply, _NAME_SIZE)
            fcntl.ioctl(control, _SIOCSIFFLAGS, _request(actual, struct.pack("H", current | _IFF_UP)))
    except BaseException:
        os.close(fd)
        raise
    return fd, actual


def _request(name: str, value: bytes) -> bytes:
    """struct ifreq."""
    encoded = name.encode()
    if len(encoded) >= _NAME_SIZE:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), name)
    return encoded.ljust(_NAME_SIZE, b"\0") + value.ljust(24, b"\0")
