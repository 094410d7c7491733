"""The memory balloon of a running guest (QMP: balloon, query-balloon-stats, balloon-stats-period)."""

from enum import IntEnum

from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.vmprocess import resident_size


class MemoryStat(IntEnum):
    """virDomainMemoryStatTags; sizes are KiB."""

    SWAP_IN = 0
    SWAP_OUT = 1
    MAJOR_FAULT = 2
    MINOR_FAULT = 3
    UNUSED = 4
    AVAILABLE = 5
    ACTUAL_BALLOON = 6
    RSS = 7
    USABLE = 8
    LAST_UPDATE = 9
    DISK_CACHES = 10
    HUGETLB_PGALLOC = 11
    HUGETLB_PGFAIL = 12


# The names of QEMU's guest-stats, and what one of libvirt's units is.
_GUEST_STATS = {
    "stat-swap-in": (MemoryStat.SWAP_IN, 1024),
    "stat-swap-out": (MemoryStat.SWAP_OUT, 1024),
    "stat-major-faults": (MemoryStat.MAJOR_FAULT, 1),
    "stat-minor-faults": (MemoryStat.MINOR_FAULT, 1),
    "stat-free-memory": (MemoryStat.UNUSED, 1024),
    "stat-total-memory": (MemoryStat.AVAILABLE, 1024),
    "stat-available-memory": (MemoryStat.USABLE, 1024),
    "stat-disk-caches": (MemoryStat.DISK_CACHES, 1024),
    "stat-htlb-pgalloc": (MemoryStat.HUGETLB_PGALLOC, 1),
    "stat-htlb-pgfail": (MemoryStat.HUGETLB_PGFAIL, 1),
}
_UNKNOWN = (1 << 64) - 1  # what a guest leaves out


def _present(domain: DomainObject) -> bool:
    balloon = domain.definition.devices.memballoon
    return balloon is not None and balloon.model != "none"


def current_memory(domain: DomainObject) -> int:
    """KiB, as far as the balloon has told."""
    definition = domain.definition
    current = definition.memory if definition.current_memory is None else definition.current_memory
    return current // 1024


async def set_size(domain: DomainObject, size: int) -> None:
    """Ask the guest to come down, or up, to so many bytes."""
    if not _present(domain) or "balloon" not in await domain.commands():
        raise failure(
            ErrorCode.OPERATION_INVALID,
            "Unable to change memory of active domain without the balloon device and guest OS balloon driver",
        )
    await domain.execute("balloon", value=size)


async def set_period(domain: DomainObject, seconds: int) -> None:
    """How often the guest is to report; 0: never."""
    await domain.execute("balloon-stats-period", seconds=seconds)


async def statistics(domain: DomainObject) -> dict[MemoryStat, int]:
    """What is known without the guest, and what it has reported."""
    run = domain.require_run()
    values = {MemoryStat.ACTUAL_BALLOON: current_memory(domain)}
    if _present(domain) and "query-balloon-stats" in await domain.commands():
        values |= await _reported(domain)
    return values | {MemoryStat.RSS: resident_size(run.process.pid) // 1024}


async def _reported(domain: DomainObject) -> dict[MemoryStat, int]:
    answer = await domain.execute("query-balloon-stats")
    values = {
        tag: int(answer["stats"][name]) // unit
        for name, (tag, unit) in _GUEST_STATS.items()
        if 0 <= int(answer["stats"].get(name, -1)) < _UNKNOWN
    }
    updated = int(answer.get("last-update", 0))
    return values | ({MemoryStat.LAST_UPDATE: updated} if updated else {})
