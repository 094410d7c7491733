"""KVM's counters of a running guest (QMP: query-stats), named as libvirt's QEMU driver names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.driver.rpc.types.params import ParamType, TypedParam

if TYPE_CHECKING:
    from kvmctl.driver.domain import DomainObject

# StatsType of qapi/stats.json; histograms are no single figures
_SUFFIXES: Final = {"cumulative": "sum", "instant": "cur", "peak": "max"}
_LONGEST_NAME: Final = 48
_MOST_STATISTICS: Final = 256
_BIGGEST: Final = 1 << 64


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a guest's VMM counts; the same for its whole life."""

    vcpus: Mapping[str, int]
    """Numbers by QOM path."""
    fields: Mapping[str, str]
    """`exits.sum` for exits."""


Counters = Mapping[int, Mapping[str, int | bool]]
"""Values by field (`exits.sum`), by the number of the vCPU."""


async def vcpu_counters(domain: DomainObject) -> Counters:
    """Empty where its host's kernel keeps none."""
    run = domain.require_run()
    try:
        if run.catalogue is None:
            run.catalogue = await _catalogue(domain)
        catalogue = run.catalogue
        if not catalogue.fields:
            return {}
        answer = await domain.execute("query-stats", target="vcpu")
        return {
            catalogue.vcpus[entry["qom-path"]]: dict(_known(catalogue, entry["stats"])) for entry in answer
        }
    except (KeyError, TypeError, ValueError) as error:
        raise failure(ErrorCode.INTERNAL_ERROR, f"statistics that cannot be: {error!r}") from error


def typed(prefix: str, counters: Mapping[str, int | bool]) -> Iterable[TypedParam]:
    for field, value in counters.items():
        kind = ParamType.BOOLEAN if isinstance(value, bool) else ParamType.ULLONG
        yield TypedParam.of(f"{prefix}.{field}", kind, value)


async def _catalogue(domain: DomainObject) -> Catalogue:
    if "query-stats" not in await domain.commands():
        return Catalogue({}, {})
    fields: dict[str, str] = {}
    for schema in await domain.execute("query-stats-schemas", provider="kvm"):
        if schema["target"] == "vcpu":
            for each in schema["stats"][:_MOST_STATISTICS]:
                name, suffix = str(each["name"]), _SUFFIXES.get(each["type"])
                if suffix is not None and len(name) <= _LONGEST_NAME and name.isascii():
                    fields[name] = f"{name}.{suffix}"
    vcpus = {
        str(entry["qom-path"]): int(entry["cpu-index"]) for entry in await domain.execute("query-cpus-fast")
    }
    return Catalogue(vcpus, fields)


def _known(catalogue: Catalogue, stats: Iterable[Mapping[str, object]]) -> Iterable[tuple[str, int | bool]]:
    for each in stats:
        field, value = catalogue.fields.get(str(each["name"])), each["value"]
        if field is not None and isinstance(value, int) and 0 <= value < _BIGGEST:
            yield field, value
