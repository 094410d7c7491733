"""The machine: guest memory, KVM's chips, the vCPUs and the devices, put together from a domain."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from kvmctl.domain.addresses import has_pci
from kvmctl.vmm import boot, firmware, firmwarefiles
from kvmctl.vmm.backing import backing_of
from kvmctl.vmm.boot import flat, pvh
from kvmctl.vmm.boot.image import BzImage, recognise
from kvmctl.vmm.boot.rom import Rom
from kvmctl.vmm.boot.source import FileSource
from kvmctl.vmm.bus.io import IoBus
from kvmctl.vmm.bus.pci import LEVEL_TRIGGERED_GSIS, PciBus
from kvmctl.vmm.bus.slots import MmioSlots
from kvmctl.vmm.cpu import GuestCpu
from kvmctl.vmm.devices import BOARD
from kvmctl.vmm.devices.fwcfg import FwCfg
from kvmctl.vmm.devices.platform import CharBackend, Device, Pausable, Platform, PowerRequest, Timer
from kvmctl.vmm.devices.pm import PowerManagement
from kvmctl.vmm.emulator import Emulator
from kvmctl.vmm.emulator.cpu import KvmCpu
from kvmctl.vmm.kvm.irq import MsiRouter
from kvmctl.vmm.kvm.state import VcpuState
from kvmctl.vmm.kvm.system import Kvm
from kvmctl.vmm.kvm.vcpu import Fault, Gate, Vcpu
from kvmctl.vmm.kvm.vm import ChipState, Vm
from kvmctl.vmm.memory import GuestMemory
from kvmctl.vmm.qmp import Monitor
from kvmctl.vmm.quirks import Quirks
from kvmctl.vmm.startcpu import start_at
from kvmctl.vmm.timekeeping import repeats_late_ticks, tsc_khz

if TYPE_CHECKING:
    from kvmctl.domain import Domain

_STOP_SECONDS: Final = 5.0
_QUIT_SECONDS: Final = 2.0

log = logging.getLogger(__name__)


class MachineError(Exception):
    """A domain that this host or this monitor cannot run."""


class GuestEvent(Enum):
    """What the guest did that its <on_*> policy answers."""

    POWEROFF = "poweroff"
    RESET = "reset"
    CRASH = "crash"
    INTERNAL_ERROR = "internal error"
    IO_ERROR = "I/O error"
    WATCHDOG = "watchdog"
    NMI = "NMI"


_POWER_EVENTS: Final = {
    PowerRequest.POWEROFF: GuestEvent.POWEROFF,
    PowerRequest.RESET: GuestEvent.RESET,
    PowerRequest.CRASH: GuestEvent.CRASH,
}
# The machine runs on until the main thread hears of these: who asks may hold a lock that a vCPU waits for.
_LATER_EVENTS: Final = {
    PowerRequest.IO_ERROR: GuestEvent.IO_ERROR,
    PowerRequest.WATCHDOG: GuestEvent.WATCHDOG,
    PowerRequest.NMI: GuestEvent.NMI,
}
_FAULT_EVENTS: Final = {
    Fault.TRIPLE_FAULT: GuestEvent.CRASH,
    Fault.SYSTEM_CRASH: GuestEvent.CRASH,
    Fault.SYSTEM_RESET: GuestEvent.RESET,
    Fault.SYSTEM_SHUTDOWN: GuestEvent.POWEROFF,
}


@dataclass(frozen=True, slots=True)
class BootFiles:
    """What is booted: a kernel or else a firmware, as open files."""

    kernel_fd: int | None = None
    initrd_fd: int | None = None
    decompressed_fd: int | None = None
    """The kernel as `boot.cache.prepare` gave it."""
    firmware_fd: int | None = None
    netboot_fd: int | None = None
    """The option ROM of network cards."""


class Machine:
    """One guest. Its vCPU threads exist, parked, from `start` on; `run` lets them go."""

    def __init__(
        self,
        domain: Domain,
        kvm: Kvm,
        quirks: Quirks,
        files: BootFiles,
        on_event: Callable[[], None],
    ) -> None:
        """`on_event` is called, on any thread, when `take_event` has something to tell."""
        if domain.vcpus > kvm.max_vcpus:
            raise MachineError(f"{domain.vcpus} vCPUs are asked for, this host's KVM has {kvm.max_vcpus}")
        self.domain = domain
        self.cpu = GuestCpu(domain, kvm.host_cpu(), quirks.cpuid)
        self.bus = IoBus()
        self.memory = GuestMemory(domain.memory, f"guest-{domain.name}"[:200], backing_of(domain))
        self.vcpus: list[Vcpu] = []
        self._kvm = kvm
        self._quirks = quirks
        self._files = files
        self._on_event = on_event
        self._gate = Gate()
        self._has_pci = has_pci(domain)
        self._slots = MmioSlots(self.bus.mmio, self._irq_line, firmware.slot_gsis(domain))
        self._devices: list[Device] = []
        self._event: GuestEvent | None = None
        self._later: deque[GuestEvent] = deque()
        self._power_on: tuple[ChipState, list[VcpuState]] | None = None
        self._vm = self._create_vm()
        self._rom = self._map_rom()

    def _create_vm(self) -> Vm:
        vm = Vm(self._kvm)
        vm.exit_on_emulation_failure()
        vm.map_memory(self.memory)
        vm.create_irqchip()
        vm.set_gsi_routing(())
        vm.trigger_by_level(LEVEL_TRIGGERED_GSIS if self._has_pci else self._slots.gsis)
        vm.create_pit(reinject=self._quirks.pit_reinject and repeats_late_ticks(self.domain.clock))
        self._emulator = Emulator(self.memory, self.bus, self.cpu.physical_bits)
        for index in self.cpu.present:
            vcpu = Vcpu(vm, index, self.cpu.topology.apic_id(index), self._gate, self)
            vcpu.set_cpuid(self.cpu.entries(index))
            vcpu.set_msrs(self.cpu.msrs)
            if khz := tsc_khz(self.domain.clock):
                self._scale_tsc(vcpu, khz)
            self.vcpus.append(vcpu)
        return vm

    def _map_rom(self) -> Rom | None:
        if self._files.firmware_fd is None:
            return None
        rom = Rom(self._files.firmware_fd)
        self._vm.map_rom(rom.address, rom.host_address, rom.size)
        return rom

    def _scale_tsc(self, vcpu: Vcpu, khz: int) -> None:
        try:
            vcpu.set_tsc_khz(khz)
        except OSError as error:
            message = f"this host cannot give a guest a TSC of {khz} kHz: {error.strerror}"
            raise MachineError(message) from error

    def add_devices(
        self,
        chardevs: Mapping[str, CharBackend],
        descriptors: Mapping[str, int],
        timer: Callable[[Callable[[], None]], Timer],
        monitor: Monitor,
    ) -> None:
        """Put every device of the board's table in."""

        def descriptor(name: str) -> int:
            if name not in descriptors:
                raise MachineError(f"descriptor {name} is missing")
            return descriptors[name]

        platform = Platform(
            domain=self.domain,
            memory=self.memory,
            bus=self.bus,
            pci=PciBus(self.bus.mmio, self._irq_line) if self._has_pci else None,
            slots=self._slots,
            irq=self._irq_line,
            msi_vector=MsiRouter(self._vm).vector,
            ioeventfd=self._vm.ioeventfd,
            timer=timer,
            power=self._power,
            chardev=chardevs.get,
            descriptor=descriptor,
            opened=descriptors.get,
            monitor=monitor,
        )
        for attach in BOARD:
            self._devices += attach(platform)

    def _irq_line(self, gsi: int) -> Callable[[bool], None]:
        current = False

        def set_level(level: bool) -> None:
            nonlocal current
            if level != current:
                current = level
                self._vm.set_irq_level(gsi, level)

        return set_level

    def start(self) -> None:
        """Load the guest and create the vCPU threads, parked at its first instruction."""
        msrs = self._kvm.msr_indices()
        self._power_on = (self._vm.chip_state(), [vcpu.capture(msrs) for vcpu in self.vcpus])
        self._load()
        for vcpu in self.vcpus:
            vcpu.start()

    def _load(self) -> None:
        if self._rom is not None:
            self._load_firmware(self._rom)
        elif self._files.kernel_fd is not None:
            self._load_kernel(self._files.kernel_fd)
        else:
            raise MachineError("there is neither a kernel nor a firmware to start")

    def _load_firmware(self, rom: Rom) -> None:
        """The vCPUs are as after power-on already, at the reset vector."""
        rom.copy_low(self.memory)
        for device in self._devices:
            if isinstance(device, FwCfg):
                files = firmwarefiles.files(self.domain, self.memory, self._files.netboot_fd)
                device.offer(files, firmwarefiles.numbers(self.domain))

    def _load_kernel(self, kernel_fd: int) -> None:
        cmdline = self.domain.os.cmdline or ""
        if self._quirks.linux_cmdline and self._is_linux(kernel_fd):
            extra = " ".join(self._quirks.linux_cmdline)
            log.info("this host (%s) adds to the kernel's command line: %s", self._quirks.name, extra)
            cmdline = f"{cmdline} {extra}".lstrip()
        if self._slots.taken and not firmware.has_acpi(self.domain):
            cmdline = f"{cmdline} {self._slots.kernel_arguments()}".lstrip()
        entry = boot.load(
            self.memory,
            kernel_fd,
            self._files.initrd_fd,
            cmdline,
            decompressed_fd=self._files.decompressed_fd,
            vcpus=len(self.vcpus),
            rsdp=firmware.write_tables(self.domain, self.memory, self._slots.taken),
        )
        start_at(self.vcpus[0], entry)
        self._quirks.prepare_start(self.memory, self.vcpus[0])

    @staticmethod
    def _is_linux(kernel_fd: int) -> bool:
        image = recognise(FileSource(kernel_fd, "kernel"))
        return isinstance(image, BzImage) or (
            flat.ring(image.elf) is None and pvh.entry_point(image.elf) is None
        )

    # run, pause, reset, end

    def run(self) -> None:
        """Let the vCPUs go, unless the guest has just ended itself."""
        with self.bus.lock:
            if self._event is None:
                self._io_failed = False  # what failed is tried again
                for device in self._devices:
                    if isinstance(device, Pausable):
                        device.resume()
                for vcpu in self.vcpus:
                    vcpu.clock_was_paused()
                self._gate.open()

    def pause(self) -> None:
        """Returns when all of the machine stands still; KvmError when a vCPU does not come to a stop."""
        self._gate.close()
        self._stand_still()

    def _stand_still(self) -> None:
        self._gate.wait_parked(_STOP_SECONDS)
        for device in self._devices:
            if isinstance(device, Pausable):
                device.pause()

    def take_event(self) -> GuestEvent | None:
        """What made the guest stop by itself, once; the machine stands still when this returns it."""
        if self._event is not None:
            self._stand_still()
        elif self._later:
            self.pause()
            return self._later.popleft()
        with self.bus.lock:
            event, self._event = self._event, None
        return event

    def press_power_button(self) -> None:
        """Ask the guest to power off; a guest that stands still hears of it when it runs again."""
        with self.bus.lock:
            for device in self._devices:
                if isinstance(device, PowerManagement):
                    device.press_power_button()

    def inject_nmi(self) -> None:
        """A non-maskable interrupt on every vCPU, which all stand still."""
        for vcpu in self.vcpus:
            vcpu.inject_nmi()

    def reset(self) -> None:
        """Back to the first instruction of a freshly loaded guest; the vCPUs stay parked."""
        self.pause()
        if self._power_on is None:
            raise MachineError("the machine has not been started")
        with self.bus.lock:
            self._event = None
            chips, vcpu_states = self._power_on
            for device in self._devices:
                device.reset()
            self._vm.set_chip_state(chips)
            for vcpu, state in zip(self.vcpus, vcpu_states, strict=True):
                state.restore(vcpu.fd)
            self.memory.clear()
            self._load()

    def close(self) -> bool:
        """End the vCPU threads; false when one hangs in a host call."""
        return self._gate.quit(_QUIT_SECONDS)

    # what devices and vCPUs report, on vCPU threads

    def _power(self, request: PowerRequest) -> None:
        if request in _LATER_EVENTS:
            self._later.append(_LATER_EVENTS[request])
            self._on_event()
        elif request is PowerRequest.POWER_BUTTON:
            self.press_power_button()
        else:
            self._stop_for(_POWER_EVENTS[request])

    def _stop_for(self, event: GuestEvent) -> None:
        """No guest instruction is to follow the one that ended the guest; the first event counts."""
        with self.bus.lock:
            self._gate.close()
            if self._event is not None:
                return
            self._event = event
        self._on_event()

    def vcpu_fault(self, vcpu: Vcpu, fault: Fault, detail: str) -> None:
        event = _FAULT_EVENTS.get(fault, GuestEvent.INTERNAL_ERROR)
        if event in (GuestEvent.CRASH, GuestEvent.INTERNAL_ERROR):
            log.error("vCPU %d: %s %s", vcpu.index, fault.value, detail)
            log.error("vCPU %d: %s", vcpu.index, vcpu.describe())
        self._stop_for(event)

    def emulation_failed(self, vcpu: Vcpu, instruction: bytes) -> str | None:
        """None when the guest can run on, else what KVM could not do, and neither could we."""
        return self._emulator.complete(KvmCpu(vcpu), instruction)
