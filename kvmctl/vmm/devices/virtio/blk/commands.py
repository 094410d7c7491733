"""The disks' QMP commands and events, with QEMU's names (qapi/block-core.json, qapi/block.json)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from kvmctl.vmm.devices.platform import Platform, PowerRequest
from kvmctl.vmm.devices.virtio.blk import limits
from kvmctl.vmm.devices.virtio.blk.accounting import Operation
from kvmctl.vmm.devices.virtio.blk.device import SECTOR, Block, ErrorAction, ErrorListener
from kvmctl.vmm.devices.virtio.blk.report import block_info
from kvmctl.vmm.diskfile import DiskFile
from kvmctl.vmm.qmp import QmpError
from kvmctl.vmm.throttle import LimitError, Limits

_NAMES: Final = frozenset({"id", "device", "node-name"})
_LARGEST: Final = 1 << 62


class Drive(Protocol):
    """One disk of the machine."""

    @property
    def name(self) -> str: ...
    def describe(self) -> dict[str, object]:
        """BlockInfo."""

    def statistics(self) -> dict[str, object] | None:
        """BlockStats, None for a disk that somebody else serves."""

    def resize(self, size: int) -> None:
        """In bytes; raises QmpError."""

    def set_limits(self, group: str | None, wanted: Limits) -> None:
        """Raises QmpError."""


@dataclass(slots=True)
class OwnDrive:
    """A disk that is served here."""

    block: Block
    file: DiskFile
    filename: str
    no_flush: bool
    group: str
    groups: limits.Groups
    changed: Callable[[], None]
    """Tells the driver of a new configuration."""

    @property
    def name(self) -> str:
        return self.block.name

    def describe(self) -> dict[str, object]:
        """BlockInfo."""
        image = {
            "filename": self.filename,
            "format": "raw",
            "virtual-size": self.file.size,
            "actual-size": self.file.allocated,
            "dirty-flag": False,
        }
        inserted: dict[str, object] = {
            "file": self.filename,
            "node-name": self.name,
            "ro": self.block.readonly,
            "drv": "raw",
            "backing_file_depth": 0,
            "encrypted": False,
            "detect_zeroes": self.block.settings.detect_zeroes,
            "write_threshold": 0,
            "image": image,
            "cache": {
                "writeback": self.block.writeback,
                "direct": self.file.direct,
                "no-flush": self.no_flush,
            },
            **limits.report(self.block.throttle.limits),
        }
        if self.block.throttle.limits.active:
            inserted["group"] = self.group
        return block_info(self.name, inserted)

    def statistics(self) -> dict[str, object]:
        """BlockStats."""
        return {
            "device": self.name,
            "qdev": self.name,
            "node-name": self.name,
            "stats": self.block.accounting.report(),
        }

    def resize(self, size: int) -> None:
        if self.block.readonly:
            raise QmpError(f"Device '{self.name}' is read only")
        try:
            self.block.resize(size)
        except OSError as error:
            raise QmpError(f"Could not resize: {os.strerror(error.errno or errno.EIO)}") from error
        self.changed()

    def set_limits(self, group: str | None, wanted: Limits) -> None:
        self.group = group or self.group
        self.block.throttle = self.groups.throttle(self.group, wanted)
        self.block.throttle.set(wanted)


class DiskCommands:
    """Answers for every disk that has been added."""

    def __init__(self, platform: Platform) -> None:
        self._drives: dict[str, Drive] = {}
        monitor = platform.monitor
        monitor.command("query-block", lambda _: [drive.describe() for drive in self._drives.values()])
        monitor.command(
            "query-blockstats",
            lambda _: [report for drive in self._drives.values() if (report := drive.statistics())],
            frozenset({"query-nodes"}),
        )
        monitor.command("block_resize", self._resize, _NAMES | {"size"})
        monitor.command("block_set_io_throttle", self._set_limits, _NAMES | {"group"} | limits.ARGUMENTS)

    def add(self, drive: Drive) -> None:
        self._drives[drive.name] = drive

    def _drive(self, arguments: Mapping[str, object]) -> Drive:
        names = [arguments[name] for name in sorted(_NAMES) if name in arguments]
        if len(names) != 1:
            raise QmpError("Need exactly one of 'id', 'device' and 'node-name'")
        drive = self._drives.get(str(names[0]))
        if drive is None:
            raise QmpError(f"Device '{names[0]}' not found", "DeviceNotFound")
        return drive

    def _resize(self, arguments: Mapping[str, object]) -> None:
        drive = self._drive(arguments)
        size = arguments.get("size")
        if not isinstance(size, int) or isinstance(size, bool):
            raise QmpError("Invalid parameter type for 'size', expected: integer")
        if not 0 <= size <= _LARGEST or size % SECTOR:
            raise QmpError(f"Parameter 'size' expects a multiple of {SECTOR} of 0 or more")
        drive.resize(size)

    def _set_limits(self, arguments: Mapping[str, object]) -> None:
        drive = self._drive(arguments)
        group = arguments.get("group")
        if group is not None and (not isinstance(group, str) or not group):
            raise QmpError("Invalid parameter type for 'group', expected: string")
        try:
            wanted = limits.from_arguments(arguments)
        except LimitError as error:
            raise QmpError(str(error)) from error
        drive.set_limits(group, wanted)


def error_listener(name: str, platform: Platform) -> ErrorListener:
    """Tells of errors by BLOCK_IO_ERROR, and stops the machine where the policy says so."""

    def on_error(operation: Operation, action: ErrorAction, error: OSError) -> None:
        platform.monitor.emit(
            "BLOCK_IO_ERROR",
            {
                "device": name,
                "qom-path": name,
                "node-name": name,
                "operation": "read" if operation is Operation.READ else "write",
                "action": action.value,
                "nospace": error.errno == errno.ENOSPC,
                "reason": error.strerror or str(error),
            },
        )
        if action is ErrorAction.STOP:
            platform.power(PowerRequest.IO_ERROR)

    return on_error
