"""The host's PC firmware."""

from pathlib import Path
from typing import Final

PACKAGE: Final = "seabios"
BIOS: Final = "/usr/share/seabios/bios-256k.bin"
_OTHER_PLACES: Final = ("/usr/share/qemu/bios-256k.bin", "/usr/share/qemu-kvm/bios-256k.bin")


def bios() -> str:
    """SeaBIOS, where distributions have it; the first of the places when it is in none."""
    return next((path for path in (BIOS, *_OTHER_PLACES) if Path(path).is_file()), BIOS)
