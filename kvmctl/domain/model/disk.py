# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Hard drives, floppy disks, CDROMs"."""

from dataclasses import dataclass

from kvmctl.domain.binding import one, value
from kvmctl.domain.codecs import ABSOLUTE_PATH, DISK_SERIAL, DISK_TARGET, LINE, ULONG, Unsigned, choice
from kvmctl.domain.model.address import Address
from kvmctl.domain.model.shared import Present, address, alias

_QUEUES = Unsigned(256, 1)
_BLOCK_SIZE = Unsigned(32768)
ORDER = Unsigned(2**31 - 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class IoTune:
    """Limits a second, of bytes and of requests; what bursts may reach, for how many seconds; 0 is none."""

    total_bytes_sec: int | None = value("total_bytes_sec", ULONG, default=None)
    read_bytes_sec: int | None = value("read_bytes_sec", ULONG, default=None)
    write_bytes_sec: int | None = value("write_bytes_sec", ULONG, default=None)
    total_iops_sec: int | None = value("total_iops_sec", ULONG, default=None)
    read_iops_sec: int | None = value("read_iops_sec", ULONG, default=None)
    write_iops_sec: int | None = value("write_iops_sec", ULONG, default=None)
    total_bytes_sec_max: int | None = value("total_bytes_sec_max", ULONG, default=None)
    read_bytes_sec_max: int | None = value("read_bytes_sec_max", ULONG, default=None)
    write_bytes_sec_max: int | None = value("write_bytes_sec_max", ULONG, default=None)
    total_iops_sec_max: int | None = value("total_iops_sec_max", ULONG, default=None)
    read_iops_sec_max: int | None = value("read_iops_sec_max", ULONG, default=None)
    write_iops_sec_max: int | None = value("write_iops_sec_max", ULONG, default=None)
    size_iops_sec: int | None = value("size_iops_sec", ULONG, default=None)
    """Bytes that count as one request; larger ones count as several."""
    group_name: str | None = value("group_name", LINE, default=None)
    """Disks of one group share their limits."""
    total_bytes_sec_max_length: int | None = value("total_bytes_sec_max_length", ULONG, default=None)
    read_bytes_sec_max_length: int | None = value("read_bytes_sec_max_length", ULONG, default=None)
    write_bytes_sec_max_length: int | None = value("write_bytes_sec_max_length", ULONG, default=None)
    total_iops_sec_max_length: int | None = value("total_iops_sec_max_length", ULONG, default=None)
    read_iops_sec_max_length: int | None = value("read_iops_sec_max_length", ULONG, default=None)
    write_iops_sec_max_length: int | None = value("write_iops_sec_max_length", ULONG, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """formatdomain, "Hard drives, floppy disks, CDROMs": an image, a block device or a server."""

    type: str = value("@type", choice("file", "block", "vhostuser"), default="file", stated=True)
    device: str = value("@device", choice("disk"), default="disk")
    driver_name: str | None = value("driver/@name", choice("qemu"), default=None)
    driver_type: str | None = value("driver/@type", choice("raw", "qcow2"), default=None)
    cache: str | None = value(
        "driver/@cache",
        choice("default", "none", "writeback", "writethrough", "directsync", "unsafe"),
        default=None,
    )
    error_policy: str | None = value(
        "driver/@error_policy", choice("stop", "report", "ignore", "enospace"), default=None
    )
    """What failing writes mean, and failing reads too where nothing else is said for them."""
    rerror_policy: str | None = value(
        "driver/@rerror_policy", choice("stop", "report", "ignore"), default=None
    )
    io: str | None = value("driver/@io", choice("native", "threads", "io_uring"), default=None)
    discard: str | None = value("driver/@discard", choice("unmap", "ignore"), default=None)
    detect_zeroes: str | None = value("driver/@detect_zeroes", choice("off", "on", "unmap"), default=None)
    driver_queues: int | None = value("driver/@queues", _QUEUES, default=None)
    file: str | None = value("source/@file", ABSOLUTE_PATH, default=None)
    dev: str | None = value("source/@dev", ABSOLUTE_PATH, default=None)
    source_type: str | None = value("source/@type", choice("unix"), default=None)
    path: str | None = value("source/@path", ABSOLUTE_PATH, default=None)
    logical_block_size: int | None = value("blockio/@logical_block_size", _BLOCK_SIZE, default=None)
    physical_block_size: int | None = value("blockio/@physical_block_size", _BLOCK_SIZE, default=None)
    target: str = value("target/@dev", DISK_TARGET)
    bus: str | None = value("target/@bus", choice("virtio"), default=None)
    iotune: IoTune | None = one("iotune", IoTune, default=None)
    readonly: Present | None = one("readonly", Present, default=None)
    shareable: Present | None = one("shareable", Present, default=None)
    serial: str | None = value("serial", DISK_SERIAL, default=None)
    boot_order: int | None = value("boot/@order", ORDER, default=None)
    alias: str | None = alias()
    address: Address | None = address()

    @property
    def source(self) -> str | None:
        return {"file": self.file, "block": self.dev, "vhostuser": self.path}[self.type]

    @property
    def is_readonly(self) -> bool:
        return self.readonly is not None
