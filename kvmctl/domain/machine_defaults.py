"""What libvirt fills in and puts in order of the machine itself: processors, clock, where it boots from."""

from dataclasses import replace
from typing import Final

from kvmctl.domain.meaning.boot import boots_by_device
from kvmctl.domain.model import Clock, Domain, Os
from kvmctl.domain.model.cpu import Cpu, NumaCell, Sibling
from kvmctl.domain.model.cputune import Cputune
from kvmctl.domain.model.memory import Numatune
from kvmctl.domain.model.os import Boot

MACHINE: Final = "pc"
LOCAL_DISTANCE: Final = 10
"""ACPI's SLIT."""


def with_machine_defaults(domain: Domain) -> Domain:
    return replace(
        domain,
        os=_os(domain.os, boots_by_device(domain)),
        cpu=domain.cpu and _cpu(domain.cpu),
        clock=_clock(domain.clock),
        cputune=_cputune(domain.cputune),
        numatune=_numatune(domain.numatune),
    )


def _os(os: Os, by_device: bool) -> Os:
    boots = os.boots if os.boots or by_device else (Boot(dev="hd"),)
    menu, loader = os.bootmenu, os.loader
    if menu is not None and not menu.enable:
        menu = replace(menu, timeout=None)
    if loader is not None:
        loader = replace(loader, type=loader.type or "rom")
    return replace(os, machine=os.machine or MACHINE, boots=boots, bootmenu=menu, loader=loader)


def _cpu(cpu: Cpu) -> Cpu:
    topology = cpu.topology and replace(cpu.topology, dies=cpu.topology.dies or 1)
    cells = tuple(
        replace(cell, id=index if cell.id is None else cell.id) for index, cell in enumerate(cpu.cells)
    )
    ordered = tuple(sorted(cells, key=lambda cell: cell.id or 0))
    cpu = replace(cpu, topology=topology, cells=_with_distances(ordered))
    match cpu.mode:
        case "host-passthrough" | "maximum":
            by_itself = True if cpu.mode == "host-passthrough" else None
            migratable = by_itself if cpu.migratable is None else cpu.migratable
            return replace(cpu, check=cpu.check or "none", migratable=migratable)
        case "host-model":
            return replace(
                cpu, check=cpu.check or "partial", fallback=cpu.model and (cpu.fallback or "allow")
            )
        case _ if cpu.model is None:
            # Only a topology, or NUMA cells: the attributes would say nothing.
            return replace(cpu, mode=None, match=None, check=None)
        case _:
            return replace(
                cpu,
                mode="custom",
                match=cpu.match or "exact",
                check=cpu.check or "partial",
                fallback=cpu.fallback or "allow",
            )


def _with_distances(cells: tuple[NumaCell, ...]) -> tuple[NumaCell, ...]:
    """A distance holds both ways unless the other one is named; a cell that has any is at 10 from itself."""
    known = {cell.id or 0: {one.id: one.value for one in cell.distances} for cell in cells}
    for here, distances in list(known.items()):
        for there, value in list(distances.items()):
            if there in known:
                known[there].setdefault(here, value)
    for here, distances in known.items():
        if distances:
            distances.setdefault(here, LOCAL_DISTANCE)
    return tuple(
        replace(
            cell,
            distances=tuple(
                Sibling(id=there, value=value) for there, value in sorted(known[cell.id or 0].items())
            ),
        )
        for cell in cells
    )


def _cputune(tune: Cputune) -> Cputune:
    """By the numbers of the vCPUs, and one of them an element."""
    schedulers = [
        replace(scheduler, vcpus=frozenset({vcpu}))
        for scheduler in tune.vcpuscheds
        for vcpu in scheduler.vcpus
    ]
    return replace(
        tune,
        vcpupins=tuple(sorted(tune.vcpupins, key=lambda pin: pin.vcpu)),
        vcpuscheds=tuple(sorted(schedulers, key=lambda scheduler: min(scheduler.vcpus))),
    )


def _clock(clock: Clock) -> Clock:
    if clock.offset != "variable":
        return clock
    adjustment = 0 if clock.adjustment is None else clock.adjustment
    return replace(clock, adjustment=adjustment, basis=clock.basis or "utc")


def _numatune(tune: Numatune) -> Numatune:
    return tune if tune.nodeset is None else replace(tune, mode=tune.mode or "strict")
