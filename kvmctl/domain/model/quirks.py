"""Our own element, beside those of libvirt."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import ON_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Our own, beside libvirt's elements: whether the guest gets what only this kind of host needs."""

    state: bool = value("@state", ON_OFF)
