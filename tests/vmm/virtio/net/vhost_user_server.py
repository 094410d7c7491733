"""A vhost-user server for one network card, which answers ARP for any address (QEMU, vhost-user.rst)."""

from __future__ import annotations

import array
import ctypes
import mmap
import os
import socket
import threading
from pathlib import Path
from typing import Any

from kvmctl.vmm.devices.virtio.net import features
from kvmctl.vmm.devices.virtio.queue import QueueLayout, SplitQueue
from kvmctl.vmm.devices.virtio.vhost.kernel import RINGS
from kvmctl.vmm.devices.virtio.vhost.user import (
    FLAG_NEED_REPLY,
    FLAG_REPLY,
    HEADER,
    MEMORY_HEADER,
    MEMORY_REGION,
    U64,
    VRING_ADDRESS,
    VRING_STATE,
    Request,
    encode,
)

MAC = bytes.fromhex("02000000000a")
_ARP = b"\x08\x06"


class Memory:
    """The guest's memory as the front end shares it."""

    def __init__(self, payload: bytes, fds: list[int]) -> None:
        (count,) = MEMORY_HEADER.unpack_from(payload)
        self._regions = []
        for index, fd in zip(range(count), fds, strict=True):
            guest, size, user, offset = MEMORY_REGION.unpack_from(payload, 8 + index * MEMORY_REGION.size)
            mapped = memoryview(mmap.mmap(fd, size + offset))[offset:]
            self._regions.append((guest, size, user, mapped))
            os.close(fd)

    def view(self, address: int, length: int) -> memoryview:
        for guest, size, _, mapped in self._regions:
            if guest <= address and address + length <= guest + size:
                return mapped[address - guest : address - guest + length]
        raise AssertionError(f"{address:#x} is in no region")

    def host_regions(self) -> list[tuple[int, int, int]]:
        return [
            (guest, size, ctypes.addressof(ctypes.c_char.from_buffer(mapped)))
            for guest, size, _, mapped in self._regions
        ]

    def guest_address(self, user_address: int) -> int:
        for guest, size, user, _ in self._regions:
            if user <= user_address < user + size:
                return guest + user_address - user
        raise AssertionError(f"{user_address:#x} is in no region")


class Server(threading.Thread):
    """Serves one connection, to its end."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self.negotiated = 0
        self._memory: Memory | None = None
        self._rings: dict[int, dict[str, Any]] = {0: {}, 1: {}}
        self._stopping = threading.Event()

    def run(self) -> None:
        stream, _ = self._listening.accept()
        self._listening.close()
        with stream:
            while head := stream.recvmsg(HEADER.size, 1024):
                data, control, _, _ = head
                if len(data) < HEADER.size:
                    return
                fds = array.array("i")
                for _, _, item in control:
                    fds.frombytes(item[: len(item) - len(item) % fds.itemsize])
                request, flags, size = HEADER.unpack(data)
                payload = stream.recv(size, socket.MSG_WAITALL) if size else b""
                answer = self._answer(request, payload, list(fds))
                if answer is not None:
                    stream.sendall(encode(request, answer, FLAG_REPLY))
                elif flags & FLAG_NEED_REPLY:
                    stream.sendall(encode(request, U64.pack(0), FLAG_REPLY))

    def _answer(self, request: int, payload: bytes, fds: list[int]) -> bytes | None:
        match request:
            case Request.GET_FEATURES:
                return U64.pack(RINGS | features.MRG_RXBUF)
            case Request.SET_FEATURES:
                (self.negotiated,) = U64.unpack(payload)
            case Request.SET_MEM_TABLE:
                self._memory = Memory(payload, fds)
            case Request.SET_VRING_NUM | Request.SET_VRING_BASE:
                index, value = VRING_STATE.unpack(payload)
                self._rings[index]["size" if request == Request.SET_VRING_NUM else "base"] = value
            case Request.SET_VRING_ADDR:
                index, _, *addresses, _ = VRING_ADDRESS.unpack(payload)
                self._rings[index]["addresses"] = addresses
            case Request.SET_VRING_CALL:
                self._rings[U64.unpack(payload)[0] & 0xFF]["call"] = fds[0]
            case Request.SET_VRING_KICK:
                index = U64.unpack(payload)[0] & 0xFF
                self._rings[index]["kick"] = fds[0]
                if index == 1:
                    threading.Thread(target=self._serve, daemon=True).start()
            case Request.GET_VRING_BASE:
                index, _ = VRING_STATE.unpack(payload)
                self._stopping.set()
                return VRING_STATE.pack(index, self._used(index))
        return None

    def _used(self, index: int) -> int:
        """Where to go on: every request that was taken is given back already."""
        memory = self._memory
        assert memory is not None
        _, used, _ = map(memory.guest_address, self._rings[index]["addresses"])
        return int.from_bytes(memory.view(used + 2, 2), "little")

    def _queue(self, index: int) -> SplitQueue:
        ring, memory = self._rings[index], self._memory
        assert memory is not None
        table, used, available = map(memory.guest_address, ring["addresses"])
        events = bool(self.negotiated & (1 << 29))
        layout = QueueLayout(ring["size"], table, available, used, events, bool(self.negotiated & (1 << 28)))
        return SplitQueue(memory, layout)

    def _serve(self) -> None:
        receive, transmit = self._queue(0), self._queue(1)
        while not self._stopping.is_set():
            os.eventfd_read(self._rings[1]["kick"])
            while (chain := transmit.pop()) is not None:
                frame = b"".join(chain.readable)[12:]
                transmit.push(chain.head, 0)
                os.eventfd_write(self._rings[1]["call"], 1)
                room = receive.pop() if frame[12:14] == _ARP else None
                if room is not None:
                    reply = bytes(10) + b"\1\0" + _reply(frame)
                    room.writable[0][: len(reply)] = reply
                    receive.push(room.head, len(reply))
                    os.eventfd_write(self._rings[0]["call"], 1)


def _reply(ask: bytes) -> bytes:
    """RFC 826: the sender gets the address that it asked for."""
    sender, asked = ask[22:32], ask[38:42]
    return ask[6:12] + MAC + ask[12:20] + b"\0\2" + MAC + asked + sender
