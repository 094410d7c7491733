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
class PciRoot:
    """The one host bridge, with bus 0 behind it."""

    ecam: int
    """Configuration space by memory accesses (PCI Express Base Specification 7.2.2)."""
    ecam_size: int
    windows: tuple[tuple[int, int], ...]
    """Address and size of where BARs may lie."""
    gsis: tuple[int, ...]
    """Pin A of slot n is wired to number n modulo how many there are."""


@dataclass(frozen=True, slots=True)
class MmioDevice:
    """A virtio device at a place of its own, with a level-triggered interrupt."""

    address: int
    size: int
    gsi: int


@dataclass(frozen=True, slots=True)
class Processor:
    """A vCPU; its ACPI processor id is its place among all."""

    apic_id: int
    enabled: bool = True
    """Whether the guest may use it."""
    node: int = 0


@dataclass(frozen=True, slots=True)
class NodeMemory:
    """RAM that belongs to one NUMA node."""

    address: int
    size: int
    node: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One machine."""

    processors: tuple[Processor, ...]
    power: PowerBlock
    reset_port: int
    reset_value: int
    rtc_port: int
    rtc_irq: int
    rtc_century: int
    uarts: tuple[Uart, ...]
    keyboard_controller: bool
    pci: PciRoot | None = None
    pvpanic_port: int | None = None
    memory: tuple[NodeMemory, ...] = ()
    """Empty: a machine without NUMA nodes."""
    distances: tuple[tuple[int, ...], ...] = ()
    """From node to node, 10 for its own; empty: the guest's operating system has its own idea."""
    virtio_mmio: tuple[MmioDevice, ...] = ()
