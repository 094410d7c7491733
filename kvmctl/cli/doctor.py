"""doctor: whether guests can run here, and what is particular about this host."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from ..host import kind, kvm
from .errors import Status


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str
    hint: str | None = None


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable: one JSON object.")] = False,
) -> None:
    """Check whether this host can run guests, and how.

    The exit status is 0 when guests can run, 1 when something is in the way.
    """
    host = kind.detect()
    checks = [_device()]
    usable = all(check.ok for check in checks)
    if as_json:
        report = {
            "usable": usable,
            "kvm": {"kind": host.kind.value, "nested": host.nested},
            "checks": [asdict(check) for check in checks],
            "quirks": [asdict(quirk) for quirk in host.quirks],
        }
        print(json.dumps(report, indent=2))
    else:
        _print(host, checks)
    if not usable:
        raise typer.Exit(Status.FAILED)


def _print(host: kind.Host, checks: list[Check]) -> None:
    for check in checks:
        print(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.detail}")
        if check.hint:
            print(f"      {check.hint}")
    print(f"info  kind of KVM: {kind.DESCRIPTIONS[host.kind]}")
    if host.nested:
        print("info  nested: this host is a virtual machine itself")
    if not host.quirks:
        print("info  host quirks: none")
        return
    print(f"info  host quirks, of {host.kind.value}, for every guest:")
    for quirk in host.quirks:
        print(f"      {quirk.name}: {quirk.reason}")


def _device() -> Check:
    """KVM's device: there, open to this user, of the API version that we speak."""
    name = kvm.DEVICE
    try:
        limits = kvm.limits()
    except OSError as error:
        return Check(name, False, os.strerror(error.errno or 0), _hint(error.errno))
    if limits.api_version != kvm.API_VERSION:
        return Check(name, False, f"API version {limits.api_version}, {kvm.API_VERSION} is needed")
    return Check(name, True, f"API version {limits.api_version}, up to {limits.max_vcpus} vCPUs in a guest")


def _hint(number: int | None) -> str:
    if number == errno.ENOENT:
        return "Enable virtualization in the firmware, then modprobe kvm_intel, kvm_amd or kvm_pvm."
    if number in (errno.EACCES, errno.EPERM):
        group = _group()
        return f"Join the group {group}: sudo usermod -aG {group} $USER, then log in again."
    return "See the kernel's messages: dmesg | grep -i kvm"


def _group() -> str:
    try:
        return Path(kvm.DEVICE).group()
    except (OSError, KeyError):
        return "kvm"
