"""What guest memory is made of, as the kernel's own accounts show it."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kvmctl.domain import parse, with_defaults
from kvmctl.host import hugepages
from kvmctl.vmm.backing import backing_of, cell_ranges
from kvmctl.vmm.memory import Backing, GuestMemory, GuestMemoryError, Policy

MIB = 1 << 20
KSM = Path("/sys/kernel/mm/ksm")
PAGE = b"same on both sides".ljust(4096, b"\1")


@contextmanager
def mapped(size: int, backing: Backing) -> Iterator[GuestMemory]:
    memory = GuestMemory(size, backing=backing)
    yield memory
    memory.close()


def _smaps(memory: GuestMemory) -> dict[str, str]:
    """The accounts of the mapping in /proc/self/smaps."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if _holds(line, memory.host_address))
    found = {}
    for line in lines[at + 1 :]:
        name, colon, value = line.partition(":")
        if not colon or " " in name:
            break
        found[name] = value.strip()
    return found


def _holds(line: str, address: int) -> bool:
    """Whether this is the first line of the mapping at an address."""
    match = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
    return match is not None and int(match[1], 16) <= address < int(match[2], 16)


def _kib(memory: GuestMemory, name: str) -> int:
    return int(_smaps(memory)[name].split()[0])


PRIVATE = Backing(shared=False)


@pytest.mark.parametrize("backing", [PRIVATE, Backing(), Backing(shared=False, memfd=True)])
def test_pages_come_when_touched_and_go_back(backing: Backing) -> None:
    with mapped(8 * MIB, backing) as memory:
        assert _kib(memory, "Rss") == 0
        memory.write(MIB, PAGE * 512)
        assert _kib(memory, "Rss") >= 2048
        memory.discard(memory.view(MIB + 1, 2 * MIB - 2))
        assert memory.read(MIB, 4096) == PAGE, "a part of a page stays"
        assert memory.read(MIB + 4096, 4096) == bytes(4096)
        memory.write(MIB, PAGE * 512)
        memory.clear()
        assert memory.read(MIB, 2 * MIB) == bytes(2 * MIB)


def test_private_memory_has_no_descriptor_to_share() -> None:
    with mapped(MIB, PRIVATE) as memory, pytest.raises(GuestMemoryError, match="<access mode='shared'/>"):
        assert memory.fd
    with mapped(MIB, Backing()) as memory:
        memory.write(0, b"seen")
        assert os.pread(memory.fd, 4, 0) == b"seen"


def test_transparent_huge_pages_are_for_private_memory() -> None:
    for backing, wanted in ((PRIVATE, True), (Backing(), False)):
        with mapped(4 * MIB, backing) as memory:
            assert ("hg" in _smaps(memory)["VmFlags"].split()) == wanted


def test_all_at_once() -> None:
    with mapped(16 * MIB, Backing(shared=False, allocation_threads=3)) as memory:
        assert _kib(memory, "Rss") == 16 << 10
        memory.write(0, PAGE)
        memory.clear()
        assert memory.read(0, 4096) == bytes(4096)
        assert _kib(memory, "Rss") == 16 << 10, "what was asked for in advance stays"


def test_locked() -> None:
    with mapped(4 * MIB, Backing(shared=False, locked=True)) as memory:
        assert _kib(memory, "Locked") == 4 << 10
        memory.write(0, PAGE)
        memory.discard(memory.view(0, MIB))
        assert memory.read(0, 4096) == PAGE
        memory.clear()
        assert memory.read(0, 4096) == bytes(4096)


@pytest.mark.parametrize("backing", [PRIVATE, Backing()])
@pytest.mark.parametrize(
    ("mode", "shown"), [("strict", "bind:0"), ("preferred", "prefer"), ("interleave", "interleave:0")]
)
def test_nodes(backing: Backing, mode: str, shown: str) -> None:
    policy = Policy(MIB, MIB, mode, frozenset({0}))
    chosen = Backing(shared=backing.shared, policies=(policy,))
    with mapped(4 * MIB, chosen) as memory:
        memory.write(MIB, PAGE)
        maps = Path("/proc/self/numa_maps").read_text()
        line = re.search(rf"^{memory.host_address + MIB:x} (.*)$", maps, re.MULTILINE)
        assert line is not None
        assert line[1].startswith(shown)
        assert " N0=1" in line[1]


def test_nodes_that_are_not_there() -> None:
    with pytest.raises(GuestMemoryError, match="cannot have memory from NUMA node 63"):
        GuestMemory(MIB, backing=Backing(policies=(Policy(0, MIB, "strict", frozenset({63})),)))


def test_huge_pages_that_are_not_free_are_counted() -> None:
    pool = hugepages.pools().get(2 * MIB)
    if pool is None:
        pytest.skip("this kernel has no huge pages of 2 MiB")
    wanted = pool.free + 1
    with pytest.raises(
        GuestMemoryError,
        match=rf"needs {wanted} huge pages of 2048 KiB, {pool.free} of the host's {pool.total} are free",
    ):
        GuestMemory(wanted * 2 * MIB, backing=Backing(page_size=2 * MIB))
    with pytest.raises(GuestMemoryError, match="no whole number of huge pages of 2048 KiB"):
        GuestMemory(3 * MIB, backing=Backing(page_size=2 * MIB))
    with pytest.raises(GuestMemoryError, match="no huge pages of 64 KiB"):
        GuestMemory(3 * MIB, backing=Backing(page_size=64 << 10))


@pytest.mark.parametrize("shared", [False, True])
def test_huge_pages(shared: bool) -> None:
    """Taken from the pool, kept over a reset, and back in the pool afterwards."""
    knob = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
    if not os.access(knob, os.W_OK):
        pytest.skip("the pool of huge pages cannot be changed here")
    before = hugepages.pools()[2 * MIB]
    knob.write_text(str(before.total + 2))
    try:
        if hugepages.pools()[2 * MIB].free < 2:
            pytest.skip("the host has no two huge pages to spare")
        with mapped(4 * MIB, Backing(page_size=2 * MIB, shared=shared)) as memory:
            memory.write(2 * MIB, PAGE)
            taken = _kib(memory, "Shared_Hugetlb") + _kib(memory, "Private_Hugetlb")
            assert taken == 2048
            memory.clear()
            assert memory.read(2 * MIB, 4096) == bytes(4096)
        del memory  # and with it the mapping
        assert hugepages.pools()[2 * MIB].free == before.free + 2
    finally:
        knob.write_text(str(before.total))


def test_ksm_merges_private_memory_alone() -> None:
    if not os.access(KSM / "run", os.W_OK):
        pytest.skip("KSM cannot be turned on here")
    settings = {"run": "1", "sleep_millisecs": "1", "pages_to_scan": "20000"}
    before = {name: (KSM / name).read_text() for name in settings}
    merged = Path("/proc/self/ksm_merging_pages")
    with (
        mapped(MIB, Backing(shared=False, mergeable=True)) as one,
        mapped(MIB, Backing(shared=False, mergeable=True)) as other,
        mapped(MIB, PRIVATE) as apart,
    ):
        for memory in (one, other, apart):
            memory.write(0, os.urandom(4096) + PAGE * 16)
        assert "mg" in _smaps(one)["VmFlags"].split()
        assert "mg" not in _smaps(apart)["VmFlags"].split()
        try:
            for name, value in settings.items():
                (KSM / name).write_text(value)
            deadline = time.monotonic() + 20
            while int(merged.read_text()) < 32:
                assert time.monotonic() < deadline, merged.read_text()
                time.sleep(0.02)
        finally:
            for name, value in reversed(before.items()):
                (KSM / name).write_text(value)
        assert other.read(4096, 4096) == PAGE


DOMAIN = """<domain type='kvm'><name>a</name><memory unit='MiB'>64</memory><vcpu>2</vcpu>{}
<os><type>hvm</type></os>{}</domain>"""


def _backing(backing: str = "", cpu: str = "") -> Backing:
    return backing_of(with_defaults(parse(DOMAIN.format(backing, cpu))))


def test_what_a_domain_says() -> None:
    assert _backing() == Backing(shared=False, mergeable=True)
    assert not _backing("<memoryBacking><nosharepages/></memoryBacking>").mergeable
    full = _backing(
        "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages><locked/><source type='memfd'/>"
        "<access mode='shared'/><allocation mode='immediate' threads='4'/></memoryBacking>"
        "<numatune><memory mode='strict' nodeset='0'/></numatune>"
    )
    assert full == Backing(
        shared=True,
        memfd=True,
        page_size=2 * MIB,
        mergeable=True,
        locked=True,
        allocation_threads=4,
        policies=(Policy(0, 64 * MIB, "strict", frozenset({0})),),
    )


def test_cells_have_their_own_nodes() -> None:
    cpu = (
        "<cpu><numa><cell id='1' cpus='1' memory='48' unit='MiB' memAccess='shared'/>"
        "<cell id='0' cpus='0' memory='16' unit='MiB'/></numa></cpu>"
    )
    tune = "<numatune><memnode cellid='1' mode='preferred' nodeset='0'/></numatune>"
    text = DOMAIN.format(tune, cpu)
    assert cell_ranges(parse(text)) == {0: (0, 16 * MIB), 1: (16 * MIB, 48 * MIB)}
    backing = _backing(tune, cpu)
    assert backing.shared
    assert backing.policies == (Policy(16 * MIB, 48 * MIB, "preferred", frozenset({0})),)


def test_huge_pages_are_for_all_cells() -> None:
    cpu = (
        "<cpu><numa><cell id='0' cpus='0' memory='32' unit='MiB'/>"
        "<cell id='1' cpus='1' memory='32' unit='MiB'/></numa></cpu>"
    )
    page = "<memoryBacking><hugepages><page size='2' unit='MiB' nodeset='{}'/></hugepages></memoryBacking>"
    assert _backing(page.format("0-1"), cpu).page_size == 2 * MIB
    with pytest.raises(GuestMemoryError, match="for all NUMA cells of a guest or for none"):
        _backing(page.format("0"), cpu)
