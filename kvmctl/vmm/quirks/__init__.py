"""What a particular kind of host needs, chosen at start by what the host shows.

`Quirks` is the host that needs nothing; a module here describes one that does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kvmctl.vmm.kvm.cpuid import CpuidEntry

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


def detect() -> Quirks:
    """The quirks of the host that this process runs on."""
    from kvmctl.vmm.quirks import pvm

    return pvm.PvmQuirks() if pvm.detected() else Quirks()
