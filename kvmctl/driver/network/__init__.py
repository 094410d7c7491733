"""virNetwork: the networks that the daemon makes on the host for its guests."""

from kvmctl.driver.network.networks import Networks
from kvmctl.driver.network.object import NetworkObject

__all__ = ["NetworkObject", "Networks"]
