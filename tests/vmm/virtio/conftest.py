"""Bare guests of tests/guests/flat on kvmctl-vmm, run to their end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.guests.flat.build import build

FlatGuest = Callable[[str, str], str]


@pytest.fixture
def run_flat(tmp_path: Path) -> FlatGuest:
    """Run the program of a name with these devices; what it has written to its serial port."""

    def run(name: str, devices: str) -> str:
        program = build(name, tmp_path)
        xml = tmp_path / "guest.xml"
        xml.write_text(
            f"<domain type='kvm'><name>{name}</name><memory unit='MiB'>32</memory>"
            f"<os><type>hvm</type><kernel>{program}</kernel></os><devices>{devices}"
            f"<serial type='file'><source path='{tmp_path}/serial'/></serial></devices></domain>"
        )
        done = subprocess.run(
            [sys.executable, "-m", "kvmctl.vmm", str(xml), "--qmp", str(tmp_path / "qmp")],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return (tmp_path / "serial").read_text()

    return run
