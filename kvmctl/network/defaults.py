"""What libvirt fills in when a network is defined: identity, and the bridge with its address."""

from collections.abc import Callable
from dataclasses import replace
from secrets import token_bytes
from uuid import uuid4

from kvmctl.network.model import Bridge, Network

MAC_PREFIX = "52:54:00"
"""Of the addresses that libvirt makes up."""


def with_defaults(network: Network, free_bridge: Callable[[], str]) -> Network:
    """`free_bridge` gives the name for a bridge that has none, or whose name is a pattern with %d."""
    network = replace(network, uuid=network.uuid or uuid4())
    if not network.owns_bridge:
        return network
    bridge = network.bridge or Bridge()
    stp = True if bridge.stp is None else bridge.stp
    bridge = replace(bridge, name=bridge.name or free_bridge(), stp=stp, delay=bridge.delay or 0)
    made_up = ":".join([MAC_PREFIX, *(f"{byte:02x}" for byte in token_bytes(3))])
    return replace(network, bridge=bridge, mac=(network.mac or made_up).lower())
