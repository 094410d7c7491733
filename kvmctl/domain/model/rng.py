"""formatdomain, "Random number generator device"."""

from dataclasses import dataclass

from kvmctl.domain.binding import always, value
from kvmctl.domain.codecs import ABSOLUTE_PATH, WORD, choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Rng:
    """formatdomain, "Random number generator device": a character device of the host, over virtio."""

    model: str = value("@model", choice("virtio"), default="virtio", stated=True)
    backend: str = value("backend/@model", choice("random"), default="random", stated=True)
    path: str = value("backend", ABSOLUTE_PATH)
    alias: str | None = value("alias/@name", WORD, default=None, live=always)
