"""What a domain's RAM is made of: its <memoryBacking> and <numatune>, and what its devices need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.backends import storagedaemon
from kvmctl.host import hugepages
from kvmctl.vmm.memory import Backing, GuestMemoryError, Policy

if TYPE_CHECKING:
    from kvmctl.domain import Domain


def backing_of(domain: Domain) -> Backing:
    """Raises GuestMemoryError for pages that the host or this machine does not have."""
    wanted = domain.memory_backing
    immediate = wanted.allocation_mode == "immediate"
    return Backing(
        shared=_is_shared(domain),
        memfd=wanted.source_type == "memfd",
        page_size=_page_size(domain),
        mergeable=not wanted.nosharepages,
        locked=wanted.locked,
        allocation_threads=(wanted.allocation_threads or 1) if immediate else 0,
        policies=_policies(domain),
    )


def _is_shared(domain: Domain) -> bool:
    """A vhost-user back end maps the guest's memory, whatever the domain says of it."""
    devices = domain.devices
    cells = domain.cpu.cells if domain.cpu is not None else ()
    return (
        domain.memory_backing.access_mode == "shared"
        or any(cell.mem_access == "shared" for cell in cells)
        or bool(devices.filesystems)
        or any(storagedaemon.is_needed(disk) or disk.type == "vhostuser" for disk in devices.disks)
        or any(interface.type == "vhostuser" for interface in devices.interfaces)
    )


def _page_size(domain: Domain) -> int | None:
    wanted = domain.memory_backing.hugepages
    if wanted is None:
        return None
    sizes = {page.size for page in wanted.pages}
    if len(sizes) > 1:
        raise GuestMemoryError("a guest's memory is of huge pages of one size here")
    cells = set(cell_ranges(domain)) or {0}
    if any(page.nodeset is not None and page.nodeset < cells for page in wanted.pages):
        raise GuestMemoryError("huge pages are for all NUMA cells of a guest or for none here")
    size = sizes.pop() if sizes else hugepages.default_size()
    if size is None:
        raise GuestMemoryError("this host has no huge pages")
    if size & size - 1:
        raise GuestMemoryError(f"there are no huge pages of {size >> 10} KiB")
    return size


def cell_ranges(domain: Domain) -> dict[int, tuple[int, int]]:
    """Where in the RAM each NUMA cell of the guest is: offset and size, one after the other by number."""
    cells = domain.cpu.cells if domain.cpu is not None else ()
    numbered = {index if cell.id is None else cell.id: cell for index, cell in enumerate(cells)}
    ranges = {}
    offset = 0
    for number, cell in sorted(numbered.items(), key=lambda item: item[0]):
        ranges[number] = (offset, cell.memory)
        offset += cell.memory
    return ranges


def _policies(domain: Domain) -> tuple[Policy, ...]:
    """That of all the memory first, then those of single cells, which go before it."""
    tune = domain.numatune
    found = []
    if tune.nodeset is not None and tune.mode != "restrictive":  # a control group's, then
        found.append(Policy(0, domain.memory, tune.mode or "strict", tune.nodeset))
    ranges = cell_ranges(domain)
    for memnode in tune.memnodes:
        if memnode.cellid not in ranges:
            raise GuestMemoryError(f"the guest has no NUMA cell {memnode.cellid}")
        found.append(Policy(*ranges[memnode.cellid], memnode.mode, memnode.nodeset))
    return tuple(found)
