"""Filesystems, vsock, memory balloon, random numbers, panics, and the order in which devices are booted."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain

LONGEST_TAG = 36
"""Bytes of a file system's tag (virtio 1.2, 5.11.4)."""


def check(domain: Domain) -> Iterator[Finding]:
    yield from _boot_order(domain)
    yield from _filesystems(domain)
    yield from _balloon(domain)
    yield from _vsock(domain)
    yield from _watchdog(domain)
    for index, rng in enumerate(domain.devices.rngs):
        path = numbered("/domain/devices/rng", index)
        if rng.backend == "builtin" and rng.path is not None:
            message = "the builtin backend has no file"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/backend")
        if rng.rate_period is not None and rng.rate_bytes is None:
            yield Finding(ErrorKind.XML_ERROR, "missing attribute 'bytes'", f"{path}/rate")
    for index, _ in enumerate(domain.devices.panics[1:], start=1):
        path = numbered("/domain/devices/panic", index)
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "Multiple panic devices with model 'isa'", path)


def _boot_order(domain: Domain) -> Iterator[Finding]:
    seen: set[int] = set()
    orders = {
        "disk": [disk.boot_order for disk in domain.devices.disks],
        "interface": [interface.boot_order for interface in domain.devices.interfaces],
    }
    for kind, numbers in orders.items():
        for index, order in enumerate(numbers):
            if order is None:
                continue
            if order in seen:
                path = numbered(f"/domain/devices/{kind}", index)
                message = f"boot order '{order}' used for more than one device"
                yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/boot/@order")
            seen.add(order)


def _filesystems(domain: Domain) -> Iterator[Finding]:
    tags: set[str] = set()
    for index, filesystem in enumerate(domain.devices.filesystems):
        path = numbered("/domain/devices/filesystem", index)
        tag, size = filesystem.target, filesystem.queue_size
        if len(tag.encode("utf-8", "surrogatepass")) > LONGEST_TAG:
            message = f"target dir '{tag}' is longer than {LONGEST_TAG} bytes"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/target/@dir")
        if tag in tags:
            message = f"target dir '{tag}' is used by two filesystems"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/target/@dir")
        tags.add(tag)
        if size and size & (size - 1):
            message = "queue size has to be a power of two"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/driver/@queue")


def _balloon(domain: Domain) -> Iterator[Finding]:
    balloon = domain.devices.memballoon
    if balloon is None or balloon.model != "none":
        return
    for name, place in (
        ("autodeflate", "@autodeflate"),
        ("free_page_reporting", "@freePageReporting"),
        ("stats_period", "stats"),
        ("address", "address"),
    ):
        if getattr(balloon, name) is not None:
            message = f"{place.lstrip('@')} needs model='virtio'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"/domain/devices/memballoon/{place}")


def _vsock(domain: Domain) -> Iterator[Finding]:
    vsock = domain.devices.vsock
    if vsock is not None and vsock.cid_auto is False and vsock.cid is None:
        message = "a vsock with auto='no' has no <cid address='…'/>"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/devices/vsock/cid")


def _watchdog(domain: Domain) -> Iterator[Finding]:
    watchdog = domain.devices.watchdog
    if watchdog is not None and watchdog.action == "dump":
        message = "watchdog action 'dump' is not supported: use 'pause', and look at the guest then"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, "/domain/devices/watchdog/@action")
