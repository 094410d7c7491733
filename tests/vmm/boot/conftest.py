"""Loading an image given as bytes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvmctl.vmm import confinement
from kvmctl.vmm.boot import Entry, cache, load
from kvmctl.vmm.memory import GuestMemory
from tests.vmm.boot.images import as_fd

Load = Callable[..., Entry]


@pytest.fixture
def memory() -> GuestMemory:
    return GuestMemory(64 << 20)


@pytest.fixture
def boot(memory: GuestMemory) -> Iterator[Load]:
    """`load` with files given as bytes."""

    def load_bytes(
        kernel: bytes,
        initrd: bytes | None = None,
        cmdline: str = "console=ttyS0",
        *,
        into: GuestMemory = memory,
        cache_dir: Path | None = None,
        vcpus: int = 1,
        rsdp: int = 0,
    ) -> Entry:
        kernel_fd = as_fd(kernel)
        initrd_fd = None if initrd is None else as_fd(initrd)
        cached = None if cache_dir is None else cache.prepare(kernel_fd, cache_dir, confinement.apart)
        try:
            return load(into, kernel_fd, initrd_fd, cmdline, decompressed_fd=cached, vcpus=vcpus, rsdp=rsdp)
        finally:
            for fd in (kernel_fd, initrd_fd, cached):
                if fd is not None:
                    os.close(fd)

    yield load_bytes
