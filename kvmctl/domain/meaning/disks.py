"""Disks."""

from collections.abc import Iterator
from typing import Final

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Disk, Domain, IoTune

_SOURCES: Final = {"file": "file", "block": "dev", "vhostuser": "path"}
"""Types of disks and the attribute of <source> that each has."""

_LEAST_BLOCK: Final = 512
_LIMITS: Final = ("bytes_sec", "iops_sec")
_HIGHEST_LIMIT: Final = 10**15
"""Of what a second may bring (libvirt, qemu_driver.c): beyond it, arithmetic of others overflows."""

_ON_THE_SERVER: Final = (
    ("driver_type", "driver/@type"),
    ("cache", "driver/@cache"),
    ("io", "driver/@io"),
    ("discard", "driver/@discard"),
    ("detect_zeroes", "driver/@detect_zeroes"),
    ("error_policy", "driver/@error_policy"),
    ("rerror_policy", "driver/@rerror_policy"),
    ("iotune", "iotune"),
    ("serial", "serial"),
    ("logical_block_size", "blockio/@logical_block_size"),
    ("physical_block_size", "blockio/@physical_block_size"),
)
"""What a vhost-user server decides for itself."""


def check(domain: Domain) -> Iterator[Finding]:
    targets: set[str] = set()
    groups: dict[str, IoTune] = {}
    for index, disk in enumerate(domain.devices.disks):
        path = numbered("/domain/devices/disk", index)
        if disk.source is None:
            message = f"disk '{disk.target}' of type='{disk.type}' has no <source {_SOURCES[disk.type]}='…'/>"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        yield from _other_source(disk, path)
        if disk.type == "vhostuser":
            yield from _served(disk, path)
        yield from _block_sizes(disk, path)
        yield from _io(disk, path)
        if disk.iotune is not None:
            yield from _limits(disk.iotune, f"{path}/iotune")
            yield from _group(disk.iotune, groups, f"{path}/iotune/group_name")
        if disk.target in targets:
            message = f"target '{disk.target}' duplicated for disk sources"
            yield Finding(ErrorKind.XML_ERROR, message, f"{path}/target/@dev")
        targets.add(disk.target)


def _other_source(disk: Disk, path: str) -> Iterator[Finding]:
    for kind, name in _SOURCES.items():
        if kind != disk.type and getattr(disk, name) is not None:
            message = f"source {name} needs type='{kind}'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@{name}")
    if disk.type != "vhostuser" and disk.source_type is not None:
        message = "a source's type needs type='vhostuser'"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@type")


def _served(disk: Disk, path: str) -> Iterator[Finding]:
    if disk.source_type != "unix":
        message = "a disk of type='vhostuser' has no <source type='unix' path='…'/>"
        yield Finding(ErrorKind.XML_ERROR, message, path)
    for name, place in _ON_THE_SERVER:
        # A server's image is raw to the guest, whatever it is to the server.
        if getattr(disk, name) not in (None, "raw"):
            message = f"{place.rpartition('/')[2].lstrip('@')} is not supported with vhostuser disk"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/{place}")
    if disk.is_readonly:
        message = "readonly is not supported with vhostuser disk"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/readonly")


def _block_sizes(disk: Disk, path: str) -> Iterator[Finding]:
    logical, physical = disk.logical_block_size, disk.physical_block_size
    for name, size in (("logical_block_size", logical), ("physical_block_size", physical)):
        if size and (size < _LEAST_BLOCK or size & (size - 1)):
            message = f"{name} of {size} bytes is no power of two from {_LEAST_BLOCK} on"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/blockio/@{name}")
    if logical and physical and logical > physical:
        message = f"logical_block_size {logical} is larger than physical_block_size {physical}"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/blockio")


def _io(disk: Disk, path: str) -> Iterator[Finding]:
    if disk.io == "native" and disk.cache not in ("none", "directsync"):
        message = "native I/O needs either no disk cache or directsync cache mode"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/driver/@io")
    if disk.shareable is not None and not disk.is_readonly and disk.driver_type not in (None, "raw"):
        message = f"shared access for disk '{disk.target}' requires use of supported storage format"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/shareable")
    if disk.shareable is not None and not disk.is_readonly and disk.cache not in (None, "none", "directsync"):
        message = "a shareable disk needs cache='none', or its guests see each other's old data"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/driver/@cache")


def _limits(tune: IoTune, path: str) -> Iterator[Finding]:
    for kind in _LIMITS:
        for suffix in ("", "_max", "_max_length"):
            total, *each = (getattr(tune, f"{who}_{kind}{suffix}") for who in ("total", "read", "write"))
            if total and any(each):
                message = f"total and read/write {kind}{suffix} cannot be set at the same time"
                yield Finding(ErrorKind.INVALID_ARG, message, path)
        for who in ("total", "read", "write"):
            yield from _burst(tune, f"{who}_{kind}", path)


def _burst(tune: IoTune, name: str, path: str) -> Iterator[Finding]:
    limit, burst, length = (getattr(tune, f"{name}{suffix}") for suffix in ("", "_max", "_max_length"))
    if max(limit or 0, burst or 0) > _HIGHEST_LIMIT:
        message = f"block I/O throttle limit must be no more than {_HIGHEST_LIMIT}"
        yield Finding(ErrorKind.OVERFLOW, message, path)
    if burst and not limit:
        message = f"value '{name}_max' cannot be set if '{name}' is not set"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/{name}_max")
    elif burst and burst < limit:
        message = f"value '{name}_max' cannot be smaller than '{name}'"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/{name}_max")
    if length and not burst:
        message = f"value '{name}_max_length' cannot be set if '{name}_max' is not set"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/{name}_max_length")


def _group(tune: IoTune, groups: dict[str, IoTune], path: str) -> Iterator[Finding]:
    if tune.group_name is None:
        return
    if groups.setdefault(tune.group_name, tune) != tune:
        message = f"the disks of group '{tune.group_name}' have different limits"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, path)
