"""formatdomain, "Power Management"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Pm:
    """formatdomain, "Power Management": only the statement that the guest cannot suspend itself."""

    suspend_to_mem: str | None = value("suspend-to-mem/@enabled", choice("no"), default=None)
    suspend_to_disk: str | None = value("suspend-to-disk/@enabled", choice("no"), default=None)
