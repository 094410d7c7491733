"""kvmctl-vmm's command line: run by hand, and every way to call it wrongly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.vmm.conftest import GuestBuilder

HELLO = 'puts "hello"\n poweroff\n1: jmp 1b'
ECHO_UNTIL_Q = """
    1: mov $0x3fd, %dx
    in %dx, %al
    test $1, %al
    jz 1b
    mov $0x3f8, %dx
    in %dx, %al
    out %al, %dx
    cmp $'q', %al
    jne 1b
    poweroff
    2: jmp 2b
"""


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kvmctl.vmm", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **options)  # type: ignore[call-overload,no-any-return]


def domain(tmp_path: Path, kernel: Path, serial: str = "<serial type='pty'/>", extra: str = "") -> Path:
    path = tmp_path / "guest.xml"
    path.write_text(
        "<domain type='kvm'><name>by-hand</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>"
        f"<os><type arch='x86_64'>hvm</type><kernel>{kernel}</kernel></os>{extra}"
        f"<devices>{serial}</devices></domain>"
    )
    return path


@pytest.mark.kvm
def test_standard_streams(tmp_path: Path, assemble: GuestBuilder) -> None:
    result = run(domain(tmp_path, assemble(ECHO_UNTIL_Q)), "--serial", "stdio", input="typed, then q")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "typed, then q"


@pytest.mark.kvm
def test_files_and_log(tmp_path: Path, assemble: GuestBuilder) -> None:
    output, log = tmp_path / "out", tmp_path / "log"
    log.write_text("before ")
    serial = f"<serial type='file'><source path='{output}'/><log file='{log}' append='on'/></serial>"
    qmp = tmp_path / "qmp"
    result = run(domain(tmp_path, assemble(HELLO), serial), "--qmp", qmp)
    assert result.returncode == 0, result.stderr
    assert output.read_text() == "hello"
    assert log.read_text() == "before hello"
    assert not qmp.exists()


@pytest.mark.kvm
def test_full_disk_does_not_hurt_the_guest(tmp_path: Path, assemble: GuestBuilder) -> None:
    result = run(domain(tmp_path, assemble(HELLO)), "--serial", "/dev/full")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("are lost") == 1


@pytest.mark.kvm
def test_crash_is_an_exit_status_of_its_own(tmp_path: Path, assemble: GuestBuilder) -> None:
    result = run(domain(tmp_path, assemble("ud2")), "--serial", "stdio")
    assert result.returncode == 3


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["guest.xml", "--domain-fd", "0"],
        ["guest.xml", "--fd", "kvm=3"],
        ["--domain-fd", "0", "--qmp", "x"],
        ["--domain-fd", "0", "--fd", "kvm"],
        ["--domain-fd", "0", "--fd", "kvm=-1"],
        ["--unknown"],
    ],
)
def test_usage_errors(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert "usage: kvmctl-vmm" in result.stderr


def test_start_up_failures_are_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_text("<domain>\n<name>x</name")
    for arguments in (
        [broken],
        [tmp_path / "absent.xml"],
        [domain(tmp_path, tmp_path / "no-kernel")],
        ["--domain-fd", "77"],
    ):
        result = run(*arguments)
        assert result.returncode == 1
        assert result.stderr.startswith("kvmctl-vmm: error: ")
        assert result.stderr.count("\n") == 1, result.stderr


def test_version() -> None:
    assert run("--version").stdout.startswith("kvmctl-vmm ")
