"""Kernels and initrds: files that a guest's owner names."""

from __future__ import annotations

import os
import struct

from kvmctl.vmm.boot import BootError, load
from kvmctl.vmm.boot.decompress import decompress
from kvmctl.vmm.memory import GuestMemory
from tests.fuzz.target import Run, Target
from tests.vmm.boot import images

_MEMORY = 32 << 20
_LIMIT = 4 << 20
_SMALL = images.elf([images.Segment(images.PT_LOAD, images.LOAD_ADDRESS, images.code()[:600])])
_XEN_ENTRY = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", images.LOAD_ADDRESS)
_PVH = images.elf(
    [
        images.Segment(images.PT_LOAD, images.LOAD_ADDRESS, images.code()[:300]),
        images.Segment(images.PT_NOTE, 0, _XEN_ENTRY),
    ]
)
_FLAT = images.elf(
    [
        images.Segment(images.PT_LOAD, 0x100000, b"\x90" * 64),
        images.Segment(images.PT_NOTE, 0, images.note(3)),
    ]
)


def _prepare() -> Run:
    memory = GuestMemory(_MEMORY)
    kernel, initrd = os.memfd_create("kernel"), os.memfd_create("initrd")

    def fill(fd: int, data: bytes) -> None:
        os.ftruncate(fd, 0)
        os.pwrite(fd, data, 0)

    def run(data: bytes) -> int:
        """The first byte: what the rest is; the second: how much of it is the initrd."""
        kind, part, content = data[:1], data[1:2], data[2:]
        if kind == b"\x01":
            assert len(decompress(content, _LIMIT)) <= _LIMIT
            return 1
        size = len(content) * (part[0] if part else 0) // 512
        fill(kernel, content[size:])
        fill(initrd, content[:size])
        text = "console=ttyS0" if kind != b"\x02" else "x" * 3000
        try:
            load(memory, kernel, initrd if size else None, text)
        except BootError as error:
            assert "\n" not in str(error)
            raise
        return 1

    return run


def _seeds() -> list[bytes]:
    whole = b"\x00\x00"
    packed = [images.compressed(_SMALL, name) for name in images.COMPRESSORS]
    bombs = [
        images.COMPRESSORS[name](bytes(2 << 20)) + struct.pack("<I", size)
        for name in images.COMPRESSORS
        for size in (1 << 18, 2 << 20)
    ]
    return [
        *(whole + kernel for kernel in (_SMALL, _PVH, _FLAT)),
        *(b"\x00\x20" + b"initrd" * 20 + kernel for kernel in (_SMALL, _PVH, _FLAT)),
        *(b"\x02\x00" + kernel for kernel in (_SMALL, _PVH, _FLAT)),
        *(whole + images.bzimage(payload) for payload in packed),
        *(b"\x01\x00" + payload for payload in packed),
        # What inflates to thousands of times its size.
        *(b"\x01\x00" + bomb for bomb in bombs if len(bomb) < 40_000),
        *(whole + images.bzimage(bomb) for bomb in bombs if len(bomb) < 12_000),
    ]


TARGET = Target(
    prepare=_prepare,
    seeds=_seeds,
    slice=1000,
    refusals=(BootError,),
    dictionary=(
        *(
            b"HdrS",
            b"\x55\xaa",
            b"\x7fELF\x02\x01\x01",
            b"Xen\0",
            b"Linux\0",
            b"kvmctl\0",
            b"\x1f\x8b\x08",
            b"BZh9",
        ),
        *(b"\x5d\x00\x00", b"\xfd7zXZ\x00", b"\x02\x21\x4c\x18", b"\x28\xb5\x2f\xfd", b"\x89LZO\x00"),
    ),
    longest=48 << 10,
    memory=320 << 20,  # an xz stream may ask for 256 MiB
)
