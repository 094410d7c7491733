"""The host's pools of huge pages (Linux Documentation/admin-guide/mm/hugetlbpage.rst); sizes in bytes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

_POOLS: Final = Path("/sys/kernel/mm/hugepages")
_MEMINFO: Final = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class Pool:
    """How many pages there are, and how many of them nobody uses or has reserved."""

    size: int
    total: int
    free: int


def pools(directory: Path = _POOLS) -> dict[int, Pool]:
    """By the pages' size."""
    found = {}
    for path in directory.glob("hugepages-*kB"):
        size = int(path.name.removeprefix("hugepages-").removesuffix("kB")) * 1024
        total, free, reserved = (
            int((path / name).read_text()) for name in ("nr_hugepages", "free_hugepages", "resv_hugepages")
        )
        found[size] = Pool(size, total, max(free - reserved, 0))
    return found


def default_size(meminfo: Path = _MEMINFO) -> int | None:
    """The size of pages that nobody asks for by size; None where the kernel has none."""
    for line in meminfo.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "Hugepagesize":
            return int(value.split()[0]) * 1024
    return None
