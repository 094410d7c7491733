"""A virtual machine's descriptor: memory slots, in-kernel interrupt controllers, event descriptors."""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Iterable
from ctypes import Structure
from dataclasses import dataclass
from typing import Final

from kvmctl.vmm.kvm import abi
from kvmctl.vmm.kvm.stats import Statistics
from kvmctl.vmm.kvm.system import Kvm, KvmError
from kvmctl.vmm.memory import GuestMemory

# Intel's KVM needs three pages for the real-mode TSS and one for the identity map; both lie in the
# hole below 4 GiB, under the space of a firmware of up to 16 MiB, where QEMU has them as well.
TSS_ADDR: Final = 0xFEFF_D000
IDENTITY_MAP_ADDR: Final = 0xFEFF_C000
RESERVED: Final = (IDENTITY_MAP_ADDR, 0x4000)
"""Address and size of these, for the guest's memory map."""
_ROM_SLOT: Final = 64

_IRQCHIP_IDS: Final = (0, 1, 2)  # master PIC, slave PIC, IOAPIC
_PIC_ELCR: Final = 14  # offset in struct kvm_pic_state


@dataclass(frozen=True, slots=True)
class MsiRoute:
    """A GSI that is delivered as a message-signalled interrupt."""

    gsi: int
    address: int
    data: int


class Vm:
    """One KVM virtual machine."""

    def __init__(self, kvm: Kvm) -> None:
        self.kvm = kvm
        self.fd = kvm.create_vm()
        self.statistics = Statistics.of(self.fd)
        self.ioctl(abi.SET_IDENTITY_MAP_ADDR, "SET_IDENTITY_MAP_ADDR", abi.IdentityMapAddr(IDENTITY_MAP_ADDR))
        self._set_tss_address()

    def ioctl(self, request: int, name: str, argument: Structure | bytearray | int = 0) -> int:
        try:
            return fcntl.ioctl(self.fd, request, argument)
        except OSError as error:
            raise KvmError(f"KVM_{name}: {error.strerror}") from error

    def _set_tss_address(self) -> None:
        # fcntl.ioctl takes an integer argument only up to 2**31 - 1.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ioctl(self.fd, ctypes.c_ulong(abi.SET_TSS_ADDR), ctypes.c_ulong(TSS_ADDR)) != 0:
            raise KvmError(f"KVM_SET_TSS_ADDR: {os.strerror(ctypes.get_errno())}")

    def exit_on_emulation_failure(self) -> None:
        """Hand instructions that KVM cannot emulate over to us at CPL 3, too, where KVM offers that.

        Without it KVM itself answers those with #UD.
        """
        if self.kvm.check_extension(abi.CAP_EXIT_ON_EMULATION_FAILURE):
            cap = abi.EnableCap(cap=abi.CAP_EXIT_ON_EMULATION_FAILURE)
            cap.args[0] = 1
            self.ioctl(abi.ENABLE_CAP, "ENABLE_CAP", cap)

    def map_memory(self, memory: GuestMemory) -> None:
        """Give every RAM region a memory slot."""
        for slot, region in enumerate(memory.regions):
            host = memory.host_address + region.offset
            self.ioctl(
                abi.SET_USER_MEMORY_REGION,
                "SET_USER_MEMORY_REGION",
                abi.UserspaceMemoryRegion(slot, 0, region.gpa, region.size, host),
            )

    def map_rom(self, address: int, host_address: int, size: int) -> None:
        """Memory that the guest reads; what it writes there goes to the bus."""
        region = abi.UserspaceMemoryRegion(_ROM_SLOT, abi.MEM_READONLY, address, size, host_address)
        self.ioctl(abi.SET_USER_MEMORY_REGION, "SET_USER_MEMORY_REGION", region)

    def create_irqchip(self) -> None:
        self.ioctl(abi.CREATE_IRQCHIP, "CREATE_IRQCHIP")

    def trigger_by_level(self, gsis: Iterable[int]) -> None:
        """Program the PICs' edge/level registers as a firmware does (ELCR: Intel ICH9 13.4.9 and 13.4.10)."""
        for chip_id in _IRQCHIP_IDS[:2]:
            chip = abi.Irqchip(chip_id)
            self.ioctl(abi.GET_IRQCHIP, "GET_IRQCHIP", chip)
            chip.state[_PIC_ELCR] |= sum(1 << gsi % 8 for gsi in gsis if gsi // 8 == chip_id)
            self.ioctl(abi.SET_IRQCHIP, "SET_IRQCHIP", chip)

    def create_pit(self, *, reinject: bool) -> None:
        """The PIT, with port 0x61; `reinject`: deliver the ticks that a late guest has missed."""
        self.ioctl(abi.CREATE_PIT2, "CREATE_PIT2", abi.PitConfig(abi.PIT_SPEAKER_DUMMY))
        self.ioctl(abi.REINJECT_CONTROL, "REINJECT_CONTROL", abi.ReinjectControl(int(reinject)))

    def create_vcpu(self, index: int) -> int:
        return self.ioctl(abi.CREATE_VCPU, "CREATE_VCPU", index)

    def set_irq_level(self, gsi: int, level: bool) -> None:
        self.ioctl(abi.IRQ_LINE, "IRQ_LINE", abi.IrqLevel(gsi, level))

    def irqfd(self, fd: int, gsi: int, *, assign: bool = True) -> None:
        """Pulse `gsi` whenever the eventfd `fd` is written."""
        flags = 0 if assign else abi.IRQFD_FLAG_DEASSIGN
        self.ioctl(abi.IRQFD, "IRQFD", abi.Irqfd(fd, gsi, flags))

    def ioeventfd(
        self,
        fd: int,
        address: int,
        length: int,
        *,
        pio: bool = False,
        match: int | None = None,
        assign: bool = True,
    ) -> None:
        """Signal the eventfd `fd` on a guest write to `address`, instead of an exit."""
        flags = abi.IOEVENTFD_FLAG_PIO if pio else 0
        if match is not None:
            flags |= abi.IOEVENTFD_FLAG_DATAMATCH
        if not assign:
            flags |= abi.IOEVENTFD_FLAG_DEASSIGN
        self.ioctl(abi.IOEVENTFD, "IOEVENTFD", abi.Ioeventfd(match or 0, address, length, fd, flags))

    def set_gsi_routing(self, msi: Iterable[MsiRoute]) -> None:
        """The PC's fixed wiring of GSI 0-23 to the PICs and the IOAPIC, and `msi` beyond it."""
        entries = [*_pc_routes(), *(_msi_route(route) for route in msi)]
        header = abi.IrqRoutingHeader(len(entries), 0)
        table = (abi.IrqRoutingEntry * len(entries))(*entries)
        self.ioctl(abi.SET_GSI_ROUTING, "SET_GSI_ROUTING", bytearray(bytes(header) + bytes(table)))

    def chip_state(self) -> ChipState:
        chips = []
        for chip_id in _IRQCHIP_IDS:
            chip = abi.Irqchip(chip_id)
            self.ioctl(abi.GET_IRQCHIP, "GET_IRQCHIP", chip)
            chips.append(chip)
        pit = abi.PitState2()
        self.ioctl(abi.GET_PIT2, "GET_PIT2", pit)
        return ChipState(tuple(chips), pit)

    def set_chip_state(self, state: ChipState) -> None:
        for chip in state.irqchips:
            self.ioctl(abi.SET_IRQCHIP, "SET_IRQCHIP", chip)
        self.ioctl(abi.SET_PIT2, "SET_PIT2", state.pit)


@dataclass(frozen=True, slots=True)
class ChipState:
    """The state of the in-kernel PICs, IOAPIC and PIT."""

    irqchips: tuple[abi.Irqchip, ...]
    pit: abi.PitState2


def _pc_routes() -> list[abi.IrqRoutingEntry]:
    routes = []
    for gsi in range(24):
        if gsi < 16 and gsi != 2:
            routes.append(_irqchip_route(gsi, gsi // 8, gsi % 8))
        # The PIT's IRQ 0 is wired to pin 2 of the IOAPIC, as ACPI's interrupt override says.
        if gsi != 2:
            routes.append(_irqchip_route(gsi, 2, 2 if gsi == 0 else gsi))
    return routes


def _irqchip_route(gsi: int, chip: int, pin: int) -> abi.IrqRoutingEntry:
    target = abi.IrqRoutingTarget(irqchip=abi.IrqRoutingIrqchip(chip, pin))
    return abi.IrqRoutingEntry(gsi, abi.IRQ_ROUTING_IRQCHIP, 0, 0, target)


def _msi_route(route: MsiRoute) -> abi.IrqRoutingEntry:
    message = abi.IrqRoutingMsi(route.address & 0xFFFF_FFFF, route.address >> 32, route.data, 0)
    return abi.IrqRoutingEntry(route.gsi, abi.IRQ_ROUTING_MSI, 0, 0, abi.IrqRoutingTarget(msi=message))
