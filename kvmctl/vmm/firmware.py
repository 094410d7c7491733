"""What a guest is told about its machine in tables: the board's devices, as the ACPI tables state them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import kvmctl
from kvmctl.domain.addresses import has_pci
from kvmctl.vmm.backing import cell_ranges
from kvmctl.vmm.boot import acpi, layout, smbios
from kvmctl.vmm.bus import pci, pciconfig, slots
from kvmctl.vmm.cpu import topology_of
from kvmctl.vmm.devices import BOARD, i8042, pcihost, pm, pvpanic, resetport, rtc, serial
from kvmctl.vmm.memory import GuestMemory
from kvmctl.vmm.memory import layout as ram_layout

if TYPE_CHECKING:
    from kvmctl.domain import Domain
    from kvmctl.domain.model.cpu import NumaCell

NO_TABLES: Final = 0
_LOCAL: Final = 10
_REMOTE: Final = 20
_PCI: Final = acpi.PciRoot(
    ecam=pciconfig.ECAM_BASE,
    ecam_size=pciconfig.ECAM_SIZE,
    windows=(
        (pci.MMIO_WINDOW, pci.MMIO_WINDOW_END - pci.MMIO_WINDOW),
        (pci.FIRMWARE_WINDOW, pci.FIRMWARE_WINDOW_END - pci.FIRMWARE_WINDOW),
    ),
    gsis=pci.INTX_GSIS,
)


def has_acpi(domain: Domain) -> bool:
    return domain.features.acpi


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
    topology = topology_of(domain)
    plain = smbios.Information(
        uuid=domain.uuid,
        version=kvmctl.__version__,
        acpi=has_acpi(domain),
        sockets=topology.sockets,
        cores=topology.dies * topology.cores,
        threads=topology.per_package,
        memory=tuple((region.gpa, region.size) for region in ram_layout(domain.memory)),
    )
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
        processors=_processors(domain),
        memory=_node_memory(domain),
        distances=_distances(domain),
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


def _processors(domain: Domain) -> tuple[acpi.Processor, ...]:
    topology, present = topology_of(domain), frozenset(domain.present_vcpus)
    nodes = {vcpu: node for node, cell in _cells(domain).items() for vcpu in cell.cpus or ()}
    return tuple(
        acpi.Processor(topology.apic_id(vcpu), vcpu in present, nodes.get(vcpu, 0))
        for vcpu in range(domain.vcpus)
    )


def _cells(domain: Domain) -> dict[int, NumaCell]:
    cells = domain.cpu.cells if domain.cpu is not None else ()
    return {place if cell.id is None else cell.id: cell for place, cell in enumerate(cells)}


def _node_memory(domain: Domain) -> tuple[acpi.NodeMemory, ...]:
    """Where each cell's part of the RAM is for the guest; one may lie on both sides of the hole."""
    found = []
    for node, (offset, size) in cell_ranges(domain).items():
        for region in ram_layout(domain.memory):
            start = max(offset, region.offset)
            end = min(offset + size, region.offset + region.size)
            if start < end:
                found.append(acpi.NodeMemory(region.gpa + start - region.offset, end - start, node))
    return tuple(found)


def _distances(domain: Domain) -> tuple[tuple[int, ...], ...]:
    """A distance that only one of two cells states is that of the way back, too; as in libvirt 10 and 20."""
    cells = _cells(domain)
    if not any(cell.distances for cell in cells.values()):
        return ()
    stated = {(node, to.id): to.value for node, cell in cells.items() for to in cell.distances}
    return tuple(
        tuple(
            stated.get((node, to), stated.get((to, node), _LOCAL if node == to else _REMOTE))
            for to in sorted(cells)
        )
        for node in sorted(cells)
    )
