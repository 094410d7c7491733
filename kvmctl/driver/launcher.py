"""The daemon's end of the launcher, the process that its VMMs are forked from (kvmctl.vmm.launcher)."""

import errno
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvmctl.driver.vmprocess import ProcessIdentity, VmProcess
from kvmctl.host.jail import OPEN, Settings

log = logging.getLogger(__name__)

_MAX_REPLY = 4096


class LauncherError(Exception):
    """The launcher did not start a VMM."""


class _NoAnswerError(LauncherError):
    """It ended before it said what became of the request."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a VMM runs its guest."""

    cache_dir: Path
    """Of decompressed kernels."""
    paused: bool = True
    """Whether it waits for QMP's `cont` before the first instruction."""
    jail: Settings = OPEN

    def arguments(self) -> list[str]:
        """For kvmctl-vmm(8)."""
        jail = [] if self.jail == OPEN else ["--jail", self.jail.to_json()]
        return ["--cache-dir", str(self.cache_dir), *jail, *(["-S"] if self.paused else [])]


class Launcher:
    """Started at the first need, and again when it has died; its guests outlive it, and this daemon."""

    def __init__(self, jail: Settings = OPEN) -> None:
        self.jail = jail
        """For the guests to come."""
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def start(self) -> None:
        """Have it warm before the first guest is asked for; returns at once."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "kvmctl.vmm.launcher", "--socket-fd", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                cwd="/",
                env=environment(),
            )
        self._socket = ours

    def spawn(
        self, guest: str, options: Options, output: int, domain: int, descriptors: Mapping[str, int]
    ) -> VmProcess:
        """A new VMM. Raises LauncherError."""
        return VmProcess.launched(*self.fork(guest, options, output, domain, descriptors))

    def fork(
        self, guest: str, options: Options, output: int, domain: int, descriptors: Mapping[str, int]
    ) -> tuple[ProcessIdentity, int]:
        """A new VMM, and a pidfd of it that the caller owns. Raises LauncherError."""
        message = {
            "guest": guest,
            "cache-dir": str(options.cache_dir),
            "paused": options.paused,
            "jail": options.jail.to_json(),
            "names": list(descriptors),
        }
        files = [output, domain, *descriptors.values()]
        try:
            answer, pidfd = self._ask(message, files)
        except _NoAnswerError as error:
            # What it has forked ends without its word (kvmctl.vmm.launcher): a new one may be asked.
            log.warning("%s; it is started again", error)
            self.close()
            answer, pidfd = self._ask(message, files)
        if "error" in answer:
            raise LauncherError(answer["error"])
        return ProcessIdentity(int(answer["pid"]), int(answer["start-time"])), pidfd

    def _ask(self, message: Mapping[str, Any], files: Sequence[int]) -> tuple[dict[str, Any], int]:
        """The answer, and the descriptor that came with it or -1. OSError: there is no room for one."""
        if self._process is None or self._process.poll() is not None:
            self.close()
            self.start()
        assert self._socket is not None
        # The answer brings a descriptor, which has to find room.
        os.close(os.dup(self._socket.fileno()))
        try:
            socket.send_fds(self._socket, [json.dumps(message).encode()], files)
            reply, received, _flags, _address = socket.recv_fds(self._socket, _MAX_REPLY, 1)
        except OSError as error:
            if error.errno in (errno.EPIPE, errno.ECONNRESET):
                raise _NoAnswerError("the launcher has ended") from error
            raise LauncherError(f"cannot ask the launcher: {os.strerror(error.errno or 0)}") from error
        if not reply:
            raise _NoAnswerError("the launcher has ended")
        return json.loads(reply), received[0] if received else -1

    def close(self) -> None:
        """It ends when nobody can ask it any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._process is not None:
            self._process.poll()
            self._process = None


def environment() -> dict[str, str]:
    """A guest's process sees none of the daemon's environment but what the interpreter needs."""
    kept = ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "PYTHONPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name in kept}
