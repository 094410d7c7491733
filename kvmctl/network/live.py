"""The inactive form of a network."""

from dataclasses import replace

from kvmctl.network.model import Network


def inactive(network: Network) -> Network:
    """Without what only a running network has."""
    return replace(network, connections=None)
