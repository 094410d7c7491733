"""From KVM's failure to the guest's next instruction."""

from __future__ import annotations

from iced_x86 import Instruction

from kvmctl.vmm.emulator.context import Context
from kvmctl.vmm.emulator.cpu import Cpu
from kvmctl.vmm.emulator.decode import MAX_LENGTH, TruncatedError, decode, disassemble
from kvmctl.vmm.emulator.fault import GuestFault, NotHandledError, Vector, undefined
from kvmctl.vmm.emulator.instructions import HANDLERS
from kvmctl.vmm.emulator.physical import PhysicalMemory
from kvmctl.vmm.kvm import abi
from kvmctl.vmm.memory import GuestMemoryError


def complete(cpu: Cpu, memory: PhysicalMemory, physical_bits: int, code: bytes) -> str | None:
    """See `kvmctl.vmm.emulator.Emulator.complete`."""
    context = Context(cpu, memory, physical_bits)
    try:
        _execute(context, code)
    except GuestFault as fault:
        _inject(context, fault)
    except NotHandledError as reason:
        if context.cpl == 3:
            # Unprivileged code must not be able to end the guest; KVM itself would answer with #UD.
            _inject(context, undefined())
        else:
            text = disassemble(_all_bytes(context, code), context.bits, context.regs.rip)
            return f"{text}: {reason}"
    return None


def _execute(context: Context, code: bytes) -> None:
    instruction, length = _decode(context, code)
    if instruction is None:
        raise undefined()
    handler = HANDLERS.get(instruction.mnemonic)
    if handler is None:
        raise NotHandledError("not an instruction that the monitor completes")
    handler(context, instruction)
    context.commit(length)


def _decode(context: Context, code: bytes) -> tuple[Instruction | None, int]:
    while True:
        try:
            instruction = decode(code, context.bits)
        except TruncatedError:
            try:
                longer = context.fetch(code, MAX_LENGTH)
            except GuestMemoryError as error:
                raise NotHandledError(f"the instruction is not in RAM: {error}") from error
            if len(longer) == len(code):
                raise undefined() from None  # longer than 15 bytes
            code = longer
        else:
            return instruction, instruction.len if instruction else 0


def _all_bytes(context: Context, code: bytes) -> bytes:
    try:
        return context.fetch(code, MAX_LENGTH)
    except (GuestFault, NotHandledError, GuestMemoryError):
        return code


def _inject(context: Context, fault: GuestFault) -> None:
    """Raise an exception whose saved RIP is the instruction's own."""
    cpu = context.cpu
    if fault.vector is Vector.PF and fault.address is not None:
        context.sregs.cr2 = fault.address
        cpu.set_sregs(context.sregs)
    # Unmodified registers, written to drop the #UD that KVM has queued along with its exit.
    cpu.set_regs(cpu.get_regs())
    events = cpu.get_events()
    events.flags = 0
    events.exception = abi.EventException(
        injected=1,
        nr=fault.vector,
        has_error_code=fault.error_code is not None,
        error_code=fault.error_code or 0,
    )
    cpu.set_events(events)
