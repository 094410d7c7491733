"""The feature bits of a network device (virtio 1.2, 5.1.3), and which of them go together (5.1.3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CSUM: Final = 1 << 0
GUEST_CSUM: Final = 1 << 1
CTRL_GUEST_OFFLOADS: Final = 1 << 2
MTU: Final = 1 << 3
MAC: Final = 1 << 5
GUEST_TSO4: Final = 1 << 7
GUEST_TSO6: Final = 1 << 8
GUEST_ECN: Final = 1 << 9
GUEST_UFO: Final = 1 << 10
HOST_TSO4: Final = 1 << 11
HOST_TSO6: Final = 1 << 12
HOST_ECN: Final = 1 << 13
HOST_UFO: Final = 1 << 14
MRG_RXBUF: Final = 1 << 15
STATUS: Final = 1 << 16
CTRL_VQ: Final = 1 << 17
CTRL_RX: Final = 1 << 18
CTRL_VLAN: Final = 1 << 19
CTRL_RX_EXTRA: Final = 1 << 20
MQ: Final = 1 << 22
CTRL_MAC_ADDR: Final = 1 << 23

ALWAYS: Final = MAC | MRG_RXBUF | STATUS | CTRL_VQ | CTRL_RX | CTRL_VLAN | CTRL_RX_EXTRA | CTRL_MAC_ADDR
SEND: Final = CSUM | HOST_TSO4 | HOST_TSO6 | HOST_ECN | HOST_UFO
"""What the driver may leave to the host."""
RECEIVE: Final = GUEST_CSUM | GUEST_TSO4 | GUEST_TSO6 | GUEST_ECN | GUEST_UFO
"""What the host may leave to the driver."""

_NEEDS: Final[Mapping[int, int]] = {
    GUEST_TSO4: GUEST_CSUM,
    GUEST_TSO6: GUEST_CSUM,
    GUEST_UFO: GUEST_CSUM,
    GUEST_ECN: GUEST_TSO4 | GUEST_TSO6,
    HOST_TSO4: CSUM,
    HOST_TSO6: CSUM,
    HOST_UFO: CSUM,
    HOST_ECN: HOST_TSO4 | HOST_TSO6,
    CTRL_RX: CTRL_VQ,
    CTRL_VLAN: CTRL_VQ,
    CTRL_RX_EXTRA: CTRL_RX,
    MQ: CTRL_VQ,
    CTRL_MAC_ADDR: CTRL_VQ,
    CTRL_GUEST_OFFLOADS: CTRL_VQ,
}
"""Each needs one of those. In an order in which what is needed has been looked at before."""


def consistent(features: int) -> int:
    """These features without those that lack what they need."""
    for feature, needed in _NEEDS.items():
        if not features & needed:
            features &= ~feature
    return features
