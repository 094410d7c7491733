"""The memory balloon (virtio 1.2, 5.5): the guest's own pages, given back to the host and taken again.

The statistics are answered by two commands of ours, because QEMU has them as properties of its objects:
`query-balloon-stats` and `balloon-stats-period`.
"""

from __future__ import annotations

import struct
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from kvmctl.vmm.devices.platform import Device, Platform, Timer
from kvmctl.vmm.devices.virtio import buffers
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.devices.virtio.transport import plug
from kvmctl.vmm.memory import PAGE_SIZE, GuestMemory, GuestMemoryError
from kvmctl.vmm.qmp import Monitor, QmpError

DEVICE_ID: Final = 5
QUEUE_SIZE: Final = 128
_CLASS_OTHER: Final = 0x00_FF_00

F_STATS_VQ: Final = 1 << 1
F_DEFLATE_ON_OOM: Final = 1 << 2
F_PAGE_REPORTING: Final = 1 << 5

INFLATE: Final = 0
DEFLATE: Final = 1
STATS: Final = 2
REPORTING: Final = 4
REPORTING_WITHOUT_HINTS: Final = 3
"""Where drivers look for it that count only the queues that are in use: Linux before 6.11."""

_CONFIGURATION: Final = struct.Struct("<II")
_ACTUAL: Final = 4
MAX_NUMBERS: Final = 1 << 20
"""The longest request: page numbers of 1 GiB."""
_STATISTIC: Final = struct.Struct("<HQ")
MAX_STATISTICS: Final = 64 * _STATISTIC.size
# Tags of struct virtio_balloon_stat (5.5.6.4), by QEMU's names
STATISTICS: Final = (
    "stat-swap-in",
    "stat-swap-out",
    "stat-major-faults",
    "stat-minor-faults",
    "stat-free-memory",
    "stat-total-memory",
    "stat-available-memory",
    "stat-disk-caches",
    "stat-htlb-pgalloc",
    "stat-htlb-pgfail",
)
MAX_PERIOD: Final = (1 << 31) - 1
_EVENT_SECONDS: Final = 1.0


class Balloon:
    """Statistics come on the queue's thread, commands on the main thread."""

    device_id = DEVICE_ID
    class_code = _CLASS_OTHER

    def __init__(
        self,
        name: str,
        memory: GuestMemory,
        monitor: Monitor,
        timer: Callable[[Callable[[], None]], Timer],
        *,
        target: int,
        deflate_on_oom: bool = False,
        page_reporting: bool = False,
        period: int = 0,
    ) -> None:
        """`target`: the bytes that the guest is to have; `period`: seconds between reports, 0 for none."""
        self.name = name
        self.features = (
            F_STATS_VQ
            | (F_DEFLATE_ON_OOM if deflate_on_oom else 0)
            | (F_PAGE_REPORTING if page_reporting else 0)
        )
        queues = REPORTING + 1 if page_reporting else STATS + 1
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE,) * queues
        self.on_target: Callable[[], None] = lambda: None
        self._memory = memory
        self._monitor = monitor
        self._event_timer = timer(self._tell)
        self._pages = self._pages_for(target)
        self._actual = self._told = 0
        self._telling = False
        self._wake = threading.Condition()
        self._stopping = False
        self._period = period
        self._statistics: dict[str, int] = {}
        self._updated = 0
        monitor.command("balloon", self._balloon, frozenset({"value"}))
        monitor.command("query-balloon", lambda _arguments: {"actual": self.actual})
        monitor.command("query-balloon-stats", lambda _arguments: self._query_statistics())
        monitor.command("balloon-stats-period", self._set_period, frozenset({"seconds"}))

    # what the host wants

    @property
    def actual(self) -> int:
        """The bytes that the guest has, by its own word."""
        return self._memory.size - self._actual * PAGE_SIZE

    def _pages_for(self, target: int) -> int:
        return (self._memory.size - min(target, self._memory.size)) // PAGE_SIZE

    def _balloon(self, arguments: Mapping[str, object]) -> None:
        value = _whole(arguments, "value")
        if value <= 0:
            raise QmpError("Parameter 'value' expects a size above 0")
        self._pages = self._pages_for(value)
        self.on_target()

    def _query_statistics(self) -> dict[str, object]:
        with self._wake:
            return {"stats": dict(self._statistics), "last-update": self._updated, "period": self._period}

    def _set_period(self, arguments: Mapping[str, object]) -> None:
        seconds = _whole(arguments, "seconds")
        if not 0 <= seconds <= MAX_PERIOD:
            raise QmpError(f"Parameter 'seconds' expects 0 to {MAX_PERIOD}")
        with self._wake:
            self._period = seconds
            self._wake.notify_all()

    # the device

    def configuration(self) -> bytes:
        return _CONFIGURATION.pack(self._pages, self._actual)

    def configure(self, offset: int, data: bytes) -> None:
        """`actual` is the driver's to write."""
        field = bytearray(self._actual.to_bytes(4, "little"))
        for place, byte in enumerate(data, offset - _ACTUAL):
            if 0 <= place < len(field):
                field[place] = byte
        self._actual = min(int.from_bytes(field, "little"), self._memory.size // PAGE_SIZE)
        if not self._telling:
            self._tell()

    def _tell(self) -> None:
        """Once a second at most, as for QEMU's clients; the last value is always told."""
        self._telling = self._told != self._actual
        if self._telling:
            self._told = self._actual
            self._monitor.emit("BALLOON_CHANGE", {"actual": self.actual})
            self._event_timer.arm(_EVENT_SECONDS)

    def start(self, features: int) -> None:
        self._stopping = False

    def stop(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()

    def reset(self) -> None:
        """A guest that starts anew has all of its memory."""
        self._actual = self._told = 0
        with self._wake:
            self._statistics = {}
            self._updated = 0

    def process(self, queue: int, chain: Chain) -> int:
        if queue == INFLATE:
            self._inflate(chain)
        elif queue == STATS:
            self._report(chain)
        elif queue in (REPORTING, REPORTING_WITHOUT_HINTS):
            for buffer in chain.writable:
                self._memory.discard(buffer)
        # Deflating needs nothing: a page comes back with the guest's first access to it.
        return 0

    def _inflate(self, chain: Chain) -> None:
        size = buffers.total(chain.readable)
        if size > MAX_NUMBERS or size % 4:
            raise QueueError(f"{size} bytes of page numbers")
        numbers = array("I", b"".join(chain.readable))
        try:
            for first, count in _runs(sorted(numbers)):
                self._memory.discard(self._memory.view(first * PAGE_SIZE, count * PAGE_SIZE))
        except GuestMemoryError as error:
            raise QueueError(f"a page for the balloon: {error}") from error

    def _report(self, chain: Chain) -> None:
        """Keep what the guest says, and its buffer until it is to say more (5.5.6.3)."""
        size = buffers.total(chain.readable)
        if size > MAX_STATISTICS:
            raise QueueError(f"{size} bytes of statistics")
        data = b"".join(chain.readable)
        due = time.monotonic()
        with self._wake:
            whole = data[: len(data) // _STATISTIC.size * _STATISTIC.size]
            for tag, value in _STATISTIC.iter_unpack(whole):
                if tag < len(STATISTICS):
                    self._statistics[STATISTICS[tag]] = value
            self._updated = int(time.time())
            while not self._stopping:
                left = due + self._period - time.monotonic() if self._period else None
                if left is not None and left <= 0:
                    return
                self._wake.wait(left)
        raise Stopped


def _whole(arguments: Mapping[str, object], name: str) -> int:
    value = arguments.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise QmpError(f"Parameter '{name}' is missing or no number")
    return value


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Sorted page numbers as runs: the first of each, and how many."""
    start = end = -1
    for number in numbers:
        if number > end:
            if end > start:
                yield start, end - start
            start = number
        end = number + 1
    if end > start:
        yield start, end - start


def attach(platform: Platform) -> list[Device]:
    domain = platform.domain
    balloon = domain.devices.memballoon
    if balloon is None or balloon.model == "none":
        return []
    device = Balloon(
        balloon.alias or "balloon0",
        platform.memory,
        platform.monitor,
        platform.timer,
        target=domain.current_memory or domain.memory,
        deflate_on_oom=bool(balloon.autodeflate),
        page_reporting=bool(balloon.free_page_reporting),
        period=balloon.stats_period or 0,
    )
    transport = plug(device, platform, balloon.address)
    device.on_target = transport.core.configuration_changed
    return [transport]
