"""The header in front of every frame (virtio 1.2, 5.1.6), and what is checked of a driver's."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from kvmctl.vmm.devices.virtio.net import features

SIZE: Final = 12
"""With num_buffers, which is there with VIRTIO_F_VERSION_1. TAP devices read and write it as well."""
EMPTY: Final = bytes(SIZE)
FLAGS: Final = 0
NUM_BUFFERS: Final = 10

NEEDS_CSUM: Final = 1
GSO_NONE: Final = 0
GSO_TCPV4: Final = 1
GSO_UDP: Final = 3
GSO_TCPV6: Final = 4
GSO_ECN: Final = 0x80

LARGEST_FRAME: Final = 14 + 65535
LARGEST_PLAIN_FRAME: Final = LARGEST_FRAME + 8
"""With two VLAN tags."""
SMALLEST_FRAME: Final = 14

_LAYOUT: Final = struct.Struct("<BBHHHHH")
_SEGMENTATIONS: Final[Mapping[int, int]] = {
    GSO_TCPV4: features.HOST_TSO4,
    GSO_TCPV6: features.HOST_TSO6,
    GSO_UDP: features.HOST_UFO,
}
_CHECKSUM_SIZE: Final = 2


class BadHeader(Exception):
    """A frame's header asks for what was not negotiated, or for what cannot be done with the frame."""


def checked(header: bytes, size: int, negotiated: int) -> bytes:
    """The header for the host's kernel, for a frame of `size` bytes. Raises BadHeader.

    Nothing passes that the kernel would have to trust the driver for: offsets lie in the frame, segments
    have a size, and hdr_len, which is a hint only, is no longer than the frame.
    """
    flags, kind, header_size, segment, start, offset, _ = _LAYOUT.unpack(header)
    checksum = flags & NEEDS_CSUM
    if checksum:
        if not negotiated & features.CSUM:
            raise BadHeader("a checksum to fill in, which was not negotiated")
        if start < SMALLEST_FRAME or start + offset + _CHECKSUM_SIZE > size:
            raise BadHeader(f"a checksum at {start}+{offset} of a frame of {size} bytes")
    else:
        start = offset = 0
    if kind == GSO_NONE:
        segment = header_size = 0
    else:
        _check_segmentation(kind, segment, size, negotiated)
        if not checksum:
            raise BadHeader("segments without checksums")
    return _LAYOUT.pack(checksum, kind, min(header_size, size), segment, start, offset, 0)


def _check_segmentation(kind: int, segment: int, size: int, negotiated: int) -> None:
    needed = _SEGMENTATIONS.get(kind & ~GSO_ECN)
    if needed is None:
        raise BadHeader(f"gso_type {kind:#x}")
    if not negotiated & needed or (kind & GSO_ECN and not negotiated & features.HOST_ECN):
        raise BadHeader(f"gso_type {kind:#x}, which was not negotiated")
    if not 0 < segment <= size:
        raise BadHeader(f"segments of {segment} bytes of a frame of {size}")
