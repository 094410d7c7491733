"""The DSDT: what an operating system cannot find out by looking (ACPI specification 6.5, 5.2.11.1)."""

from __future__ import annotations

from typing import Final

from kvmctl.vmm.boot.acpi import aml
from kvmctl.vmm.boot.acpi.board import Board, MmioDevice, PciRoot, Uart
from kvmctl.vmm.boot.acpi.resources import (
    Space,
    interrupt,
    io,
    irq,
    memory32_fixed,
    template,
    window,
)

_PROCESSOR: Final = "ACPI0007"
_UART_16550A: Final = "PNP0501"
_REAL_TIME_CLOCK: Final = "PNP0B00"
_PVPANIC: Final = "QEMU0001"
_MOTHERBOARD: Final = "PNP0C02"
_PCI_EXPRESS_ROOT: Final = "PNP0A08"
_PCI_ROOT: Final = "PNP0A03"
_VIRTIO_MMIO: Final = "LNRO0005"
_PCI_CONFIG_PORTS: Final = 0xCF8
_PCI_CONFIG_PORTS_SIZE: Final = 8
_PCI_SLOTS: Final = 32
_PIN_A: Final = 0
_ECAM_BUS_SIZE: Final = 1 << 20
_UART_PORTS: Final = 8
_RTC_PORTS: Final = 2
_POWER_PORTS: Final = 16


def definitions(board: Board) -> bytes:
    """The definition block, without the table's header."""
    devices = [
        *(_processor(number) for number in range(len(board.processors))),
        *(_uart(uart) for uart in board.uarts),
        _clock(board),
        _motherboard(board),
    ]
    if board.pci is not None:
        devices.append(_pci_root(board.pci))
    if board.pvpanic_port is not None:
        devices.append(_pvpanic(board.pvpanic_port))
    devices += [_virtio_mmio(number, device) for number, device in enumerate(board.virtio_mmio)]
    return aml.scope("\\_SB", *devices) + _soft_off(board.power.s5_sleep_type)


def _processor(number: int) -> bytes:
    return aml.device(
        f"C{number:03X}",
        aml.name("_HID", aml.string(_PROCESSOR)),
        aml.name("_UID", aml.integer(number)),
    )


def _uart(uart: Uart) -> bytes:
    return aml.device(
        f"COM{uart.number}",
        aml.name("_HID", aml.eisa_id(_UART_16550A)),
        aml.name("_UID", aml.integer(uart.number)),
        aml.name("_CRS", template(io(uart.port, _UART_PORTS), irq(uart.irq))),
    )


def _clock(board: Board) -> bytes:
    return aml.device(
        "RTC",
        aml.name("_HID", aml.eisa_id(_REAL_TIME_CLOCK)),
        aml.name("_CRS", template(io(board.rtc_port, _RTC_PORTS), irq(board.rtc_irq))),
    )


def _pvpanic(port: int) -> bytes:
    return aml.device(
        "PEVT",
        aml.name("_HID", aml.string(_PVPANIC)),
        aml.name("_CRS", template(io(port, 1))),
    )


def _virtio_mmio(number: int, device: MmioDevice) -> bytes:
    """As QEMU and Firecracker name it to Linux."""
    return aml.device(
        f"VM{number:02X}",
        aml.name("_HID", aml.string(_VIRTIO_MMIO)),
        aml.name("_UID", aml.integer(number)),
        aml.name("_CRS", template(memory32_fixed(device.address, device.size), interrupt(device.gsi))),
    )


def _motherboard(board: Board) -> bytes:
    """What no device driver may take."""
    taken = [io(board.power.event, _POWER_PORTS)]
    if board.pci is not None:
        # PCI Firmware Specification 3.0, 4.1.2: an operating system uses ECAM only when it is reserved here.
        taken.append(memory32_fixed(board.pci.ecam, board.pci.ecam_size))
    return aml.device(
        "MBRD",
        aml.name("_HID", aml.eisa_id(_MOTHERBOARD)),
        aml.name("_UID", aml.integer(0)),
        aml.name("_CRS", template(*taken)),
    )


def _pci_root(root: PciRoot) -> bytes:
    return aml.device(
        "PCI0",
        aml.name("_HID", aml.eisa_id(_PCI_EXPRESS_ROOT)),
        aml.name("_CID", aml.eisa_id(_PCI_ROOT)),
        aml.name("_UID", aml.integer(0)),
        aml.name("_SEG", aml.integer(0)),
        aml.name("_BBN", aml.integer(0)),
        aml.name(
            "_CRS",
            template(
                window(Space.BUS, 2, 0, root.ecam_size // _ECAM_BUS_SIZE),
                io(_PCI_CONFIG_PORTS, _PCI_CONFIG_PORTS_SIZE),
                *(window(Space.MEMORY, 4, start, size) for start, size in root.windows),
            ),
        ),
        aml.name("_PRT", aml.package(*(_pin_route(root, slot) for slot in range(_PCI_SLOTS)))),
    )


def _pin_route(root: PciRoot, slot: int) -> bytes:
    """A _PRT entry (6.2.13) for every function of a slot: address, pin, no link device, GSI."""
    gsi = root.gsis[slot % len(root.gsis)]
    return aml.package(
        aml.integer(slot << 16 | 0xFFFF), aml.integer(_PIN_A), aml.integer(0), aml.integer(gsi)
    )


def _soft_off(sleep_type: int) -> bytes:
    r"""\_S5: what to write to SLP_TYP of PM1a_CNT and of PM1b_CNT (7.4.2)."""
    value = aml.integer(sleep_type)
    return aml.name("\\_S5", aml.package(value, value, aml.integer(0), aml.integer(0)))
