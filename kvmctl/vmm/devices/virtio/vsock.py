"""The socket device (virtio 1.2, 5.10), whose host side is unix sockets, after Firecracker (docs/vsock.md).

A client of the host connects to PATH and writes "CONNECT port"; when the guest accepts it reads "OK port".
A guest that connects to port P of the host gets whoever listens on PATH_P.

The receive queue's thread watches the host's sockets while it has a buffer to fill; the transmit queue's
carries out what the guest sends. A guest that takes no answers is not listened to any further.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kvmctl.vmm.devices.platform import Device, Platform
from kvmctl.vmm.devices.virtio import buffers, vsockhost
from kvmctl.vmm.devices.virtio.device import Stopped
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError
from kvmctl.vmm.devices.virtio.transport import plug
from kvmctl.vmm.devices.virtio.vsockhost import Connect
from kvmctl.vmm.devices.virtio.vsockpacket import (
    HEADER_SIZE,
    HOST_CID,
    MASK,
    MAX_PAYLOAD,
    SHUTDOWN_RECEIVE,
    SHUTDOWN_SEND,
    TYPE_STREAM,
    Op,
    Packet,
    decode,
)

DEVICE_ID: Final = 19
QUEUE_SIZE: Final = 128
_CLASS_OTHER: Final = 0x00_FF_00

RECEIVE: Final = 0
TRANSMIT: Final = 1
EVENT: Final = 2

BUFFER: Final = 256 << 10
"""What we take from the guest for a host's client that does not read."""
MAX_CONNECTIONS: Final = 1023
MAX_ANSWERS: Final = 1024
FIRST_PORT: Final = 1 << 30
"""Host ports of connections that come from the host."""
_LONGEST_COMMAND: Final = len(b"CONNECT 4294967295\n")
_SMALLEST: Final = HEADER_SIZE + 1


@dataclass(slots=True, eq=False)
class _Connection:
    """One stream; `port` is the host's, `peer` the guest's."""

    end: socket.socket
    port: int
    peer: int
    established: bool = False
    # towards the guest
    peer_alloc: int = 0
    peer_forwarded: int = 0
    sent: int = 0
    host_done: bool = False
    guest_receives: bool = True
    # towards the host
    waiting: bytearray = field(default_factory=bytearray)
    forwarded: int = 0
    told: int = 0
    guest_sends: bool = True
    watched: int | None = None

    @property
    def credit(self) -> int:
        """How many bytes the guest still takes (5.10.6.3)."""
        return max(0, self.peer_alloc - (self.sent - self.peer_forwarded & MASK))

    def interest(self) -> int | None:
        """What to watch the socket for; None for nothing at all, because a hang-up is told in any case."""
        events = 0
        if self.established and self.guest_receives and not self.host_done and self.credit:
            events |= select.EPOLLIN
        if self.waiting:
            events |= select.EPOLLOUT
        return events or None


class Vsock:
    device_id = DEVICE_ID
    class_code = _CLASS_OTHER
    features = 0

    def __init__(self, name: str, cid: int, listening: socket.socket, connect: Connect) -> None:
        """The host's clients come by `listening`; `connect` leads to the host's servers."""
        self.name = name
        self.queue_sizes: Sequence[int] = (QUEUE_SIZE,) * 3
        self._cid = cid
        self._listening = listening
        listening.setblocking(False)
        self._connect_to = connect
        self._lock = threading.Condition()
        self._stopping = False
        self._connections: dict[tuple[int, int], _Connection] = {}
        self._by_fd: dict[int, _Connection] = {}
        self._clients: dict[int, tuple[socket.socket, bytearray]] = {}
        self._answers: deque[Packet] = deque()
        self._ready: deque[_Connection] = deque()
        self._next_port = FIRST_PORT
        self._poll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._poll.register(self._wake, select.EPOLLIN)
        self._poll.register(listening.fileno(), select.EPOLLIN)

    def configuration(self) -> bytes:
        return struct.pack("<Q", self._cid)

    def start(self, features: int) -> None:
        with self._lock:
            self._stopping = False

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
        os.eventfd_write(self._wake, 1)

    def reset(self) -> None:
        """No connection outlives its driver."""
        with self._lock:
            for connection in list(self._connections.values()):
                self._forget(connection)
            for client, _ in self._clients.values():
                self._poll.unregister(client.fileno())
                client.close()
            self._clients.clear()
            self._answers.clear()
            self._ready.clear()

    def process(self, queue: int, chain: Chain) -> int:
        if queue == RECEIVE:
            return self._receive(chain)
        if queue == TRANSMIT:
            self._transmit(chain)
            return 0
        # The one event there is, a new CID, never happens here.
        with self._lock:
            while not self._stopping:
                self._lock.wait()
        raise Stopped

    # to the guest

    def _receive(self, chain: Chain) -> int:
        room = buffers.total(chain.writable)
        if room < _SMALLEST:
            raise QueueError(f"a buffer of {room} bytes for packets")
        while True:
            with self._lock:
                if self._stopping:
                    raise Stopped
                packet = self._next(min(room - HEADER_SIZE, MAX_PAYLOAD))
            if packet is not None:
                return buffers.scatter(chain.writable, packet.encode())
            events = self._poll.poll()
            with self._lock:
                for fd, event in events:
                    self._host_event(fd, event)

    def _next(self, room: int) -> Packet | None:
        while not self._answers and self._ready:
            connection = self._ready.popleft()
            if connection.end.fileno() >= 0:
                self._read(connection, room)
        if not self._answers:
            return None
        packet = self._answers.popleft()
        self._lock.notify_all()
        return packet

    def _read(self, connection: _Connection, room: int) -> None:
        size = min(room, connection.credit)
        if not size or connection.host_done or not connection.guest_receives:
            return
        try:
            data = connection.end.recv(size)
        except BlockingIOError:
            return
        except OSError:
            self._reset(connection)
            return
        if data:
            connection.sent = connection.sent + len(data) & MASK
            self._answer(connection, Op.RW, payload=data)
        else:
            connection.host_done = True
            self._answer(connection, Op.SHUTDOWN, SHUTDOWN_SEND | self._if_gone(connection))
        self._watch(connection)

    def _if_gone(self, connection: _Connection) -> int:
        """A peer that has closed its socket does not read either."""
        poll = select.poll()
        poll.register(connection.end.fileno(), 0)
        gone = any(event & select.POLLHUP for _, event in poll.poll(0))
        return SHUTDOWN_RECEIVE if gone else 0

    def _answer(self, connection: _Connection, op: Op, flags: int = 0, payload: bytes = b"") -> None:
        connection.told = connection.forwarded
        self._answers.append(
            Packet(
                HOST_CID,
                self._cid,
                connection.port,
                connection.peer,
                TYPE_STREAM,
                op,
                flags,
                BUFFER,
                connection.forwarded,
                payload,
            )
        )
        self._signal()

    def _refuse(self, packet: Packet) -> None:
        """RST for what belongs to no connection; a RST has no answer (5.10.6.6)."""
        if packet.op != Op.RST:
            ports = packet.target_port, packet.source_port
            self._answers.append(Packet(HOST_CID, self._cid, *ports, packet.type, Op.RST))
            self._signal()

    def _signal(self) -> None:
        os.eventfd_write(self._wake, 1)

    # the host's sockets, on the receive queue's thread

    def _host_event(self, fd: int, event: int) -> None:
        if fd == self._wake:
            os.eventfd_read(fd)
        elif fd == self._listening.fileno():
            self._accept()
        elif fd in self._clients:
            self._command(fd)
        elif fd in self._by_fd:
            connection = self._by_fd[fd]
            if event & select.EPOLLOUT:
                self._write(connection)
            if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and connection.end.fileno() >= 0:
                self._ready.append(connection)

    def _accept(self) -> None:
        try:
            client, _ = self._listening.accept()
        except OSError:
            return
        if len(self._connections) + len(self._clients) >= MAX_CONNECTIONS:
            client.close()
            return
        client.setblocking(False)
        self._clients[client.fileno()] = (client, bytearray())
        self._poll.register(client.fileno(), select.EPOLLIN)

    def _command(self, fd: int) -> None:
        """CONNECT and a port, in a line; what follows it is the guest's."""
        client, line = self._clients[fd]
        while not line.endswith(b"\n") and len(line) < _LONGEST_COMMAND:
            try:
                byte = client.recv(1)
            except BlockingIOError:
                return
            except OSError:
                byte = b""
            if not byte:
                break
            line += byte
        del self._clients[fd]
        self._poll.unregister(fd)
        words = bytes(line).split()
        valid = line.endswith(b"\n") and len(words) == 2 and words[0].upper() == b"CONNECT"
        if not valid or not words[1].isdigit() or int(words[1]) > MASK:
            client.close()
            return
        connection = _Connection(client, self._free_port(), int(words[1]))
        self._add(connection)
        self._answer(connection, Op.REQUEST)

    def _free_port(self) -> int:
        used = {port for port, _ in self._connections}
        while self._next_port in used:
            self._next_port = self._following(self._next_port)
        port = self._next_port
        self._next_port = self._following(port)
        return port

    @staticmethod
    def _following(port: int) -> int:
        return port + 1 if port + 1 < MASK else FIRST_PORT

    def _add(self, connection: _Connection) -> None:
        self._connections[connection.port, connection.peer] = connection
        self._by_fd[connection.end.fileno()] = connection

    def _watch(self, connection: _Connection) -> None:
        wanted = connection.interest()
        fd = connection.end.fileno()
        if fd < 0 or wanted == connection.watched:
            return
        if wanted is None:
            self._poll.unregister(fd)
        elif connection.watched is None:
            self._poll.register(fd, wanted)
        else:
            self._poll.modify(fd, wanted)
        connection.watched = wanted

    def _forget(self, connection: _Connection) -> None:
        self._connections.pop((connection.port, connection.peer), None)
        fd = connection.end.fileno()
        if fd >= 0:
            self._by_fd.pop(fd, None)
            if connection.watched is not None:
                self._poll.unregister(fd)
            connection.end.close()

    def _reset(self, connection: _Connection) -> None:
        self._forget(connection)
        self._answer(connection, Op.RST)

    def _write(self, connection: _Connection) -> None:
        """To the host's client, as much as it takes."""
        while connection.waiting:
            try:
                done = connection.end.send(connection.waiting, socket.MSG_NOSIGNAL)
            except BlockingIOError:
                break
            except OSError:
                self._reset(connection)
                return
            del connection.waiting[:done]
            connection.forwarded = connection.forwarded + done & MASK
        if connection.forwarded - connection.told & MASK >= BUFFER // 2:
            self._answer(connection, Op.CREDIT_UPDATE)
        if not connection.waiting and not connection.guest_sends:
            self._finish(connection)
        else:
            self._watch(connection)

    def _finish(self, connection: _Connection) -> None:
        """The guest sends no more, and everything is written."""
        if not connection.guest_receives:
            self._reset(connection)
            return
        try:
            connection.end.shutdown(socket.SHUT_WR)
        except OSError:
            self._reset(connection)
            return
        self._watch(connection)

    # from the guest, on the transmit queue's thread

    def _transmit(self, chain: Chain) -> None:
        packet = decode(chain)
        with self._lock:
            while len(self._answers) >= MAX_ANSWERS and not self._stopping:
                self._lock.wait()
            if self._stopping:
                raise Stopped
            if packet.source_cid != self._cid or packet.target_cid != HOST_CID:
                return
            self._carry_out(packet)

    def _carry_out(self, packet: Packet) -> None:
        connection = self._connections.get((packet.target_port, packet.source_port))
        if packet.type != TYPE_STREAM:
            self._refuse(packet)
        elif connection is None:
            if packet.op == Op.REQUEST:
                self._connect(packet)
            else:
                self._refuse(packet)
        else:
            connection.peer_alloc = packet.buf_alloc
            connection.peer_forwarded = packet.fwd_cnt
            self._continue(connection, packet)
            if connection.end.fileno() >= 0:
                self._watch(connection)

    def _connect(self, packet: Packet) -> None:
        try:
            if len(self._connections) >= MAX_CONNECTIONS:
                raise ConnectionRefusedError
            end = self._connect_to(packet.target_port)
        except OSError:
            self._refuse(packet)
            return
        connection = _Connection(end, packet.target_port, packet.source_port, established=True)
        connection.peer_alloc, connection.peer_forwarded = packet.buf_alloc, packet.fwd_cnt
        self._add(connection)
        self._answer(connection, Op.RESPONSE)
        self._watch(connection)

    def _continue(self, connection: _Connection, packet: Packet) -> None:
        op = packet.op
        if op == Op.RST:
            self._forget(connection)
        elif op == Op.RESPONSE and not connection.established:
            connection.established = True
            connection.waiting += b"OK %d\n" % connection.port
            # The line is not the guest's: it gets no credit back for it.
            connection.forwarded = -len(connection.waiting) & MASK
            connection.told = connection.forwarded
            self._write(connection)
        elif not connection.established:
            self._reset(connection)
        elif op == Op.RW and connection.guest_sends:
            if len(connection.waiting) + len(packet.payload) > BUFFER:
                self._reset(connection)  # more than it has credit for
                return
            connection.waiting += packet.payload
            self._write(connection)
        elif op == Op.SHUTDOWN:
            connection.guest_sends &= not packet.flags & SHUTDOWN_SEND
            connection.guest_receives &= not packet.flags & SHUTDOWN_RECEIVE
            if not connection.guest_sends and not connection.waiting:
                self._finish(connection)
        elif op == Op.CREDIT_REQUEST:
            self._answer(connection, Op.CREDIT_UPDATE)
        elif op != Op.CREDIT_UPDATE:
            self._reset(connection)


def attach(platform: Platform) -> list[Device]:
    vsock = platform.domain.devices.vsock
    if vsock is None or vsock.cid is None:
        return []
    name = vsock.alias or "vsock0"
    if platform.opened(f"{name}.vhost") is not None:
        return []  # vsockkernel's
    listening = socket.socket(fileno=platform.descriptor(name))
    connector = platform.opened(f"{name}.connector")
    if connector is None:
        connect = vsockhost.by_path(listening, platform.descriptor(f"{name}.directory"))
    else:
        connect = vsockhost.by_connector(connector)
    return [plug(Vsock(name, vsock.cid, listening, connect), platform, vsock.address)]
