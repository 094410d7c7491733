"""Booting: from a kernel's file to guest memory and the first instruction. Knows guest memory, not KVM."""

from __future__ import annotations

import os
from typing import Final

from kvmctl.vmm.boot import cache, decompress, flat, linux, pvh
from kvmctl.vmm.boot import elf as _elf
from kvmctl.vmm.boot.entry import Entry, Mode
from kvmctl.vmm.boot.errors import BootError, mib
from kvmctl.vmm.boot.image import BzImage, recognise
from kvmctl.vmm.boot.source import BytesSource, FileSource, Source
from kvmctl.vmm.memory import GuestMemory, GuestMemoryError

__all__ = ["BootError", "Entry", "Mode", "load"]

_LEAST_MEMORY: Final = 2 << 20


def load(
    memory: GuestMemory,
    kernel_fd: int,
    initrd_fd: int | None,
    cmdline: str,
    *,
    decompressed_fd: int | None = None,
    vcpus: int = 1,
    rsdp: int = 0,
) -> Entry:
    """Load a kernel (bzImage or vmlinux) or a flat guest into zero-filled memory, ready to start.

    `decompressed_fd` is what `cache.prepare` has for this kernel; `rsdp` is where the ACPI tables are, 0 for
    none. BootError says in one line what is wrong with the files or too small about the guest.
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
            return _load_bzimage(memory, kernel, image, initrd, arguments, decompressed_fd, rsdp)
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
    decompressed_fd: int | None,
    rsdp: int,
) -> Entry:
    if image.init_size > memory.size:
        raise BootError(
            f"the kernel does not fit: it needs {mib(image.init_size)}, "
            f"the guest has {mib(memory.size)} of memory"
        )
    vmlinux: Source
    if decompressed_fd is not None:
        vmlinux = cache.source(decompressed_fd)
    else:
        payload = kernel.read(image.payload_offset, image.payload_size)
        vmlinux = BytesSource(decompress.decompress(payload, image.init_size or memory.size), "kernel")
    return linux.load(memory, vmlinux, _elf.parse(vmlinux), image, initrd, cmdline, rsdp=rsdp)
