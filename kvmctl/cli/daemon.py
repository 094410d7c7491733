"""Finding the daemon of a kvmctl: URI, and starting it where none answers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from kvmctl.host import xdg

from .errors import Failure, Status

DAEMON = "virtkvmctld"
SOCKET_NAME = f"{DAEMON}-sock"
IDLE_SECONDS = 120
START_SECONDS = 20.0
LOG_LINES = 8


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a local kvmctl: URI leads, and what the client library has to be given to get there."""

    uri: str
    socket: Path
    log: Path
    session: bool
    default_socket: bool


def default_uri(privileged: bool) -> str:
    return "kvmctl:///system" if privileged else "kvmctl:///session"


def endpoint(uri: str, *, privileged: bool, environment: Mapping[str, str] = os.environ) -> Endpoint | None:
    """The daemon behind a URI of this host, or None for any other URI (remote, or another driver's).

    The user's socket is where libvirt's client library looks: $XDG_RUNTIME_DIR/libvirt, or the cache
    directory in its place (g_get_user_runtime_dir). For root the library takes the system's socket whatever
    the path says, so the session's is named to it.
    """
    parts = urlsplit(uri)
    local = parts.scheme in ("kvmctl", "kvmctl+unix") and not parts.netloc
    if not local or parts.path not in ("/system", "/session"):
        return None
    session = parts.path == "/session"
    cache = xdg.cache(environment)
    runtime = xdg.base(environment, "XDG_RUNTIME_DIR", cache) if session else Path("/run")
    log = (cache if session else Path("/var/log")) / "libvirt" / f"{DAEMON}.log"
    default = runtime / "libvirt" / SOCKET_NAME
    named = parse_qs(parts.query).get("socket")
    if named:
        return Endpoint(uri, Path(named[0]), log, session, Path(named[0]) == default)
    if session and privileged:
        uri = f"kvmctl+unix:///session?socket={quote(str(default))}"
    return Endpoint(uri, default, log, session, True)


def answers(path: Path) -> bool:
    """Whether something accepts connections at the socket: a dead daemon leaves the file behind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except PermissionError as error:
            raise Failure(
                f"no permission to connect to {path}",
                "Run it as root (sudo), or use your own guests: -c kvmctl:///session.",
                Status.NO_CONNECTION,
            ) from error
        except OSError as error:
            message = f"cannot connect to {path}: {error.strerror}"
            raise Failure(message, None, Status.NO_CONNECTION) from error
    return True


def ensure_running(target: Endpoint, *, privileged: bool) -> None:
    """Start the daemon unless it answers, and return when it does."""
    if answers(target.socket):
        return
    if not target.default_socket:
        raise Failure(
            f"no daemon answers at {target.socket}",
            "Leave the socket out of the URI, and the daemon is started.",
            Status.NO_CONNECTION,
        )
    if not target.session and not privileged:
        raise Failure(
            f"{DAEMON} is not running, and only root can start it for the system",
            "Run `sudo kvmctl list`, or use your own guests: -c kvmctl:///session.",
            Status.NO_CONNECTION,
        )
    _start(target)


def _program() -> str:
    beside = Path(sys.executable).with_name(DAEMON)
    found = str(beside) if beside.exists() else shutil.which(DAEMON)
    if not found:
        raise Failure(f"{DAEMON} is not installed", "Install it: pip install .", Status.NO_CONNECTION)
    return found


def _start(target: Endpoint) -> None:
    command = [_program(), "--timeout", str(IDLE_SECONDS)] + (["--session"] if target.session else [])
    target.log.parent.mkdir(parents=True, exist_ok=True)
    with target.log.open("ab") as log:
        before = log.tell()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS
    while not answers(target.socket):
        status = process.poll()
        if status is not None and not answers(target.socket):
            raise Failure(
                f"{DAEMON} ended with status {status} while it started{_end_of(target.log, before)}",
                f"Its log is {target.log}; `{' '.join(command)}` shows more.",
                Status.NO_CONNECTION,
            )
        if time.monotonic() > deadline:
            raise Failure(
                f"{DAEMON} (pid {process.pid}) does not answer at {target.socket} after {START_SECONDS:.0f} s"
                f"{_end_of(target.log, before)}",
                f"Its log is {target.log}.",
                Status.NO_CONNECTION,
            )
        time.sleep(0.02)


def _end_of(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read().decode(errors="replace").strip().splitlines()
    return ":" + "".join(f"\n  {line}" for line in lines[-LOG_LINES:]) if lines else " and logged nothing"
