"""The guest's processors: model, topology, NUMA cells."""

from collections import Counter
from collections.abc import Iterator

from kvmctl.domain.cpuset import CPU_SET
from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain
from kvmctl.domain.model.cpu import Cpu
from kvmctl.domain.units import KIB

_PATH = "/domain/cpu"
_HOSTS = ("host-passthrough", "maximum")
"""Modes without a model."""


def check(domain: Domain) -> Iterator[Finding]:
    if domain.cpu is not None:
        yield from _model(domain.cpu)
        yield from _parts(domain.cpu)
        yield from _topology(domain.cpu, domain.vcpus)
        yield from _cells(domain.cpu, domain)


def _model(cpu: Cpu) -> Iterator[Finding]:
    if cpu.migratable is not None and cpu.mode not in _HOSTS:
        message = "Attribute migratable is only allowed for 'host-passthrough' / 'maximum' CPU mode"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{_PATH}/@migratable")
    if cpu.vendor is not None and cpu.model is None:
        message = "CPU vendor specified without CPU model"
        yield Finding(ErrorKind.XML_ERROR, message, f"{_PATH}/vendor")
    if cpu.features and cpu.model is None and cpu.mode in (None, "custom"):
        message = "Non-empty feature list specified without CPU model"
        yield Finding(ErrorKind.XML_ERROR, message, f"{_PATH}/feature")
    names: Counter[str] = Counter()
    for index, feature in enumerate(cpu.features):
        names[feature.name] += 1
        if names[feature.name] == 2:
            message = f"CPU feature '{feature.name}' specified more than once"
            yield Finding(ErrorKind.XML_ERROR, message, numbered(f"{_PATH}/feature", index))


def _parts(cpu: Cpu) -> Iterator[Finding]:
    cache, width = cpu.cache, cpu.maxphysaddr
    if cache is not None:
        path = f"{_PATH}/cache"
        if cache.mode == "emulate" and cache.level != 3:
            message = "CPU cache mode 'emulate' can only be used with level='3'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, path)
        if cache.mode != "emulate" and cache.level is not None:
            message = f"unsupported CPU cache level for mode '{cache.mode}'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@level")
        if cache.mode == "passthrough" and cpu.mode not in _HOSTS:
            message = "CPU cache mode 'passthrough' can only be used with 'host-passthrough' / 'maximum' CPUs"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@mode")
    if width is not None:
        path = f"{_PATH}/maxphysaddr"
        if width.mode == "passthrough" and width.bits is not None:
            message = "the number of address bits cannot be given with mode='passthrough'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@bits")
        if width.mode == "emulate" and width.bits is None:
            message = "maxphysaddr mode='emulate' needs bits='…'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, path)


def _topology(cpu: Cpu, vcpus: int) -> Iterator[Finding]:
    if cpu.topology is not None and cpu.topology.vcpus != vcpus:
        message = (
            f"CPU topology doesn't match maximum vcpu count: it has {cpu.topology.vcpus}, <vcpu> says {vcpus}"
        )
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{_PATH}/topology")


def _cells(cpu: Cpu, domain: Domain) -> Iterator[Finding]:
    if not cpu.cells:
        return
    path = f"{_PATH}/numa/cell"
    taken: dict[int, int] = {}
    """By the number of a vCPU: the cell that has it."""
    ids: set[int] = set()
    for index, cell in enumerate(cpu.cells):
        here = numbered(path, index)
        number = index if cell.id is None else cell.id
        if number in ids:
            yield Finding(
                ErrorKind.XML_ERROR, f"Duplicate NUMA cell info for cell id '{number}'", f"{here}/@id"
            )
        elif number >= len(cpu.cells):
            message = f"NUMA cell ids are 0 to {len(cpu.cells) - 1} with {len(cpu.cells)} cells, not {number}"
            yield Finding(ErrorKind.XML_ERROR, message, f"{here}/@id")
        ids.add(number)
        mine = cell.cpus or frozenset()
        if beyond := {vcpu for vcpu in mine if vcpu >= domain.vcpus}:
            message = f"CPU IDs in <numa> exceed the <vcpu> count of {domain.vcpus}: {CPU_SET.format(beyond)}"
            yield Finding(ErrorKind.XML_ERROR, message, f"{here}/@cpus")
        for other in sorted({taken[vcpu] for vcpu in mine if vcpu in taken}):
            message = f"NUMA cells {other} and {number} have overlapping vCPU ids"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{here}/@cpus")
        taken.update(dict.fromkeys(mine, number))
        for position, sibling in enumerate(cell.distances):
            if sibling.id >= len(cpu.cells):
                message = f"there is no NUMA cell {sibling.id}"
                place = numbered(f"{here}/distances/sibling", position)
                yield Finding(ErrorKind.XML_ERROR, message, f"{place}/@id")
    if taken and (missing := set(range(min(domain.vcpus, 1 << 16))).difference(taken)):
        message = f"vCPUs {CPU_SET.format(missing)} are in no NUMA cell"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{_PATH}/numa")
    if cpu.cells_memory != domain.memory:
        message = (
            f"the NUMA cells have {cpu.cells_memory // KIB} KiB together, <memory> says"
            f" {domain.memory // KIB} KiB"
        )
        yield Finding(ErrorKind.XML_ERROR, message, f"{_PATH}/numa")
