"""Which kind of KVM this host has, and what guests need on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

_MODULES: Final = Path("/sys/module")
_CPUINFO: Final = Path("/proc/cpuinfo")


class Kind(Enum):
    """How KVM runs a guest's code."""

    VMX = "vmx"
    SVM = "svm"
    PVM = "pvm"
    NONE = "none"
    UNKNOWN = "unknown"


DESCRIPTIONS: Final = {
    Kind.VMX: "Intel VMX: the processor runs the guest",
    Kind.SVM: "AMD SVM: the processor runs the guest",
    Kind.PVM: "PVM: no hardware virtualization; the guest's kernel is emulated, 64-bit programs run natively",
    Kind.NONE: "none: the kernel has no KVM, or it is not loaded",
    Kind.UNKNOWN: "the kernel module does not show what it builds on",
}


@dataclass(frozen=True, slots=True)
class Quirk:
    """Something that is done differently for guests on one kind of host."""

    name: str
    reason: str


QUIRKS: Final[dict[Kind, tuple[Quirk, ...]]] = {
    Kind.PVM: (
        Quirk("CPUID up to leaf 4", "features of the leaves beyond cannot be hidden there, nor emulated"),
        Quirk("CPUID without XSAVE, AVX, POPCNT and more", "KVM's emulator lacks their instructions"),
        Quirk("CPU models by the host's own features", "programs see and use them, though KVM lists few"),
        Quirk("CPUID without LZCNT", "KVM's emulator runs it as BSR, with another result"),
        Quirk("no KVM hypercalls", "a VMCALL never ends there"),
        Quirk("kernel command line additions", "Linux would use what CPUID cannot hide"),
        Quirk("no PIT reinjection", "an emulated guest drowns in the ticks that it missed"),
        Quirk("I/O permission bitmap", "ring 3 runs with I/O privilege 0, whatever RFLAGS says"),
    ),
}


@dataclass(frozen=True, slots=True)
class Host:
    kind: Kind
    nested: bool
    """This host is a guest itself."""

    @property
    def quirks(self) -> tuple[Quirk, ...]:
        return QUIRKS.get(self.kind, ())


def detect(modules: Path = _MODULES, cpuinfo: Path = _CPUINFO) -> Host:
    """What /proc and /sys tell of /dev/kvm's make; they need no rights."""
    shown = flags(cpuinfo)
    hardware = "vmx" in shown or "svm" in shown
    kind = Kind.UNKNOWN
    if (modules / "kvm_pvm").exists() and not hardware:
        kind = Kind.PVM
    elif "vmx" in shown or (modules / "kvm_intel").exists():
        kind = Kind.VMX
    elif "svm" in shown or (modules / "kvm_amd").exists():
        kind = Kind.SVM
    elif not (modules / "kvm").exists():
        kind = Kind.NONE
    return Host(kind, "hypervisor" in shown)


def flags(cpuinfo: Path = _CPUINFO) -> frozenset[str]:
    """What Linux knows of the first processor's features."""
    with cpuinfo.open() as lines:
        line = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())
