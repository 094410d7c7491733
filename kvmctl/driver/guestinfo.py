"""virDomainGetGuestInfo: the agent's answers as typed parameters (virDomainGuestInfoTypes)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kvmctl.domain import Domain
from kvmctl.driver.agentanswers import a_list, whole
from kvmctl.driver.rpc.types.params import ParamType, TypedParam

_DAY: Final = 24 * 60 * 60
_OS_FIELDS: Final = (
    "id",
    "name",
    "pretty-name",
    "version",
    "version-id",
    "kernel-release",
    "kernel-version",
    "machine",
    "variant",
    "variant-id",
)


def _text(name: str, value: object) -> TypedParam:
    return TypedParam.of(name, ParamType.STRING, str(value))


def _count(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.UINT, value)


def _big(name: str, value: int) -> TypedParam:
    return TypedParam.of(name, ParamType.ULLONG, value)


def _objects(answer: object) -> list[Mapping[str, Any]]:
    """The objects of an answer; the guest is free to send anything."""
    if not isinstance(answer, Sequence) or isinstance(answer, str):
        return []
    return [item for item in answer if isinstance(item, Mapping)]


def _object(answer: object) -> Mapping[str, Any]:
    return answer if isinstance(answer, Mapping) else {}


def _users(_domain: Domain, answer: object) -> Iterator[TypedParam]:
    users = _objects(answer)
    yield _count("user.count", len(users))
    for number, user in enumerate(users):
        yield _text(f"user.{number}.name", user.get("user", ""))
        if "domain" in user:
            yield _text(f"user.{number}.domain", user["domain"])
        yield _big(f"user.{number}.login-time", _milliseconds(user.get("login-time")))


def _milliseconds(seconds: object) -> int:
    if not isinstance(seconds, int | float) or not 0 <= seconds < 2**53:
        return 0
    return int(seconds * 1000)


def _os(_domain: Domain, answer: object) -> Iterator[TypedParam]:
    found = _object(answer)
    for field in _OS_FIELDS:
        if field in found:
            yield _text(f"os.{field}", found[field])


def _timezone(_domain: Domain, answer: object) -> Iterator[TypedParam]:
    found = _object(answer)
    if "zone" in found:
        yield _text("timezone.name", found["zone"])
    yield TypedParam.of("timezone.offset", ParamType.INT, whole(found.get("offset", 0), _DAY, -_DAY))


def _hostname(_domain: Domain, answer: object) -> Iterator[TypedParam]:
    yield _text("hostname", _object(answer).get("host-name", ""))


@dataclass(frozen=True, slots=True)
class FilesystemDisk:
    alias: str | None
    serial: str | None
    device: str | None


@dataclass(frozen=True, slots=True)
class GuestFilesystem:
    name: str
    mountpoint: str
    fstype: str
    total: int | None
    used: int | None
    disks: tuple[FilesystemDisk, ...]


def filesystems_of(domain: Domain, answer: object) -> list[GuestFilesystem]:
    """The agent's mounted file systems, with the domain's names of the disks that they are on."""
    return [
        GuestFilesystem(
            name=str(found.get("name", "")),
            mountpoint=str(found.get("mountpoint", "")),
            fstype=str(found.get("type", "")),
            total=_optional(found.get("total-bytes")),
            used=_optional(found.get("used-bytes")),
            disks=tuple(_disk(domain, disk) for disk in _objects(found.get("disk"))),
        )
        for found in _objects(answer)
    ]


def _optional(value: object) -> int | None:
    return whole(value, 2**64 - 1) if isinstance(value, int) else None


def _disk(domain: Domain, found: Mapping[str, Any]) -> FilesystemDisk:
    address = _object(found.get("pci-controller"))
    wanted = tuple(address.get(part) for part in ("domain", "bus", "slot", "function"))
    alias = None
    for disk in domain.devices.disks:
        place = disk.address
        if place is not None and (place.domain, place.bus, place.slot, place.function) == wanted:
            alias = disk.target
    serial, device = found.get("serial"), found.get("dev")
    return FilesystemDisk(
        alias, None if serial is None else str(serial), None if device is None else str(device)
    )


def _filesystems(domain: Domain, answer: object) -> Iterator[TypedParam]:
    found = filesystems_of(domain, answer)
    yield _count("fs.count", len(found))
    for number, filesystem in enumerate(found):
        prefix = f"fs.{number}"
        yield _text(f"{prefix}.name", filesystem.name)
        yield _text(f"{prefix}.mountpoint", filesystem.mountpoint)
        yield _text(f"{prefix}.fstype", filesystem.fstype)
        if filesystem.total is not None:
            yield _big(f"{prefix}.total-bytes", filesystem.total)
        if filesystem.used is not None:
            yield _big(f"{prefix}.used-bytes", filesystem.used)
        yield _count(f"{prefix}.disk.count", len(filesystem.disks))
        for index, disk in enumerate(filesystem.disks):
            for name, value in (("alias", disk.alias), ("serial", disk.serial), ("device", disk.device)):
                if value is not None:
                    yield _text(f"{prefix}.disk.{index}.{name}", value)


def _disks(_domain: Domain, answer: object) -> Iterator[TypedParam]:
    disks = _objects(answer)
    yield _count("disk.count", len(disks))
    for number, disk in enumerate(disks):
        yield _text(f"disk.{number}.name", disk.get("name", ""))
        partition = int(bool(disk.get("partition")))
        yield TypedParam.of(f"disk.{number}.partition", ParamType.BOOLEAN, partition)
        dependencies = a_list(disk.get("dependencies") or [])
        yield _count(f"disk.{number}.dependency.count", len(dependencies))
        for index, dependency in enumerate(dependencies):
            yield _text(f"disk.{number}.dependency.{index}.name", dependency)
        if "alias" in disk:
            yield _text(f"disk.{number}.guest_alias", disk["alias"])


def _interfaces(_domain: Domain, answer: object) -> Iterator[TypedParam]:
    interfaces = _objects(answer)
    yield _count("if.count", len(interfaces))
    for number, interface in enumerate(interfaces):
        yield _text(f"if.{number}.name", interface.get("name", ""))
        if "hardware-address" in interface:
            yield _text(f"if.{number}.hwaddr", interface["hardware-address"])
        addresses = _objects(interface.get("ip-addresses"))
        yield _count(f"if.{number}.addr.count", len(addresses))
        for index, address in enumerate(addresses):
            prefix = f"if.{number}.addr.{index}"
            yield _text(f"{prefix}.type", address.get("ip-address-type", ""))
            yield _text(f"{prefix}.addr", address.get("ip-address", ""))
            yield _count(f"{prefix}.prefix", whole(address.get("prefix", 0), 128))


Describe = Callable[[Domain, object], Iterator[TypedParam]]

GROUPS: Final[Mapping[int, tuple[str, Describe]]] = {
    1 << 0: ("guest-get-users", _users),
    1 << 1: ("guest-get-osinfo", _os),
    1 << 2: ("guest-get-timezone", _timezone),
    1 << 3: ("guest-get-host-name", _hostname),
    1 << 4: ("guest-get-fsinfo", _filesystems),
    1 << 5: ("guest-get-disks", _disks),
    1 << 6: ("guest-network-get-interfaces", _interfaces),
}
"""The agent's command of each group, and what its answer says."""

SUPPORTED: Final = (1 << 7) - 1
