"""formatdomain, "Device Addresses": where a device is on the bus that it is plugged into."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import ON_OFF, Hex, Unsigned, choice

_NUMBER = Unsigned(99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A PCI function, to be assigned where it names no slot; or any virtio-mmio place of a microvm."""

    type: str = value("@type", choice("pci", "virtio-mmio"), default="pci", stated=True)
    domain: int | None = value("@domain", Hex(4, 0xFFFF), default=None)
    bus: int | None = value("@bus", Hex(2, 0xFF), default=None)
    slot: int | None = value("@slot", Hex(2, 31), default=None)
    function: int | None = value("@function", Hex(1, 7), default=None)
    multifunction: bool | None = value("@multifunction", ON_OFF, default=None)

    def __str__(self) -> str:
        """As PCI's tools write it: 0000:00:04.0."""
        return f"{self.domain or 0:04x}:{self.bus or 0:02x}:{self.slot or 0:02x}.{self.function or 0:x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortAddress:
    """A port of a virtio-serial controller; 0 stands for the next free one."""

    type: str = value("@type", choice("virtio-serial"), default="virtio-serial", stated=True)
    controller: int = value("@controller", _NUMBER, default=0, stated=True)
    bus: int | None = value("@bus", _NUMBER, default=None)
    port: int | None = value("@port", _NUMBER, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanicAddress:
    """The port at which guests look for pvpanic."""

    type: str = value("@type", choice("isa"), default="isa", stated=True)
    iobase: str | None = value("@iobase", choice("0x505"), default=None)
