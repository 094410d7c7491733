"""The host's files that a domain is made of, which have to be there when it starts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain


@dataclass(frozen=True, slots=True)
class NamedFile:
    what: str
    path: str
    place: str
    """In the domain's XML."""

    def __str__(self) -> str:
        return f"{self.what} '{self.path}'"


def missing_files(domain: Domain) -> list[NamedFile]:
    """Those that are not there; whether the others can be used is seen when they are opened."""
    return [file for file in _files(domain) if _is_missing(file.path)]


def missing(domain: Domain) -> Iterator[Finding]:
    for file in missing_files(domain):
        yield Finding(ErrorKind.SYSTEM_ERROR, f"{file} is not on this host", file.place)


def _files(domain: Domain) -> Iterator[NamedFile]:
    roles = ("kernel", "initrd") if domain.os.kernel else ()
    for role in roles:
        path = getattr(domain.os, role)
        if path:
            yield NamedFile(role, path, f"/domain/os/{role}")
    if domain.os.loader is not None and not domain.os.kernel:
        yield NamedFile("firmware", domain.os.loader.path, "/domain/os/loader")
    devices = domain.devices
    for index, disk in enumerate(devices.disks):
        if disk.source is not None:
            what = "vhost-user disk" if disk.type == "vhostuser" else "disk"
            yield NamedFile(what, disk.source, numbered("/domain/devices/disk", index))
    for index, filesystem in enumerate(devices.filesystems):
        place = numbered("/domain/devices/filesystem", index)
        yield NamedFile("directory", filesystem.source, place)
    for index, rng in enumerate(devices.rngs):
        if rng.path is not None:
            yield NamedFile("random number source", rng.path, numbered("/domain/devices/rng", index))


def _is_missing(path: str) -> bool:
    try:
        return not Path(path).exists()
    except (OSError, ValueError):
        return False
