"""Programs that serve one device of one guest over vhost-user: they live exactly as long as the guest's VMM.

The VMM holds the writing end of a pipe, which nobody ever uses. When it ends, however that comes, the kernel
sends the helper SIGTERM for the end of that pipe (fcntl(2), O_ASYNC with F_SETSIG). So a helper outlives the
daemon that started it, and needs nobody to watch it.
"""

import fcntl
import os
import selectors
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from kvmctl.backends.descriptors import BackendError, Descriptors, Unsupported

_WHEN_TOLD: Final = 'read -r go && exec "$@" </dev/null'
"""A helper runs only when its end is certain to come: not if its starter is killed a moment too early."""
_START_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02
# The first message of vhost-user, VHOST_USER_GET_FEATURES: its answer says that the helper serves.
_GREETING: Final = struct.pack("<III", 1, 1, 0)
_ANSWER_SIZE: Final = 20
_MAX_WORDS: Final = 4096


def connect(path: str, what: str) -> int:
    """A connection to the socket of a back end that somebody else runs."""
    with ExitStack() as stack:
        client = stack.enter_context(socket.socket(socket.AF_UNIX))
        try:
            client.connect(path)
        except OSError as error:
            raise BackendError(error, f"cannot connect to {what} '{path}'") from error
        return client.detach()


def start(
    alias: str,
    program: str,
    arguments: Callable[[int, int], Sequence[str]],
    descriptors: Descriptors,
    *,
    monitored: bool = False,
) -> None:
    """Start a helper for the device `alias`; its connection is the descriptor of that name.

    `arguments` makes its command line from the numbers of the socket on which it is to listen and, for one
    that is `monitored`, of its end of a connection to the VMM (-1 otherwise), whose other end is the
    descriptor "alias.monitor". Returns when it serves; raises BackendError with its words when it does not.
    """
    name = Path(program).name
    with ExitStack() as stack:
        try:
            listening, client = _socket_pair(stack)
            reading, writing = os.pipe()
            stack.callback(os.close, reading)
            descriptors.add(f"{alias}.life", writing)
            inherited = [listening.fileno(), reading]
            monitor = -1
            if monitored:
                ours, theirs = socket.socketpair()
                descriptors.add(f"{alias}.monitor", ours.detach())
                monitor = stack.enter_context(theirs).fileno()
                inherited.append(monitor)
            words = os.memfd_create(name, os.MFD_CLOEXEC)
            stack.callback(os.close, words)
            waiting, go = os.pipe()
            stack.callback(os.close, waiting)
            stack.callback(os.close, go)
            child = subprocess.Popen(
                ["/bin/sh", "-c", _WHEN_TOLD, name, program, *arguments(listening.fileno(), monitor)],
                stdin=waiting,
                stdout=words,
                stderr=words,
                pass_fds=inherited,
                start_new_session=True,
                cwd="/",
            )
            fcntl.fcntl(reading, fcntl.F_SETSIG, signal.SIGTERM)
            fcntl.fcntl(reading, fcntl.F_SETOWN, child.pid)
            fcntl.fcntl(reading, fcntl.F_SETFL, fcntl.fcntl(reading, fcntl.F_GETFL) | os.O_ASYNC)
            os.write(go, b"\n")
        except OSError as error:
            raise BackendError(error, f"cannot start {program}") from error
        threading.Thread(target=child.wait, name=name, daemon=True).start()
        listening.close()
        if not _serves(client, child):
            child.kill()
            raise Unsupported(f"{name} does not serve {alias}: {_last_words(words) or 'no answer'}")
        descriptors.add(alias, client.detach())


def _socket_pair(stack: ExitStack) -> tuple[socket.socket, socket.socket]:
    """A listening socket, and a client that is connected to it; the name is gone at once."""
    directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="kvmctl-"))
    path = f"{directory}/socket"
    listening = stack.enter_context(socket.socket(socket.AF_UNIX))
    listening.bind(path)
    listening.listen(1)
    client = stack.enter_context(socket.socket(socket.AF_UNIX))
    client.connect(path)
    return listening, client


def _serves(client: socket.socket, child: subprocess.Popen[bytes]) -> bool:
    try:
        client.sendall(_GREETING)
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ)
            deadline = time.monotonic() + _START_SECONDS
            while not selector.select(_POLL_SECONDS):
                if child.poll() is not None or time.monotonic() > deadline:
                    return False
        return len(client.recv(_ANSWER_SIZE, socket.MSG_WAITALL)) == _ANSWER_SIZE
    except OSError:
        return False


def _last_words(output: int) -> str:
    size = os.fstat(output).st_size
    text = os.pread(output, _MAX_WORDS, max(0, size - _MAX_WORDS)).decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
