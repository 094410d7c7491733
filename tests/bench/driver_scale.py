"""The driver with many domains, beside libvirtd with QEMU and libvirt's test driver.

python -m tests.bench.driver_scale [DEFINED [RUNNING]]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

import libvirt

from tests.bench import peers
from tests.bench.guests.build import build_entry
from tests.bench.measure import Figure, Samples, alternate, show
from tests.conftest import SessionDaemon

DEFINED: Final = 1000
RUNNING: Final = 20
_RUNS: Final = 3
_TEST_GOAL: Final = 300.0
"""The test driver has neither wire nor files: how far away that is, and no more."""


_QEMU_DEVICES: Final = f"""<emulator>/usr/bin/{peers.QEMU}</emulator>
<controller type='usb' model='none'/><memballoon model='none'/>"""


def _xml(kind: str, number: int, kernel: Path, *, qemu: bool) -> str:
    machine = " machine='microvm'" if qemu else ""
    cpu = "<cpu mode='host-passthrough'/>" if qemu else ""
    return f"""<domain type='{kind}'><name>guest-{number}</name><memory unit='MiB'>16</memory>
<vcpu>1</vcpu><os><type arch='x86_64'{machine}>hvm</type><kernel>{kernel}</kernel></os>{cpu}
<devices>{_QEMU_DEVICES if qemu else ""}<serial type='pty'/></devices></domain>"""


class _Contender:
    """One daemon with its domains."""

    def __init__(self, name: str, kind: str, uri: str, kernel: Path) -> None:
        self.name = name
        self._kind = kind
        self._kernel = kernel
        self.connection = libvirt.open(uri)
        self._defined = 0

    def define(self, count: int) -> float:
        """So many more; milliseconds each."""
        begin = time.perf_counter()
        for number in range(self._defined, self._defined + count):
            self.connection.defineXML(_xml(self._kind, number, self._kernel, qemu="QEMU" in self.name))
        self._defined += count
        return (time.perf_counter() - begin) * 1000 / count

    def start(self, count: int) -> float:
        """Milliseconds a guest."""
        begin = time.perf_counter()
        for number in range(count):
            self.connection.lookupByName(f"guest-{number}").create()
        return (time.perf_counter() - begin) * 1000 / count

    def list_all(self) -> float:
        """What `virsh list --all` asks for."""

        def ask(connection: Any) -> None:
            for domain in connection.listAllDomains(0):
                domain.ID()
                domain.name()
                domain.state()

        return self._timed(ask)

    def stats(self) -> float:
        return self._timed(lambda connection: connection.getAllDomainStats(0, 0))

    def stats_running(self) -> float:
        flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE
        return self._timed(lambda connection: connection.getAllDomainStats(0, flags))

    def _timed(self, ask: Callable[[Any], object]) -> float:
        begin = time.perf_counter()
        ask(self.connection)
        return (time.perf_counter() - begin) * 1000

    def clean_up(self) -> None:
        for domain in self.connection.listAllDomains(0):
            if domain.isActive():
                domain.destroy()
            domain.undefine()
        self.connection.close()


def figures(defined: int = DEFINED, running: int = RUNNING) -> list[Figure]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as end:
        directory = Path(name)
        (directory / "ours").mkdir()
        daemon = SessionDaemon(directory / "ours")
        end.callback(daemon.stop)
        daemon.start()
        kernel = build_entry("idle", directory)
        mine = _Contender("kvmctl", "kvm", daemon.uri, kernel)
        test = _Contender("test driver, in the client", "test", "test:///default", kernel)
        contenders = [mine, test]
        libvirtd = None
        if peers.available("libvirtd") and peers.available(peers.QEMU):
            uri = end.enter_context(peers.libvirtd(directory / "theirs"))
            libvirtd = _Contender("libvirtd, QEMU", "kvm", uri, kernel)
            contenders.append(libvirtd)
        for each in contenders:
            end.callback(each.clean_up)
        # The rehearsal of `alternate` defines some, too.
        define = alternate(*(partial(each.define, defined // (_RUNS + 1)) for each in contenders), runs=_RUNS)
        found = _compare(mine, test, define[0], define[1], _TEST_GOAL)
        if libvirtd is not None:
            found += _compare(mine, libvirtd, define[0], define[2], 1.5)
            found += _started(mine, libvirtd, running)
        return found


def _compare(mine: _Contender, other: _Contender, own: Samples, theirs: Samples, goal: float) -> list[Figure]:
    lists = alternate(mine.list_all, other.list_all, runs=_RUNS)
    stats = alternate(mine.stats, other.stats, runs=_RUNS)
    return [
        Figure("define one of many", "ms", own, other.name, theirs, goal),
        Figure("list --all", "ms", lists[0], other.name, lists[1], goal),
        Figure("domstats of all", "ms", stats[0], other.name, stats[1], goal),
    ]


def _started(mine: _Contender, other: _Contender, count: int) -> list[Figure]:
    """Guests that do nothing, as small on both sides."""
    own, theirs = mine.start(count), other.start(count)
    stats = alternate(mine.stats_running, other.stats_running, runs=_RUNS)
    return [
        Figure("start one of many", "ms", Samples((own,)), other.name, Samples((theirs,)), 1.0),
        Figure("domstats of the running", "ms", stats[0], other.name, stats[1], 1.5),
    ]


def main() -> int:
    numbers = [int(argument) for argument in sys.argv[1:]]
    show(figures(*numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
