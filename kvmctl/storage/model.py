# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""Pools and volumes as frozen dataclasses, and where each field lives in the XML (docs/formatstorage)."""

import re
from dataclasses import dataclass
from uuid import UUID

from kvmctl.domain.binding import always, one, value
from kvmctl.domain.codecs import ABSOLUTE_PATH, TEXT, ULONG, UUID_TEXT, Text, choice
from kvmctl.domain.model import Present

_MODE = Text("a mode as 0644", re.compile("0?[0-7]{1,4}"))
_IDENTIFIER = Text("a number, or -1 for the daemon's own", re.compile("-1|[0-9]{1,10}"))
_NAME = Text("a file's name without '/'", re.compile(r"[^/\n]+"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """Of a file or directory that is made."""

    mode: str | None = value("mode", _MODE, default=None)
    owner: str | None = value("owner", _IDENTIFIER, default=None)
    group: str | None = value("group", _IDENTIFIER, default=None)
    label: str | None = value("label", TEXT, default=None, live=always)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A directory of image files. Its sizes, in bytes, are those of the file system while it is active."""

    type: str = value("@type", choice("dir"), default="dir", stated=True)
    name: str = value("name", _NAME)
    uuid: UUID | None = value("uuid", UUID_TEXT, default=None)
    capacity: int | None = value("capacity", ULONG, default=None, live=always)
    capacity_unit: str | None = value("capacity/@unit", choice("bytes"), default=None, live=always)
    allocation: int | None = value("allocation", ULONG, default=None, live=always)
    allocation_unit: str | None = value("allocation/@unit", choice("bytes"), default=None, live=always)
    available: int | None = value("available", ULONG, default=None, live=always)
    available_unit: str | None = value("available/@unit", choice("bytes"), default=None, live=always)
    source: Present | None = one("source", Present, default=None)
    path: str = value("target/path", ABSOLUTE_PATH)
    permissions: Permissions | None = one("target/permissions", Permissions, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A file of a pool. Sizes without a unit are in bytes."""

    type: str | None = value("@type", choice("file"), default=None)
    name: str = value("name", _NAME)
    key: str | None = value("key", TEXT, default=None)
    capacity: int = value("capacity", ULONG)
    capacity_unit: str | None = value("capacity/@unit", TEXT, default=None)
    allocation: int | None = value("allocation", ULONG, default=None)
    allocation_unit: str | None = value("allocation/@unit", TEXT, default=None)
    physical: int | None = value("physical", ULONG, default=None)
    physical_unit: str | None = value("physical/@unit", TEXT, default=None)
    source: Present | None = one("source", Present, default=None)
    path: str | None = value("target/path", ABSOLUTE_PATH, default=None)
    format: str | None = value("target/format/@type", choice("raw", "qcow2"), default=None)
    permissions: Permissions | None = one("target/permissions", Permissions, default=None)
    compat: str | None = value("target/compat", choice("0.10", "1.1"), default=None)
    lazy_refcounts: Present | None = one("target/features/lazy_refcounts", Present, default=None)
