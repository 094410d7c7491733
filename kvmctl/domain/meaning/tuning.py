"""What of the host the guest gets: processors, time, memory."""

from collections.abc import Iterator
from typing import Final

from kvmctl.domain.cpuset import CPU_SET
from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain
from kvmctl.domain.model.cputune import EmulatorSched, VcpuSched
from kvmctl.domain.units import KIB

PERIODS: Final = (1_000, 1_000_000)
"""Microseconds: what the kernel takes as cpu.cfs_period_us."""
LEAST_QUOTA: Final = 1_000
MOST_QUOTA: Final = 2**44 - 1
SHARES: Final = (2, 262_144)
"""Of cpu.shares, the weight of control groups of version 1."""
PRIORITIES: Final = (1, 99)
"""Of the schedulers fifo and rr: sched(7)."""
_SCOPES = ("", "global_", "emulator_")


def check(domain: Domain) -> Iterator[Finding]:
    yield from _limits(domain)
    yield from _pins(domain)
    yield from _schedulers(domain)
    yield from _hugepages(domain)
    yield from _numatune(domain)


def _limits(domain: Domain) -> Iterator[Finding]:
    tune = domain.cputune
    ranges = {"shares": SHARES}
    for scope in _SCOPES:
        ranges |= {f"{scope}period": PERIODS, f"{scope}quota": (LEAST_QUOTA, MOST_QUOTA)}
    for name, (least, most) in ranges.items():
        number = getattr(tune, name)
        # A quota that is negative is none; 0 leaves the host's own.
        if number is not None and number > 0 and not least <= number <= most:
            message = f"Value of cputune '{name}' must be in range [{least}, {most}]"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"/domain/cputune/{name}")


def _pins(domain: Domain) -> Iterator[Finding]:
    pinned: set[int] = set()
    for index, pin in enumerate(domain.cputune.vcpupins):
        path = f"{numbered('/domain/cputune/vcpupin', index)}/@vcpu"
        if pin.vcpu >= domain.vcpus:
            message = f"vcpupin of vCPU {pin.vcpu}: there are vCPUs 0 to {domain.vcpus - 1}"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        if pin.vcpu in pinned:
            yield Finding(ErrorKind.XML_ERROR, f"duplicate vcpupin for vcpu '{pin.vcpu}'", path)
        pinned.add(pin.vcpu)


def _schedulers(domain: Domain) -> Iterator[Finding]:
    if domain.cputune.emulatorsched is not None:
        yield from _priority(domain.cputune.emulatorsched, "/domain/cputune/emulatorsched")
    scheduled: set[int] = set()
    for index, scheduler in enumerate(domain.cputune.vcpuscheds):
        path = numbered("/domain/cputune/vcpusched", index)
        yield from _priority(scheduler, path)
        if beyond := {vcpu for vcpu in scheduler.vcpus if vcpu >= domain.vcpus}:
            message = f"vcpusched of vCPUs {CPU_SET.format(beyond)}: there are vCPUs 0 to {domain.vcpus - 1}"
            yield Finding(ErrorKind.XML_ERROR, message, f"{path}/@vcpus")
        if scheduled & scheduler.vcpus:
            message = "'vcpusched' attributes 'vcpus' must not overlap"
            yield Finding(ErrorKind.XML_DETAIL, message, f"{path}/@vcpus")
        scheduled |= scheduler.vcpus


def _priority(scheduler: EmulatorSched | VcpuSched, path: str) -> Iterator[Finding]:
    real_time = scheduler.scheduler in ("fifo", "rr")
    least, most = PRIORITIES
    if real_time and scheduler.priority is None:
        message = f"scheduler '{scheduler.scheduler}' needs a priority"
        yield Finding(ErrorKind.XML_ERROR, message, path)
    elif real_time and not least <= (scheduler.priority or 0) <= most:
        message = f"scheduler priorities are {least} to {most}, not {scheduler.priority}"
        yield Finding(ErrorKind.XML_ERROR, message, f"{path}/@priority")
    elif not real_time and scheduler.priority is not None:
        message = f"scheduler '{scheduler.scheduler}' has no priority"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@priority")


def _hugepages(domain: Domain) -> Iterator[Finding]:
    backing = domain.memory_backing
    path = "/domain/memoryBacking/hugepages"
    if backing.hugepages is None:
        return
    if backing.source_type == "anonymous":
        message = "hugepages are not allowed with anonymous memory source"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, path)
    if backing.allocation_mode == "ondemand":
        message = "hugepages are not allowed with memory allocation ondemand"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, path)
    cells = len(domain.cpu.cells) if domain.cpu else 0
    of_the_rest = False
    taken: set[int] = set()
    for index, page in enumerate(backing.hugepages.pages):
        here = numbered(f"{path}/page", index)
        if page.size <= 0 or page.size & (page.size - 1):
            message = f"there are no pages of {page.size // KIB} KiB: sizes are powers of two"
            yield Finding(ErrorKind.XML_ERROR, message, f"{here}/@size")
        if page.size != backing.hugepages.pages[0].size:
            message = "a guest's memory is of huge pages of one size"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{here}/@size")
        if page.nodeset is None and of_the_rest:
            message = "two page sizes without a nodeset: only one can be that of all other memory"
            yield Finding(ErrorKind.XML_DETAIL, message, here)
        if page.nodeset and page.nodeset & taken:
            message = "nodesets of huge pages must not overlap"
            yield Finding(ErrorKind.XML_DETAIL, message, f"{here}/@nodeset")
        if beyond := {node for node in page.nodeset or () if node >= max(cells, 1)}:
            message = f"hugepages: node {CPU_SET.format(beyond)} not found: the guest has {cells} NUMA cells"
            yield Finding(ErrorKind.XML_DETAIL, message, f"{here}/@nodeset")
        of_the_rest = of_the_rest or page.nodeset is None
        taken |= page.nodeset or frozenset()


def _numatune(domain: Domain) -> Iterator[Finding]:
    tune = domain.numatune
    if tune.nodeset is None and (tune.mode is not None or tune.placement is not None):
        message = "nodeset for NUMA memory tuning must be set if 'placement' is 'static'"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/numatune/memory")
    if tune.mode == "restrictive" and tune.memnodes:
        message = "mode 'restrictive' of the memory element leaves no other mode for memnode elements"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/numatune/memory/@mode")
    cells = len(domain.cpu.cells) if domain.cpu else 0
    seen: set[int] = set()
    for index, node in enumerate(tune.memnodes):
        path = f"{numbered('/domain/numatune/memnode', index)}/@cellid"
        if not cells:
            message = "Element 'memnode' is invalid without any guest NUMA cells"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        elif node.cellid >= cells:
            message = "Argument 'cellid' in memnode element must correspond to existing guest's NUMA cell"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        if node.cellid in seen:
            message = f"Multiple memnode elements with cellid {node.cellid}"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        seen.add(node.cellid)
