"""Which KVM a host has, from what its /sys/module and /proc/cpuinfo show."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvmctl.host.kind import Host, Kind, detect


@pytest.mark.parametrize(
    ("modules", "flags", "expected"),
    [
        (["kvm", "kvm_intel"], "fpu vmx sse2", Host(Kind.VMX, False)),
        (["kvm", "kvm_intel"], "fpu vmx hypervisor", Host(Kind.VMX, True)),
        (["kvm", "kvm_amd"], "fpu svm", Host(Kind.SVM, False)),
        (["kvm", "kvm_pvm"], "fpu hypervisor", Host(Kind.PVM, True)),
        (["kvm", "kvm_pvm", "kvm_intel"], "fpu vmx", Host(Kind.VMX, False)),
        (["kvm"], "fpu vmx_other", Host(Kind.UNKNOWN, False)),
        ([], "", Host(Kind.NONE, False)),
    ],
)
def test_detect(tmp_path: Path, modules: list[str], flags: str, expected: Host) -> None:
    for module in modules:
        (tmp_path / "module" / module).mkdir(parents=True)
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\nflags\t\t: {flags}\n")
    assert detect(tmp_path / "module", cpuinfo) == expected


def test_quirks_are_for_pvm_only() -> None:
    assert Host(Kind.PVM, True).quirks
    assert not Host(Kind.VMX, True).quirks
    assert not Host(Kind.SVM, False).quirks
