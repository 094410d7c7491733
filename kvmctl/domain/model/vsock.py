# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Vsock"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import YES_NO, Unsigned, choice
from kvmctl.domain.model.address import Address
from kvmctl.domain.model.shared import address, alias


def _is_automatic(vsock: "Vsock") -> bool:
    return bool(vsock.cid_auto)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vsock:
    """formatdomain, "Vsock": sockets between host and guest, whose address is the context identifier."""

    model: str | None = value("@model", choice("virtio"), default=None)
    cid_auto: bool | None = value("cid/@auto", YES_NO, default=None)
    cid: int | None = value("cid/@address", Unsigned(2**32 - 2, 3), default=None, live=_is_automatic)
    alias: str | None = alias()
    address: Address | None = address()
