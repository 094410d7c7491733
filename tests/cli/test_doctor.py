"""kvmctl doctor: this host in lines and in JSON, and what a person is told when KVM cannot be used."""

from __future__ import annotations

import errno
import json
import os
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from kvmctl.cli.main import app
from kvmctl.host import kind, kvm


def pretend(monkeypatch: pytest.MonkeyPatch, host: kind.Host, failure: int | None = None) -> None:
    def limits() -> kvm.Limits:
        return kvm.Limits(kvm.API_VERSION, 8, 64)

    def refuse() -> NoReturn:
        assert failure is not None
        raise OSError(failure, os.strerror(failure), kvm.DEVICE)

    monkeypatch.setattr(kind, "detect", lambda: host)
    monkeypatch.setattr(kvm, "limits", limits if failure is None else refuse)


def test_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, kind.Host(kind.Kind.PVM, True))
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert "ok    /dev/kvm: API version 12, up to 64 vCPUs in a guest" in done.stdout
    assert "kind of KVM: PVM" in done.stdout
    assert "no PIT reinjection: " in done.stdout


def test_host_without_quirks(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, kind.Host(kind.Kind.SVM, False))
    done = CliRunner().invoke(app, ["doctor"])
    assert "host quirks: none" in done.stdout
    assert "nested" not in done.stdout


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, kind.Host(kind.Kind.VMX, True))
    report = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert report["usable"] is True
    assert report["kvm"] == {"kind": "vmx", "nested": True}
    assert report["quirks"] == []


@pytest.mark.parametrize(
    ("number", "hint"),
    [(errno.ENOENT, "modprobe"), (errno.EACCES, "usermod -aG"), (errno.EBUSY, "dmesg")],
)
def test_unusable(monkeypatch: pytest.MonkeyPatch, number: int, hint: str) -> None:
    pretend(monkeypatch, kind.Host(kind.Kind.VMX, False), number)
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert f"FAIL  /dev/kvm: {os.strerror(number)}" in done.stdout
    assert hint in done.stdout
    report = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert report["usable"] is False
    assert hint in report["checks"][0]["hint"]
