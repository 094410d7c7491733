"""Which received frames the driver wants (virtio 1.2, 5.1.6.5.1 to 5.1.6.5.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

MOST_ADDRESSES: Final = 64
"""Of each kind; a driver that sets more gets all frames of that kind."""
HEAD: Final = 16
"""What the decision needs of a frame: its addresses, and a VLAN tag."""
_VLAN_TAG: Final = 0x8100
_BROADCAST: Final = b"\xff" * 6


@dataclass(slots=True)
class Filter:
    """All frames, until the driver says otherwise; VLANs, once it has said that it names them."""

    mac: bytes
    vlans_named: bool = False
    promiscuous: bool = True
    all_multicast: bool = False
    all_unicast: bool = False
    no_multicast: bool = False
    no_unicast: bool = False
    no_broadcast: bool = False
    unicast: frozenset[bytes] | None = frozenset()
    """None: more than are kept, so that all of them pass."""
    multicast: frozenset[bytes] | None = frozenset()
    vlans: set[int] = field(default_factory=set)

    @property
    def passes_all(self) -> bool:
        return self.promiscuous and not self.vlans_named

    def passes(self, head: bytes) -> bool:
        """Whether the frame that begins so is for the driver."""
        if self.vlans_named and len(head) >= HEAD:
            kind, tag = struct.unpack_from(">HH", head, 12)
            if kind == _VLAN_TAG and tag & 0xFFF not in self.vlans:
                return False
        if self.promiscuous:
            return True
        to = head[:6]
        if to == _BROADCAST:
            return not self.no_broadcast
        if to[0] & 1:
            if self.no_multicast:
                return False
            return self.all_multicast or self.multicast is None or to in self.multicast
        if self.no_unicast:
            return False
        return self.all_unicast or to == self.mac or self.unicast is None or to in self.unicast
