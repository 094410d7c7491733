"""A file system with one file, whose reads, writes and syncs fail when the test says so.

FUSE's own protocol over /dev/fuse (linux/fuse.h), served by a thread of the test: no library, nothing cached.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from pathlib import Path

NAME = "disk.img"
_ROOT, _FILE = 1, 2
_BUFFER = (1 << 20) + 65536
_IN = struct.Struct("<IIQQIIIHH")
_OUT = struct.Struct("<IiQ")
_ATTR = struct.Struct("<6Q3I4I3I")
_MS_NOSUID, _MS_NODEV = 2, 4
_DIRECT_IO = 1
Failing = Callable[[str, int], int]


class Op(IntEnum):
    """enum fuse_opcode, what is answered here."""

    LOOKUP = 1
    FORGET = 2
    GETATTR = 3
    SETATTR = 4
    OPEN = 14
    READ = 15
    WRITE = 16
    RELEASE = 18
    FSYNC = 20
    FLUSH = 25
    INIT = 26
    ACCESS = 34
    INTERRUPT = 36
    BATCH_FORGET = 42


def _nothing(_operation: str, _offset: int) -> int:
    return 0


class FaultyDisk:
    """`failing(operation, offset)` gives the errno of a "read", "write" or "sync", 0 for none."""

    def __init__(self, mount: Path, size: int) -> None:
        self.path = mount / NAME
        self.content = bytearray(size)
        self.failing: Failing = _nothing
        self._mount = mount
        self._fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._fd},rootmode=40000,user_id=0,group_id=0,allow_other"
        libc = ctypes.CDLL(None, use_errno=True)
        flags = _MS_NOSUID | _MS_NODEV
        if libc.mount(b"kvmctl-test", bytes(mount), b"fuse", flags, options.encode()):
            number = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(number, os.strerror(number), str(mount))
        self._thread = threading.Thread(target=self._serve, name="fuse", daemon=True)
        self._thread.start()

    def heal(self) -> None:
        self.failing = _nothing

    def close(self) -> None:
        subprocess.run(["umount", "--lazy", str(self._mount)], check=True)
        self._thread.join(10)
        with suppress(OSError):
            os.close(self._fd)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._fd, _BUFFER)
            except OSError as error:
                if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                    continue
                return  # unmounted
            _, opcode, unique, node, *_ = _IN.unpack_from(request)
            if opcode in (Op.FORGET, Op.BATCH_FORGET, Op.INTERRUPT):
                continue
            try:
                answer, number = self._answer(opcode, node, request[_IN.size :]), 0
            except OSError as error:
                answer, number = b"", -(error.errno or errno.EIO)
            with suppress(OSError):  # who asked may have gone
                os.write(self._fd, _OUT.pack(_OUT.size + len(answer), number, unique) + answer)

    def _answer(self, opcode: int, node: int, body: bytes) -> bytes:
        match opcode:
            case Op.INIT:
                # struct fuse_init_out: version 7.31, no flags.
                return struct.pack("<4I2H2I2H8I", 7, 31, 1 << 20, 0, 16, 12, 1 << 20, 1, 0, 0, *[0] * 8)
            case Op.LOOKUP:
                if body.rstrip(b"\0") != NAME.encode():
                    raise OSError(errno.ENOENT, "")
                return struct.pack("<4Q2I", _FILE, 0, 0, 0, 0, 0) + self._attributes(_FILE)
            case Op.GETATTR | Op.SETATTR:
                return struct.pack("<QII", 0, 0, 0) + self._attributes(node)
            case Op.OPEN:
                return struct.pack("<QII", 1, _DIRECT_IO, 0)
            case Op.READ:
                _, offset, size = struct.unpack_from("<QQI", body)
                self._fail("read", offset)
                return bytes(self.content[offset : offset + size])
            case Op.WRITE:
                _, offset, size = struct.unpack_from("<QQI", body)
                self._fail("write", offset)
                self.content[offset : offset + size] = body[40 : 40 + size]
                return struct.pack("<II", size, 0)
            case Op.FSYNC:
                self._fail("sync", 0)
                return b""
            case Op.RELEASE | Op.FLUSH | Op.ACCESS:
                return b""
            case _:
                raise OSError(errno.ENOSYS, "")

    def _fail(self, operation: str, offset: int) -> None:
        number = self.failing(operation, offset)
        if number:
            raise OSError(number, "")

    def _attributes(self, node: int) -> bytes:
        size = len(self.content) if node == _FILE else 0
        mode = stat.S_IFREG | 0o600 if node == _FILE else stat.S_IFDIR | 0o755
        return _ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)
