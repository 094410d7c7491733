"""What `kvmctl top` costs at one refresh a second: python -m tests.bench.top_cost [--guests N] [--uri URI].

Without a URI, each guest is a process of its own with three threads, and libvirt's answers are made up: what
is measured is top's own work, from the statistics to the bytes for the terminal. With a URI, its guests are
asked for, and libvirt's client library is measured with it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from rich.console import Console

from kvmctl.cli.connection import open_connection
from kvmctl.cli.top.process import Finder
from kvmctl.cli.top.sample import Sampler
from kvmctl.cli.top.view import Lines, State, screen

VCPUS = 2
THREADS = 3


@dataclass(frozen=True)
class Domain:
    """As much of a virDomain as top asks."""

    number: int
    guest: str
    process: int

    def name(self) -> str:
        return self.guest

    def ID(self) -> int:
        return self.number

    def UUIDString(self) -> str:
        return str(UUID(int=self.number))


class Known(Finder):
    def __init__(self, pids: dict[str, int]) -> None:
        super().__init__("fake:///")
        self._known = pids


class Connection:
    """libvirt's answers for guests that are no guests: as many figures as the QEMU driver gives."""

    def __init__(self, domains: list[Domain]) -> None:
        self._domains = domains
        self._count = 0

    def getAllDomainStats(self, groups: int, flags: int) -> list[tuple[Domain, dict[str, Any]]]:
        self._count += 1
        return [(domain, self._stats()) for domain in self._domains]

    def domainListGetStats(self, domains: list[Domain], groups: int) -> list[tuple[Domain, dict[str, Any]]]:
        vcpus = {
            f"vcpu.{vcpu}.{name}.sum": self._count * 1000
            for vcpu in range(VCPUS)
            for name in ("exits", "io_exits", "mmio_exits", "halt_exits", "irq_exits")
        }
        return [(domain, {"vcpu.current": VCPUS, **vcpus}) for domain in domains]

    def _stats(self) -> dict[str, Any]:
        count = self._count
        stats: dict[str, Any] = {"state.state": 1, "state.reason": 1, "cpu.time": count * 10**7}
        stats |= {"balloon.current": 1 << 20, "balloon.maximum": 1 << 20, "balloon.rss": 1 << 19}
        stats |= {"block.count": 2, "net.count": 2}
        for number in range(2):
            stats |= {
                f"block.{number}.name": "vda",
                f"block.{number}.path": "/var/lib/libvirt/images/a.qcow2",
            }
            stats |= {f"block.{number}.{way}.bytes": count * 4096 for way in ("rd", "wr", "fl")}
            stats |= {f"block.{number}.{way}.reqs": count for way in ("rd", "wr", "fl")}
            stats |= {f"block.{number}.{way}.times": count * 1000 for way in ("rd", "wr", "fl")}
            stats |= {f"net.{number}.name": "vnet0"}
            stats |= {
                f"net.{number}.{way}.{what}": count * 1500
                for way in ("rx", "tx")
                for what in ("bytes", "pkts", "errs", "drop")
            }
        return stats


@contextmanager
def processes(count: int) -> Iterator[list[int]]:
    """So many processes, each with three threads that wait."""
    pids = []
    try:
        for _ in range(count):
            pid = os.fork()
            if not pid:
                for _ in range(THREADS - 1):
                    threading.Thread(target=signal.pause, daemon=True).start()
                signal.pause()
                os._exit(0)
            pids.append(pid)
        yield pids
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def measure(sampler: Sampler, refreshes: int, size: tuple[int, int]) -> tuple[float, float, int]:
    """Processor seconds a refresh for the figures and for the picture, and how many guests there were."""
    state = State(sampler.host())
    console = Console(width=size[0], height=size[1], force_terminal=True, color_system="256")
    sampler.sample()
    sampling = drawing = 0.0
    for _ in range(refreshes):
        begin = time.process_time()
        state.host = sampler.host()
        state.guests = sampler.sample()
        middle = time.process_time()
        with console.capture() as capture:
            console.print(Lines(screen(state, *size)), end="")
        assert capture.get()
        sampling += middle - begin
        drawing += time.process_time() - middle
        time.sleep(0.05)
    return sampling / refreshes, drawing / refreshes, len(state.guests)


def fake(pids: list[int]) -> Sampler:
    domains = [Domain(number, f"guest-{number:03}", pid) for number, pid in enumerate(pids, 1)]
    return Sampler(Connection(domains), Known({domain.UUIDString(): domain.process for domain in domains}))


def main() -> int:
    parser = argparse.ArgumentParser(description="what kvmctl top costs at one refresh a second")
    parser.add_argument("--guests", type=int, default=200)
    parser.add_argument("--refreshes", type=int, default=30)
    parser.add_argument("--size", default="200x60", help="of the terminal")
    parser.add_argument("--uri", help="ask this connection instead of making guests up")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    if options.uri:
        sampler = Sampler(open_connection(options.uri), Finder(options.uri))
        figures = measure(sampler, options.refreshes, (width, height))
    else:
        with processes(options.guests) as pids:
            figures = measure(fake(pids), options.refreshes, (width, height))
    sampling, drawing, guests = figures
    print(f"{guests} guests, terminal of {width}x{height}, one refresh a second:")
    print(f"  figures  {sampling * 100:.2f} % of one CPU")
    print(f"  picture  {drawing * 100:.2f} % of one CPU")
    print(f"  total    {(sampling + drawing) * 100:.2f} % of one CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
