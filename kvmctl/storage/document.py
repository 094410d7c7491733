"""Text to pools and volumes, and back; DomainError tells what is wrong, as for a domain."""

from dataclasses import replace
from typing import Any

from kvmctl.domain import source, writer
from kvmctl.domain.codecs import BadValueError
from kvmctl.domain.errors import DomainError, ErrorKind
from kvmctl.domain.reader import Reader
from kvmctl.domain.units import factor
from kvmctl.storage.model import Pool, Volume

LARGEST = 2**63 - 1
"""Bytes of a file."""


def parse_pool(text: str | bytes) -> Pool:
    pool: Pool = Reader().read(Pool, source.load(text))
    if pool.name.startswith("."):
        raise DomainError(ErrorKind.XML_ERROR, f"name {pool.name} cannot start with '.'", path="/pool/name")
    return pool


def parse_volume(text: str | bytes) -> Volume:
    """Sizes are in bytes afterwards."""
    volume: Volume = Reader().read(Volume, source.load(text))
    if volume.name in (".", ".."):
        raise DomainError(ErrorKind.XML_ERROR, f"volume name '{volume.name}' is no file", path="/volume/name")
    changes: dict[str, Any] = {}
    for name in ("capacity", "allocation"):
        number, unit = getattr(volume, name), getattr(volume, f"{name}_unit")
        if number is None:
            continue
        try:
            changes[name] = number * factor(unit or "bytes")
        except BadValueError as error:
            message = f"unknown suffix '{unit}': expected {error.expected}"
            raise DomainError(error.kind, message, path=f"/volume/{name}/@unit") from error
        if changes[name] > LARGEST:
            raise DomainError(ErrorKind.OVERFLOW, f"{name} too large: {number}", path=f"/volume/{name}")
        changes[f"{name}_unit"] = None
    return replace(volume, **changes)


def format(value: Pool | Volume) -> str:
    """libvirt's layout of the XML."""
    return writer.write(value, live=True)
