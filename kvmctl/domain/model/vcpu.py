"""formatdomain, "CPU Allocation"."""

from dataclasses import dataclass

from kvmctl.domain.binding import value
from kvmctl.domain.codecs import UINT, YES_NO


@dataclass(frozen=True, slots=True, kw_only=True)
class VcpuState:
    """One vCPU: whether it is there when the guest starts."""

    id: int = value("@id", UINT)
    enabled: bool = value("@enabled", YES_NO)
    hotpluggable: bool | None = value("@hotpluggable", YES_NO, default=None)
    order: int | None = value("@order", UINT, default=None)
