"""What kind of file a person wants to run: a kernel, or a disk image."""

from __future__ import annotations

from pathlib import Path

from .errors import Failure

_HEAD = 0x9000  # an ISO 9660 image has its first descriptor at 32 KiB (ECMA-119, 6.2.1)
_COMPRESSED = (
    b"\x1f\x8b",
    b"\xfd7zXZ\x00",
    b"\x28\xb5\x2f\xfd",
    b"\x02\x21\x4c\x18",
    b"\x04\x22\x4d\x18",
    b"BZh",
)
"""gzip, xz, zstd, lz4 (legacy, frame) and bzip2, as Linux's images are compressed."""


def check_kernel(path: Path) -> None:
    """Return for a kernel; raise Failure with the next step for anything that kernels are taken for."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}", _hint(error)) from error
    if head[:4] == b"\x7fELF" or head[0x202:0x206] == b"HdrS" or head.startswith(_COMPRESSED):
        return
    kind = _disk_image(head)
    if kind:
        raise Failure(
            f"{path} is {kind}, and there is no firmware yet that boots one by itself",
            f"Give a kernel for it: kvmctl run /boot/vmlinuz --initrd /boot/initrd.img --disk {path}",
        )
    raise Failure(
        f"{path} is neither a Linux kernel nor an ELF program",
        "A kernel is a bzImage or a vmlinux, such as /boot/vmlinuz-$(uname -r).",
    )


def _disk_image(head: bytes) -> str | None:
    if head[:4] == b"QFI\xfb":
        return "a qcow2 disk image"
    if head[0x8001:0x8006] == b"CD001":
        return "an ISO 9660 image"
    if head[510:512] == b"\x55\xaa":
        return "a disk image with a boot sector"
    if head[0x438:0x43A] == b"\x53\xef":
        return "a file system image"
    return None


def _hint(error: OSError) -> str | None:
    return "`ls /boot` shows this host's kernels." if isinstance(error, FileNotFoundError) else None
