"""kvmctl doctor: this host in lines and in JSON, what a person is told when KVM cannot be used, and the guest
that looks at the machine from the inside."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner

from kvmctl.cli import selftest
from kvmctl.cli.checkup import daemon_checks
from kvmctl.cli.main import app
from kvmctl.host import cgroup, hugepages, kind, kvm
from kvmctl.host.doctor import Level
from kvmctl.host.doctor.kvm import CAPABILITIES, capability_check
from kvmctl.host.doctor.programs import Program, firmware_check, program_check
from kvmctl.host.doctor.system import cgroups_check, hugepages_check

from . import snapshots
from .conftest import Cli


def pretend(monkeypatch: pytest.MonkeyPatch, host: kind.Host, failure: int | None = None) -> None:
    def limits() -> kvm.Limits:
        return kvm.Limits(kvm.API_VERSION, 8, 64)

    def refuse() -> NoReturn:
        assert failure is not None
        raise OSError(failure, os.strerror(failure), kvm.DEVICE)

    monkeypatch.setattr(kind, "detect", lambda: host)
    monkeypatch.setattr(kvm, "limits", limits if failure is None else refuse)


def doctor(*options: str) -> Any:
    return CliRunner().invoke(app, ["-c", "test:///default", "doctor", *options])


def test_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, kind.Host(kind.Kind.PVM, True))
    done = doctor("--no-guest")
    assert done.exit_code == 0, done.output
    assert "ok    /dev/kvm: API version 12, up to 64 vCPUs in a guest" in done.stdout
    assert "info  kind of KVM: PVM" in done.stdout
    assert "no PIT reinjection: " in done.stdout
    assert "Guests can run here." in done.stdout


def test_host_without_quirks(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, kind.Host(kind.Kind.SVM, False))
    done = doctor("--no-guest")
    assert "Done differently" not in done.stdout
    assert "nested" not in done.stdout


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, kind.Host(kind.Kind.VMX, True))
    report = json.loads(doctor("--json").stdout)
    assert report["usable"] is True
    assert report["kvm"] == {"kind": "vmx", "nested": True}
    assert report["quirks"] == []
    assert {"group", "name", "level", "detail", "hint"} == set(report["checks"][0])
    # Another driver's connection cannot boot our guest, which keeps nobody's guests from running.
    assert report["checks"][-1]["group"] == "Self-test guest"
    assert report["checks"][-1]["level"] == "info"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOENT, "modprobe"),
        (errno.EACCES, "usermod -aG"),
        (errno.EBUSY, "dmesg"),
        (errno.ENOTTY, "mknod"),
    ],
)
def test_unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, hint: str) -> None:
    monkeypatch.setattr("kvmctl.host.doctor.kvm._MODULES", tmp_path)
    pretend(monkeypatch, kind.Host(kind.Kind.VMX, False), number)
    done = doctor()
    assert done.exit_code == 1
    assert f"fail  /dev/kvm: {os.strerror(number)}" in done.stdout
    assert hint in done.stdout
    assert "what failed above comes first" in done.stdout
    report = json.loads(doctor("--json").stdout)
    assert report["usable"] is False
    assert hint in report["checks"][0]["hint"]


def test_a_device_that_is_missing_though_kvm_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, kind.Host(kind.Kind.VMX, False), errno.ENOENT)
    (tmp_path / "kvm_intel").mkdir()
    monkeypatch.setattr("kvmctl.host.doctor.kvm._MODULES", tmp_path)
    assert "--device /dev/kvm" in doctor().stdout


def test_capabilities_that_are_missing_are_named_with_what_is_lost() -> None:
    assert capability_check(lambda number: 1).level is Level.OK
    check = capability_check(lambda number: 0 if number == 32 else 1)
    assert check.level is Level.WARN
    assert check.detail == "no IRQFD: lost interrupts of devices without a detour"
    needed = next(each for each in CAPABILITIES if each.needed)
    assert capability_check(lambda number: int(number != needed.number)).level is Level.FAIL


def test_control_groups(tmp_path: Path) -> None:
    def mounted(*names: str, version: int = 2) -> dict[str, cgroup.Hierarchy]:
        return {name: cgroup.Hierarchy(name, tmp_path, version) for name in names}

    assert cgroups_check({}).level is Level.WARN
    assert (
        cgroups_check(mounted("cpu", "memory")).detail == "version 2, without cpuset: their limits are lost"
    )
    assert cgroups_check(mounted("cpu", "cpuset", "memory", version=1)).detail.startswith("version 1, with")


def test_huge_pages() -> None:
    pool = hugepages.Pool(2 << 20, 8, 5)
    assert hugepages_check({pool.size: pool}).detail == "5 of 8 free of 2 MiB"
    assert hugepages_check({pool.size: hugepages.Pool(pool.size, 0, 0)}).level is Level.INFO


def test_a_firmware_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kvmctl.host.firmware.bios", lambda: "/nowhere/bios.bin")
    check = firmware_check()
    assert "guests that boot from a disk" in check.detail
    assert check.hint == "apt-get install seabios"


def test_a_program_that_is_missing() -> None:
    check = program_check(Program("kvmctl-no-such-program", "something", "some-package"))
    assert check.detail == "not installed; lost: something"
    assert check.hint == "apt-get install some-package"


def test_stale_socket_and_guests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    run = tmp_path / "libvirt" / "kvmctl"
    run.mkdir(parents=True)
    (tmp_path / "libvirt" / "virtkvmctld-sock").touch()
    (run / "lost.qmp").touch()
    (run / "here.qmp").touch()
    (run / "here.pid").write_text(f"{os.getpid()}\n")
    found = {check.name: check.detail for check in daemon_checks("kvmctl:///session")}
    assert found["stale socket"].endswith("virtkvmctld-sock is left of an earlier daemon")
    assert found["stale guests"] == f"left in {run}: lost"


def test_lines_of_the_guest() -> None:
    checks = list(selftest.parse(b"ok one: fine\r\nnoise\r\nFAIL two: broken: badly\r\ndone\r\n"))
    assert [(check.name, check.level, check.detail) for check in checks] == [
        ("one", Level.OK, "fine"),
        ("two", Level.FAIL, "broken: badly"),
    ]


@pytest.mark.parametrize(
    ("output", "last"), [(b"", "nothing"), (b"ok one: fine\r\nException 13", "Exception 13")]
)
def test_a_guest_that_ends_early_has_failed(output: bytes, last: str) -> None:
    *_, check = selftest.parse(output)
    assert check.level is Level.FAIL
    assert check.detail == f"it ended early; its last line: {last}"


@pytest.mark.kvm
def test_the_guest_finds_a_whole_machine(session: Cli) -> None:
    done = session("doctor", "--json")
    report = json.loads(done.stdout)
    inside = [check for check in report["checks"] if check["group"] == "Self-test guest"]
    assert done.returncode == 0, inside
    seen = "".join(sorted(f"{check['level']} {check['name']}\n" for check in inside))
    # Of a TAP device, which takes root, or of passt.
    network = "ok virtio network card\n"
    assert network in seen or not shutil.which("passt")
    snapshots.check("selftest", seen.replace(network, ""))
    assert session.ok("list", "--all", "--names") == ""
