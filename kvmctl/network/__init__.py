"""Virtual networks: typed model, XML to model and back, what its values must mean together, defaults."""

from kvmctl.network.defaults import with_defaults
from kvmctl.network.document import format, parse
from kvmctl.network.live import inactive
from kvmctl.network.model import (
    Bridge,
    Dhcp,
    DhcpHost,
    DhcpRange,
    Dns,
    DnsHost,
    DnsSrv,
    DnsTxt,
    Forward,
    Ip,
    Network,
    Route,
)

__all__ = [
    "Bridge",
    "Dhcp",
    "DhcpHost",
    "DhcpRange",
    "Dns",
    "DnsHost",
    "DnsSrv",
    "DnsTxt",
    "Forward",
    "Ip",
    "Network",
    "Route",
    "format",
    "inactive",
    "parse",
    "with_defaults",
]
