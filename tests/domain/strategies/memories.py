"""Where the guest's memory comes from."""

from hypothesis import strategies as st

from kvmctl.domain.model.memory import (
    HugePage,
    Hugepages,
    Memnode,
    MemoryBacking,
    Memtune,
    Numatune,
)
from tests.domain.strategies.processors import CPU_SETS
from tests.domain.strategies.texts import SIZES

MODES = st.sampled_from(["strict", "preferred", "interleave"])
LIMITS = st.none() | SIZES
memtunes = st.builds(Memtune, hard_limit=LIMITS, soft_limit=LIMITS, swap_hard_limit=LIMITS)


@st.composite
def backings(draw: st.DrawFn) -> MemoryBacking:
    pages = st.lists(
        st.builds(
            HugePage,
            size=st.just(draw(st.sampled_from([2 << 20, 1 << 30]))),
            nodeset=st.sampled_from([None, frozenset({0})]),
        ),
        max_size=2,
        unique_by=lambda page: page.nodeset,
    ).map(tuple)
    hugepages = draw(st.none() | st.builds(Hugepages, pages=pages))
    return MemoryBacking(
        hugepages=hugepages,
        nosharepages=draw(st.booleans()),
        locked=draw(st.booleans()),
        source_type=draw(st.sampled_from([None, "memfd", *([] if hugepages else ["anonymous"])])),
        access_mode=draw(st.sampled_from([None, "shared", "private"])),
        allocation_mode=draw(st.sampled_from([None, "immediate", *([] if hugepages else ["ondemand"])])),
        allocation_threads=draw(st.none() | st.integers(1, 2**31 - 1)),
        discard=draw(st.booleans()),
    )


@st.composite
def numatunes(draw: st.DrawFn, cells: int) -> Numatune:
    nodeset = draw(st.none() | CPU_SETS)
    numbers = draw(st.lists(st.integers(0, cells - 1), max_size=cells, unique=True)) if cells else []
    return Numatune(
        mode=None
        if nodeset is None
        else draw(st.none() | (MODES if numbers else MODES | st.just("restrictive"))),
        nodeset=nodeset,
        memnodes=tuple(
            Memnode(cellid=number, mode=draw(MODES), nodeset=draw(CPU_SETS)) for number in numbers
        ),
    )
