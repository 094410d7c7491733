"""Virtual processors, I/O threads, scheduling.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import (
    CPUMAP_MAX,
    CPUMAPS_MAX,
    DOMAIN_GET_CPU_STATS_MAX,
    DOMAIN_GUEST_VCPU_PARAMS_MAX,
    DOMAIN_IOTHREAD_PARAMS_MAX,
    DOMAIN_NUMA_PARAMETERS_MAX,
    DOMAIN_SCHEDULER_PARAMETERS_MAX,
    IOTHREAD_INFO_MAX,
    VCPUINFO_MAX,
)
from kvmctl.driver.rpc.types.objects import Domain
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems, Opaque


@struct
class VcpuInfo:
    number: UInt
    state: Int
    cpu_time: UHyper
    cpu: Int


@struct
class DomainGetSchedulerTypeArgs:
    dom: Domain


@struct
class DomainGetSchedulerTypeRet:
    type: String
    nparams: Int


@struct
class DomainGetSchedulerParametersArgs:
    dom: Domain
    nparams: Int


@struct
class DomainGetSchedulerParametersRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_SCHEDULER_PARAMETERS_MAX)]


@struct
class DomainGetSchedulerParametersFlagsArgs:
    dom: Domain
    nparams: Int
    flags: UInt


@struct
class DomainGetSchedulerParametersFlagsRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_SCHEDULER_PARAMETERS_MAX)]


@struct
class DomainSetSchedulerParametersArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_SCHEDULER_PARAMETERS_MAX)]


@struct
class DomainSetSchedulerParametersFlagsArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_SCHEDULER_PARAMETERS_MAX)]
    flags: UInt


@struct
class DomainSetNumaParametersArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_NUMA_PARAMETERS_MAX)]
    flags: UInt


@struct
class DomainGetNumaParametersArgs:
    dom: Domain
    nparams: Int
    flags: UInt


@struct
class DomainGetNumaParametersRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_NUMA_PARAMETERS_MAX)]
    nparams: Int


@struct
class DomainSetVcpusArgs:
    dom: Domain
    nvcpus: UInt


@struct
class DomainSetVcpusFlagsArgs:
    dom: Domain
    nvcpus: UInt
    flags: UInt


@struct
class DomainGetVcpusFlagsArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetVcpusFlagsRet:
    num: Int


@struct
class DomainPinVcpuArgs:
    dom: Domain
    vcpu: UInt
    cpumap: Annotated[bytes, Opaque(CPUMAP_MAX)]


@struct
class DomainPinVcpuFlagsArgs:
    dom: Domain
    vcpu: UInt
    cpumap: Annotated[bytes, Opaque(CPUMAP_MAX)]
    flags: UInt


@struct
class DomainGetVcpuPinInfoArgs:
    dom: Domain
    ncpumaps: Int
    maplen: Int
    flags: UInt


@struct
class DomainGetVcpuPinInfoRet:
    cpumaps: Annotated[bytes, Opaque(CPUMAPS_MAX)]
    num: Int


@struct
class DomainPinEmulatorArgs:
    dom: Domain
    cpumap: Annotated[bytes, Opaque(CPUMAP_MAX)]
    flags: UInt


@struct
class DomainGetEmulatorPinInfoArgs:
    dom: Domain
    maplen: Int
    flags: UInt


@struct
class DomainGetEmulatorPinInfoRet:
    cpumaps: Annotated[bytes, Opaque(CPUMAPS_MAX)]
    ret: Int


@struct
class DomainGetVcpusArgs:
    dom: Domain
    maxinfo: Int
    maplen: Int


@struct
class DomainGetVcpusRet:
    info: Annotated[tuple[VcpuInfo, ...], MaxItems(VCPUINFO_MAX)]
    cpumaps: Annotated[bytes, Opaque(CPUMAPS_MAX)]


@struct
class DomainGetMaxVcpusArgs:
    dom: Domain


@struct
class DomainGetMaxVcpusRet:
    num: Int


@struct
class DomainIothreadInfo:
    iothread_id: UInt
    cpumap: Annotated[bytes, Opaque(CPUMAP_MAX)]


@struct
class DomainGetIothreadInfoArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetIothreadInfoRet:
    info: Annotated[tuple[DomainIothreadInfo, ...], MaxItems(IOTHREAD_INFO_MAX)]
    ret: UInt


@struct
class DomainPinIothreadArgs:
    dom: Domain
    iothreads_id: UInt
    cpumap: Annotated[bytes, Opaque(CPUMAP_MAX)]
    flags: UInt


@struct
class DomainAddIothreadArgs:
    dom: Domain
    iothread_id: UInt
    flags: UInt


@struct
class DomainDelIothreadArgs:
    dom: Domain
    iothread_id: UInt
    flags: UInt


@struct
class DomainSetIothreadParamsArgs:
    dom: Domain
    iothread_id: UInt
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_IOTHREAD_PARAMS_MAX)]
    flags: UInt


@struct
class DomainGetCpuStatsArgs:
    dom: Domain
    nparams: UInt
    start_cpu: Int
    ncpus: UInt
    flags: UInt


@struct
class DomainGetCpuStatsRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_GET_CPU_STATS_MAX)]
    nparams: Int


@struct
class DomainGetGuestVcpusArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetGuestVcpusRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_GUEST_VCPU_PARAMS_MAX)]


@struct
class DomainSetGuestVcpusArgs:
    dom: Domain
    cpumap: String
    state: Int
    flags: UInt


@struct
class DomainSetVcpuArgs:
    dom: Domain
    cpumap: String
    state: Int
    flags: UInt
