"""Devices, consoles, interfaces of a domain.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Hyper, Int, String, UInt, struct
from kvmctl.driver.rpc.types.limits import (
    DOMAIN_INTERFACE_MAX,
    DOMAIN_INTERFACE_PARAMETERS_MAX,
    DOMAIN_IP_ADDR_MAX,
    DOMAIN_SEND_KEY_MAX,
)
from kvmctl.driver.rpc.types.objects import Domain
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class DomainInterfaceStatsArgs:
    dom: Domain
    device: String


@struct
class DomainInterfaceStatsRet:
    rx_bytes: Hyper
    rx_packets: Hyper
    rx_errs: Hyper
    rx_drop: Hyper
    tx_bytes: Hyper
    tx_packets: Hyper
    tx_errs: Hyper
    tx_drop: Hyper


@struct
class DomainSetInterfaceParametersArgs:
    dom: Domain
    device: String
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_INTERFACE_PARAMETERS_MAX)]
    flags: UInt


@struct
class DomainGetInterfaceParametersArgs:
    dom: Domain
    device: String
    nparams: Int
    flags: UInt


@struct
class DomainGetInterfaceParametersRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_INTERFACE_PARAMETERS_MAX)]
    nparams: Int


@struct
class DomainScreenshotArgs:
    dom: Domain
    screen: UInt
    flags: UInt


@struct
class DomainScreenshotRet:
    mime: String | None


@struct
class DomainInjectNmiArgs:
    dom: Domain
    flags: UInt


@struct
class DomainSendKeyArgs:
    dom: Domain
    codeset: UInt
    holdtime: UInt
    keycodes: Annotated[tuple[UInt, ...], MaxItems(DOMAIN_SEND_KEY_MAX)]
    flags: UInt


@struct
class DomainSendProcessSignalArgs:
    dom: Domain
    pid_value: Hyper
    signum: UInt
    flags: UInt


@struct
class DomainAttachDeviceArgs:
    dom: Domain
    xml: String


@struct
class DomainAttachDeviceFlagsArgs:
    dom: Domain
    xml: String
    flags: UInt


@struct
class DomainDetachDeviceArgs:
    dom: Domain
    xml: String


@struct
class DomainDetachDeviceFlagsArgs:
    dom: Domain
    xml: String
    flags: UInt


@struct
class DomainUpdateDeviceFlagsArgs:
    dom: Domain
    xml: String
    flags: UInt


@struct
class DomainDetachDeviceAliasArgs:
    dom: Domain
    alias: String
    flags: UInt


@struct
class DomainGetHostnameArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetHostnameRet:
    hostname: String


@struct
class DomainOpenConsoleArgs:
    dom: Domain
    dev_name: String | None
    flags: UInt


@struct
class DomainOpenChannelArgs:
    dom: Domain
    name: String | None
    flags: UInt


@struct
class DomainOpenGraphicsArgs:
    dom: Domain
    idx: UInt
    flags: UInt


@struct
class DomainOpenGraphicsFdArgs:
    dom: Domain
    idx: UInt
    flags: UInt


@struct
class DomainIpAddr:
    type: Int
    addr: String
    prefix: UInt


@struct
class DomainInterface:
    name: String
    hwaddr: String | None
    addrs: Annotated[tuple[DomainIpAddr, ...], MaxItems(DOMAIN_IP_ADDR_MAX)]


@struct
class DomainInterfaceAddressesArgs:
    dom: Domain
    source: UInt
    flags: UInt


@struct
class DomainInterfaceAddressesRet:
    ifaces: Annotated[tuple[DomainInterface, ...], MaxItems(DOMAIN_INTERFACE_MAX)]
