"""/dev/kvm: its kind, the right to it, and what it can do (Linux, Documentation/virt/kvm/api.rst)."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kvmctl.host import kind, kvm
from kvmctl.host.doctor.check import Check, Level

_CHECK_EXTENSION: Final = 0xAE03
_MODULES: Final = Path("/sys/module")


@dataclass(frozen=True, slots=True)
class Capability:
    """One that we use, and what is lost without it; without a needed one no guest runs."""

    name: str
    number: int
    lost: str
    needed: bool = False


CAPABILITIES: Final = (
    Capability("IRQCHIP", 0, "interrupt controllers", needed=True),
    Capability("USER_MEMORY", 3, "guest memory", needed=True),
    Capability("SET_TSS_ADDR", 4, "guests on Intel processors", needed=True),
    Capability("EXT_CPUID", 7, "processor models", needed=True),
    Capability("MP_STATE", 14, "several virtual CPUs", needed=True),
    Capability("PIT2", 33, "the 8254 timer", needed=True),
    Capability("PIT_STATE2", 35, "resets of the 8254 timer", needed=True),
    Capability("VCPU_EVENTS", 41, "resets of virtual CPUs", needed=True),
    Capability("IMMEDIATE_EXIT", 136, "stopping a virtual CPU", needed=True),
    Capability("IRQFD", 32, "interrupts of devices without a detour"),
    Capability("IOEVENTFD", 36, "notifications of devices without a detour"),
    Capability("REINJECT_CONTROL", 24, "dropping timer ticks that a slow guest missed"),
    Capability("DEBUGREGS", 50, "resets of debug registers"),
    Capability("XSAVE", 55, "resets of vector registers"),
    Capability("XCRS", 56, "resets of the extended state's control"),
    Capability("TSC_DEADLINE_TIMER", 72, "Linux's cheapest timer"),
    Capability("EXIT_ON_EMULATION_FAILURE", 204, "instructions that KVM's emulator lacks"),
)


def kvm_checks(host: kind.Host) -> Iterator[Check]:
    device = _device()
    yield device
    yield Check("kind of KVM", Level.INFO, kind.DESCRIPTIONS[host.kind])
    if host.nested:
        yield Check("nested", Level.INFO, "this host is a virtual machine itself")
    yield from _modules()
    if device.level is not Level.FAIL:
        yield _capabilities()


def _device() -> Check:
    """There, open to this user, and of the API version that we speak."""
    name = kvm.DEVICE
    try:
        limits = kvm.limits()
    except OSError as error:
        return Check(name, Level.FAIL, os.strerror(error.errno or 0), _hint(error.errno))
    if limits.api_version != kvm.API_VERSION:
        detail = f"API version {limits.api_version}, {kvm.API_VERSION} is needed"
        return Check(name, Level.FAIL, detail, "Use Linux 2.6.22 or newer.")
    detail = f"API version {limits.api_version}, up to {limits.max_vcpus} vCPUs in a guest"
    return Check(name, Level.OK, detail)


def _hint(number: int | None) -> str:
    if number == errno.ENOENT and any(_MODULES.glob("kvm_*")):
        return "KVM is loaded; a container has to be given the device: --device /dev/kvm"
    if number == errno.ENOENT:
        return "Enable virtualization in the firmware, then modprobe kvm_intel, kvm_amd or kvm_pvm."
    if number in (errno.EACCES, errno.EPERM):
        group = _group()
        return f"Join the group {group}: sudo usermod -aG {group} $USER, then log in again."
    if number == errno.ENOTTY:
        return f"It is another device: rm {kvm.DEVICE}; mknod {kvm.DEVICE} c 10 232"
    return "See the kernel's messages: dmesg | grep -i kvm"


def _group() -> str:
    try:
        return Path(kvm.DEVICE).group()
    except (OSError, KeyError):
        return "kvm"


def _modules(modules: Path = _MODULES) -> Iterator[Check]:
    loaded = sorted(path.name for path in modules.glob("kvm*"))
    if loaded:
        yield Check("modules", Level.INFO, ", ".join(loaded))
    for name in ("kvm_intel", "kvm_amd"):
        nested = modules / name / "parameters" / "nested"
        if nested.exists():
            on = nested.read_text().strip() in ("1", "Y")
            yield Check("guests that run guests", Level.INFO, "possible" if on else f"off: {nested}")


def _capabilities() -> Check:
    descriptor = os.open(kvm.DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        return capability_check(lambda number: fcntl.ioctl(descriptor, _CHECK_EXTENSION, number))
    finally:
        os.close(descriptor)


def capability_check(answer: Callable[[int], int]) -> Check:
    """All in one line when nothing is missing, else what is lost."""
    missing = [capability for capability in CAPABILITIES if not answer(capability.number)]
    if not missing:
        return Check("capabilities", Level.OK, f"all {len(CAPABILITIES)} that are used")
    level = Level.FAIL if any(capability.needed for capability in missing) else Level.WARN
    lost = "; ".join(f"no {capability.name}: lost {capability.lost}" for capability in missing)
    return Check("capabilities", level, lost, "Use a newer kernel.")
