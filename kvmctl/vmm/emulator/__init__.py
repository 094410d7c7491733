"""Completes in the VMM an instruction that KVM's own emulator gave up on.

KVM emulates an instruction when the processor cannot run it for the guest: on memory-mapped I/O, in modes
that the hardware does not virtualise, and, where the host has no VMX or SVM, in the guest's kernel at large.
What that emulator does not know ends in KVM_EXIT_INTERNAL_ERROR with suberror KVM_INTERNAL_ERROR_EMULATION
(Documentation/virt/kvm/api.rst); most monitors end the guest there.

Nothing here is imported before the first such exit: the decoder costs start-up time that most guests never
need to pay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmctl.vmm.emulator.physical import MmioBus, PhysicalMemory, Ram

if TYPE_CHECKING:
    from kvmctl.vmm.emulator.cpu import Cpu

__all__ = ["Emulator"]


class Emulator:
    """The instructions of one machine's vCPUs."""

    def __init__(self, ram: Ram, bus: MmioBus, physical_bits: int = 52) -> None:
        self._memory = PhysicalMemory(ram, bus)
        self._physical_bits = physical_bits

    def complete(self, cpu: Cpu, code: bytes) -> str | None:
        """Carry out the instruction at the guest's RIP, or deliver the exception that it raises.

        `code` is what KVM has already fetched, possibly nothing. Returns None when the guest can run on,
        else what could not be done, with the instruction disassembled, for the log.
        """
        from kvmctl.vmm.emulator.execute import complete

        return complete(cpu, self._memory, self._physical_bits, code)
