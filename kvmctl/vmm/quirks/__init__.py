"""What a particular kind of host needs, chosen at start by what the host shows.

`Quirks` is the host that needs nothing; a module here describes one that does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kvmctl.host import kind
from kvmctl.host.cpumodel import CpuidEntry

if TYPE_CHECKING:
    from kvmctl.vmm.kvm.vcpu import Vcpu
    from kvmctl.vmm.memory import GuestMemory


class Quirks:
    """The interface of all quirks, and the behaviour on VMX and SVM hosts."""

    name = "none"
    pit_reinject = True
    linux_cmdline: tuple[str, ...] = ()

    def cpuid(self, entries: Iterable[CpuidEntry]) -> list[CpuidEntry]:
        """The CPUID to offer, from what the guest would get elsewhere."""
        return list(entries)

    def prepare_start(self, memory: GuestMemory, vcpu: Vcpu) -> None:
        """A last touch to the boot processor, when it is ready for the first instruction."""


def detect(*, wanted: bool = True) -> Quirks:
    """The quirks of the host that this process runs on; none unless they are `wanted`."""
    if not wanted or kind.detect().kind is not kind.Kind.PVM:
        return Quirks()
    from kvmctl.vmm.quirks.pvm import PvmQuirks

    return PvmQuirks()
