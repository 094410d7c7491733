"""Disks (virtio 1.2, 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio.blk import served
from kvmctl.vmm.devices.virtio.blk.commands import DiskCommands, OwnDrive, error_listener
from kvmctl.vmm.devices.virtio.blk.device import SECTOR, Block, ErrorAction, Policy, Settings
from kvmctl.vmm.devices.virtio.blk.limits import Groups, from_domain
from kvmctl.vmm.devices.virtio.transport import plug
from kvmctl.vmm.diskfile import DiskFile
from kvmctl.vmm.throttle import Limits

if TYPE_CHECKING:
    from kvmctl.domain import Disk

_WRITE_THROUGH: Final = ("writethrough", "directsync")
_ACTIONS: Final = {
    None: ErrorAction.REPORT,
    "report": ErrorAction.REPORT,
    "stop": ErrorAction.STOP,
    "ignore": ErrorAction.IGNORE,
}


def attach(platform: Platform) -> list[Device]:
    """A device for every <disk> of the domain."""
    groups = Groups()
    commands = DiskCommands(platform)
    return [_attach(disk, platform, commands, groups) for disk in platform.domain.devices.disks]


def _attach(disk: Disk, platform: Platform, commands: DiskCommands, groups: Groups) -> Device:
    name = disk.alias or ""
    fd = platform.descriptor(name)
    if disk.type == "vhostuser" or disk.driver_type not in (None, "raw"):
        device = served.create(name, fd, platform.memory, disk.driver_queues)
        transport = plug(device, platform, disk.address)
        device.watch(transport.core.configuration_changed, transport.core.fail)
        monitor = platform.opened(f"{name}.monitor")
        helper = None if monitor is None else served.HelperMonitor(monitor)
        limits = from_domain(disk.iotune) if disk.iotune is not None else Limits()
        image = disk.source or ""
        changed = transport.core.configuration_changed
        kind = disk.driver_type or "raw"
        commands.add(served.ServedDrive(device, image, kind, helper, limits, changed))
        return transport
    file = DiskFile(fd)
    group, throttle = groups.join(disk)
    settings = _settings(disk)
    listener = error_listener(name, platform)
    block = Block(name, file, settings, throttle=throttle, on_error=listener, file=file)
    transport = plug(block, platform, disk.address)
    changed = transport.core.configuration_changed
    commands.add(OwnDrive(block, file, disk.source or "", not settings.flush, group, groups, changed))
    return transport


def _settings(disk: Disk) -> Settings:
    logical = disk.logical_block_size or SECTOR
    return Settings(
        serial=disk.serial or "",
        readonly=disk.is_readonly,
        discard=disk.discard != "ignore",
        detect_zeroes=disk.detect_zeroes or "off",
        writeback=disk.cache not in _WRITE_THROUGH,
        flush=disk.cache != "unsafe",
        queues=disk.driver_queues or 1,
        asynchronous=disk.io != "threads",
        logical_block=logical,
        physical_block=max(disk.physical_block_size or SECTOR, logical),
        policy=_policy(disk),
    )


def _policy(disk: Disk) -> Policy:
    """QEMU's where the domain says nothing: a full file system stops the guest, other errors are its own."""
    on_write = _ACTIONS.get(disk.error_policy, ErrorAction.REPORT)
    on_read = _ACTIONS[disk.rerror_policy or (disk.error_policy if disk.error_policy != "enospace" else None)]
    on_full = ErrorAction.STOP if disk.error_policy in (None, "enospace") else on_write
    return Policy(on_read, on_write, on_full)
