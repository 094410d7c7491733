"""Devices: a function a kind."""

import itertools
from dataclasses import fields, replace
from typing import Any, TypeVar

from hypothesis import strategies as st

from kvmctl.domain.model import (
    Address,
    Channel,
    Chardev,
    ChardevLog,
    Controller,
    Devices,
    Disk,
    Filesystem,
    GuestOffloads,
    HostOffloads,
    Interface,
    IoTune,
    Memballoon,
    Panic,
    PanicAddress,
    PortAddress,
    Present,
    Rng,
    Vsock,
    Watchdog,
)
from tests.domain.strategies.forwarding import GUEST_ADDRESSES, PORT_FORWARDS
from tests.domain.strategies.texts import ALIASES, INTERFACE_NAMES, ONE_LINE, PATHS, SWITCHES

T = TypeVar("T")

LOGS = st.builds(ChardevLog, file=PATHS, append=SWITCHES)
PRESENT = st.sampled_from([None, Present()])
ADDRESSES = st.none() | st.builds(
    Address,
    domain=st.sampled_from([None, 0]),
    bus=st.sampled_from([None, 0]),
    slot=st.none(),
    multifunction=SWITCHES,
)
"""Without a slot: those come later, so that a domain that is drawn has no clashes."""
PLACES = st.none() | st.just(Address(type="virtio-mmio"))
POWERS = st.none() | st.integers(0, 10).map(lambda exponent: 1 << exponent)
COUNTS = st.none() | st.integers(1, 256)
ORDERS = st.none() | st.integers(1, 2**31 - 1)


def maybe(value: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | value


@st.composite
def sources(draw: st.DrawFn) -> dict[str, Any]:
    """The host end of a character device."""
    common: dict[str, Any] = {"log": draw(maybe(LOGS)), "alias": draw(maybe(ALIASES))}
    match draw(st.sampled_from(["pty", "file", "unix", "null"])):
        case "pty":
            return {"source_type": "pty", "path": draw(maybe(PATHS)), **common}
        case "file":
            return {"source_type": "file", "path": draw(PATHS), "append": draw(SWITCHES), **common}
        case "unix":
            mode = draw(st.sampled_from([None, "bind", "connect"]))
            return {"source_type": "unix", "path": draw(PATHS), "mode": mode, **common}
        case kind:
            return {"source_type": kind, **common}


@st.composite
def chardevs(draw: st.DrawFn, target: str, **more: st.SearchStrategy[Any]) -> Chardev:
    """A pty's name is in two places."""
    source = draw(sources())
    return Chardev(
        tty=source["path"] if source["source_type"] == "pty" else None,
        target_type=target if target == "virtio" else draw(st.sampled_from([None, target])),
        target_port=draw(maybe(st.integers(0, 3))),
        **source,
        **{name: draw(value) for name, value in more.items()},
    )


PORTS = st.builds(
    PortAddress,
    controller=st.integers(0, 3),
    bus=st.sampled_from([None, 0]),
    port=st.none(),
)


@st.composite
def channels(draw: st.DrawFn) -> Channel:
    source = draw(sources())
    if source["source_type"] == "unix" and source["mode"] is None and draw(st.booleans()):
        source["path"] = None
    return Channel(
        target_name=draw(maybe(ONE_LINE)),
        target_state=draw(st.sampled_from([None, "connected", "disconnected"])),
        address=draw(maybe(PORTS)),
        **source,
    )


@st.composite
def limits(draw: st.DrawFn) -> IoTune:
    values: dict[str, Any] = {
        "size_iops_sec": draw(maybe(st.integers(0, 2**64 - 1))),
        "group_name": draw(maybe(ONE_LINE)),
    }
    for kind in ("bytes_sec", "iops_sec"):
        for who in draw(st.sampled_from([(), ("total",), ("read",), ("write",), ("read", "write")])):
            limit = draw(st.integers(0, 10**15))
            burst = draw(maybe(st.integers(limit, 10**15))) if limit else None
            values[f"{who}_{kind}"] = limit
            values[f"{who}_{kind}_max"] = burst
            values[f"{who}_{kind}_max_length"] = draw(maybe(st.integers(0, 2**64 - 1))) if burst else None
    return IoTune(**values)


@st.composite
def disks(draw: st.DrawFn) -> Disk:
    kind = draw(st.sampled_from(["file", "block"]))
    path = draw(PATHS)
    cache = draw(
        st.sampled_from([None, "default", "none", "writeback", "writethrough", "directsync", "unsafe"])
    )
    form = draw(st.sampled_from([None, "raw", "qcow2"]))
    shared = cache in (None, "none", "directsync") and form != "qcow2"
    tune = draw(maybe(limits()))
    return replace(
        draw(common_parts_of_disks()),
        type=kind,
        driver_type=form,
        cache=cache,
        error_policy=draw(st.sampled_from([None, "stop", "report", "ignore", "enospace"])),
        rerror_policy=draw(st.sampled_from([None, "stop", "report", "ignore"])),
        io=draw(
            st.sampled_from(
                [None, "threads", "io_uring", *(["native"] if cache in ("none", "directsync") else [])]
            )
        ),
        discard=draw(st.sampled_from([None, "unmap", "ignore"])),
        detect_zeroes=draw(st.sampled_from([None, "off", "on", "unmap"])),
        file=path if kind == "file" else None,
        dev=path if kind == "block" else None,
        logical_block_size=draw(st.sampled_from([None, 0, 512])),
        physical_block_size=draw(st.sampled_from([None, 0, 512, 4096, 32768])),
        iotune=tune,
        readonly=draw(PRESENT),
        shareable=draw(PRESENT) if shared else None,
        serial=draw(maybe(st.text("aB9_.+- ", min_size=1, max_size=20))),
    )


def common_parts_of_disks() -> st.SearchStrategy[Disk]:
    return st.builds(
        Disk,
        type=st.just("vhostuser"),
        driver_name=st.sampled_from([None, "qemu"]),
        driver_queues=COUNTS,
        target=st.text("abz", min_size=1, max_size=2).map("vd".__add__),
        bus=st.sampled_from([None, "virtio"]),
        boot_order=ORDERS,
        alias=maybe(ALIASES),
        address=ADDRESSES,
    )


@st.composite
def served_disks(draw: st.DrawFn) -> Disk:
    return replace(draw(common_parts_of_disks()), source_type="unix", path=draw(PATHS))


@st.composite
def interfaces(draw: st.DrawFn) -> Interface:
    kind = draw(st.sampled_from(["bridge", "ethernet", "network", "user", "vhostuser"]))
    has_tap = kind in ("bridge", "ethernet", "network")
    parts: dict[str, Any] = {}
    match kind:
        case "bridge":
            parts["bridge"] = draw(INTERFACE_NAMES)
        case "network":
            parts["network"] = draw(ONE_LINE)
            parts["portid"] = draw(maybe(st.uuids()))
            parts["bridge"] = draw(maybe(INTERFACE_NAMES))
        case "user":
            parts["dev"] = draw(maybe(INTERFACE_NAMES))
            parts["backend"] = draw(st.sampled_from([None, "passt"]))
            parts["log_file"] = draw(maybe(PATHS))
            parts["addresses"] = draw(GUEST_ADDRESSES)
            parts["port_forwards"] = tuple(draw(st.lists(PORT_FORWARDS, max_size=2)))
        case "vhostuser":
            parts.update(
                source_type="unix", path=draw(PATHS), mode=draw(st.sampled_from(["server", "client"]))
            )
    offloads = dict.fromkeys(("csum", "tso4", "tso6", "ecn", "ufo"), SWITCHES)
    return Interface(
        type=kind,
        mac=draw(st.sampled_from([None, "52:54:00:ab:CD:09"])),
        target=None if kind == "user" else draw(maybe(INTERFACE_NAMES) | st.just("vnet7")),
        model=draw(st.sampled_from([None, "virtio"])),
        driver_name=draw(st.sampled_from([None, "qemu", *(["vhost"] if has_tap else [])])),
        driver_queues=None if kind == "user" else draw(COUNTS),
        rx_queue_size=draw(POWERS),
        tx_queue_size=draw(POWERS),
        host_offloads=draw(maybe(st.builds(HostOffloads, gso=SWITCHES, mrg_rxbuf=SWITCHES, **offloads))),
        guest_offloads=draw(maybe(st.builds(GuestOffloads, **offloads))),
        link_state=draw(st.sampled_from([None, "up", "down"])),
        mtu=draw(maybe(st.integers(68, 65535))),
        boot_order=draw(ORDERS),
        alias=draw(maybe(ALIASES)),
        address=draw(ADDRESSES),
        **parts,
    )


@st.composite
def controllers(draw: st.DrawFn) -> tuple[Controller, ...]:
    aliases = maybe(ALIASES)
    index = st.sampled_from([None, 0])
    usb = st.builds(Controller, type=st.just("usb"), index=index, model=st.just("none"), alias=aliases)
    pci = st.builds(Controller, type=st.just("pci"), index=index, model=st.just("pci-root"), alias=aliases)
    serial = st.builds(
        Controller,
        type=st.just("virtio-serial"),
        index=st.integers(0, 3),
        ports=maybe(st.integers(32, 511)),
        alias=aliases,
        address=ADDRESSES,
    )
    return (
        *draw(st.lists(usb, max_size=1)),
        *draw(st.lists(pci, max_size=1)),
        *draw(st.lists(serial, max_size=2, unique_by=lambda one: one.index)),
    )


def filesystems() -> st.SearchStrategy[Filesystem]:
    return st.builds(
        Filesystem,
        accessmode=st.sampled_from([None, "passthrough"]),
        queue_size=POWERS,
        binary=maybe(PATHS),
        source=PATHS,
        target=ONE_LINE.filter(lambda tag: len(tag.encode()) <= 36),
        alias=maybe(ALIASES),
        address=ADDRESSES,
    )


def balloons() -> st.SearchStrategy[Memballoon]:
    return st.builds(Memballoon, model=st.just("none"), alias=maybe(ALIASES)) | st.builds(
        Memballoon,
        model=st.just("virtio"),
        autodeflate=SWITCHES,
        free_page_reporting=SWITCHES,
        stats_period=ORDERS,
        alias=maybe(ALIASES),
        address=ADDRESSES,
    )


@st.composite
def rngs(draw: st.DrawFn) -> Rng:
    rate = draw(maybe(st.integers(1, 2**32 - 1)))
    backend = draw(st.sampled_from(["random", "builtin"]))
    return Rng(
        rate_bytes=rate,
        rate_period=None if rate is None else draw(maybe(st.integers(1, 2**32 - 1))),
        backend=backend,
        path=draw(maybe(PATHS)) if backend == "random" else None,
        alias=draw(maybe(ALIASES)),
        address=draw(ADDRESSES),
    )


def panics() -> st.SearchStrategy[Panic]:
    return st.builds(
        Panic,
        model=st.sampled_from([None, "isa"]),
        alias=maybe(ALIASES),
        address=maybe(st.builds(PanicAddress, iobase=st.sampled_from([None, "0x505"]))),
    )


def watchdogs() -> st.SearchStrategy[Watchdog]:
    actions = ["reset", "shutdown", "poweroff", "pause", "none", "inject-nmi"]
    return st.builds(
        Watchdog,
        model=st.just("i6300esb"),
        action=st.sampled_from([None, *actions]),
        alias=maybe(ALIASES),
        address=ADDRESSES,
    )


@st.composite
def vsocks(draw: st.DrawFn) -> Vsock:
    auto = draw(SWITCHES)
    cid = st.integers(3, 2**32 - 2)
    return Vsock(
        model=draw(st.sampled_from([None, "virtio"])),
        cid_auto=auto,
        cid=draw(cid if auto is False else maybe(cid)),
        alias=draw(maybe(ALIASES)),
        address=draw(ADDRESSES),
    )


def _same_limits(disks: list[Disk]) -> bool:
    """Disks of one group have the same ones."""
    groups: dict[str, IoTune] = {}
    tunes = [disk.iotune for disk in disks if disk.iotune and disk.iotune.group_name]
    return all(groups.setdefault(tune.group_name or "", tune) == tune for tune in tunes)


@st.composite
def devices(draw: st.DrawFn, *, pci: bool) -> Devices:
    """What is drawn for a machine with PCI is what one without has, but for PCI itself."""
    drawn = draw(devices_of_a_pc())
    if pci:
        first = draw(st.none() | st.integers(3, 9))
        return drawn if first is None else _in_slots(drawn, first)
    changes: dict[str, Any] = {
        name: tuple(replace(one, address=draw(PLACES)) for one in getattr(drawn, name))
        for name in ("disks", "filesystems", "interfaces", "rngs")
    }
    for name in ("memballoon", "vsock"):
        device = getattr(drawn, name)
        has_address = device is not None and not (name == "memballoon" and device.model == "none")
        changes[name] = replace(device, address=draw(PLACES)) if has_address else device
    serial = [one for one in drawn.controllers if one.type == "virtio-serial"]
    changes["controllers"] = tuple(replace(one, address=draw(PLACES)) for one in serial)
    return replace(drawn, watchdog=None, **changes)


def _in_slots(devices: Devices, first: int) -> Devices:
    """With those that have an address in slots of their own, from that one on."""
    slots = itertools.count(first)

    def placed(device: Any) -> Any:
        if not isinstance(getattr(device, "address", None), Address):
            return device
        return replace(device, address=replace(device.address, slot=next(slots), function=0))

    changes: dict[str, Any] = {}
    for field in fields(devices):
        value = getattr(devices, field.name)
        changes[field.name] = tuple(map(placed, value)) if isinstance(value, tuple) else placed(value)
    return replace(devices, **changes)


@st.composite
def devices_of_a_pc(draw: st.DrawFn) -> Devices:
    serials = draw(st.lists(chardevs("isa-serial"), max_size=4, unique_by=lambda one: one.target_port))
    model = draw(st.sampled_from([None, "isa-serial"]))
    first = draw(st.lists(chardevs("serial"), max_size=1))
    drives = st.lists(disks() | served_disks(), max_size=2, unique_by=lambda one: one.target)
    cards = draw(st.lists(interfaces(), max_size=2))
    storage = draw(drives.filter(_same_limits))
    orders = [one.boot_order for one in (*storage, *cards) if one.boot_order is not None]
    if len(set(orders)) < len(orders):
        storage = [replace(disk, boot_order=None) for disk in storage]
        cards = [replace(card, boot_order=None) for card in cards]
    return Devices(
        emulator=draw(maybe(PATHS)),
        disks=tuple(storage),
        controllers=draw(controllers()),
        filesystems=tuple(draw(st.lists(filesystems(), max_size=2, unique_by=lambda one: one.target))),
        interfaces=tuple(cards),
        serials=tuple(replace(one, target_model=model) for one in serials),
        consoles=(*first, *draw(st.lists(chardevs("virtio", address=maybe(PORTS)), max_size=2))),
        channels=tuple(
            draw(st.lists(channels(), max_size=2, unique_by=lambda one: one.target_name or id(one)))
        ),
        watchdog=draw(maybe(watchdogs())),
        memballoon=draw(maybe(balloons())),
        rngs=tuple(draw(st.lists(rngs(), max_size=2))),
        panics=tuple(draw(st.lists(panics(), max_size=1))),
        vsock=draw(maybe(vsocks())),
    )
