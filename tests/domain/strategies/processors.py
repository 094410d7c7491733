"""vCPUs: model, topology, NUMA cells, and what each of them gets of the host."""

from typing import Any

from hypothesis import strategies as st

from kvmctl.domain.model.cpu import (
    Cpu,
    CpuCache,
    CpuFeature,
    MaxPhysAddr,
    NumaCell,
    Sibling,
    Topology,
)
from kvmctl.domain.model.cputune import Cputune, EmulatorPin, EmulatorSched, VcpuPin, VcpuSched
from kvmctl.domain.model.vcpu import VcpuState
from kvmctl.domain.units import KIB
from tests.domain.strategies.texts import ONE_LINE, SWITCHES

CPU_SETS = st.frozensets(st.integers(0, 70) | st.integers(0, 16383), min_size=1, max_size=12)
PERIODS = st.none() | st.integers(1000, 1_000_000)
QUOTAS = st.none() | st.just(-1) | st.integers(1000, 2**44 - 1)
FEATURE_NAMES = st.text("abAZ09_.-", min_size=1, max_size=8)
POLICIES = st.sampled_from(["force", "require", "optional", "disable", "forbid"])
_CACHES = [
    CpuCache(level=3, mode="emulate"),
    CpuCache(mode="disable"),
]


@st.composite
def topologies(draw: st.DrawFn, vcpus: int) -> Topology:
    """Factors of the number of vCPUs."""
    parts = [1, 1, 1, 1]
    rest, factor = vcpus, 2
    while rest > 1:
        while rest % factor == 0:
            rest //= factor
            parts[draw(st.integers(0, 3))] *= factor
        factor += 1
    sockets, dies, cores, threads = parts
    hidden = dies == 1 and draw(st.booleans())
    return Topology(sockets=sockets, dies=None if hidden else dies, cores=cores, threads=threads)


@st.composite
def cells(draw: st.DrawFn, vcpus: int, memory: int) -> tuple[NumaCell, ...]:
    """One or two that have all vCPUs and all memory together."""
    kib = memory // KIB
    if vcpus == 1 or kib == 1 or draw(st.booleans()):
        cpus = frozenset(range(vcpus)) if draw(st.booleans()) else None
        return (NumaCell(id=draw(st.sampled_from([None, 0])), cpus=cpus, memory=memory),)
    cut = draw(st.integers(1, vcpus - 1))
    first = draw(st.integers(1, kib - 1))
    distances = st.lists(
        st.builds(Sibling, id=st.integers(0, 1), value=st.integers(10, 255)), max_size=2
    ).map(tuple)
    more: dict[str, Any] = {
        "mem_access": draw(st.sampled_from([None, "shared", "private"])),
        "discard": draw(SWITCHES),
        "distances": draw(distances),
    }
    return (
        NumaCell(id=0, cpus=frozenset(range(cut)), memory=first * KIB, **more),
        NumaCell(id=1, cpus=frozenset(range(cut, vcpus)), memory=(kib - first) * KIB),
    )


@st.composite
def cpus(draw: st.DrawFn, vcpus: int, memory: int) -> Cpu:
    mode = draw(st.sampled_from([None, "custom", "host-model", "host-passthrough", "maximum"]))
    common: dict[str, Any] = {
        "mode": mode,
        "check": draw(st.sampled_from([None, "none", "partial", "full"])),
        "topology": draw(st.none() | topologies(vcpus)),
        "cells": draw(st.just(()) | cells(vcpus, memory)),
        "maxphysaddr": draw(
            st.none()
            | st.builds(MaxPhysAddr, mode=st.just("emulate"), bits=st.integers(0, 64))
            | st.just(MaxPhysAddr(mode="passthrough"))
        ),
    }
    features = st.lists(
        st.builds(CpuFeature, policy=POLICIES, name=FEATURE_NAMES),
        max_size=3,
        unique_by=lambda feature: feature.name,
    ).map(tuple)
    if mode in ("host-passthrough", "maximum"):
        caches = st.sampled_from([None, *_CACHES, CpuCache(mode="passthrough")])
        return Cpu(migratable=draw(SWITCHES), cache=draw(caches), features=draw(features), **common)
    model = draw(st.none() | ONE_LINE)
    named = model is not None
    return Cpu(
        match=draw(st.sampled_from([None, "minimum", "exact", "strict"])),
        cache=draw(st.sampled_from([None, *_CACHES])),
        model=model,
        fallback=draw(st.sampled_from([None, "allow", "forbid"])) if named else None,
        vendor_id=draw(st.none() | st.text("aB 0", min_size=12, max_size=12)),
        vendor=draw(st.none() | ONE_LINE) if named else None,
        features=draw(features) if named or mode == "host-model" else (),
        **common,
    )


@st.composite
def states(draw: st.DrawFn, vcpus: int, current: int | None) -> tuple[VcpuState, ...]:
    """Of a few of them."""
    numbers = draw(st.sets(st.integers(0, vcpus - 1), max_size=3))
    first = vcpus if current is None else current
    result = []
    for number in sorted(numbers):
        enabled = number < first
        hotpluggable = draw(SWITCHES if enabled else st.sampled_from([None, True]))
        order = draw(st.none() | st.integers(1, 255)) if enabled else None
        result.append(VcpuState(id=number, enabled=enabled, hotpluggable=hotpluggable, order=order))
    return tuple(result)


@st.composite
def cputunes(draw: st.DrawFn, vcpus: int) -> Cputune:
    numbers = st.integers(0, vcpus - 1)
    pinned = draw(st.lists(numbers, max_size=3, unique=True))
    scheduled = draw(st.frozensets(numbers, min_size=1, max_size=3))
    real_time = draw(st.sampled_from(["fifo", "rr"]))
    plain = draw(st.sampled_from(["batch", "idle"]))
    return Cputune(
        shares=draw(st.none() | st.integers(2, 262144)),
        period=draw(PERIODS),
        quota=draw(QUOTAS),
        global_period=draw(PERIODS),
        global_quota=draw(QUOTAS),
        emulator_period=draw(PERIODS),
        emulator_quota=draw(QUOTAS),
        vcpupins=tuple(VcpuPin(vcpu=vcpu, cpuset=draw(CPU_SETS)) for vcpu in pinned),
        emulatorpin=draw(st.none() | st.builds(EmulatorPin, cpuset=CPU_SETS)),
        emulatorsched=draw(
            st.sampled_from(
                [None, EmulatorSched(scheduler=plain), EmulatorSched(scheduler=real_time, priority=99)]
            )
        ),
        vcpuscheds=draw(
            st.sampled_from([(), (VcpuSched(vcpus=scheduled, scheduler=real_time, priority=1),)])
        ),
    )
