"""A client of the remote protocol, small enough to send what a real one never would."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kvmctl.driver.rpc import ErrorCode, Procedure, types
from kvmctl.driver.rpc.errors import ErrorMessage
from kvmctl.driver.rpc.message import (
    HEADER_SIZE,
    LENGTH_SIZE,
    REMOTE_PROGRAM,
    REMOTE_VERSION,
    Header,
    MessageType,
    Status,
    frame,
)
from kvmctl.driver.rpc.xdr import decode, encode

NUMBERS: dict[int, Procedure] = {int(procedure): procedure for procedure in Procedure}


class RemoteError(Exception):
    def __init__(self, message: ErrorMessage) -> None:
        super().__init__(message.message)
        self.wire = message
        self.code = ErrorCode(message.code)


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.serials = itertools.count()

    @classmethod
    @asynccontextmanager
    async def connect(cls, path: Path, *, opened: bool = True, flags: int = 0) -> AsyncIterator[Client]:
        reader, writer = await asyncio.open_unix_connection(path)
        client = cls(reader, writer)
        try:
            if opened:
                await client.call(
                    Procedure.CONNECT_OPEN, types.ConnectOpenArgs(name="kvmctl:///system", flags=flags)
                )
            yield client
        finally:
            writer.close()

    def send(
        self,
        procedure: int,
        payload: bytes = b"",
        *,
        serial: int | None = None,
        kind: MessageType = MessageType.CALL,
        status: Status = Status.OK,
        program: int = REMOTE_PROGRAM,
        version: int = REMOTE_VERSION,
    ) -> int:
        serial = next(self.serials) if serial is None else serial
        self.writer.write(frame(Header(program, version, procedure, kind, serial, status), payload))
        return serial

    async def receive(self) -> tuple[Header, bytes]:
        length = int.from_bytes(await self.reader.readexactly(LENGTH_SIZE), "big")
        data = await self.reader.readexactly(length - LENGTH_SIZE)
        return decode(Header, data[:HEADER_SIZE]), data[HEADER_SIZE:]

    async def reply(self) -> tuple[Header, Any]:
        """The next message, decoded by what its procedure answers; an error is raised."""
        header, payload = await self.receive()
        if header.status is Status.ERROR:
            raise RemoteError(decode(ErrorMessage, payload))
        procedure = NUMBERS[header.procedure]
        kind = procedure.arguments if header.type is MessageType.EVENT else procedure.result
        return header, decode(kind, payload) if kind else None

    async def call(self, procedure: Procedure, arguments: object | None = None) -> Any:
        self.send(procedure, encode(arguments) if arguments is not None else b"")
        header, result = await self.reply()
        assert header.procedure == procedure
        assert header.type is MessageType.REPLY
        return result

    async def gone(self) -> bool:
        """Whether the server has cut us off without a word."""
        try:
            return await asyncio.wait_for(self.reader.read(), 5) == b""
        except ConnectionError:
            return True
