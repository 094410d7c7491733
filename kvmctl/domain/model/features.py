# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Hypervisor features"."""

from dataclasses import dataclass

from kvmctl.domain.binding import one, presence, value
from kvmctl.domain.codecs import ON_OFF, choice


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureState:
    """On where nothing is said."""

    state: bool = value("@state", ON_OFF, default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apic:
    """``eoi``: whether the guest is offered KVM's end of interrupt without an exit."""

    eoi: bool | None = value("@eoi", ON_OFF, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentFeature:
    """What the machine has not, and a document may say that it wants it not."""

    state: str = value("@state", choice("off"), default="off", stated=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """formatdomain, "Hypervisor features": firmware tables, and what KVM offers to the guest by CPUID."""

    acpi: bool = presence("acpi")
    apic: Apic | None = one("apic", Apic, default=None)
    pae: bool = presence("pae")
    kvm_hidden: bool | None = value("kvm/hidden/@state", ON_OFF, default=None)
    """Whether the guest is not told that it runs on KVM."""
    kvm_hint_dedicated: bool | None = value("kvm/hint-dedicated/@state", ON_OFF, default=None)
    kvm_poll_control: bool | None = value("kvm/poll-control/@state", ON_OFF, default=None)
    kvm_pv_ipi: bool | None = value("kvm/pv-ipi/@state", ON_OFF, default=None)
    pvspinlock: FeatureState | None = one("pvspinlock", FeatureState, default=None)
    pmu: FeatureState | None = one("pmu", FeatureState, default=None)
    vmport: AbsentFeature | None = one("vmport", AbsentFeature, default=None)
    smm: AbsentFeature | None = one("smm", AbsentFeature, default=None)
    ioapic_driver: str | None = value("ioapic/@driver", choice("kvm"), default=None)
