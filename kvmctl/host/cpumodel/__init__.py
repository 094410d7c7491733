"""Processor models by name, and what of them this host can give to a guest."""

from kvmctl.host.cpumodel.choice import (
    OURS,
    Choice,
    CpuError,
    HostCpu,
    Wish,
    choose,
    closest,
    contained,
    described,
)
from kvmctl.host.cpumodel.cpuid import CpuidEntry
from kvmctl.host.cpumodel.features import FEATURE_MSRS, FEATURES, NOT_MIGRATABLE
from kvmctl.host.cpumodel.guest import guest_entries, guest_msrs
from kvmctl.host.cpumodel.models import MODELS, VENDORS, Model

__all__ = [
    "FEATURES",
    "FEATURE_MSRS",
    "MODELS",
    "NOT_MIGRATABLE",
    "OURS",
    "VENDORS",
    "Choice",
    "CpuError",
    "CpuidEntry",
    "HostCpu",
    "Model",
    "Wish",
    "choose",
    "closest",
    "contained",
    "described",
    "guest_entries",
    "guest_msrs",
]
