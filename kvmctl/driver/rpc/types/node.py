"""The host: processors, memory, NUMA.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import (
    CPUMAP_MAX,
    NODE_CPU_STATS_MAX,
    NODE_MAX_CELLS,
    NODE_MEMORY_PARAMETERS_MAX,
    NODE_MEMORY_STATS_MAX,
    NODE_SEV_INFO_MAX,
    SECURITY_DOI_MAX,
    SECURITY_MODEL_MAX,
)
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import CharString, FixedChars, MaxItems, Opaque


@struct
class NodeGetCpuStats:
    field: String
    value: UHyper


@struct
class NodeGetMemoryStats:
    field: String
    value: UHyper


@struct
class NodeGetInfoRet:
    model: Annotated[str, FixedChars(32)]
    memory: UHyper
    cpus: Int
    mhz: Int
    nodes: Int
    sockets: Int
    cores: Int
    threads: Int


@struct
class NodeGetCpuStatsArgs:
    cpu_num: Int
    nparams: Int
    flags: UInt


@struct
class NodeGetCpuStatsRet:
    params: Annotated[tuple[NodeGetCpuStats, ...], MaxItems(NODE_CPU_STATS_MAX)]
    nparams: Int


@struct
class NodeGetMemoryStatsArgs:
    nparams: Int
    cell_num: Int
    flags: UInt


@struct
class NodeGetMemoryStatsRet:
    params: Annotated[tuple[NodeGetMemoryStats, ...], MaxItems(NODE_MEMORY_STATS_MAX)]
    nparams: Int


@struct
class NodeGetCellsFreeMemoryArgs:
    start_cell: Int
    maxcells: Int


@struct
class NodeGetCellsFreeMemoryRet:
    cells: Annotated[tuple[UHyper, ...], MaxItems(NODE_MAX_CELLS)]


@struct
class NodeGetFreeMemoryRet:
    free_mem: UHyper


@struct
class NodeGetSecurityModelRet:
    model: Annotated[str, CharString(SECURITY_MODEL_MAX)]
    doi: Annotated[str, CharString(SECURITY_DOI_MAX)]


@struct
class NodeSuspendForDurationArgs:
    target: UInt
    duration: UHyper
    flags: UInt


@struct
class NodeSetMemoryParametersArgs:
    params: Annotated[tuple[TypedParam, ...], MaxItems(NODE_MEMORY_PARAMETERS_MAX)]
    flags: UInt


@struct
class NodeGetMemoryParametersArgs:
    nparams: Int
    flags: UInt


@struct
class NodeGetMemoryParametersRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(NODE_MEMORY_PARAMETERS_MAX)]
    nparams: Int


@struct
class NodeGetCpuMapArgs:
    need_map: Int
    need_online: Int
    flags: UInt


@struct
class NodeGetCpuMapRet:
    cpumap: Annotated[bytes, Opaque(CPUMAP_MAX)]
    online: UInt
    ret: Int


@struct
class NodeGetFreePagesArgs:
    pages: Annotated[tuple[UInt, ...], MaxItems(NODE_MAX_CELLS)]
    start_cell: Int
    cell_count: UInt
    flags: UInt


@struct
class NodeGetFreePagesRet:
    counts: Annotated[tuple[UHyper, ...], MaxItems(NODE_MAX_CELLS)]


@struct
class NodeAllocPagesArgs:
    page_sizes: Annotated[tuple[UInt, ...], MaxItems(NODE_MAX_CELLS)]
    page_counts: Annotated[tuple[UHyper, ...], MaxItems(NODE_MAX_CELLS)]
    start_cell: Int
    cell_count: UInt
    flags: UInt


@struct
class NodeAllocPagesRet:
    ret: Int


@struct
class NodeGetSevInfoArgs:
    nparams: Int
    flags: UInt


@struct
class NodeGetSevInfoRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(NODE_SEV_INFO_MAX)]
    nparams: Int
