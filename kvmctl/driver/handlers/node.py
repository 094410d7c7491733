"""virNode: the host."""

from pathlib import Path

from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.handlers.typed import TYPED_STRING_OKAY, limited
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam
from kvmctl.host import cpu, memory

table = Table()

_ALL = -1  # VIR_NODE_CPU_STATS_ALL_CPUS, VIR_NODE_MEMORY_STATS_ALL_CELLS


@table.answers(Procedure.NODE_GET_INFO)
def node_get_info(_driver: Driver, _connection: Connection, _args: None) -> types.NodeGetInfoRet:
    topology = cpu.topology()
    return types.NodeGetInfoRet(
        model=cpu.arch(),
        memory=memory.total() // 1024,
        cpus=len(topology.cpus),
        mhz=cpu.model().mhz,
        nodes=len(topology.nodes),
        sockets=topology.sockets_per_node,
        cores=topology.cores_per_socket,
        threads=topology.threads_per_core,
    )


@table.answers(Procedure.NODE_GET_FREE_MEMORY)
def node_get_free_memory(_driver: Driver, _connection: Connection, _args: None) -> types.NodeGetFreeMemoryRet:
    return types.NodeGetFreeMemoryRet(free_mem=memory.read().free)


@table.answers(Procedure.NODE_GET_CELLS_FREE_MEMORY)
def node_get_cells_free_memory(
    _driver: Driver, _connection: Connection, args: types.NodeGetCellsFreeMemoryArgs
) -> types.NodeGetCellsFreeMemoryRet:
    nodes = {node.number: node.free for node in cpu.topology().nodes}
    last = max(nodes)
    if not 0 <= args.start_cell <= last:
        raise failure(ErrorCode.INTERNAL_ERROR, f"start cell {args.start_cell} out of range (0-{last})")
    chosen = range(args.start_cell, min(last + 1, args.start_cell + args.maxcells))
    return types.NodeGetCellsFreeMemoryRet(cells=tuple(nodes.get(number, 0) for number in chosen))


@table.answers(Procedure.NODE_GET_MEMORY_STATS)
def node_get_memory_stats(
    _driver: Driver, _connection: Connection, args: types.NodeGetMemoryStatsArgs
) -> types.NodeGetMemoryStatsRet:
    check_flags(args.flags, 0, "virNodeGetMemoryStats")
    if args.cell_num == _ALL:
        host = memory.read()
        values = {"total": host.total, "free": host.free, "buffers": host.buffers, "cached": host.cached}
    else:
        node = next((node for node in cpu.topology().nodes if node.number == args.cell_num), None)
        if node is None:
            raise failure(ErrorCode.INVALID_ARG, f"cellNum {args.cell_num} is not a cell of this host")
        values = {"total": node.memory, "free": node.free}
    params = tuple(types.NodeGetMemoryStats(name, value // 1024) for name, value in values.items())
    return types.NodeGetMemoryStatsRet(params=params[: args.nparams], nparams=len(params))


@table.answers(Procedure.NODE_GET_CPU_STATS)
def node_get_cpu_stats(
    _driver: Driver, _connection: Connection, args: types.NodeGetCpuStatsArgs
) -> types.NodeGetCpuStatsRet:
    """The first line of /proc/stat or the line of one processor (proc(5)), in nanoseconds."""
    check_flags(args.flags, 0, "virNodeGetCPUStats")
    label = "cpu" if args.cpu_num == _ALL else f"cpu{args.cpu_num}"
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == label:
            user, nice, system, idle, iowait, irq, softirq = (int(tick) * 10_000_000 for tick in ticks[:7])
            values = {"kernel": system + irq + softirq, "user": user + nice, "idle": idle, "iowait": iowait}
            params = tuple(types.NodeGetCpuStats(field, value) for field, value in values.items())
            return types.NodeGetCpuStatsRet(params=params[: args.nparams], nparams=len(params))
    raise failure(ErrorCode.INVALID_ARG, f"Invalid cpuNum in virHostCPUGetStatsLinux: {args.cpu_num}")


@table.answers(Procedure.NODE_GET_CPU_MAP)
def node_get_cpu_map(
    _driver: Driver, _connection: Connection, args: types.NodeGetCpuMapArgs
) -> types.NodeGetCpuMapRet:
    check_flags(args.flags, 0, "virNodeGetCPUMap")
    online = cpu.online()
    present = max(cpu.present()) + 1
    bits = sum(1 << number for number in online)
    return types.NodeGetCpuMapRet(
        cpumap=bits.to_bytes((present + 7) // 8, "little") if args.need_map else b"",
        online=len(online) if args.need_online else 0,
        ret=present,
    )


@table.answers(Procedure.NODE_GET_SECURITY_MODEL)
def node_get_security_model(
    _driver: Driver, _connection: Connection, _args: None
) -> types.NodeGetSecurityModelRet:
    """No mandatory access control: libvirt's drivers say so with empty names."""
    return types.NodeGetSecurityModelRet(model="", doi="")


@table.answers(Procedure.NODE_GET_FREE_PAGES)
def node_get_free_pages(
    _driver: Driver, _connection: Connection, args: types.NodeGetFreePagesArgs
) -> types.NodeGetFreePagesRet:
    """Of each node in turn, the free pages of each of the sizes; sizes in KiB."""
    check_flags(args.flags, 0, "virNodeGetFreePages")
    nodes = {node.number: node for node in cpu.topology().nodes}
    last = max(nodes)
    if not 0 <= args.start_cell <= last:
        raise failure(ErrorCode.INTERNAL_ERROR, f"start cell {args.start_cell} out of range (0-{last})")
    counts = []
    for number in range(args.start_cell, min(last + 1, args.start_cell + args.cell_count)):
        for size in args.pages:
            if size == memory.PAGE_SIZE // 1024:
                counts.append(nodes[number].free // memory.PAGE_SIZE if number in nodes else 0)
            else:
                counts.append(_free_huge_pages(number, size))
    return types.NodeGetFreePagesRet(counts=tuple(counts))


def _free_huge_pages(node: int, kib: int) -> int:
    """Linux, Documentation/admin-guide/mm/hugetlbpage.rst."""
    pool = Path(f"/sys/devices/system/node/node{node}/hugepages/hugepages-{kib}kB/free_hugepages")
    if not pool.exists():
        pool = Path(f"/sys/kernel/mm/hugepages/hugepages-{kib}kB/free_hugepages")
    try:
        return int(pool.read_text())
    except (OSError, ValueError):
        raise failure(
            ErrorCode.OPERATION_FAILED, f"page size {kib} is not available on node {node}"
        ) from None


# VIR_NODE_MEMORY_SHARED_*, with the files of Linux, Documentation/admin-guide/mm/ksm.rst
_KSM = Path("/sys/kernel/mm/ksm")
_SHARED = {
    "pages_to_scan": ParamType.UINT,
    "sleep_millisecs": ParamType.UINT,
    "pages_shared": ParamType.ULLONG,
    "pages_sharing": ParamType.ULLONG,
    "pages_unshared": ParamType.ULLONG,
    "pages_volatile": ParamType.ULLONG,
    "full_scans": ParamType.ULLONG,
    "merge_across_nodes": ParamType.UINT,
}


@table.answers(Procedure.NODE_GET_MEMORY_PARAMETERS)
def node_get_memory_parameters(
    _driver: Driver, _connection: Connection, args: types.NodeGetMemoryParametersArgs
) -> types.NodeGetMemoryParametersRet:
    """How the kernel merges equal pages of guests, as far as it does."""
    check_flags(args.flags, TYPED_STRING_OKAY, "virNodeGetMemoryParameters")
    params = [
        TypedParam.of(f"shm_{name}", kind, int((_KSM / name).read_text()))
        for name, kind in _SHARED.items()
        if (_KSM / name).exists()
    ]
    return types.NodeGetMemoryParametersRet(params=limited(params, args.nparams), nparams=len(params))
