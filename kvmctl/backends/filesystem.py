"""Shared directories: virtiofsd serves each as a vhost-user back end."""

import os
import shutil
from pathlib import Path
from typing import Final

from kvmctl.backends import helper
from kvmctl.backends.descriptors import BackendError, Descriptors, Unsupported
from kvmctl.domain import Domain
from kvmctl.domain.model import Filesystem

_PLACES: Final = ("/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd")
"""Where distributions keep it, outside of the PATH."""


def _program(filesystem: Filesystem) -> str:
    if filesystem.binary is not None:
        return filesystem.binary
    found = next((place for place in _PLACES if os.access(place, os.X_OK)), None) or shutil.which("virtiofsd")
    if found is None:
        raise Unsupported(f"filesystem '{filesystem.target}' needs virtiofsd")
    return found


def _open(filesystem: Filesystem, descriptors: Descriptors) -> None:
    try:
        is_directory = Path(filesystem.source).stat() and Path(filesystem.source).is_dir()
    except OSError as error:
        raise BackendError(error, f"cannot open directory '{filesystem.source}'") from error
    if not is_directory:
        raise Unsupported(f"filesystem source '{filesystem.source}' is not a directory")
    helper.start(
        filesystem.alias or "",
        _program(filesystem),
        lambda listening, _monitor: [f"--fd={listening}", "-o", f"source={_escaped(filesystem.source)}"],
        descriptors,
    )


def _escaped(path: str) -> str:
    """As an option's value: commas separate options."""
    return path.replace("\\", "\\\\").replace(",", "\\,")


def open_all(domain: Domain, descriptors: Descriptors) -> Domain:
    for filesystem in domain.devices.filesystems:
        _open(filesystem, descriptors)
    return domain
