"""QMP's query-stats and query-stats-schemas (QEMU's qapi/stats.json), with KVM as the one provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from kvmctl.vmm.qmp import Command, QmpError

if TYPE_CHECKING:
    from collections.abc import Container

    from kvmctl.vmm.kvm.stats import Statistic, Statistics

_PROVIDER: Final = "kvm"
_TARGETS: Final = ("vm", "vcpu")


def commands(vm: Statistics | None, vcpus: Mapping[str, Statistics]) -> dict[str, Command]:
    """Of a VM and its vCPUs by QOM path; empty answers where the kernel keeps no statistics."""

    def query_stats(arguments: Mapping[str, object]) -> object:
        target = _one_of(arguments, "target", _TARGETS)
        paths = _strings(arguments.get("vcpus"), "vcpus")
        wanted, names = _request(arguments.get("providers"))
        if target == "vm" and paths is not None:
            raise QmpError("Parameter 'vcpus' is unexpected")
        if not wanted:
            return []
        if target == "vm":
            return [_result(vm, names, {})] if vm is not None else []
        return [
            _result(statistics, names, {"qom-path": path})
            for path, statistics in vcpus.items()
            if paths is None or path in paths
        ]

    def query_stats_schemas(arguments: Mapping[str, object]) -> object:
        if "provider" in arguments:
            _one_of(arguments, "provider", (_PROVIDER,))
        one_vcpu = next(iter(vcpus.values()), None)
        return [
            {"provider": _PROVIDER, "target": target, "stats": [_described(each) for each in source.schema]}
            for target, source in zip(_TARGETS, (vm, one_vcpu), strict=True)
            if source is not None
        ]

    return {
        "query-stats": Command(query_stats, frozenset({"target", "vcpus", "providers"})),
        "query-stats-schemas": Command(query_stats_schemas, frozenset({"provider"})),
    }


def _result(source: Statistics, names: Container[str] | None, at: Mapping[str, object]) -> dict[str, object]:
    """StatsResult."""
    stats = [
        {"name": each.name, "value": value}
        for each, value in source.values()
        if names is None or each.name in names
    ]
    return {"provider": _PROVIDER, **at, "stats": stats}


def _described(each: Statistic) -> dict[str, object]:
    """StatsSchemaValue."""
    description: dict[str, object] = {"name": each.name, "type": each.type, "exponent": each.exponent}
    if each.unit is not None:
        description["unit"] = each.unit
    if each.exponent:
        description["base"] = each.base
    if each.type == "linear-histogram":
        description["bucket-size"] = each.bucket_size
    return description


def _request(providers: object) -> tuple[bool, frozenset[str] | None]:
    """Of a list of StatsRequest: whether KVM is asked, and for which statistics (None: for all)."""
    if providers is None:
        return True, None
    requests = list(_requests(providers))
    named = [_strings(request.get("names"), "names") for request in requests]
    everything = any(names is None for names in named)
    return bool(requests), None if everything else frozenset().union(*(names or () for names in named))


def _requests(providers: object) -> Iterator[Mapping[str, object]]:
    if not isinstance(providers, list):
        raise QmpError("Invalid parameter type for 'providers', expected: array")
    for request in providers:
        if not isinstance(request, dict):
            raise QmpError("Invalid parameter type for 'providers', expected: object")
        _one_of(request, "provider", (_PROVIDER,))
        yield request


def _one_of(arguments: Mapping[str, object], name: str, values: tuple[str, ...]) -> str:
    if name not in arguments:
        raise QmpError(f"Parameter '{name}' is missing")
    value = arguments[name]
    if not isinstance(value, str):
        raise QmpError(f"Invalid parameter type for '{name}', expected: string")
    if value not in values:
        raise QmpError(f"Parameter '{name}' does not accept value '{value}'")
    return value


def _strings(value: object, name: str) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise QmpError(f"Invalid parameter type for '{name}', expected: array of strings")
    return frozenset(value)
