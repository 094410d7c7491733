"""A copy of a disk image for one guest alone, made under a progress bar where someone waits."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kvmctl.host import xdg

from .errors import Failure
from .output import progress

_CHUNK = 16 << 20
"""Bytes between two steps of the bar."""


@contextmanager
def copied(image: Path) -> Iterator[Path]:
    """A copy without a name after the block: whoever has opened it until then keeps it, and frees it at the
    end."""
    directory = xdg.cache(os.environ) / "kvmctl" / "run"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        target, name = tempfile.mkstemp(prefix=f"{image.stem}-", suffix=image.suffix, dir=directory)
    except OSError as error:
        raise Failure(f"cannot copy {image} to {directory}: {error.strerror}") from error
    try:
        try:
            with image.open("rb") as source:
                size = os.lseek(source.fileno(), 0, os.SEEK_END)
                with progress(f"Copying {image.name}", size) as advance:
                    _copy(source.fileno(), target, size, advance)
        except OSError as error:
            hint = f"{directory} needs room for it." if error.errno == errno.ENOSPC else None
            raise Failure(f"cannot copy {image}: {error.strerror}", hint) from error
        finally:
            os.close(target)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(source: int, target: int, end: int, advance: Callable[[int], None]) -> None:
    """Holes stay holes, and a file system that can share the blocks does (copy_file_range(2))."""
    os.ftruncate(target, end)
    position = 0
    while position < end:
        data = _data_after(source, position)
        advance((end if data is None else data) - position)
        if data is None:
            return
        position = data
        until = min(os.lseek(source, position, os.SEEK_HOLE), end)
        while position < until:
            done = _copy_range(source, target, position, min(_CHUNK, until - position))
            if not done:
                raise OSError(errno.EIO, "the file has become shorter")
            advance(done)
            position += done


def _data_after(source: int, position: int) -> int | None:
    try:
        return os.lseek(source, position, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # only a hole is left
            return None
        raise


def _copy_range(source: int, target: int, position: int, length: int) -> int:
    try:
        return os.copy_file_range(source, target, length, position, position)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        return os.pwrite(target, os.pread(source, length, position), position)
