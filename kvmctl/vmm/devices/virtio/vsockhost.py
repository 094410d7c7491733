"""Who listens on the host for a guest's vsock connections: NAME.vsock_PORT, beside the socket NAME.vsock.

A jailed process reaches no paths, and is not the user whom those sockets are for. So, before it goes into the
jail, it forks a process that connects to the paths of this guest alone and hands the sockets over.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from errno import ECONNREFUSED, EPROTO
from typing import Final

_REQUEST: Final = struct.Struct("=I")
_ANSWER: Final = struct.Struct("=i")
_STDERR: Final = 2

Connect = Callable[[int], socket.socket]
"""The guest's port on the host to a connected socket that does not block. Raises OSError."""


def by_path(listening: socket.socket, directory_fd: int) -> Connect:
    """`directory_fd` is the directory of the guest's own socket, in which the others are."""
    name = str(listening.getsockname()).rpartition("/")[2]

    def connect(port: int) -> socket.socket:
        end = socket.socket(socket.AF_UNIX)
        try:
            end.setblocking(False)
            end.connect(f"/proc/self/fd/{directory_fd}/{name}_{port}")
        except BaseException:
            end.close()
            raise
        return end

    return connect


def by_connector(fd: int) -> Connect:
    """`fd` leads to a process that `fork` has made; the calls of one guest come one at a time."""
    channel = socket.socket(fileno=fd)

    def connect(port: int) -> socket.socket:
        channel.send(_REQUEST.pack(port))
        answer, descriptors, _flags, _address = socket.recv_fds(channel, _ANSWER.size, 1)
        if len(answer) != _ANSWER.size:
            raise ConnectionRefusedError(ECONNREFUSED, "the connector has ended")
        (number,) = _ANSWER.unpack(answer)
        if number:
            raise OSError(number, os.strerror(number))
        end = socket.socket(fileno=descriptors[0])
        end.setblocking(False)
        return end

    return connect


def fork(listening: socket.socket, directory_fd: int, confine: Callable[[], None]) -> int:
    """A process that serves `by_connector` until the other end is closed: the descriptor of that end.

    It calls `confine` first, with nothing else open. Before there is a second thread. Raises OSError.
    """
    connect = by_path(listening, directory_fd)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        status = 1
        with suppress(BaseException):
            _close_all_but({_STDERR, theirs.fileno(), directory_fd})
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            confine()
            _serve(theirs, connect)
            status = 0
        os._exit(status)
    theirs.close()
    return ours.detach()


def _close_all_but(kept: set[int]) -> None:
    low = 0
    for descriptor in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        os.closerange(low, descriptor)
        low = descriptor + 1


def _serve(channel: socket.socket, connect: Connect) -> None:
    while request := channel.recv(_REQUEST.size + 1):
        if len(request) != _REQUEST.size:
            channel.send(_ANSWER.pack(EPROTO))
            continue
        try:
            with connect(*_REQUEST.unpack(request)) as end:
                socket.send_fds(channel, [_ANSWER.pack(0)], [end.fileno()])
        except OSError as error:
            channel.send(_ANSWER.pack(error.errno or ECONNREFUSED))
