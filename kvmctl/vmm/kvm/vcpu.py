"""One virtual CPU: a thread that runs KVM_RUN and hands every exit to the machine.

Stopping is free of races: the stopper sets `immediate_exit` in the shared run structure and then sends the
kick signal. KVM looks at `immediate_exit` after it has completed the I/O of the previous exit, so a
parked vCPU has no instruction half done (Documentation/virt/kvm/api.rst, "immediate_exit").
"""

from __future__ import annotations

import errno
import fcntl
import logging
import mmap
import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum
from typing import Final, Protocol

from kvmctl.host.cpumodel import CpuidEntry
from kvmctl.vmm.engine.bus import IoBus
from kvmctl.vmm.engine.runloop import RunLoop
from kvmctl.vmm.jail.threads import Thread, narrow
from kvmctl.vmm.kvm import abi
from kvmctl.vmm.kvm.state import VcpuState, msr_block, vcpu_ioctl, write_msrs
from kvmctl.vmm.kvm.stats import Statistics
from kvmctl.vmm.kvm.system import KvmError
from kvmctl.vmm.kvm.vm import Vm
from kvmctl.vmm.threadname import name_thread

KICK_SIGNAL: Final = signal.SIGUSR1
_BLOCKED_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR2)
_REKICK_SECONDS: Final = 0.02

log = logging.getLogger(__name__)


class Fault(Enum):
    """Why a vCPU cannot go on, or what the guest asked of the machine through KVM."""

    TRIPLE_FAULT = "triple fault"
    INTERNAL_ERROR = "KVM internal error"
    FAIL_ENTRY = "hardware entry failure"
    UNEXPECTED_EXIT = "unexpected exit"
    SYSTEM_SHUTDOWN = "system event: shutdown"
    SYSTEM_RESET = "system event: reset"
    SYSTEM_CRASH = "system event: crash"


class ExitHandler(Protocol):
    """The machine, as its vCPUs see it."""

    @property
    def bus(self) -> IoBus: ...
    def vcpu_fault(self, vcpu: Vcpu, fault: Fault, detail: str) -> None: ...
    def emulation_failed(self, vcpu: Vcpu, instruction: bytes) -> str | None: ...


class Gate:
    """Parks the vCPUs of one machine and lets them go, all together."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._closed = True
        self._quit = False
        self._vcpus: list[Vcpu] = []

    def add(self, vcpu: Vcpu) -> None:
        self._vcpus.append(vcpu)

    def close(self) -> None:
        """Ask every vCPU to park; does not wait, so that a vCPU may call it from an exit handler."""
        with self._condition:
            self._closed = True
            for vcpu in self._vcpus:
                vcpu.request_exit()
        self._kick()

    def wait_parked(self, timeout: float) -> None:
        """Wait until no vCPU runs guest code or a device's handler any more."""
        deadline = time.monotonic() + timeout
        with self._condition:
            while running := [vcpu for vcpu in self._vcpus if vcpu.is_alive() and not vcpu.parked]:
                if time.monotonic() > deadline:
                    raise KvmError(f"vCPU {running[0].index} hangs in a host call and does not stop")
                if not self._condition.wait(_REKICK_SECONDS):
                    self._kick()

    def open(self) -> None:
        with self._condition:
            self._closed = False
            self._condition.notify_all()

    def quit(self, timeout: float) -> bool:
        """End every vCPU thread; false when one is stuck in a host call beyond `timeout`."""
        with self._condition:
            self._closed = True
            self._quit = True
            for vcpu in self._vcpus:
                vcpu.request_exit()
            self._condition.notify_all()
        self._kick()
        for vcpu in self._vcpus:
            vcpu.join(timeout)
        return not any(vcpu.is_alive() for vcpu in self._vcpus)

    def pass_through(self, vcpu: Vcpu) -> bool:
        """Called by a vCPU that was kicked: stay here while closed; false means that the thread ends."""
        with self._condition:
            if self._closed:
                vcpu.parked = True
                self._condition.notify_all()
                self._condition.wait_for(lambda: self._quit or not self._closed)
                vcpu.parked = False
            vcpu.clear_exit_request()
            return not self._quit

    def _kick(self) -> None:
        me = threading.get_ident()
        for vcpu in self._vcpus:
            if vcpu.is_alive() and vcpu.thread_ident != me:
                vcpu.kick()


class Vcpu:
    """One vCPU and its thread `CPU N/KVM`."""

    def __init__(self, vm: Vm, index: int, apic_id: int, gate: Gate, handler: ExitHandler) -> None:
        self.vm = vm
        self.index = index
        self.fd = vm.create_vcpu(apic_id)
        self.statistics = Statistics.of(self.fd)
        self.parked = False
        self._gate = gate
        self._handler = handler
        self._run_map = mmap.mmap(self.fd, vm.kvm.vcpu_mmap_size, mmap.MAP_SHARED)
        self._thread = threading.Thread(target=self._main, name=f"CPU {index}/KVM", daemon=True)
        gate.add(self)

    # life of the thread

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def thread_ident(self) -> int | None:
        return self._thread.ident

    @property
    def thread_id(self) -> int:
        """The kernel's id of the thread, as `ps -L` shows it."""
        return self._thread.native_id or 0

    def request_exit(self) -> None:
        self._run_map[abi.RUN_IMMEDIATE_EXIT] = 1

    def clear_exit_request(self) -> None:
        self._run_map[abi.RUN_IMMEDIATE_EXIT] = 0

    def kick(self) -> None:
        ident = self._thread.ident
        if ident is not None:
            signal.pthread_kill(ident, KICK_SIGNAL)

    # state, for use while the vCPU is parked or not yet started (or by its own thread)

    def get_regs(self) -> abi.Regs:
        regs = abi.Regs()
        vcpu_ioctl(self.fd, abi.GET_REGS, "GET_REGS", regs)
        return regs

    def set_regs(self, regs: abi.Regs) -> None:
        vcpu_ioctl(self.fd, abi.SET_REGS, "SET_REGS", regs)

    def get_sregs(self) -> abi.Sregs:
        sregs = abi.Sregs()
        vcpu_ioctl(self.fd, abi.GET_SREGS, "GET_SREGS", sregs)
        return sregs

    def set_sregs(self, sregs: abi.Sregs) -> None:
        vcpu_ioctl(self.fd, abi.SET_SREGS, "SET_SREGS", sregs)

    def get_events(self) -> abi.VcpuEvents:
        events = abi.VcpuEvents()
        vcpu_ioctl(self.fd, abi.GET_VCPU_EVENTS, "GET_VCPU_EVENTS", events)
        return events

    def set_events(self, events: abi.VcpuEvents) -> None:
        vcpu_ioctl(self.fd, abi.SET_VCPU_EVENTS, "SET_VCPU_EVENTS", events)

    def set_cpuid(self, entries: Iterable[CpuidEntry]) -> None:
        leaves = [entry.pack() for entry in entries]
        block = bytearray(bytes(abi.Cpuid2Header(len(leaves))) + b"".join(leaves))
        vcpu_ioctl(self.fd, abi.SET_CPUID2, "SET_CPUID2", block)

    def set_msrs(self, values: Mapping[int, int]) -> None:
        write_msrs(self.fd, msr_block([abi.MsrEntry(number, 0, value) for number, value in values.items()]))

    def set_tsc_khz(self, khz: int) -> None:
        """Before the guest runs; OSError where the host's counter cannot be scaled to that."""
        fcntl.ioctl(self.fd, abi.SET_TSC_KHZ, khz)

    def clock_was_paused(self) -> None:
        """Keep the guest's watchdogs from taking a pause for a lock-up; fails where it uses no kvmclock."""
        with suppress(OSError):
            fcntl.ioctl(self.fd, abi.KVMCLOCK_CTRL)

    def inject_nmi(self) -> None:
        """Queue a non-maskable interrupt; waits while the vCPU runs, so the caller has it stand still."""
        vcpu_ioctl(self.fd, abi.NMI, "NMI")

    def capture(self, msr_indices: list[int]) -> VcpuState:
        return VcpuState.capture(self.vm.kvm, self.fd, msr_indices)

    # the run loop

    def _main(self) -> None:
        narrow(Thread.VCPU)
        name_thread(f"CPU {self.index}/KVM")
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED_SIGNALS)
        self.request_exit()
        while True:
            try:
                self._run()
                return
            except Exception as error:
                log.exception("vCPU %d: the monitor failed", self.index)
                self._handler.vcpu_fault(self, Fault.INTERNAL_ERROR, f"monitor failure: {error}")

    def _run(self) -> None:
        """Run the guest until the gate says that the thread ends."""
        loop = RunLoop(self.fd, self._run_map, self._handler.bus)
        while True:
            reason = loop.run()
            if reason >= 0:
                self._rare_exit(reason)
                continue
            if reason not in (-errno.EINTR, -errno.EAGAIN):
                self._handler.vcpu_fault(self, Fault.INTERNAL_ERROR, f"KVM_RUN: {os.strerror(-reason)}")
            if not self._gate.pass_through(self):
                return

    def _rare_exit(self, reason: int) -> None:
        if reason in (abi.EXIT_INTR, abi.EXIT_IRQ_WINDOW_OPEN, abi.EXIT_HLT):
            return  # with the in-kernel APIC, KVM itself waits for the interrupt on the next entry
        fault, detail = self._classify(reason)
        if fault is not None:
            self._handler.vcpu_fault(self, fault, detail)

    def _classify(self, reason: int) -> tuple[Fault | None, str]:
        if reason == abi.EXIT_SHUTDOWN:
            return Fault.TRIPLE_FAULT, ""
        if reason == abi.EXIT_INTERNAL_ERROR:
            return self._internal_error()
        if reason == abi.EXIT_FAIL_ENTRY:
            entry = abi.FailEntry.from_buffer_copy(self._run_map, abi.RUN_EXIT_DATA)
            return Fault.FAIL_ENTRY, f"reason {entry.hardware_entry_failure_reason:#x} on CPU {entry.cpu}"
        if reason == abi.EXIT_SYSTEM_EVENT:
            event = abi.SystemEvent.from_buffer_copy(self._run_map, abi.RUN_EXIT_DATA)
            return _SYSTEM_EVENTS.get(event.type, Fault.UNEXPECTED_EXIT), f"system event {event.type}"
        return Fault.UNEXPECTED_EXIT, f"exit reason {reason}"

    def _internal_error(self) -> tuple[Fault | None, str]:
        failure = abi.EmulationFailure.from_buffer_copy(self._run_map, abi.RUN_EXIT_DATA)
        if failure.suberror != abi.INTERNAL_ERROR_EMULATION:
            return Fault.INTERNAL_ERROR, f"suberror {failure.suberror}"
        instruction = b""
        if failure.ndata >= 3 and failure.flags & abi.EMULATION_FLAG_INSTRUCTION_BYTES:
            instruction = bytes(failure.insn_bytes)[: failure.insn_size]
        problem = self._handler.emulation_failed(self, instruction)
        if problem is None:
            return None, ""
        return Fault.INTERNAL_ERROR, f"emulation failure: {problem}"

    def describe(self) -> str:
        """The registers, for the log of a crash."""
        try:
            regs, sregs = self.get_regs(), self.get_sregs()
        except KvmError as error:
            return f"registers unavailable: {error}"
        names: Iterable[str] = (field[0] for field in abi.Regs._fields_)
        general = " ".join(f"{name}={getattr(regs, name):016x}" for name in names)
        return (
            f"{general} cs={sregs.cs.selector:04x}:{sregs.cs.base:x} ss={sregs.ss.selector:04x} "
            f"cr0={sregs.cr0:x} cr2={sregs.cr2:x} cr3={sregs.cr3:x} cr4={sregs.cr4:x} efer={sregs.efer:x} "
            f"gdt={sregs.gdt.base:x}/{sregs.gdt.limit:x} idt={sregs.idt.base:x}/{sregs.idt.limit:x}"
        )


_SYSTEM_EVENTS: Final = {
    abi.SYSTEM_EVENT_SHUTDOWN: Fault.SYSTEM_SHUTDOWN,
    abi.SYSTEM_EVENT_RESET: Fault.SYSTEM_RESET,
    abi.SYSTEM_EVENT_CRASH: Fault.SYSTEM_CRASH,
}


def install_kick_handler() -> None:
    """Let the kick signal interrupt KVM_RUN instead of ending the process."""
    signal.signal(KICK_SIGNAL, lambda _number, _frame: None)
