"""Listing domains and their bulk statistics.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UInt, struct
from kvmctl.driver.rpc.types.limits import CONNECT_GET_ALL_DOMAIN_STATS_MAX, DOMAIN_LIST_MAX
from kvmctl.driver.rpc.types.objects import Domain
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class ConnectListDomainsArgs:
    maxids: Int


@struct
class ConnectListDomainsRet:
    ids: Annotated[tuple[Int, ...], MaxItems(DOMAIN_LIST_MAX)]


@struct
class ConnectNumOfDomainsRet:
    num: Int


@struct
class ConnectListDefinedDomainsArgs:
    maxnames: Int


@struct
class ConnectListDefinedDomainsRet:
    names: Annotated[tuple[String, ...], MaxItems(DOMAIN_LIST_MAX)]


@struct
class ConnectNumOfDefinedDomainsRet:
    num: Int


@struct
class ConnectListAllDomainsArgs:
    need_results: Int
    flags: UInt


@struct
class ConnectListAllDomainsRet:
    domains: Annotated[tuple[Domain, ...], MaxItems(DOMAIN_LIST_MAX)]
    ret: UInt


@struct
class DomainStatsRecord:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(CONNECT_GET_ALL_DOMAIN_STATS_MAX)]


@struct
class ConnectGetAllDomainStatsArgs:
    doms: Annotated[tuple[Domain, ...], MaxItems(DOMAIN_LIST_MAX)]
    stats: UInt
    flags: UInt


@struct
class ConnectGetAllDomainStatsRet:
    ret_stats: Annotated[tuple[DomainStatsRecord, ...], MaxItems(DOMAIN_LIST_MAX)]
