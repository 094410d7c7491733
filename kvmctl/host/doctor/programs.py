"""The programs that do for guests what we do not do ourselves, and the versions that run."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kvmctl import __version__
from kvmctl.host import firmware
from kvmctl.host.doctor.check import Check, Level

_VERSION_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class Program:
    """Its name, where else than in the path it may be, what is lost without it, and Debian's package."""

    name: str
    lost: str
    package: str
    places: tuple[str, ...] = ()


PROGRAMS: Final = (
    Program("qemu-storage-daemon", "qcow2 disks", "qemu-system-common"),
    Program("passt", "networks without root's rights", "passt"),
    Program("virtiofsd", "shared folders", "qemu-system-common", ("/usr/lib/qemu", "/usr/libexec")),
    Program("dnsmasq", "addresses and names in virtual networks", "dnsmasq-base", ("/usr/sbin",)),
    Program("nft", "virtual networks that reach the outside", "nftables", ("/usr/sbin",)),
)


def program_checks() -> Iterator[Check]:
    yield Check("kvmctl", Level.INFO, f"{__version__}, Python {platform.python_version()}")
    for program in PROGRAMS:
        yield program_check(program)
    yield firmware_check()


def program_check(program: Program) -> Check:
    path = shutil.which(program.name, path=os.pathsep.join((os.environ.get("PATH", ""), *program.places)))
    if path is None:
        return Check(
            program.name,
            Level.INFO,
            f"not installed; lost: {program.lost}",
            f"apt-get install {program.package}",
        )
    return Check(program.name, Level.OK, _version(path) or path)


def firmware_check() -> Check:
    path = firmware.bios()
    if not Path(path).exists():
        lost = "not installed; lost: guests that boot from a disk"
        return Check("seabios", Level.INFO, lost, f"apt-get install {firmware.PACKAGE}")
    return Check("seabios", Level.OK, path)


def _version(path: str) -> str | None:
    """What --version says it is, where it says so."""
    try:
        done = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    first = (done.stdout or done.stderr).partition("\n")[0]
    found = re.search(r"\d+(\.\d+)+", first)
    return f"{found[0]} ({path})" if done.returncode == 0 and found else None
