"""Where the domain has a device on the PCI bus."""

from __future__ import annotations

from kvmctl.domain.addresses import is_assigned
from kvmctl.domain.model import Address
from kvmctl.vmm.bus.pci import PciBus


def devfn_of(address: Address | None, bus: PciBus) -> int:
    """Slot and function as PCI encodes them; the next free slot for a device without an address."""
    if address is None or not is_assigned(address):
        return bus.free_devfn()
    return (address.slot or 0) << 3 | (address.function or 0)
