"""Domains and documents for property tests."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from lxml import etree

from kvmctl.domain import (
    Chardev,
    ChardevLog,
    Clock,
    Controller,
    Devices,
    Disk,
    Domain,
    Interface,
    Memballoon,
    Os,
    Present,
    Quirks,
    Rng,
)
from kvmctl.domain.model import BiosEntry, OemString, Panic, Sysinfo, SystemEntry
from kvmctl.domain.units import KIB
from tests.domain.documents import FULL


def _allowed(character: str) -> bool:
    """XML 1.0, production 2: Char."""
    return character in "\t\n\r" or (character >= " " and character not in "\ufffe\uffff")


CHARACTERS = st.characters(exclude_categories=("Cs",)).filter(_allowed)
ONE_LINE = st.text(CHARACTERS.filter(lambda character: character != "\n"), min_size=1, max_size=20)
NAMES = ONE_LINE.filter(lambda name: name.strip() and "/" not in name and not name.startswith("."))
TEXTS = st.text(CHARACTERS, min_size=1, max_size=30)
PATHS = st.text(CHARACTERS.filter(lambda character: character not in "\n\r"), min_size=1, max_size=20).map(
    "/".__add__
)
SWITCHES = st.none() | st.booleans()
ALIASES = st.text("abcXYZ019_.-", min_size=1, max_size=10)
INTERFACE_NAMES = st.text("abXY09_.-", min_size=1, max_size=15)
LOGS = st.builds(ChardevLog, file=PATHS, append=SWITCHES)
LIFECYCLE = st.sampled_from(["destroy", "restart", "preserve"])


SIZES = st.integers(1, 2**54 - 1).map(lambda kib: kib * KIB)


@st.composite
def chardevs(draw: st.DrawFn, target: str) -> Chardev:
    port = draw(st.none() | st.integers(0, 3))
    common: dict[str, Any] = {
        "log": draw(st.none() | LOGS),
        "target_type": draw(st.sampled_from([None, target])),
        "target_port": port,
        "alias": draw(st.none() | ALIASES),
    }
    if draw(st.booleans()):
        terminal = draw(st.none() | PATHS)
        return Chardev(source_type="pty", path=terminal, tty=terminal, **common)
    return Chardev(source_type="file", path=draw(PATHS), append=draw(SWITCHES), **common)


@st.composite
def disks(draw: st.DrawFn) -> Disk:
    kind = draw(st.sampled_from(["file", "block"]))
    path = draw(PATHS)
    return Disk(
        type=kind,
        driver_name=draw(st.sampled_from([None, "qemu"])),
        driver_type=draw(st.sampled_from([None, "raw"])),
        discard=draw(st.sampled_from([None, "unmap", "ignore"])),
        file=path if kind == "file" else None,
        dev=path if kind == "block" else None,
        target=draw(st.text("abz", min_size=1, max_size=2).map("vd".__add__)),
        bus=draw(st.sampled_from([None, "virtio"])),
        readonly=draw(st.sampled_from([None, Present()])),
        serial=draw(st.none() | st.text("aB9_.+- ", min_size=1, max_size=20)),
        alias=draw(st.none() | ALIASES),
    )


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    kind = draw(st.sampled_from(["bridge", "ethernet"]))
    return Interface(
        type=kind,
        mac=draw(st.sampled_from([None, "52:54:00:ab:CD:09"])),
        bridge=draw(INTERFACE_NAMES) if kind == "bridge" else None,
        target=draw(st.none() | INTERFACE_NAMES),
        model=draw(st.sampled_from([None, "virtio"])),
        alias=draw(st.none() | ALIASES),
    )


@st.composite
def devices(draw: st.DrawFn) -> Devices:
    serials = draw(st.lists(chardevs("isa-serial"), max_size=4, unique_by=lambda one: one.target_port))
    model = draw(st.sampled_from([None, "isa-serial"]))
    usb = st.builds(
        Controller, type=st.just("usb"), index=st.sampled_from([None, 0]), model=st.just("none")
    )
    return Devices(
        emulator=draw(st.none() | PATHS),
        disks=tuple(draw(st.lists(disks(), max_size=2, unique_by=lambda one: one.target))),
        controllers=tuple(draw(st.lists(usb, max_size=1))),
        interfaces=tuple(draw(st.lists(interfaces(), max_size=2))),
        serials=tuple(replace(one, target_model=model) for one in serials),
        consoles=tuple(draw(st.lists(chardevs("serial"), max_size=1))),
        memballoon=draw(st.sampled_from([None, Memballoon(model="none")])),
        rngs=tuple(draw(st.lists(st.builds(Rng, path=PATHS, alias=st.none() | ALIASES)))),
        panics=tuple(draw(st.lists(st.builds(Panic, model=st.sampled_from([None, "isa"])), max_size=1))),
    )


def sysinfos(uuid: UUID | None) -> st.SearchStrategy[Sysinfo]:
    system = [st.builds(SystemEntry, name=st.sampled_from(["manufacturer", "sku"]), text=ONE_LINE)]
    if uuid is not None:
        system.append(st.just(SystemEntry(name="uuid", text=str(uuid).upper())))
    return st.builds(
        Sysinfo,
        bios=st.lists(st.builds(BiosEntry, name=st.just("vendor"), text=ONE_LINE), max_size=2).map(tuple),
        system=st.lists(st.one_of(system), max_size=2).map(tuple),
        oem_strings=st.lists(st.builds(OemString, text=ONE_LINE), max_size=2).map(tuple),
    )


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    """Any domain that can run, with what only a running one has."""
    memory = draw(SIZES)
    vcpus = draw(st.integers(1, 255))
    kernel = draw(st.none() | PATHS)
    with_kernel = st.none() if kernel is None else st.none() | PATHS
    uuid = draw(st.none() | st.uuids())
    sysinfo = draw(st.none() | sysinfos(uuid))
    return Domain(
        id=draw(st.none() | st.integers(0, 2**32 - 1)),
        name=draw(NAMES),
        uuid=uuid,
        title=draw(st.none() | ONE_LINE),
        description=draw(st.none() | TEXTS),
        metadata=draw(st.none() | metadata()),
        memory=memory,
        current_memory=draw(st.none() | st.just(0) | SIZES),
        vcpus=vcpus,
        vcpus_current=draw(st.none() | st.integers(1, vcpus)),
        sysinfo=sysinfo,
        os=Os(
            machine=draw(st.sampled_from([None, "pc", "kvmctl"])),
            kernel=kernel,
            initrd=draw(with_kernel),
            cmdline=draw(st.none() if kernel is None else st.none() | TEXTS),
            smbios=draw(st.sampled_from([None, "emulate", *(["sysinfo"] if sysinfo else [])])),
        ),
        features=tuple(name for name in ("acpi", "apic", "pae") if draw(st.booleans())),
        clock=Clock(offset=draw(st.sampled_from(["utc", "localtime"]))),
        on_poweroff=draw(LIFECYCLE),
        on_reboot=draw(LIFECYCLE),
        on_crash=draw(LIFECYCLE),
        devices=draw(devices()),
        quirks=draw(st.none() | st.builds(Quirks, state=st.booleans())),
    )


@st.composite
def metadata(draw: st.DrawFn) -> str:
    """As lxml writes it: the form in which metadata is kept."""
    root = etree.Element("metadata")
    for namespace, text in draw(st.lists(st.tuples(st.sampled_from(["urn:a", "urn:b"]), TEXTS), max_size=2)):
        etree.SubElement(root, f"{{{namespace}}}item", kind=text).text = text
    return etree.tostring(root, encoding="unicode")


@st.composite
def changed_documents(draw: st.DrawFn) -> str:
    """The full document after a few changes, most of which are mistakes."""
    root = etree.fromstring(FULL)
    words = st.sampled_from(
        ["", "0", "1", "-1", "pty", "file", "tcp", "none", "on", "/x", "x", "MiB", "q35", "utc", "a\nb"]
    )
    for _ in range(draw(st.integers(1, 4))):
        nodes = [node for node in root.iter("*") if node is not root]
        if not nodes:
            break
        node = draw(st.sampled_from(nodes))
        parent = node.getparent()
        match draw(st.sampled_from(["drop", "copy", "move", "rename", "text", "attribute", "strip"])):
            case "drop":
                parent.remove(node)
            case "copy":
                parent.append(etree.fromstring(etree.tostring(node, with_tail=False)))
            case "move":
                parent.insert(0, node)
            case "rename":
                node.tag = draw(st.sampled_from(["serial", "console", "source", "disk", "title", "foo"]))
            case "text":
                node.text = draw(words)
            case "attribute":
                name = draw(st.sampled_from([*node.attrib, "type", "path", "model", "append", "port", "foo"]))
                node.set(name, draw(words))
            case "strip" if node.attrib:
                del node.attrib[draw(st.sampled_from(sorted(node.attrib)))]
    return etree.tostring(root, encoding="unicode")
