"""Disks."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Disk, Domain

_SOURCES = {"file": "file", "block": "dev"}
"""Types of disks and the attribute of <source> that each has."""


def check(domain: Domain) -> Iterator[Finding]:
    targets: set[str] = set()
    for index, disk in enumerate(domain.devices.disks):
        path = numbered("/domain/devices/disk", index)
        if disk.source is None:
            message = f"disk '{disk.target}' of type='{disk.type}' has no <source {_SOURCES[disk.type]}='…'/>"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        yield from _other_source(disk, path)
        if disk.target in targets:
            message = f"target '{disk.target}' duplicated for disk sources"
            yield Finding(ErrorKind.XML_ERROR, message, f"{path}/target/@dev")
        targets.add(disk.target)


def _other_source(disk: Disk, path: str) -> Iterator[Finding]:
    for kind, name in _SOURCES.items():
        if kind != disk.type and getattr(disk, name) is not None:
            message = f"source {name} needs type='{kind}'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@{name}")
