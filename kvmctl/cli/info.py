"""info: one domain, with what it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

import libvirt
import typer

from .completion import AnyName
from .connection import Domain, connect, find_domain
from .errors import Failure, Status
from .listing import Row, row_of
from .logs import log_file
from .options import AsJson, chosen_uri
from .output import print_json
from .security import lines_of, security_of
from .sizes import human_size, human_time


@dataclass(frozen=True, slots=True)
class Disk:
    target: str
    bus: str
    device: str
    source: str | None
    readonly: bool


@dataclass(frozen=True, slots=True)
class Nic:
    mac: str
    type: str
    model: str | None
    source: str | None
    target: str | None


@dataclass(frozen=True, slots=True)
class Facts(Row):
    """Everything that `info` tells; the JSON has these keys. Memory in KiB, processor time in seconds."""

    title: str | None
    description: str | None
    os: str
    kernel: str | None
    max_vcpus: int
    max_memory_kib: int
    cpu_seconds: float | None
    autostart: bool | None
    changes_at_next_start: bool
    console: str | None
    log: str | None
    disks: list[Disk]
    nics: list[Nic]
    devices: list[str]


def facts_of(domain: Domain, uri: str) -> Facts:
    row = row_of(domain)
    root = ElementTree.fromstring(domain.XMLDesc())
    active = row.id is not None
    log = log_file(uri, row.name)
    _, maximum, _, _, nanoseconds = domain.info()
    return Facts(
        **asdict(row),
        title=root.findtext("title"),
        description=root.findtext("description"),
        os=root.findtext("os/type") or domain.OSType(),
        kernel=root.findtext("os/kernel"),
        max_vcpus=int(root.findtext("vcpu") or row.vcpus),
        max_memory_kib=maximum,
        cpu_seconds=round(nanoseconds / 1e9, 3) if active else None,
        autostart=_asked(domain.autostart),
        changes_at_next_start=active and bool(_asked(domain.isUpdated)),
        console=_console(root),
        log=str(log) if log and _exists(log) else None,
        disks=[_disk(element) for element in root.findall("devices/disk")],
        nics=[_nic(element) for element in root.findall("devices/interface")],
        devices=list(_others(root)),
    )


def _asked(question: Any) -> Any:
    """An answer that not every driver has."""
    try:
        return bool(question())
    except libvirt.libvirtError:
        return None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _attribute(element: ElementTree.Element, child: str, name: str) -> str | None:
    found = element.find(child)
    return found.get(name) if found is not None else None


def _source(element: ElementTree.Element) -> str | None:
    """The first attribute of a <source> that says where: a file, a device, a bridge, a network."""
    found = element.find("source")
    if found is None:
        return None
    for name in ("file", "dev", "bridge", "network", "volume", "name", "path", "mode"):
        if found.get(name):
            return found.get(name)
    return None


def _disk(element: ElementTree.Element) -> Disk:
    return Disk(
        target=_attribute(element, "target", "dev") or "-",
        bus=_attribute(element, "target", "bus") or "-",
        device=element.get("device", "disk"),
        source=_source(element),
        readonly=element.find("readonly") is not None,
    )


def _nic(element: ElementTree.Element) -> Nic:
    return Nic(
        mac=_attribute(element, "mac", "address") or "-",
        type=element.get("type", "-"),
        model=_attribute(element, "model", "type"),
        source=_source(element),
        target=_attribute(element, "target", "dev"),
    )


def _console(root: ElementTree.Element) -> str | None:
    for path in ("devices/console", "devices/serial"):
        element = root.find(path)
        if element is not None:
            return element.get("tty") or _attribute(element, "source", "path") or element.get("type")
    return None


_SHOWN_ELSEWHERE = {"disk", "interface", "console", "serial", "emulator"}


def _others(root: ElementTree.Element) -> Iterator[str]:
    """The other devices, as `rng (virtio)`."""
    for element in root.findall("devices/*"):
        if element.tag in _SHOWN_ELSEWHERE:
            continue
        kind = element.get("model") or _attribute(element, "model", "type") or element.get("type")
        yield f"{element.tag} ({kind})" if kind else element.tag


def info(
    context: typer.Context,
    name: AnyName,
    as_json: AsJson = False,
    security: Annotated[
        bool, typer.Option("--security", help="what confines the guest's process on this host")
    ] = False,
) -> None:
    """Show a domain's state, size and parts.

    \b
    kvmctl info demo
    kvmctl info demo --json | jq -r '.disks[].source'
    kvmctl info --security demo
    """
    if security:
        _show_security(context, name, as_json)
        return
    facts = facts_of(find_domain(connect(context), name), chosen_uri(context))
    if as_json:
        print_json(asdict(facts))
        return
    for label, value in _lines(facts):
        print(f"{label + ':' if label else '':<12}{value}")


def _show_security(context: typer.Context, name: str, as_json: bool) -> None:
    domain = find_domain(connect(context), name)
    if not domain.isActive():
        hint = "What confines a guest can be seen while it runs."
        raise Failure(f"domain '{name}' does not run", hint, Status.WRONG_STATE)
    from .top.process import Finder

    pid = Finder(chosen_uri(context)).pid(domain.name(), domain.UUIDString())
    found = None if pid is None else security_of(pid)
    if found is None:
        raise Failure(f"no process of this host is domain '{name}'", "--security is for guests of this host.")
    if as_json:
        print_json(asdict(found))
        return
    for label, value in lines_of(found):
        print(f"{label + ':':<14}{value}")


def _lines(facts: Facts) -> Iterator[tuple[str, str]]:
    yield "Name", facts.name
    if facts.title:
        yield "Title", facts.title
    if facts.description:
        yield "About", " ".join(facts.description.split())
    yield "UUID", facts.uuid
    yield "Id", "-" if facts.id is None else str(facts.id)
    yield "State", facts.state
    most = f" of {facts.max_vcpus}" if facts.max_vcpus != facts.vcpus else ""
    yield "vCPUs", f"{facts.vcpus}{most}"
    most = f" of {human_size(facts.max_memory_kib)}" if facts.max_memory_kib != facts.memory_kib else ""
    yield "Memory", f"{human_size(facts.memory_kib)}{most}"
    if facts.cpu_seconds is not None:
        yield "CPU time", human_time(facts.cpu_seconds)
    yield "Persistent", "yes" if facts.persistent else "no: nothing stays of it when it ends"
    if facts.autostart is not None:
        yield "Autostart", "yes" if facts.autostart else "no"
    if facts.changes_at_next_start:
        yield "Changes", "the next start uses another definition: kvmctl dumpxml --inactive"
    if facts.kernel:
        yield "Kernel", facts.kernel
    if facts.console:
        yield "Console", facts.console
    for number, disk in enumerate(facts.disks):
        what = f"{disk.target} ({disk.bus}) {disk.source or 'empty'}" + (
            " read-only" if disk.readonly else ""
        )
        yield "" if number else "Disks", what
    for number, nic in enumerate(facts.nics):
        where = " ".join(filter(None, (nic.type, nic.source)))
        device = f" as {nic.target}" if nic.target else ""
        yield "" if number else "Networks", f"{nic.mac} ({nic.model or 'default'}) on {where}{device}"
    for number, device in enumerate(facts.devices):
        yield "" if number else "Devices", device
    if facts.log:
        yield "Log", facts.log
