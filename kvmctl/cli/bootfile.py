"""What kind of file a person wants to run: a kernel, or a disk image."""

from __future__ import annotations

from pathlib import Path

from .errors import Failure

_HEAD = 0x9000  # an ISO 9660 image has its first descriptor at 32 KiB (ECMA-119, 6.2.1)
_QCOW2 = b"QFI\xfb"
_BOOT_SECTOR = b"\x55\xaa"
_COMPRESSED = (
    b"\x1f\x8b",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"\x02\x21\x4c\x18",
    b"\x04\x22\x4d\x18",
    b"BZh",
)
"""gzip, xz, zstd, lz4 (legacy, frame) and bzip2, as Linux's images are compressed."""


def is_disk(path: Path) -> bool:
    """False for a kernel, true for what a firmware can boot; Failure with the next step for anything else."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", _hint(error)) from error
    if head[:4] == b"\x7fELF" or head[0x202:0x206] == b"HdrS" or head.startswith(_COMPRESSED):
        return False
    if head[:4] == _QCOW2 or head[510:512] == _BOOT_SECTOR:
        return True
    kind = _without_boot_sector(head)
    if kind:
        raise Failure(
            f"{path} is {kind} without a boot sector, so that it cannot be booted as a disk",
            f"Give a kernel for it: kvmctl run /boot/vmlinuz --initrd /boot/initrd.img --disk {path}",
        )
    raise Failure(
        f"{path} is neither a Linux kernel, nor an ELF program, nor a disk with a boot sector",
        "A kernel is a bzImage or a vmlinux, such as /boot/vmlinuz-$(uname -r).",
    )


def _without_boot_sector(head: bytes) -> str | None:
    if head[0x8001:0x8006] == b"CD001":
        return "an ISO 9660 image"
    if head[0x438:0x43A] == b"\x53\xef":
        return "a file system image"
    return None


def _hint(error: OSError) -> str | None:
    return "`ls /boot` shows this host's kernels." if isinstance(error, FileNotFoundError) else None
