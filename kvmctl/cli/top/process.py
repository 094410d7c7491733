"""A guest's process: which one it is, and what /proc says of it (proc(5)).

The files are read directly where psutil would read several for one figure: there may be hundreds of guests.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from .. import daemon
from ..options import privileged

HZ = os.sysconf("SC_CLK_TCK")
_SCAN_SECONDS = 10.0
_DEBUGFS = Path("/sys/kernel/debug/kvm")


@dataclass(frozen=True, slots=True)
class Times:
    """Of a process since its start: processor seconds, and its age in seconds."""

    cpu: float
    age: float


@dataclass(frozen=True, slots=True)
class Thread:
    """One thread; processor seconds and seconds that it waited for a processor, since its start."""

    tid: int
    name: str
    cpu: float
    waited: float
    host_cpu: int


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def times(pid: int, now: float) -> Times | None:
    """None when the process has gone; `now` is time.clock_gettime(CLOCK_BOOTTIME)."""
    try:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return None
    return Times((int(fields[11]) + int(fields[12])) / HZ, max(0.0, now - int(fields[19]) / HZ))


def boot_clock() -> float:
    """Seconds since the host's boot, what processes' start times count from."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def pss(pid: int) -> int | None:
    """The proportional set size in bytes; dear: the kernel walks the page tables. None without the right."""
    try:
        text = _read(f"/proc/{pid}/smaps_rollup")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return None


def threads(pid: int) -> list[Thread]:
    """All threads, the virtual CPUs first; empty when the process has gone."""
    found = []
    with suppress(OSError):
        for tid in map(int, os.listdir(f"/proc/{pid}/task")):  # noqa: PTH208 - a tenth of iterdir's cost
            with suppress(OSError):
                found.append(_thread(f"/proc/{pid}/task/{tid}", tid))
    return sorted(found, key=lambda thread: (vcpu_number(thread.name) is None, thread.tid))


def _thread(directory: str, tid: int) -> Thread:
    head, _, rest = _read(f"{directory}/stat").rpartition(b")")
    name = head.partition(b"(")[2].decode(errors="replace")
    fields = rest.split()
    cpu = (int(fields[11]) + int(fields[12])) / HZ
    waited = 0.0
    with suppress(OSError, IndexError, ValueError):  # a kernel without CONFIG_SCHED_INFO has no such file
        ran, delay, _ = _read(f"{directory}/schedstat").split()
        cpu, waited = int(ran) / 1e9, int(delay) / 1e9
    return Thread(tid, name, cpu, waited, int(fields[36]))


def vcpu_number(name: str) -> int | None:
    """Of a thread called `CPU 3/KVM`, as QEMU and kvmctl-vmm call them."""
    number = name.removeprefix("CPU ").removesuffix("/KVM")
    return int(number) if name.startswith("CPU ") and number.isdecimal() else None


def user(pid: int) -> str:
    try:
        return psutil.Process(pid).username()
    except psutil.Error:
        return "?"


def exits(pid: int, root: Path = _DEBUGFS) -> dict[str, int]:
    """Exits of a guest since its start, by kind, from KVM's directory `pid-descriptor` of debugfs; empty
    where that is not mounted, or not to be read by this user."""
    found: dict[str, int] = {}
    with suppress(OSError, ValueError):
        for directory in root.glob(f"{pid}-*"):
            for file in directory.glob("*exits"):
                found[file.name] = found.get(file.name, 0) + int(file.read_text())
    return found


class Finder:
    """Pids by UUID: from the drivers' pid files, else from what the processes are called."""

    def __init__(self, uri: str) -> None:
        self._directory = _pid_directory(uri)
        self._known: dict[str, int] = {}
        self._scanned = 0.0
        self._by_command: dict[str, int] = {}

    def pid(self, name: str, uuid: str) -> int | None:
        """Of a running guest; None where no process of this host can be told to be it."""
        known = self._known.get(uuid)
        if known is not None:
            return known
        found = self._from_file(name, uuid) or self._from_processes(name, uuid)
        if found is not None:
            self._known[uuid] = found
        return found

    def forget(self, uuid: str) -> None:
        self._known.pop(uuid, None)

    def _from_file(self, name: str, uuid: str) -> int | None:
        if self._directory is None:
            return None
        for stem in (name, f"{name[:10]}-{uuid}"):
            with suppress(OSError, ValueError):
                return int((self._directory / f"{stem}.pid").read_text())
        return None

    def _from_processes(self, name: str, uuid: str) -> int | None:
        if time.monotonic() - self._scanned > _SCAN_SECONDS or not self._scanned:
            self._scanned = time.monotonic()
            self._by_command = dict(_guests(psutil.process_iter(["cmdline"])))
        return self._by_command.get(uuid) or self._by_command.get(f"kvmctl-vmm guest={name}")


def _guests(processes: Iterable[psutil.Process]) -> Iterator[tuple[str, int]]:
    """QEMU's by their -uuid, kvmctl-vmm's by their title."""
    for process in processes:
        command = process.info["cmdline"] or []
        if "-uuid" in command[:-1]:
            yield command[command.index("-uuid") + 1], process.pid
        elif command and command[0].startswith("kvmctl-vmm guest="):
            yield command[0].strip(), process.pid


def _pid_directory(uri: str) -> Path | None:
    parts = urlsplit(uri)
    target = daemon.endpoint(uri, privileged=privileged())
    if target:
        return target.socket.parent / "kvmctl"
    if parts.scheme.partition("+")[0] != "qemu" or parts.netloc:
        return None
    if parts.path == "/system":
        return Path("/run/libvirt/qemu")
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(runtime) / "libvirt/qemu/run" if runtime.startswith("/") else None
