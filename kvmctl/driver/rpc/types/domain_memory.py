"""Memory and the tuning of memory, block I/O weights and perf events.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import (
    DOMAIN_BLKIO_PARAMETERS_MAX,
    DOMAIN_MEMORY_PARAMETERS_MAX,
    DOMAIN_MEMORY_PEEK_BUFFER_MAX,
    DOMAIN_MEMORY_STATS_MAX,
    DOMAIN_PERF_EVENTS_MAX,
)
from kvmctl.driver.rpc.types.objects import Domain
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems, Opaque


@struct
class DomainSetBlkioParametersArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_BLKIO_PARAMETERS_MAX)]
    flags: UInt


@struct
class DomainGetBlkioParametersArgs:
    dom: Domain
    nparams: Int
    flags: UInt


@struct
class DomainGetBlkioParametersRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_BLKIO_PARAMETERS_MAX)]
    nparams: Int


@struct
class DomainSetMemoryParametersArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_MEMORY_PARAMETERS_MAX)]
    flags: UInt


@struct
class DomainGetMemoryParametersArgs:
    dom: Domain
    nparams: Int
    flags: UInt


@struct
class DomainGetMemoryParametersRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_MEMORY_PARAMETERS_MAX)]
    nparams: Int


@struct
class DomainSetPerfEventsArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_PERF_EVENTS_MAX)]
    flags: UInt


@struct
class DomainGetPerfEventsArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetPerfEventsRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_PERF_EVENTS_MAX)]


@struct
class DomainMemoryStatsArgs:
    dom: Domain
    max_stats: UInt
    flags: UInt


@struct
class DomainMemoryStat:
    tag: Int
    val: UHyper


@struct
class DomainMemoryStatsRet:
    stats: Annotated[tuple[DomainMemoryStat, ...], MaxItems(DOMAIN_MEMORY_STATS_MAX)]


@struct
class DomainMemoryPeekArgs:
    dom: Domain
    offset: UHyper
    size: UInt
    flags: UInt


@struct
class DomainMemoryPeekRet:
    buffer: Annotated[bytes, Opaque(DOMAIN_MEMORY_PEEK_BUFFER_MAX)]


@struct
class DomainGetMaxMemoryArgs:
    dom: Domain


@struct
class DomainGetMaxMemoryRet:
    memory: UHyper


@struct
class DomainSetMaxMemoryArgs:
    dom: Domain
    memory: UHyper


@struct
class DomainSetMemoryArgs:
    dom: Domain
    memory: UHyper


@struct
class DomainSetMemoryFlagsArgs:
    dom: Domain
    memory: UHyper
    flags: UInt


@struct
class DomainSetMemoryStatsPeriodArgs:
    dom: Domain
    period: Int
    flags: UInt


@struct
class DomainStartDirtyRateCalcArgs:
    dom: Domain
    seconds: Int
    flags: UInt
