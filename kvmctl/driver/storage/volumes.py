"""The files of a directory as volumes: found, described, made and removed."""

import asyncio
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.storage import Volume
from kvmctl.storage.model import Permissions

_QCOW2: Final = struct.Struct(">4sI16xQ")
"""Magic, version and the size that the guest sees (QEMU, docs/interop/qcow2.txt)."""
_MAGIC: Final = b"QFI\xfb"
_MODE: Final = 0o600


def names(directory: Path) -> list[str]:
    """Every file that can be an image. Raises VirError."""
    return [entry.name for entry in _files(directory)]


def _files(directory: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if not entry.name.startswith(".") and entry.is_file():
                    yield entry
    except OSError as error:
        raise system_failure(error, f"cannot read directory '{directory}'") from error


def describe(path: Path) -> Volume:
    """Raises VirError when there is no such volume."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise missing(str(path)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise missing(str(path))
        head = os.pread(descriptor, _QCOW2.size, 0)
    finally:
        os.close(descriptor)
    kind, capacity = "raw", status.st_size
    if len(head) == _QCOW2.size and head.startswith(_MAGIC):
        kind, capacity = "qcow2", _QCOW2.unpack(head)[2]
    return Volume(
        type="file",
        name=path.name,
        key=str(path),
        capacity=capacity,
        capacity_unit="bytes",
        allocation=status.st_blocks * 512,
        allocation_unit="bytes",
        physical=status.st_size,
        physical_unit="bytes",
        path=str(path),
        format=kind,
        permissions=Permissions(
            mode=f"0{stat.S_IMODE(status.st_mode):o}", owner=str(status.st_uid), group=str(status.st_gid)
        ),
    )


def missing(path: str) -> Exception:
    return failure(ErrorCode.NO_STORAGE_VOL, f"no storage vol with matching path '{path}'")


async def create(directory: Path, volume: Volume) -> Path:
    """A new file; one that is there already stays as it is."""
    path = directory / volume.name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    except FileExistsError:
        raise failure(ErrorCode.STORAGE_VOL_EXIST, f"'{volume.name}'") from None
    except OSError as error:
        raise system_failure(error, f"cannot create '{path}'") from error
    try:
        if volume.format == "qcow2":
            await _make_qcow2(path, volume)
        else:
            os.truncate(descriptor, volume.capacity)
            if volume.allocation:
                allocated = min(volume.allocation, volume.capacity)
                await asyncio.to_thread(os.posix_fallocate, descriptor, 0, allocated)
        if volume.permissions is not None:
            set_permissions(path, volume.permissions)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise system_failure(error, f"cannot create '{path}'") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    return path


def set_permissions(path: Path, permissions: Permissions) -> None:
    """Raises OSError."""
    if permissions.mode is not None:
        path.chmod(int(permissions.mode, 8))
    owner, group = int(permissions.owner or "-1"), int(permissions.group or "-1")
    if (owner, group) != (-1, -1):
        os.chown(path, owner, group)


async def _make_qcow2(path: Path, volume: Volume) -> None:
    options = [f"compat={volume.compat or '1.1'}"]
    if volume.lazy_refcounts is not None:
        options.append("lazy_refcounts=on")
    size = str(volume.capacity)
    await _qemu_img("create", "-q", "-f", "qcow2", "-o", ",".join(options), str(path), size)


async def _qemu_img(*arguments: str) -> None:
    nowhere = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            "qemu-img", *arguments, stdin=nowhere, stdout=nowhere, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise system_failure(error, "cannot run qemu-img, which qcow2 images need") from error
    _, stderr = await process.communicate()
    if process.returncode:
        raise failure(ErrorCode.OPERATION_FAILED, stderr.decode(errors="replace").strip())


async def resize(volume: Volume, capacity: int) -> None:
    """Shrinking loses what is beyond the new end."""
    path = volume.path or ""
    if volume.format == "qcow2":
        shrink = ["--shrink"] if capacity < volume.capacity else []
        await _qemu_img("resize", "-q", "-f", "qcow2", *shrink, path, str(capacity))
        return
    try:
        os.truncate(path, capacity)
    except OSError as error:
        raise system_failure(error, f"cannot change the size of '{path}'") from error
