# ruff: noqa: RUF009 - the binding functions return dataclasses.field
"""formatdomain, "Hard drives, floppy disks, CDROMs"."""

from dataclasses import dataclass

from kvmctl.domain.binding import always, one, value
from kvmctl.domain.codecs import ABSOLUTE_PATH, DISK_SERIAL, DISK_TARGET, WORD, choice
from kvmctl.domain.model.shared import Present


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """formatdomain, "Hard drives, floppy disks, CDROMs": a raw image or a block device, over virtio."""

    type: str = value("@type", choice("file", "block"), default="file", stated=True)
    device: str = value("@device", choice("disk"), default="disk")
    driver_name: str | None = value("driver/@name", choice("qemu"), default=None)
    driver_type: str | None = value("driver/@type", choice("raw"), default=None)
    discard: str | None = value("driver/@discard", choice("unmap", "ignore"), default=None)
    file: str | None = value("source/@file", ABSOLUTE_PATH, default=None)
    dev: str | None = value("source/@dev", ABSOLUTE_PATH, default=None)
    target: str = value("target/@dev", DISK_TARGET)
    bus: str | None = value("target/@bus", choice("virtio"), default=None)
    readonly: Present | None = one("readonly", Present, default=None)
    serial: str | None = value("serial", DISK_SERIAL, default=None)
    alias: str | None = value("alias/@name", WORD, default=None, live=always)

    @property
    def source(self) -> str | None:
        return self.file if self.type == "file" else self.dev

    @property
    def is_readonly(self) -> bool:
        return self.readonly is not None
