"""A disk's limits as the XML's <iotune> and as the arguments of block_set_io_throttle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from kvmctl.vmm.qmp import QmpError
from kvmctl.vmm.throttle import SCOPES, UNITS, Limit, Limits, Throttle

if TYPE_CHECKING:
    from kvmctl.domain import Disk
    from kvmctl.domain.model import IoTune

_QMP_UNITS: Final = {"bytes": "bps", "iops": "iops"}
_QMP_SCOPES: Final = {"total": "", "read": "_rd", "write": "_wr"}
SIZE_ARGUMENT: Final = "iops_size"
ARGUMENTS: Final = frozenset(
    f"{unit}{scope}{kind}"
    for unit in _QMP_UNITS.values()
    for scope in _QMP_SCOPES.values()
    for kind in ("", "_max", "_max_length")
) | {SIZE_ARGUMENT}


def from_domain(tune: IoTune) -> Limits:
    """Raises LimitError."""
    buckets = {
        (scope, unit): Limit(
            getattr(tune, f"{scope}_{unit}_sec") or 0,
            getattr(tune, f"{scope}_{unit}_sec_max") or 0,
            getattr(tune, f"{scope}_{unit}_sec_max_length") or 1,
        )
        for scope in SCOPES
        for unit in UNITS
    }
    return Limits(buckets, tune.size_iops_sec or 0)


def from_arguments(arguments: Mapping[str, object]) -> Limits:
    """Those of block_set_io_throttle; what is not said is no limit. Raises QmpError and LimitError."""

    def number(name: str, default: int = 0) -> int:
        value = arguments.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise QmpError(f"Invalid parameter type for '{name}', expected: integer of 0 or more")
        return value

    buckets = {}
    for scope, middle in _QMP_SCOPES.items():
        for unit, start in _QMP_UNITS.items():
            name = f"{start}{middle}"
            length = number(f"{name}_max_length", 1) or 1
            buckets[scope, unit] = Limit(number(name), number(f"{name}_max"), length)
    return Limits(buckets, number(SIZE_ARGUMENT))


def report(limits: Limits) -> dict[str, int]:
    """As query-block tells them (BlockDeviceInfo)."""
    result = {}
    for scope, middle in _QMP_SCOPES.items():
        for unit, start in _QMP_UNITS.items():
            limit = limits.of(scope, unit)
            result[f"{start}{middle}"] = limit.average
            if limit.burst:
                result[f"{start}{middle}_max"] = limit.burst
                result[f"{start}{middle}_max_length"] = limit.burst_seconds
    if limits.request_size:
        result[SIZE_ARGUMENT] = limits.request_size
    return result


def throttle_group(limits: Limits) -> dict[str, int]:
    """As ThrottleLimits (qapi/block-core.json), all of them, so that earlier ones end."""
    result = {"iops-size": limits.request_size}
    for scope in SCOPES:
        for unit, name in _QMP_UNITS.items():
            limit = limits.of(scope, unit)
            result[f"{name}-{scope}"] = limit.average
            result[f"{name}-{scope}-max"] = limit.burst
            result[f"{name}-{scope}-max-length"] = limit.burst_seconds
    return result


class Groups:
    """The throttles of a machine's disks by the names of their groups; a disk alone is one by its alias."""

    def __init__(self) -> None:
        self._throttles: dict[str, Throttle] = {}

    def join(self, disk: Disk) -> tuple[str, Throttle]:
        """Raises LimitError."""
        tune = disk.iotune
        name = (tune.group_name if tune is not None else None) or disk.alias or ""
        limits = from_domain(tune) if tune is not None else Limits()
        return name, self.throttle(name, limits)

    def throttle(self, name: str, limits: Limits) -> Throttle:
        """The group of that name, with these limits if it is new."""
        return self._throttles.setdefault(name, Throttle(limits))
