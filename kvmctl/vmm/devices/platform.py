"""What a machine offers to its devices, and what it asks of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kvmctl.vmm.bus.io import IoBus
from kvmctl.vmm.bus.msix import Vector
from kvmctl.vmm.bus.pci import PciBus
from kvmctl.vmm.bus.slots import MmioSlots
from kvmctl.vmm.memory import GuestMemory
from kvmctl.vmm.qmp import Monitor

if TYPE_CHECKING:
    from kvmctl.domain import Domain


class PowerRequest(Enum):
    """What the guest can ask of the machine through a device, or a device on its behalf."""

    POWEROFF = "poweroff"
    RESET = "reset"
    CRASH = "crash"
    POWER_BUTTON = "power button"
    IO_ERROR = "I/O error"
    """Any thread may ask for this one."""
    WATCHDOG = "watchdog"
    """To stand still."""
    NMI = "NMI"


class Device(Protocol):
    """A device on the board."""

    def reset(self) -> None:
        """Back to the state after power-on."""


@runtime_checkable
class Pausable(Protocol):
    """A device that works by itself, and is to stand still with the machine."""

    def pause(self) -> None:
        """Returns when it touches no guest memory and completes nothing any more; twice is as once."""

    def resume(self) -> None: ...


class Timer(Protocol):
    """Calls its callback once, under the devices' lock, when its time has come."""

    def arm(self, delay: float) -> None: ...
    def disarm(self) -> None: ...


class Receiver(Protocol):
    """The device end of a character device: what takes the bytes that a person types."""

    def room(self) -> int: ...
    def receive(self, data: bytes) -> None: ...


class CharBackend(Protocol):
    """The host end of a character device."""

    frontend_open: bool
    """Whether the guest's end is in use, for whoever asks by QMP; the device says so."""

    @property
    def connected(self) -> bool:
        """Whether there is somebody to write to."""

    @property
    def full(self) -> bool:
        """Whether a device that can wait is to do so, until `watch` tells it of a change."""

    def watch(self, changed: Callable[[], None]) -> None:
        """`changed` is called, on the main thread, when `connected` or `full` may have changed."""

    def write(self, data: bytes) -> None: ...
    def connect(self, receiver: Receiver) -> None: ...
    def room_again(self) -> None:
        """The receiver, once full, takes bytes again."""


class EventDescriptors(Protocol):
    """Has KVM signal an eventfd on a guest's write, instead of leaving the guest; raises KvmError."""

    def __call__(self, fd: int, address: int, length: int, *, match: int | None = None, assign: bool) -> None:
        """With `match`, on writes of that value only."""


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything of the machine that a device may use."""

    domain: Domain
    memory: GuestMemory
    bus: IoBus
    pci: PciBus | None
    """None on a machine without one: its devices are in `slots`."""
    slots: MmioSlots
    irq: Callable[[int], Callable[[bool], None]]
    """irq(gsi) gives the function that sets the level of that interrupt line."""
    msi_vector: Callable[[], Vector]
    """A message-signalled interrupt of its own."""
    ioeventfd: EventDescriptors
    timer: Callable[[Callable[[], None]], Timer]
    power: Callable[[PowerRequest], None]
    chardev: Callable[[str], CharBackend | None]
    """The host end by the alias of the domain's device."""
    descriptor: Callable[[str], int]
    """The open file that a device is on, by the alias of the domain's device."""
    opened: Callable[[str], int | None]
    """The same for a file that may be missing."""
    monitor: Monitor
