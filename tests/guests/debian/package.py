"""Debian's cloud kernel: fetched with apt and unpacked, once a version, into a cache outside the tree."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.guests.linux.kernel import cache_home

META_PACKAGE = "linux-image-cloud-amd64"
TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "tar")


class NotAvailable(Exception):
    """Why this machine cannot get the package, in one line."""


def vmlinuz() -> Path:
    """The kernel image of the newest cloud kernel that apt knows."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise NotAvailable(f"{', '.join(missing)} not found")
    package, version = _newest()
    target = cache_home() / "debian" / f"{package}_{version.replace(':', '%3a')}.vmlinuz"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            _fetch(package, version, Path(scratch), target)
    return target


def _newest() -> tuple[str, str]:
    depends = _output("apt-cache", "depends", META_PACKAGE)
    names = [line.split()[-1] for line in depends.splitlines() if "Depends: linux-image-" in line]
    if not names:
        raise NotAvailable(f"apt knows no {META_PACKAGE} (apt-get update)")
    policy = _output("apt-cache", "policy", names[0])
    versions = [line.split()[-1] for line in policy.splitlines() if "Candidate:" in line]
    if not versions or versions[0] == "(none)":
        raise NotAvailable(f"apt cannot get {names[0]} (apt-get update)")
    return names[0], versions[0]


def _fetch(package: str, version: str, scratch: Path, target: Path) -> None:
    try:
        _run("apt-get", "download", f"{package}={version}", cwd=scratch)
    except subprocess.CalledProcessError as error:
        raise NotAvailable(f"apt-get download {package}: {error.stderr.strip()}") from error
    (archive,) = scratch.glob("*.deb")
    tree = scratch / "tree"
    _run("dpkg-deb", "--extract", str(archive), str(tree), cwd=scratch)
    (image,) = (tree / "boot").glob("vmlinuz-*")
    # Another run may be doing the same: the last rename wins, and the file is never half there.
    image.replace(target)


def _output(*command: str) -> str:
    return _run(*command, cwd=Path("/")).stdout


def _run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
