"""Images in formats of QEMU's: qemu-storage-daemon serves the disk as a vhost-user-blk back end."""

import json
import shutil
from collections.abc import Mapping
from typing import Final

from kvmctl.backends import helper, imagelock
from kvmctl.backends.descriptors import Descriptors, Unsupported
from kvmctl.domain import Disk

PROGRAM: Final = "qemu-storage-daemon"
_IMAGE: Final = "image"
LIMITS: Final = "limits"
"""The object of its limits, which may be none: they can change while the guest runs."""
DISK: Final = "disk"
"""The node that the guest sees: the image behind its limits."""
# driver/@cache as QEMU's: (cache.direct, cache.no-flush, writethrough)
_CACHE: Final[Mapping[str, tuple[bool, bool, bool]]] = {
    "default": (False, False, False),
    "writeback": (False, False, False),
    "writethrough": (False, False, True),
    "none": (True, False, False),
    "directsync": (True, False, True),
    "unsafe": (False, True, False),
}
# <iotune>'s elements as ThrottleLimits (qapi/block-core.json)
_LIMITS: Final = tuple(
    (f"{direction}_{unit}_sec{kind}", f"{short}-{direction}{kind.replace('_', '-')}")
    for direction in ("total", "read", "write")
    for unit, short in (("bytes", "bps"), ("iops", "iops"))
    for kind in ("", "_max", "_max_length")
)


def is_needed(disk: Disk) -> bool:
    return disk.driver_type not in (None, "raw")


def _refuse_what_it_lacks(disk: Disk) -> None:
    group = disk.iotune.group_name if disk.iotune is not None else None
    for wanted, what in (
        (disk.serial, "a serial number"),
        (disk.physical_block_size, "a physical block size"),
        (disk.error_policy not in (None, "report"), f"error_policy='{disk.error_policy}'"),
        (disk.rerror_policy not in (None, "report"), f"rerror_policy='{disk.rerror_policy}'"),
        (group, "limits that it shares with others"),
    ):
        if wanted:
            raise Unsupported(
                f"disk '{disk.target}' of type '{disk.driver_type}' cannot have {what}: only raw disks can"
            )


def start(disk: Disk, descriptors: Descriptors) -> None:
    """Raises BackendError, with the daemon's own words when it cannot use the image."""
    _refuse_what_it_lacks(disk)
    program = shutil.which(PROGRAM)
    if program is None:
        raise Unsupported(
            f"disk '{disk.source}' of type '{disk.driver_type}' needs {PROGRAM} (qemu-system-common)"
        )
    imagelock.await_free(disk.source or "", readonly=disk.is_readonly)
    helper.start(
        disk.alias or "",
        program,
        lambda listening, monitor: arguments(disk, listening, monitor),
        descriptors,
        monitored=True,
    )


def arguments(disk: Disk, listening: int, monitor: int) -> list[str]:
    direct, no_flush, writethrough = _CACHE[disk.cache or "default"]
    cache = {"direct": direct, "no-flush": no_flush}
    file: dict[str, object] = {
        "driver": "file" if disk.type == "file" else "host_device",
        "filename": disk.source,
        "cache": cache,
    }
    if disk.io is not None:
        file["aio"] = disk.io
    image: dict[str, object] = {
        "driver": disk.driver_type,
        "node-name": _IMAGE,
        "file": file,
        "cache": cache,
        "read-only": disk.is_readonly,
        "discard": disk.discard or "unmap",
    }
    if disk.detect_zeroes is not None:
        image["detect-zeroes"] = disk.detect_zeroes
    limits = {"qom-type": "throttle-group", "id": LIMITS, "limits": _limits(disk)}
    throttled = {
        "driver": "throttle",
        "node-name": DISK,
        "throttle-group": LIMITS,
        "file": _IMAGE,
    }
    export: dict[str, object] = {
        "type": "vhost-user-blk",
        "id": "disk",
        "node-name": DISK,
        "addr": {"type": "fd", "str": str(listening)},
        "writable": not disk.is_readonly,
        "writethrough": writethrough,
        "num-queues": disk.driver_queues or 1,
    }
    if disk.logical_block_size:
        export["logical-block-size"] = disk.logical_block_size
    return [
        "--chardev",
        f"socket,id=monitor,fd={monitor}",
        "--monitor",
        "chardev=monitor",
        *_option("object", limits),
        *_option("blockdev", image),
        *_option("blockdev", throttled),
        *_option("export", export),
    ]


def _limits(disk: Disk) -> dict[str, int]:
    if disk.iotune is None:
        return {}
    limits = {theirs: getattr(disk.iotune, ours) for ours, theirs in _LIMITS}
    limits["iops-size"] = disk.iotune.size_iops_sec
    return {name: limit for name, limit in limits.items() if limit}


def _option(name: str, value: Mapping[str, object]) -> list[str]:
    return [f"--{name}", json.dumps(value)]
