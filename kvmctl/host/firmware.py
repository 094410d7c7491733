"""The host's PC firmware, and what it runs to boot from a network."""

from pathlib import Path
from typing import Final

PACKAGE: Final = "seabios"
_BIOS: Final = (
    "/usr/share/seabios/bios-256k.bin",
    "/usr/share/qemu/bios-256k.bin",
    "/usr/share/qemu-kvm/bios-256k.bin",
)
NETBOOT_PACKAGE: Final = "ipxe-qemu"
_NETBOOT: Final = (
    "/usr/lib/ipxe/qemu/pxe-virtio.rom",
    "/usr/share/qemu/pxe-virtio.rom",
    "/usr/share/ipxe/1af41000.rom",
)


def bios() -> str:
    """SeaBIOS, where distributions have it; the first of the places when it is in none."""
    return _first(_BIOS)


def netboot() -> str:
    """iPXE as the option ROM of virtio cards, likewise."""
    return _first(_NETBOOT)


def _first(places: tuple[str, ...]) -> str:
    return next((path for path in places if Path(path).is_file()), places[0])
