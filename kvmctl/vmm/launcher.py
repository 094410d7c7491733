"""Hands out VMM processes in milliseconds: each is forked from this one, which has everything imported.

The daemon sends one packet a guest over a SOCK_SEQPACKET socket: JSON with the guest's name, its options
and the names of the descriptors, which come with it (unix(7), SCM_RIGHTS); the first two are the VMM's output
and the domain XML. The answer is the process's pid and start time, with a pidfd, or why there is none. The
launcher ends when the daemon hangs up; its guests go on.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from setproctitle import setproctitle

from kvmctl.domain import Domain, format, parse, with_defaults
from kvmctl.host.jail import Settings
from kvmctl.host.process import START_TIME, stat_fields
from kvmctl.vmm import confinement, jail, process
from kvmctl.vmm.jail import JailError
from kvmctl.vmm.resources import Resources

PROGRAM: Final = "kvmctl-launcher"
MAX_REQUEST: Final = 256 << 10
MAX_DESCRIPTORS: Final = 253
"""SCM_MAX_FD, what one message can carry."""
_WARM: Final = """<domain type='kvm'><name>warm</name><memory unit='MiB'>1</memory><os><type>hvm</type></os>
<devices><serial type='pty'/></devices></domain>"""


class TooManyFiles(Exception):
    """The descriptors of a request did not all find room here."""


@dataclass(frozen=True, slots=True)
class Request:
    """One guest to run: `descriptors` are open here, and named in the order in which they came."""

    guest: str
    cache_dir: Path
    paused: bool
    jail: Settings
    output: int
    domain: int
    descriptors: dict[str, int]


def receive(connection: socket.socket) -> Request | None:
    """The next request; None when the daemon has hung up. Raises TooManyFiles."""
    data, descriptors, flags, _address = socket.recv_fds(connection, MAX_REQUEST, MAX_DESCRIPTORS)
    if not data:
        return None
    if flags & socket.MSG_CTRUNC:
        for descriptor in descriptors:
            os.close(descriptor)
        raise TooManyFiles("too many open files for this guest's descriptors")
    message = json.loads(data)
    output, domain, *others = descriptors
    named = dict(zip(message["names"], others, strict=True))
    cache_dir = Path(message["cache-dir"])
    settings = Settings.from_json(message["jail"])
    return Request(message["guest"], cache_dir, message["paused"], settings, output, domain, named)


def serve(connection: socket.socket) -> None:
    """Fork a VMM for every request until the daemon hangs up."""
    while True:
        try:
            request = receive(connection)
        except TooManyFiles as error:
            connection.send(json.dumps({"error": str(error)}).encode())
            continue
        if request is None:
            return
        try:
            child = _fork(connection, request)
        except (JailError, OSError) as error:
            connection.send(json.dumps({"error": str(error)}).encode())
            continue
        finally:
            _close_all(request)
        try:
            reply = {"pid": child.pid, "start-time": child.start_time}
            socket.send_fds(connection, [json.dumps(reply).encode()], [child.pidfd])
            os.write(child.go, b"1")
        finally:
            os.close(child.go)
            os.close(child.pidfd)


def _close_all(request: Request) -> None:
    for descriptor in (request.output, request.domain, *request.descriptors.values()):
        os.close(descriptor)


def _start_time(pid: int) -> int:
    fields = stat_fields(Path(f"/proc/{pid}"))
    if fields is None:
        raise ProcessLookupError(pid)
    return int(fields[START_TIME])


@dataclass(frozen=True, slots=True)
class Child:
    """A process that waits for a byte on `go`; when that is closed without one, it ends."""

    pid: int
    start_time: int
    pidfd: int
    go: int


def _fork(connection: socket.socket, request: Request) -> Child:
    """The child waits until the daemon has been told of it: nobody would look after it otherwise."""
    waiting, go = os.pipe2(os.O_CLOEXEC)
    try:
        pid = jail.fork(request.jail)
        if pid == 0:
            _be_child(connection, request, waiting, go)
        return Child(pid, _start_time(pid), os.pidfd_open(pid), go)
    except BaseException:
        os.close(go)
        raise
    finally:
        os.close(waiting)


def _be_child(connection: socket.socket, request: Request, waiting: int, go: int) -> NoReturn:
    status = 1
    try:
        connection.close()
        os.close(go)
        setproctitle(f"{process.PROGRAM} guest={request.guest}")
        if os.read(waiting, 1):
            os.close(waiting)
            status = _run(request)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        logging.shutdown()
        os._exit(status)


def _run(request: Request) -> int:
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (1, 2):
        os.dup2(request.output, number)
    os.close(request.output)

    def opened() -> tuple[Domain, Resources]:
        return process.open_passed(request.domain, request.descriptors, request.cache_dir)

    return process.run(opened, paused=request.paused, jail=request.jail)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Start VMM processes for virtkvmctld.")
    parser.add_argument("--socket-fd", type=int, required=True, metavar="N", help="the daemon's socket")
    connection = socket.socket(fileno=parser.parse_args(arguments).socket_fd)
    connection.set_inheritable(False)
    setproctitle(PROGRAM)
    # A terminal's Ctrl-C is for the daemon; the kernel reaps the guests' processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    format(with_defaults(parse(_WARM)))
    confinement.warm()
    gc.collect()
    gc.freeze()
    serve(connection)
    return 0


if __name__ == "__main__":
    sys.exit(main())
