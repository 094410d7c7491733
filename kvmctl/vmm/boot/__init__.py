"""Booting: from a kernel's file to guest memory and the first instruction. Knows guest memory, not KVM."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from kvmctl.vmm.boot import cache, decompress, flat, linux, pvh
from kvmctl.vmm.boot import elf as _elf
from kvmctl.vmm.boot.entry import Entry, Mode
from kvmctl.vmm.boot.errors import BootError, mib
from kvmctl.vmm.boot.image import BzImage, recognise
from kvmctl.vmm.boot.source import BytesSource, FileSource
from kvmctl.vmm.memory import GuestMemory, GuestMemoryError

__all__ = ["BootError", "Entry", "Mode", "load"]

_LEAST_MEMORY: Final = 2 << 20


def load(
    memory: GuestMemory,
    kernel_fd: int,
    initrd_fd: int | None,
    cmdline: str,
    *,
    cache_dir: Path | None,
    vcpus: int = 1,
    rsdp: int = 0,
) -> Entry:
    """Load a kernel (bzImage or vmlinux) or a flat guest into zero-filled memory, ready to start.

    `cache_dir` keeps decompressed kernels; `rsdp` is where the ACPI tables are, 0 for none. BootError says in
    one line what is wrong with the files or too small about the guest.
    """
    if memory.size < _LEAST_MEMORY:
        raise BootError(f"the guest has {mib(memory.size)} of memory, {mib(_LEAST_MEMORY)} is the least")
    arguments = os.fsencode(cmdline)
    if b"\0" in arguments:
        raise BootError("the command line holds a zero byte")
    kernel = FileSource(kernel_fd, "kernel")
    initrd = None if initrd_fd is None else FileSource(initrd_fd, "initrd")
    image = recognise(kernel)
    try:
        if isinstance(image, BzImage):
            return _load_bzimage(memory, kernel, image, initrd, arguments, cache_dir, rsdp)
        level = flat.ring(image.elf)
        start = pvh.entry_point(image.elf) if level is None else None
        if start is not None:
            return pvh.load(memory, kernel, image.elf, start, initrd, arguments, rsdp=rsdp)
        if level is None:
            return linux.load(memory, kernel, image.elf, None, initrd, arguments, rsdp=rsdp)
        if initrd is not None:
            raise BootError("a flat guest takes no initrd")
        return flat.load(memory, kernel, image.elf, level, arguments, vcpus=vcpus)
    except GuestMemoryError as error:
        raise BootError(f"the kernel does not fit: {error}") from error


def _load_bzimage(
    memory: GuestMemory,
    kernel: FileSource,
    image: BzImage,
    initrd: FileSource | None,
    cmdline: bytes,
    cache_dir: Path | None,
    rsdp: int,
) -> Entry:
    if image.init_size > memory.size:
        raise BootError(
            f"the kernel does not fit: it needs {mib(image.init_size)}, "
            f"the guest has {mib(memory.size)} of memory"
        )
    payload = kernel.read(image.payload_offset, image.payload_size)
    kernels = None if cache_dir is None else cache.KernelCache(cache_dir)
    cached = None if kernels is None else kernels.open(payload)
    if cached is not None:
        try:
            entry = cache.source(cached)
            return linux.load(memory, entry, _elf.parse(entry), image, initrd, cmdline, rsdp=rsdp)
        finally:
            os.close(cached)
    data = decompress.decompress(payload, image.init_size or memory.size)
    vmlinux = BytesSource(data, "kernel")
    parsed = _elf.parse(vmlinux)
    if kernels is not None:
        kernels.store(payload, data)
    return linux.load(memory, vmlinux, parsed, image, initrd, cmdline, rsdp=rsdp)
