"""Numbers of libvirt's public API (include/libvirt/libvirt-network.h)."""

from enum import IntEnum, IntFlag


class ListFlags(IntFlag):
    """virConnectListAllNetworksFlags."""

    INACTIVE = 1 << 0
    ACTIVE = 1 << 1
    PERSISTENT = 1 << 2
    TRANSIENT = 1 << 3
    AUTOSTART = 1 << 4
    NO_AUTOSTART = 1 << 5


class XmlFlags(IntFlag):
    """virNetworkXMLFlags."""

    INACTIVE = 1 << 0


class DefineFlags(IntFlag):
    """virNetworkDefineFlags and virNetworkCreateFlags."""

    VALIDATE = 1 << 0


class Event(IntEnum):
    """virNetworkEventLifecycleType."""

    DEFINED = 0
    UNDEFINED = 1
    STARTED = 2
    STOPPED = 3


class EventId(IntEnum):
    """virNetworkEventID."""

    LIFECYCLE = 0


class UpdateCommand(IntEnum):
    """virNetworkUpdateCommand."""

    MODIFY = 1
    DELETE = 2
    ADD_LAST = 3
    ADD_FIRST = 4


class UpdateSection(IntEnum):
    """virNetworkUpdateSection."""

    BRIDGE = 1
    DOMAIN = 2
    IP = 3
    IP_DHCP_HOST = 4
    IP_DHCP_RANGE = 5
    FORWARD = 6
    FORWARD_INTERFACE = 7
    FORWARD_PF = 8
    PORTGROUP = 9
    DNS_HOST = 10
    DNS_TXT = 11
    DNS_SRV = 12


class UpdateFlags(IntFlag):
    """virNetworkUpdateFlags."""

    LIVE = 1 << 0
    CONFIG = 1 << 1


class AddressType(IntEnum):
    """virIPAddrType."""

    IPV4 = 0
    IPV6 = 1
