"""The host process of a guest: spawned in its own session, so that it outlives the daemon, and known by
pid and start time."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvmctl.host.process import START_TIME, stat_fields


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A pid alone may be used again; with the start time (proc(5), /proc/PID/stat, field 22) it names one
    process."""

    pid: int
    start_time: int

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        fields = stat_fields(Path(f"/proc/{pid}"))
        return cls(pid, int(fields[START_TIME])) if fields else None

    def alive(self) -> bool:
        fields = stat_fields(Path(f"/proc/{self.pid}"))
        return fields is not None and int(fields[START_TIME]) == self.start_time and fields[0] != "Z"

    def runs_guest(self, name: str) -> bool:
        """Whether this is a VMM of the guest, by its title or, before it has set one, by its command."""
        try:
            command = Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").strip()
        except OSError:
            return False
        title = f"kvmctl-vmm guest={name}".encode()
        return command.startswith(title) or (b"--domain-fd" in command and b"--fd=qmp=" in command)


def cpu_times(pid: int) -> tuple[int, int]:
    """Nanoseconds of processor time that a process has used for itself and in the kernel, 0 if it is gone."""
    fields = stat_fields(Path(f"/proc/{pid}"))
    if fields is None:
        return 0, 0
    return _nanoseconds(fields[11]), _nanoseconds(fields[12])


def resident_size(pid: int) -> int:
    """Bytes of memory that a process holds, 0 if it is gone (proc(5), /proc/PID/stat, field 24)."""
    fields = stat_fields(Path(f"/proc/{pid}"))
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def _nanoseconds(ticks: str) -> int:
    return int(ticks) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def thread_cpu(pid: int, thread: int) -> tuple[int, int]:
    """Processor time in nanoseconds and the last host CPU of one thread."""
    fields = stat_fields(Path(f"/proc/{pid}/task/{thread}"))
    if fields is None:
        return 0, -1
    return _nanoseconds(fields[11]) + _nanoseconds(fields[12]), int(fields[36])


class VmProcess:
    """A VMM process that this daemon started or adopted."""

    def __init__(self, identity: ProcessIdentity, pidfd: int, child: subprocess.Popen[bytes] | None) -> None:
        self.identity = identity
        self._pidfd = pidfd
        self._child = child
        self._ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, self._on_exit)

    @classmethod
    def spawn(
        cls, command: Sequence[str], descriptors: Sequence[int], output: int, environment: Mapping[str, str]
    ) -> "VmProcess":
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=descriptors,
            start_new_session=True,
            cwd="/",
            env=environment,
        )
        # The child cannot vanish from /proc before it is waited for, so its identity is always there.
        identity = ProcessIdentity.of(child.pid)
        if identity is None:
            raise ProcessLookupError(child.pid)
        return cls(identity, os.pidfd_open(child.pid), child)

    @classmethod
    def launched(cls, identity: ProcessIdentity, pidfd: int) -> "VmProcess":
        """A process that the launcher has forked; takes the pidfd over."""
        return cls(identity, pidfd, None)

    @classmethod
    def adopt(cls, identity: ProcessIdentity) -> "VmProcess | None":
        """Take over a process of an earlier daemon; None if that process is gone."""
        try:
            pidfd = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return None
        # Compared after the descriptor was taken, so the pid cannot change hands in between.
        if not identity.alive():
            os.close(pidfd)
            return None
        return cls(identity, pidfd, None)

    @property
    def pid(self) -> int:
        return self.identity.pid

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def exit_status(self) -> int | None:
        return self._child.returncode if self._child else None

    def signal(self, number: signal.Signals) -> None:
        if self.ended:
            return
        try:
            signal.pidfd_send_signal(self._pidfd, number)
        except ProcessLookupError:
            return

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; False when it did not come in time."""
        try:
            await asyncio.wait_for(self._ended.wait(), timeout)
        except TimeoutError:
            return False
        return True

    async def stop(self, *, patience: float = 5.0, force: bool = True) -> bool:
        """Ask with SIGTERM and, by force, insist with SIGKILL; False if that does not end the process."""
        self.signal(signal.SIGTERM)
        if await self.wait(patience):
            return True
        if not force:
            return False
        self.signal(signal.SIGKILL)
        return await self.wait(10.0)

    def release(self) -> None:
        """Let go of the process without ending it."""
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _on_exit(self) -> None:
        if self._child is not None:
            self._child.poll()
        self._ended.set()
        self.release()
