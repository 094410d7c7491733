"""Sets of processors or of NUMA nodes, as "0-3,^2,8" (formatdomain, "CPU Allocation")."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kvmctl.domain.codecs import BadValueError
from kvmctl.domain.errors import ErrorKind

MOST_CPUS: Final = 16384
"""libvirt's VIR_DOMAIN_CPUMASK_LEN."""

_MOST_NAMED = 2 * MOST_CPUS
"""All of them, and exclusions: a text that names them over and over is no set to spend time on."""

_TERM = re.compile(r"(?P<first>[0-9]{1,9})(?:-(?P<last>[0-9]{1,9}))?|\^(?P<without>[0-9]{1,9})")
_EXPECTED = "numbers, ranges and exclusions as 0-3,^2,8"


@dataclass(frozen=True, slots=True)
class CpuSet:
    """The numbers; a set that is empty is none."""

    def parse(self, text: str) -> frozenset[int]:
        numbers: set[int] = set()
        named = 0
        for term in text.split(","):
            match = _TERM.fullmatch(term)
            if match is None:
                raise BadValueError(_EXPECTED, ErrorKind.INVALID_ARG)
            first = int(match["first"] or match["without"])
            last = int(match["last"] or first)
            named += last - first + 1
            if last < first or last >= MOST_CPUS or named > _MOST_NAMED:
                raise BadValueError(f"{_EXPECTED}, below {MOST_CPUS}", ErrorKind.INVALID_ARG)
            if match["without"]:
                numbers.discard(first)
            else:
                numbers.update(range(first, last + 1))
        if not numbers:
            raise BadValueError("a set that is not empty", ErrorKind.CONFIG_UNSUPPORTED)
        return frozenset(numbers)

    def format(self, value: Iterable[int]) -> str:
        """Ascending ranges, as libvirt writes them."""
        ranges: list[list[int]] = []
        for number in sorted(value):
            if ranges and number == ranges[-1][1] + 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
        return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in ranges)


CPU_SET: Final = CpuSet()
