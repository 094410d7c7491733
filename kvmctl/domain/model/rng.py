# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Random number generator device"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import ABSOLUTE_PATH, Unsigned, choice
from kvmctl.domain.model.address import Address
from kvmctl.domain.model.shared import address, alias

_POSITIVE = Unsigned(2**32 - 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rng:
    """formatdomain, "Random number generator device": a character device or the host's kernel."""

    model: str = value("@model", choice("virtio"), default="virtio", stated=True)
    rate_bytes: int | None = value("rate/@bytes", _POSITIVE, default=None)
    """The most that the guest gets in a period."""
    rate_period: int | None = value("rate/@period", _POSITIVE, default=None)
    """Milliseconds, a second where nothing is said."""
    backend: str = value("backend/@model", choice("random", "builtin"), default="random", stated=True)
    path: str | None = value("backend", ABSOLUTE_PATH, default=None)
    alias: str | None = alias()
    address: Address | None = address()
