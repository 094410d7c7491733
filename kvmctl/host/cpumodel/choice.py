"""From a <cpu> to the features that its guest gets (libvirt, formatdomain, "CPU model and topology")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from kvmctl.host.cpumodel.cpuid import CpuidEntry
from kvmctl.host.cpumodel.features import FEATURES, NOT_MIGRATABLE, present
from kvmctl.host.cpumodel.models import MODELS, VENDORS, Model

PASSTHROUGH: Final = ("host-passthrough", "maximum")
# The monitor sets these by itself: the topology, what it is, the guest's own register.
OURS: Final = frozenset({"ht", "hypervisor", "osxsave", "ospke", "cmp_legacy"})
# What every guest on KVM gets with a named model where the host has it, as with QEMU.
_ALWAYS: Final = frozenset({"x2apic", "hypervisor"})

# Nested virtualization and MONITOR come only where the host offers them, as QEMU has it for KVM guests.
_WHERE_OFFERED: Final = frozenset({"svm", "monitor"})


class CpuError(Exception):
    """A processor that this host cannot give to a guest; ``str()`` names what is missing."""


@dataclass(frozen=True, slots=True)
class HostCpu:
    """What KVM can give to guests here."""

    entries: tuple[CpuidEntry, ...]
    msrs: Mapping[int, int]
    listed: frozenset[str]
    """The features that KVM lists."""
    features: frozenset[str]
    """Those, and what guests can have besides."""

    @classmethod
    def of(
        cls,
        entries: Iterable[CpuidEntry],
        msrs: Mapping[int, int],
        *,
        tsc_deadline: bool,
        shown: Iterable[str] = (),
    ) -> HostCpu:
        """`tsc_deadline`: KVM's own APIC has that timer, which it does not list among the leaves.

        `shown`: features of the processor that guests see and use whatever KVM lists, as on PVM.
        """
        leaves = tuple(entries)
        listed = present(leaves, msrs) | OURS | ({"tsc-deadline"} if tsc_deadline else set())
        return cls(leaves, msrs, listed, listed | frozenset(shown))

    @property
    def vendor(self) -> str | None:
        """Intel, AMD or Hygon."""
        entry = self._leaf(0)
        if entry is None:
            return None
        text = b"".join(value.to_bytes(4, "little") for value in (entry.ebx, entry.edx, entry.ecx))
        return next((name for name, string in VENDORS.items() if string.encode() == text), None)

    @property
    def signature(self) -> tuple[int, int, int]:
        """Family, model and stepping."""
        entry = self._leaf(1)
        return (0, 0, 0) if entry is None else decode_signature(entry.eax)

    def _leaf(self, function: int) -> CpuidEntry | None:
        return next((entry for entry in self.entries if entry.function == function), None)


def decode_signature(eax: int) -> tuple[int, int, int]:
    """Family, model and stepping of CPUID leaf 1 (Intel SDM volume 2A, figure 3-6)."""
    family, number = eax >> 8 & 0xF, eax >> 4 & 0xF
    if family in (6, 15):
        number |= (eax >> 16 & 0xF) << 4
    if family == 15:
        family += eax >> 20 & 0xFF
    return family, number, eax & 0xF


def encode_signature(family: int, number: int, stepping: int) -> int:
    extended = max(family - 15, 0)
    base = family - extended
    return extended << 20 | number >> 4 << 16 | base << 8 | (number & 0xF) << 4 | stepping


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a <cpu> says."""

    mode: str = "host-passthrough"
    model: str | None = None
    vendor: str | None = None
    match: str = "exact"
    check: str = "none"
    migratable: bool = True
    policies: Mapping[str, str] = field(default_factory=dict)
    """By feature: force, require, optional, disable or forbid."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`model` is None where the guest sees the host's processor, with `features` added or left out."""

    model: Model | None
    features: frozenset[str]
    """All that the guest is to have."""
    forced: frozenset[str] = frozenset()
    """Those of them that CPUID shows whatever the host has."""

    def listed(self, host: HostCpu) -> frozenset[str]:
        """What CPUID is made to show: a kernel would turn on what KVM does not list, and fail."""
        return self.features & host.listed | self.forced


def choose(wish: Wish, host: HostCpu) -> Choice:
    """Raises CpuError, which names the features that the guest needs and the host lacks, or must lack."""
    _check_names(wish)
    if wish.mode in PASSTHROUGH:
        model, basis = None, host.listed
        if wish.migratable and wish.mode == "host-passthrough":
            basis -= NOT_MIGRATABLE
    elif wish.mode == "host-model":
        model = closest(host)
        basis = host.features - NOT_MIGRATABLE
    else:
        model = _named_model(wish, host)
        basis = (model.features - _WHERE_OFFERED) | ((_ALWAYS | model.features) & host.features)
        if wish.match == "minimum":
            basis |= host.features - NOT_MIGRATABLE
    forced = frozenset(name for name, policy in wish.policies.items() if policy == "force")
    return Choice(model, _with_policies(wish, basis, host), forced)


def _check_names(wish: Wish) -> None:
    unknown = sorted(name for name in wish.policies if name not in FEATURES)
    if unknown:
        raise CpuError(f"unknown CPU feature {', '.join(unknown)}")


def _named_model(wish: Wish, host: HostCpu) -> Model:
    model = MODELS.get(wish.model or "")
    if model is None:
        raise CpuError(f"unknown CPU model {wish.model}")
    if wish.vendor is not None and wish.vendor != host.vendor:
        raise CpuError(f"the host's CPU is not made by {wish.vendor}")
    return model


def _with_policies(wish: Wish, basis: frozenset[str], host: HostCpu) -> frozenset[str]:
    by_policy: dict[str, set[str]] = {}
    for name, policy in wish.policies.items():
        by_policy.setdefault(policy, set()).add(name)

    def having(*policies: str) -> frozenset[str]:
        return frozenset().union(*(by_policy.get(policy, ()) for policy in policies))

    forbidden = having("forbid") & host.features
    if forbidden:
        raise CpuError(f"the host's CPU has what the guest forbids: {_listed(forbidden)}")
    optional, without, forced = having("optional"), having("disable", "forbid"), having("force")
    wanted = (basis | having("require")) - optional - without - forced
    missing = wanted - host.features
    strictly = missing if wish.check != "none" or wish.mode != "custom" else missing & having("require")
    if strictly:
        raise CpuError(f"the host's CPU does not provide required features: {_listed(strictly)}")
    if wish.match == "strict" and wish.mode == "custom":
        extra = host.features - OURS - _ALWAYS - wanted - optional - forced
        if extra:
            raise CpuError(f"the host's CPU has more than a strict match allows: {_listed(extra)}")
    return (wanted & host.features) | (optional & host.features) | forced


def closest(host: HostCpu) -> Model:
    """The named model that tells most of the host: of its own kind if one is, with the fewest differences."""
    family, number, stepping = host.signature
    candidates = [model for model in MODELS.values() if model.found and model.vendor in (None, host.vendor)]

    def distance(model: Model) -> tuple[bool, int, int]:
        missing = len(model.features - host.features)
        extra = len(host.features - OURS - model.features)
        return not model.signs(family, number, stepping), missing + extra, missing

    return min(candidates, key=distance)


def contained(host: HostCpu) -> Model:
    """The named model that tells most of the host and claims nothing that it lacks."""
    candidates = [
        model
        for model in MODELS.values()
        if model.found
        and model.vendor in (None, host.vendor)
        and model.features - _WHERE_OFFERED <= host.features
    ]
    return max(candidates, key=lambda model: len(model.features & host.features), default=MODELS["486"])


def described(choice: Choice, host: HostCpu) -> tuple[str, dict[str, str]]:
    """A choice as a named model, and the features that go beyond it (require) or that it lacks (disable)."""
    model = choice.model or closest(host)
    shown = choice.features - (OURS - {"hypervisor"})
    policies = dict.fromkeys(sorted(shown - model.features), "require")
    policies |= dict.fromkeys(sorted(model.features - choice.features), "disable")
    return model.name, policies


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
