"""Devices: a function a kind."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from kvmctl.domain import (
    Chardev,
    ChardevLog,
    Controller,
    Devices,
    Disk,
    Interface,
    Memballoon,
    Present,
    Rng,
)
from kvmctl.domain.model import Panic
from tests.domain.strategies.texts import ALIASES, INTERFACE_NAMES, PATHS, SWITCHES

LOGS = st.builds(ChardevLog, file=PATHS, append=SWITCHES)


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
    usb = st.builds(Controller, type=st.just("usb"), index=st.sampled_from([None, 0]), model=st.just("none"))
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
