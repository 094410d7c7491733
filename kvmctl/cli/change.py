"""Changing a domain: set memory and vcpus, attach and detach disks and network cards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from xml.etree import ElementTree

import libvirt
import typer

from .completion import AnyName, XmlFile
from .connection import Domain, connect, find_domain
from .definitions import read_xml
from .errors import Failure, Status, from_libvirt
from .guestxml import DISK, NET, disk_name, parse_disk, parse_net, to_text
from .help import Command, Group
from .output import say
from .sizes import human_size, parse_size

Live = Annotated[bool, typer.Option("--live", help="Only the guest that runs.")]
Config = Annotated[bool, typer.Option("--config", help="Only the definition, from the next start on.")]

attach_app = typer.Typer(cls=Group, no_args_is_help=True, help="Add a disk or a network card to a domain.")
detach_app = typer.Typer(cls=Group, no_args_is_help=True, help="Take a disk or a network card from a domain.")
set_app = typer.Typer(cls=Group, no_args_is_help=True, help="Change a domain's memory or virtual CPUs.")

_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
_CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG


def _scope(domain: Domain, live: bool, config: bool) -> int:
    """The flags: by default whatever there is, the guest that runs and the definition."""
    running, persistent = bool(domain.isActive()), bool(domain.isPersistent())
    if live and not running:
        raise Failure(
            f"{domain.name()} is not running", "Leave --live out: the next start has it.", Status.WRONG_STATE
        )
    if config and not persistent:
        raise Failure(
            f"{domain.name()} has no definition to change; it only runs",
            "--live changes the running guest.",
            Status.WRONG_STATE,
        )
    if live or config:
        return (_LIVE if live else 0) | (_CONFIG if config else 0)
    return (_LIVE if running else 0) | (_CONFIG if persistent else 0)


def _each(flags: int) -> list[int]:
    """Not every driver changes both in one call."""
    return [one for one in (_LIVE, _CONFIG) if flags & one]


@contextmanager
def _next_start_instead(domain: Domain, flags: int) -> Iterator[None]:
    """What a running guest cannot be given, the next start may have."""
    try:
        yield
    except libvirt.libvirtError as error:
        failure = from_libvirt(error)
        if failure.status is not Status.UNSUPPORTED or not flags & _LIVE or not domain.isPersistent():
            raise
        raise Failure(str(failure), "--config changes the next start alone.", failure.status) from error


def _when(flags: int) -> str:
    if flags & _LIVE:
        return "now and from the next start on" if flags & _CONFIG else "now"
    return "from the next start on"


@set_app.command("memory", cls=Command)
def set_memory(
    context: typer.Context,
    name: AnyName,
    size: Annotated[str, typer.Argument(metavar="SIZE", help="512M, 2G.", show_default=False)],
    live: Live = False,
    config: Config = False,
    maximum: Annotated[
        bool, typer.Option("--maximum", help="The most that it can have, in its definition.")
    ] = False,
) -> None:
    """Give a domain more or less memory; a running one by its balloon.

    \b
    kvmctl set memory web 1G
    kvmctl set memory web 4G --maximum
    """
    domain = find_domain(connect(context), name)
    kib = parse_size(size) // 1024
    flags = _scope(domain, live, config or (maximum and not live))
    for one in _each(flags):
        domain.setMemoryFlags(kib, one | (libvirt.VIR_DOMAIN_MEM_MAXIMUM if maximum else 0))
    say(f"{name} gets {'up to ' if maximum else ''}{human_size(kib)} of memory {_when(flags)}.")


@set_app.command("vcpus", cls=Command)
def set_vcpus(
    context: typer.Context,
    name: AnyName,
    count: Annotated[int, typer.Argument(metavar="COUNT", min=1, help="How many.", show_default=False)],
    live: Live = False,
    config: Config = False,
    maximum: Annotated[
        bool, typer.Option("--maximum", help="The most that it can have, in its definition.")
    ] = False,
) -> None:
    """Give a domain more or fewer virtual CPUs.

    \b
    kvmctl set vcpus web 4
    kvmctl set vcpus web 8 --maximum
    """
    domain = find_domain(connect(context), name)
    flags = _scope(domain, live, config or (maximum and not live))
    for one in _each(flags):
        domain.setVcpusFlags(count, one | (libvirt.VIR_DOMAIN_VCPU_MAXIMUM if maximum else 0))
    plural = "" if count == 1 else "s"
    say(f"{name} gets {'up to ' if maximum else ''}{count} virtual CPU{plural} {_when(flags)}.")


@attach_app.command("disk", cls=Command)
def attach_disk(
    context: typer.Context,
    name: AnyName,
    disk: Annotated[
        str,
        typer.Argument(
            metavar=DISK,
            help="An image file or a block device.",
            show_default=False,
        ),
    ],
    target: Annotated[
        str | None, typer.Option("--target", metavar="NAME", help="vdb; the first free one where not given.")
    ] = None,
    live: Live = False,
    config: Config = False,
) -> None:
    """Add a virtio disk.

    \b
    kvmctl attach disk web data.img
    kvmctl attach disk web /dev/sdb,readonly --target vdc
    """
    domain = find_domain(connect(context), name)
    flags = _scope(domain, live, config)
    target = target or _free_target(domain)
    with _next_start_instead(domain, flags):
        domain.attachDeviceFlags(to_text(parse_disk(disk).element(target)), flags)
    say(f"{name} has the disk {target} {_when(flags)}.")


@attach_app.command("nic", cls=Command)
def attach_nic(
    context: typer.Context,
    name: AnyName,
    net: Annotated[
        str,
        typer.Argument(
            metavar=NET, help="bridge=NAME, network=NAME, tap[=NAME] or user.", show_default=False
        ),
    ],
    live: Live = False,
    config: Config = False,
) -> None:
    """Add a virtio network card.

    \b
    kvmctl attach nic web bridge=br0
    kvmctl attach nic web tap=tap7,mac=52:54:00:12:34:56
    """
    domain = find_domain(connect(context), name)
    flags = _scope(domain, live, config)
    with _next_start_instead(domain, flags):
        domain.attachDeviceFlags(to_text(parse_net(net).element()), flags)
    say(f"{name} has another network card {_when(flags)}.")


@attach_app.command("device", cls=Command)
def attach_device(
    context: typer.Context,
    name: AnyName,
    file: XmlFile,
    live: Live = False,
    config: Config = False,
) -> None:
    """Add any device, from its XML.

    \b
    kvmctl attach device web rng.xml
    """
    domain = find_domain(connect(context), name)
    flags = _scope(domain, live, config)
    with _next_start_instead(domain, flags):
        domain.attachDeviceFlags(read_xml(file), flags)
    say(f"{name} has the device {_when(flags)}.")


@detach_app.command("disk", cls=Command)
def detach_disk(
    context: typer.Context,
    name: AnyName,
    which: Annotated[str, typer.Argument(metavar="TARGET", help="vdb, or the path.", show_default=False)],
    live: Live = False,
    config: Config = False,
) -> None:
    """Take a disk away.

    \b
    kvmctl detach disk web vdb
    """
    domain = find_domain(connect(context), name)
    flags = _scope(domain, live, config)

    def matches(disk: ElementTree.Element) -> bool:
        source = disk.find("source")
        paths = set(source.attrib.values()) if source is not None else set()
        paths.add(_attribute(disk, "target", "dev"))
        return which in paths or str(Path(which).resolve()) in paths

    _detach(domain, "disk", which, matches, flags)
    say(f"{name} no longer has the disk {which} {_when(flags)}.")


@detach_app.command("nic", cls=Command)
def detach_nic(
    context: typer.Context,
    name: AnyName,
    which: Annotated[
        str, typer.Argument(metavar="MAC", help="Its address, or its device on the host.", show_default=False)
    ],
    live: Live = False,
    config: Config = False,
) -> None:
    """Take a network card away; `kvmctl info NAME` shows the addresses.

    \b
    kvmctl detach nic web 52:54:00:12:34:56
    """
    domain = find_domain(connect(context), name)
    flags = _scope(domain, live, config)

    def matches(card: ElementTree.Element) -> bool:
        names = {_attribute(card, "mac", "address").lower(), _attribute(card, "target", "dev")}
        return which.lower() in names or which in names

    _detach(domain, "interface", which, matches, flags)
    say(f"{name} no longer has the network card {which} {_when(flags)}.")


def _detach(domain: Domain, kind: str, which: str, matches: object, flags: int) -> None:
    """The device's own XML goes back, from the guest that runs and from the definition."""
    assert callable(matches)
    done = False
    for one in _each(flags):
        found = [device for device in _devices(domain, kind, one) if matches(device)]
        if found:
            with _next_start_instead(domain, one):
                domain.detachDeviceFlags(ElementTree.tostring(found[0], encoding="unicode"), one)
            done = True
    if not done:
        what = {"disk": "disk", "interface": "network card"}[kind]
        raise Failure(
            f"{domain.name()} has no {what} '{which}'", f"`kvmctl info {domain.name()}` shows what it has."
        )


def _devices(domain: Domain, kind: str, scope: int) -> list[ElementTree.Element]:
    text = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE if scope == _CONFIG else 0)
    return ElementTree.fromstring(text).findall(f"devices/{kind}")


def _attribute(element: ElementTree.Element, child: str, name: str) -> str:
    found = element.find(child)
    return found.get(name, "") if found is not None else ""


def _free_target(domain: Domain) -> str:
    scopes = [scope for scope in (_LIVE, _CONFIG) if scope == _CONFIG or domain.isActive()]
    disks = [disk for scope in scopes for disk in _devices(domain, "disk", scope)]
    taken = {_attribute(disk, "target", "dev") for disk in disks}
    return next(name for name in map(disk_name, range(len(taken) + 1)) if name not in taken)
