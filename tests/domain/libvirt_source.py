"""libvirt's own test documents, from the distribution's source package, kept in the user's cache.

apt runs with lists, sources and a cache of its own: the machine's apt configuration is read, never changed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

DOCUMENTS = "qemuxml2argvdata"
OUTPUTS = "qemuxml2xmloutdata"
"""The same documents, by their names, as libvirt's driver for QEMU writes them: not all of them."""
_SOURCES = Path("/etc/apt")
_ONE_LINE = re.compile(r"^deb(?:-src)?\s+(?P<rest>.+)$", re.MULTILINE)


class SourceUnavailable(Exception):
    """Why libvirt's source cannot be had here."""


def directory() -> Path:
    """All of libvirt's domain documents for QEMU, in the directories of their names, downloaded once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvmctl/libvirt-tests"
    if not cache.is_dir():
        cache.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache.parent) as place:
            work = Path(place)
            found = work / "documents"
            _unpack(_download(work), found)
            found.rename(cache)
    return cache


def _download(work: Path) -> Path:
    if shutil.which("apt-get") is None:
        raise SourceUnavailable("there is no apt-get")
    parts = work / "sources"
    for made in (parts, work / "lists/partial", work / "cache/archives/partial"):
        made.mkdir(parents=True)
    _write_source_lists(parts)
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": str(parts),
        "Dir::State::lists": str(work / "lists"),
        "Dir::Cache": str(work / "cache"),
        # The cache is the user's own, which apt's user for downloads cannot enter.
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(word for key, text in options.items() for word in ("-o", f"{key}={text}"))]
    # One archive that does not answer, or has no sources, makes this fail; the other ones may do.
    _run([*apt, "update"], work)
    done = _run([*apt, "source", "--download-only", "libvirt"], work)
    archive = next(work.glob("libvirt_*.orig.tar.*[!c]"), None)
    if done.returncode != 0 or archive is None:
        lines = done.stderr.strip().splitlines()
        raise SourceUnavailable(f"apt-get source libvirt: {lines[-1] if lines else done.returncode}")
    return archive


def _run(command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=directory, capture_output=True, timeout=100, text=True, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailable("the archives do not answer in time") from error


def _write_source_lists(directory: Path) -> None:
    """The machine's own archives, asked for sources instead of packages."""
    for place in [_SOURCES / "sources.list", *sorted(_SOURCES.glob("sources.list.d/*"))]:
        if not place.is_file():
            continue
        text = place.read_text()
        if place.suffix == ".sources":
            text = re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.MULTILINE)
        elif place.suffix == ".list":
            lines = dict.fromkeys(match["rest"] for match in _ONE_LINE.finditer(text))
            text = "".join(f"deb-src {line}\n" for line in lines)
        else:
            continue
        (directory / place.name).write_text(text)


def _unpack(archive: Path, directory: Path) -> None:
    for name in (DOCUMENTS, OUTPUTS):
        (directory / name).mkdir(parents=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            if not (
                (member.isfile() or member.issym())
                and path.suffix == ".xml"
                and path.parent.parent.name == "tests"
                and path.parent.name in (DOCUMENTS, OUTPUTS)
            ):
                continue
            content = tar.extractfile(member)  # of a link, what it leads to
            assert content is not None
            (directory / path.parent.name / path.name).write_bytes(content.read())
