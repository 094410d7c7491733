"""What elements of several kinds have in common."""

from dataclasses import dataclass
from typing import Any, Final

from kvmctl.domain.binding import one, value
from kvmctl.domain.codecs import WORD
from kvmctl.domain.model.address import Address

OWN_ALIAS: Final = "ua-"
"""Begins the names that users give their devices; the others are made up for each run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """An element that says something by being there."""


def _made_up(device: Any) -> bool:
    return device.alias is not None and not device.alias.startswith(OWN_ALIAS)


def alias() -> Any:
    return value("alias/@name", WORD, default=None, live=_made_up)


def address() -> Any:
    return one("address", Address, default=None)
