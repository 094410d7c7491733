"""A domain's disks by the names that clients use, and what is known of their images and their traffic."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kvmctl.domain import Disk, Domain
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.rpc import ErrorCode

_QCOW2_MAGIC: Final = b"QFI\xfb"
_QCOW2_SIZE: Final = slice(24, 32)
"""The virtual size, big-endian (QEMU's docs/interop/qcow2, "Header")."""


def find_disk(definition: Domain, name: str) -> Disk | None:
    """By target or by the path of its image."""
    return next((disk for disk in definition.devices.disks if name in (disk.target, disk.source)), None)


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Bytes: what the guest sees, what is taken up, and where the file ends."""

    capacity: int
    allocation: int
    physical: int


def image_size(disk: Disk) -> ImageSize:
    """Raises VIR_ERR_SYSTEM_ERROR when the image cannot be looked at."""
    if disk.source is None:
        raise failure(
            ErrorCode.INVALID_ARG, f"disk '{disk.target}' does not currently have a source assigned"
        )
    if disk.type == "vhostuser":
        raise failure(ErrorCode.OPERATION_UNSUPPORTED, "block info is not supported for vhostuser disk")
    try:
        descriptor = os.open(disk.source, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            physical = os.lseek(descriptor, 0, os.SEEK_END)
            header = os.pread(descriptor, _QCOW2_SIZE.stop, 0)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise system_failure(error, f"cannot open '{disk.source}'") from error
    allocation = physical if stat.S_ISBLK(status.st_mode) else status.st_blocks * 512
    capacity = physical
    if disk.driver_type == "qcow2" and header.startswith(_QCOW2_MAGIC):
        capacity = int.from_bytes(header[_QCOW2_SIZE], "big")
    return ImageSize(capacity, allocation, physical)


@dataclass(frozen=True, slots=True)
class DiskTraffic:
    """Since the guest started; times in nanoseconds."""

    rd_operations: int = 0
    rd_bytes: int = 0
    rd_total_times: int = 0
    wr_operations: int = 0
    wr_bytes: int = 0
    wr_total_times: int = 0
    flush_operations: int = 0
    flush_total_times: int = 0

    def __add__(self, other: "DiskTraffic") -> "DiskTraffic":
        names = DiskTraffic.__slots__
        return DiskTraffic(**{name: getattr(self, name) + getattr(other, name) for name in names})


_FIELDS: Final = {
    "rd_operations": "rd_operations",
    "rd_bytes": "rd_bytes",
    "rd_total_times": "rd_total_time_ns",
    "wr_operations": "wr_operations",
    "wr_bytes": "wr_bytes",
    "wr_total_times": "wr_total_time_ns",
    "flush_operations": "flush_operations",
    "flush_total_times": "flush_total_time_ns",
}


async def traffic(domain: DomainObject) -> dict[str, DiskTraffic]:
    """Of each disk of a running guest, by alias (QMP: query-blockstats)."""
    if "query-blockstats" not in await domain.commands():
        return {}
    answer = await domain.execute("query-blockstats")
    return {str(entry.get("device")): _traffic(entry.get("stats", {})) for entry in answer}


def _traffic(stats: Mapping[str, Any]) -> DiskTraffic:
    return DiskTraffic(**{name: int(stats.get(told, 0)) for name, told in _FIELDS.items()})
