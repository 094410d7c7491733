"""From the request to the guest's first byte on its console: bare VMMs, and through the libvirt API."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import libvirt

from tests.bench import peers
from tests.bench.guests.build import build
from tests.bench.measure import Figure, alternate
from tests.conftest import SessionDaemon

_KERNEL = "hello"


def bare(directory: Path) -> list[Figure]:
    """A process with nothing in between, ours from the warm launcher that every guest is started by."""
    kernel = build(_KERNEL, directory)
    ours = peers.Ours(directory)
    contenders: list[tuple[str, Callable[[], peers.Guest], float]] = []
    if peers.available(peers.QEMU):
        contenders.append(("QEMU microvm", lambda: peers.Qemu("microvm").start(kernel), 0.3))
    figures = []
    for name, start, goal in contenders:
        mine, theirs = alternate(_first_byte(lambda: ours.start(kernel)), _first_byte(start))
        figures.append(Figure("bare launch to the first byte", "ms", mine, name, theirs, goal))
    ours.close()
    return figures


def _first_byte(start: Callable[[], peers.Guest]) -> Callable[[], float]:
    def measure() -> float:
        begin = time.monotonic()
        guest = start()
        os.read(guest.serial, 1)
        elapsed = time.monotonic() - begin
        guest.close()
        return elapsed * 1000

    return measure


def through_libvirt(directory: Path) -> list[Figure]:
    """`virsh start`, and then the first byte on the console's terminal, beside libvirtd with QEMU."""
    if not (peers.available("libvirtd") and peers.available(peers.QEMU)):
        return []
    kernel = build(_KERNEL, directory)
    (directory / "ours").mkdir()
    daemon = SessionDaemon(directory / "ours")
    daemon.start()
    with peers.libvirtd(directory / "theirs") as uri:
        mine, theirs = alternate(
            _virsh_start(daemon.uri, kernel, directory / "ours.out"),
            _virsh_start(uri, kernel, directory / "theirs.out", _MICROVM),
        )
    daemon.clean_up()
    return [Figure("virsh start to the first byte", "ms", mine, "libvirtd + QEMU microvm", theirs, 0.2)]


_MICROVM = f"""<emulator>/usr/bin/{peers.QEMU}</emulator><controller type='usb' model='none'/>
<memballoon model='none'/>"""


def _virsh_start(uri: str, kernel: Path, output: Path, devices: str = "") -> Callable[[], float]:
    """On a file, since QEMU throws away what it writes to a terminal that nobody has opened yet."""
    machine = " machine='microvm'" if devices else ""
    cpu = "<cpu mode='host-passthrough'/>" if devices else ""
    connection = libvirt.open(uri)
    domain = connection.defineXML(f"""<domain type='kvm'><name>{output.stem}</name>
<memory unit='MiB'>64</memory><os><type{machine}>hvm</type><kernel>{kernel}</kernel></os>{cpu}
<on_reboot>destroy</on_reboot>
<devices>{devices}<serial type='file'><source path='{output}'/></serial></devices></domain>""")

    def measure() -> float:
        output.unlink(missing_ok=True)
        begin = time.monotonic()
        subprocess.run(["virsh", "-q", "-c", uri, "start", output.stem], check=True)
        while not output.exists() or not output.stat().st_size:
            time.sleep(0.0005)
        elapsed = time.monotonic() - begin
        domain.destroy()
        return elapsed * 1000

    return measure


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        return [*bare(Path(name)), *through_libvirt(Path(name))]
