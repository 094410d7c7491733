"""The self-test guest: started through the daemon like any other, with one of each virtio device."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import libvirt
import typer

from .. import demo
from ..host import tap
from ..host.doctor import Check, Level
from .connection import Connection, connect
from .console import Session, open_console
from .errors import Failure, from_exception
from .guestxml import DiskSpec, Guest, NetSpec

_SECONDS = 60.0
_SECTOR = 512
_DISK_SIZE = 64 << 10


def guest_checks(context: typer.Context) -> Iterator[Check]:
    """One check a line of the guest; one that fails if it does not come to its end."""
    try:
        connection = connect(context)
        if connection.getType().lower() != "kvmctl":
            yield Check("not started", Level.INFO, "it is for kvmctl's own driver: -c kvmctl:///session")
            return
        with tempfile.TemporaryDirectory(prefix="kvmctl-selftest-") as directory:
            disk = Path(directory) / "disk.img"
            disk.write_bytes(disk_image())
            yield from parse(_run(connection, disk))
    except (libvirt.libvirtError, Failure, OSError) as error:
        failure = from_exception(error)
        yield Check("self-test guest", Level.FAIL, str(failure), failure.hint)


def disk_image() -> bytes:
    """What the guest looks for in the first sector: `k` first, `v` last."""
    return b"k" + bytes(_SECTOR - 2) + b"v" + bytes(_DISK_SIZE - _SECTOR)


def _run(connection: Connection, disk: Path) -> bytes:
    """Everything that the guest prints until it turns itself off."""
    what = Guest(
        demo.selftest(),
        memory=32 << 20,
        vcpus=2,
        title="kvmctl doctor",
        disks=(DiskSpec(disk, "raw"),),
        nets=_network(),
        complete=True,
    )
    flags = libvirt.VIR_DOMAIN_START_PAUSED | libvirt.VIR_DOMAIN_START_AUTODESTROY
    domain = connection.createXML(what.xml(f"kvmctl-selftest-{uuid.uuid4().hex[:8]}"), flags)
    output = bytearray()
    reader, writer = os.pipe()
    stream = open_console(connection, domain)
    try:
        domain.resume()
        Session(stream, reader, output.extend).run(timeout=_SECONDS)
        stream.finish()
    finally:
        os.close(reader)
        os.close(writer)
    return bytes(output)


def _network() -> tuple[NetSpec, ...]:
    """A TAP device takes root's rights, user mode takes passt."""
    if os.geteuid() == 0 and os.access(tap.CLONE_DEVICE, os.W_OK):
        return (NetSpec("tap"),)
    return (NetSpec("user"),) if shutil.which("passt") else ()


def parse(output: bytes) -> Iterator[Check]:
    """Lines of `ok NAME: DETAIL` and `FAIL NAME: DETAIL`; `done` is the last one of a good run."""
    lines = output.decode(errors="replace").splitlines()
    for line in lines:
        word, _, rest = line.partition(" ")
        name, colon, detail = rest.partition(": ")
        if word in ("ok", "FAIL") and colon:
            yield Check(name, Level.OK if word == "ok" else Level.FAIL, detail)
    if not lines or lines[-1] != "done":
        last = lines[-1] if lines else "nothing"
        yield Check("self-test guest", Level.FAIL, f"it ended early; its last line: {last}")
