"""What a guest is told about its machine in tables: the board's devices, as the ACPI tables state them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import kvmctl
from kvmctl.vmm.boot import acpi, layout, smbios
from kvmctl.vmm.bus import pci, pciconfig, slots
from kvmctl.vmm.devices import BOARD, i8042, pcihost, pm, pvpanic, resetport, rtc, serial
from kvmctl.vmm.memory import GuestMemory

if TYPE_CHECKING:
    from kvmctl.domain import Domain

NO_TABLES: Final = 0
_PCI: Final = acpi.PciRoot(
    ecam=pciconfig.ECAM_BASE,
    ecam_size=pciconfig.ECAM_SIZE,
    window=pci.MMIO_WINDOW,
    window_size=pci.MMIO_WINDOW_END - pci.MMIO_WINDOW,
    gsis=pci.LEVEL_TRIGGERED_GSIS,
)


def has_acpi(domain: Domain) -> bool:
    return domain.features.acpi


def has_pci(domain: Domain) -> bool:
    """A microvm is the machine without: as QEMU's, it has virtio devices at places of their own."""
    return domain.os.machine != "microvm"


def slot_gsis(domain: Domain) -> tuple[int, ...]:
    return slots.IOAPIC_GSIS if has_acpi(domain) else slots.ISA_GSIS


def write_tables(domain: Domain, memory: GuestMemory, taken: Sequence[slots.Slot] = ()) -> int:
    """Put the tables that the domain asks for into memory; the address of the RSDP, 0 without ACPI."""
    if memory.size < layout.HIGH_MEMORY:
        return NO_TABLES  # too small to boot, as the boot code says in clear words
    smbios.build(identity(domain), memory.write)
    return acpi.build(board(domain, taken), memory.write) if has_acpi(domain) else NO_TABLES


def identity(domain: Domain) -> smbios.Information:
    """The domain's <sysinfo> counts when its <smbios mode='sysinfo'> says so, as for libvirt."""
    plain = smbios.Information(uuid=domain.uuid, version=kvmctl.__version__, acpi=has_acpi(domain))
    if domain.os.smbios != "sysinfo" or domain.sysinfo is None:
        return plain
    return replace(
        plain,
        bios={entry.name: entry.text for entry in domain.sysinfo.bios},
        system={entry.name: entry.text for entry in domain.sysinfo.system},
        oem_strings=tuple(entry.text for entry in domain.sysinfo.oem_strings),
    )


def board(domain: Domain, taken: Sequence[slots.Slot] = ()) -> acpi.Board:
    ports = [
        index if chardev.target_port is None else chardev.target_port
        for index, chardev in enumerate(domain.devices.serials)
    ]
    return acpi.Board(
        cpus=domain.vcpus,
        online=domain.vcpus_current or domain.vcpus,
        power=acpi.PowerBlock(pm.PM1A_EVT, pm.PM1A_CNT, pm.PM_TMR, pm.SCI, pm.S5_SLEEP_TYPE),
        reset_port=resetport.RESET_CONTROL,
        reset_value=resetport.RESET_VALUE,
        rtc_port=rtc.INDEX_PORT,
        rtc_irq=rtc.IRQ,
        rtc_century=rtc.CENTURY,
        uarts=tuple(acpi.Uart(port + 1, *serial.PORTS[port]) for port in sorted(ports)),
        keyboard_controller=i8042.attach in BOARD,
        pvpanic_port=pvpanic.PORT if domain.devices.panics else None,
        pci=_PCI if pcihost.attach in BOARD and has_pci(domain) else None,
        virtio_mmio=tuple(acpi.MmioDevice(slot.address, slots.SIZE, slot.gsi) for slot in taken),
    )
