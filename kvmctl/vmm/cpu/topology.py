"""How a guest's vCPUs lie in sockets, dies, cores and threads, and the APIC ids that say so.

Each level has as many bits of the APIC id as it needs (Intel SDM volume 3, 9.9.3), so that the ids of a
topology whose counts are no powers of two have gaps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LAST_APIC_ID: Final = 254
"""Of the xAPIC, which has bytes, and 255 for all."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where one vCPU is."""

    socket: int
    die: int
    core: int
    thread: int


@dataclass(frozen=True, slots=True)
class Topology:
    """Each count is that of one unit of the level above."""

    sockets: int = 1
    dies: int = 1
    cores: int = 1
    threads: int = 1

    @property
    def per_package(self) -> int:
        return self.dies * self.cores * self.threads

    @property
    def core_shift(self) -> int:
        """Bits of the APIC id that number the threads of a core."""
        return _bits(self.threads)

    @property
    def die_shift(self) -> int:
        return self.core_shift + _bits(self.cores)

    @property
    def package_shift(self) -> int:
        return self.die_shift + _bits(self.dies)

    def position(self, index: int) -> Position:
        core, thread = divmod(index, self.threads)
        die, core = divmod(core, self.cores)
        socket, die = divmod(die, self.dies)
        return Position(socket, die, core, thread)

    def apic_id(self, index: int) -> int:
        at = self.position(index)
        return (
            at.socket << self.package_shift
            | at.die << self.die_shift
            | at.core << self.core_shift
            | at.thread
        )


def _bits(count: int) -> int:
    return (count - 1).bit_length()
