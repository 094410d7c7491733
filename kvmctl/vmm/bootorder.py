"""Where a firmware is to look for something to boot, as the Open Firmware paths that SeaBIOS compares with.

SeaBIOS src/boot.c, "Boot priority ordering"; QEMU docs/bootindex.txt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kvmctl.domain import Disk, Domain, Interface
    from kvmctl.domain.model import Address

_STRICT: Final = "HALT"
"""Nothing beyond what is listed."""


def bootorder(domain: Domain) -> bytes:
    """The file of that name."""
    return b"".join(path.encode() + b"\n" for path in (*_paths(domain), _STRICT)).rstrip(b"\n") + b"\0"


def _paths(domain: Domain) -> list[str]:
    disks, interfaces = domain.devices.disks, domain.devices.interfaces
    ordered = [(disk.boot_order, _disk(disk)) for disk in disks if disk.boot_order is not None]
    ordered += [(card.boot_order, _interface(card)) for card in interfaces if card.boot_order is not None]
    if ordered:
        return [path for _order, path in sorted(ordered)]
    firsts = {
        "hd": [_disk(disk) for disk in disks if disk.device == "disk"][:1],
        "cdrom": [_disk(disk) for disk in disks if disk.device == "cdrom"][:1],
        "network": [_interface(card) for card in interfaces][:1],
    }
    return [path for boot in domain.os.boots for path in firsts.get(boot.dev, [])]


def _disk(disk: Disk) -> str:
    return f"{_function('scsi', disk.address)}/disk@0,0"


def _interface(card: Interface) -> str:
    return f"{_function('ethernet', card.address)}/ethernet-phy@0"


def _function(kind: str, address: Address | None) -> str:
    slot, function = (0, 0) if address is None else (address.slot or 0, address.function or 0)
    return f"/pci@i0cf8/{kind}@{slot:x}" + (f",{function:x}" if function else "")
