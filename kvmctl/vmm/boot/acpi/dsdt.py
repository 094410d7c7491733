"""The DSDT: what an operating system cannot find out by looking (ACPI specification 6.5, 5.2.11.1)."""

from __future__ import annotations

from typing import Final

from kvmctl.vmm.boot.acpi import aml
from kvmctl.vmm.boot.acpi.board import Board, Uart
from kvmctl.vmm.boot.acpi.resources import io, irq, template

_PROCESSOR: Final = "ACPI0007"
_UART_16550A: Final = "PNP0501"
_REAL_TIME_CLOCK: Final = "PNP0B00"
_MOTHERBOARD: Final = "PNP0C02"
_UART_PORTS: Final = 8
_RTC_PORTS: Final = 2
_POWER_PORTS: Final = 16


def definitions(board: Board) -> bytes:
    """The definition block, without the table's header."""
    devices = [
        *(_processor(number) for number in range(board.cpus)),
        *(_uart(uart) for uart in board.uarts),
        _clock(board),
        _motherboard(board),
    ]
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


def _motherboard(board: Board) -> bytes:
    """Ports that no device driver may take."""
    ports = template(io(board.power.event, _POWER_PORTS), io(board.reset_port, 1))
    return aml.device(
        "MBRD",
        aml.name("_HID", aml.eisa_id(_MOTHERBOARD)),
        aml.name("_UID", aml.integer(0)),
        aml.name("_CRS", ports),
    )


def _soft_off(sleep_type: int) -> bytes:
    r"""\_S5: what to write to SLP_TYP of PM1a_CNT and of PM1b_CNT (7.4.2)."""
    value = aml.integer(sleep_type)
    return aml.name("\\_S5", aml.package(value, value, aml.integer(0), aml.integer(0)))
