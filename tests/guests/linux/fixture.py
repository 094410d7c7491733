"""The Linux test guest as a pytest fixture, which tests/conftest.py gives to every test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.guests.linux import build, initramfs, kernel


@dataclass(frozen=True)
class LinuxGuest:
    """Files to boot, and what shows that they did."""

    kernel: Path
    vmlinux: Path
    initrd: Path
    cmdline: str
    line: str


CMDLINE = "console=ttyS0 earlyprintk=ttyS0 panic=-1 reboot=k"


@pytest.fixture(scope="session")
def linux_guest() -> LinuxGuest:
    """Built if it is not in the cache; skips only where the source package or the tool chain is missing."""
    try:
        bzimage, initrd = build.guest(build.Lines())
    except kernel.CannotBuild as error:
        pytest.skip(f"no Linux test guest: {error}")
    return LinuxGuest(bzimage, bzimage.with_name("vmlinux"), initrd, CMDLINE, initramfs.LINE)
