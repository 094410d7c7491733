"""formatdomain, "Network interfaces"."""

from dataclasses import dataclass

from kvmctl.domain.binding import always, value
from kvmctl.domain.codecs import INTERFACE_NAME, MAC_ADDRESS, WORD, choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """formatdomain, "Network interfaces": a TAP device of the host, on a bridge or by itself, over virtio."""

    type: str = value("@type", choice("bridge", "ethernet"))
    mac: str | None = value("mac/@address", MAC_ADDRESS, default=None)
    bridge: str | None = value("source/@bridge", INTERFACE_NAME, default=None)
    target: str | None = value("target/@dev", INTERFACE_NAME, default=None)
    model: str | None = value("model/@type", choice("virtio"), default=None)
    alias: str | None = value("alias/@name", WORD, default=None, live=always)
