"""What the tables say about a machine: plain numbers, filled in by whoever has put its devices together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Uart:
    """A serial port: COM1 has number 1."""

    number: int
    port: int
    irq: int


@dataclass(frozen=True, slots=True)
class PowerBlock:
    """The fixed hardware registers (ACPI specification 6.5, 4.8.3) and their interrupt."""

    event: int
    control: int
    timer: int
    sci: int
    s5_sleep_type: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One machine."""

    cpus: int
    """Their APIC ids, and their ACPI processor ids, are 0, 1, 2 and so on."""
    online: int
    """How many of them the guest may use."""
    power: PowerBlock
    reset_port: int
    reset_value: int
    rtc_port: int
    rtc_irq: int
    rtc_century: int
    uarts: tuple[Uart, ...]
    keyboard_controller: bool
