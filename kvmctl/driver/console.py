"""Consoles and channels: a client's stream joined to a guest's pty or socket, one session at a time."""

import asyncio
import os
import socket
from collections.abc import Callable
from uuid import UUID

from kvmctl.domain import Chardev
from kvmctl.domain.model.channel import Channel
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure, not_running, system_failure
from kvmctl.driver.rpc import ErrorCode, Stream

_CHUNK = 65536
_ENDING_SECONDS = 1.0


def find_chardev(domain: DomainObject, device: str | None) -> Chardev:
    """The character device that a client asks for: by alias, or the first console or serial port."""
    devices = domain.definition.devices
    available = (*devices.consoles, *devices.serials)
    chardev = next((c for c in available if device is None or c.alias == device), None)
    if chardev is None:
        raise failure(ErrorCode.INTERNAL_ERROR, f"cannot find character device {device or '(null)'}")
    if chardev.source_type != "pty" or chardev.tty is None:
        raise failure(
            ErrorCode.INTERNAL_ERROR, f"character device {device or chardev.alias} is not using a PTY"
        )
    return chardev


def find_channel(domain: DomainObject, name: str | None) -> Channel:
    """By alias or by the name that the guest sees, or the first one."""
    channels = domain.definition.devices.channels
    channel = next((c for c in channels if name is None or name in (c.alias, c.target_name)), None)
    if channel is None:
        raise failure(ErrorCode.INTERNAL_ERROR, f"cannot find channel {name or '(null)'}")
    if channel.source_type != "unix" or channel.path is None:
        raise failure(ErrorCode.INTERNAL_ERROR, f"channel {name or channel.alias} is not using a UNIX socket")
    return channel


class Session:
    """One client on one terminal or socket."""

    def __init__(self, terminal: int, stream: Stream, on_released: Callable[["Session"], None]) -> None:
        self._terminal = terminal
        self._stream = stream
        self._on_released = on_released
        self._taken = False
        self._stop = asyncio.Event()
        self.released = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def end(self, *, taken: bool = False) -> None:
        """By an event, not by cancelling: an ending that has begun has to be carried through."""
        self._taken = taken
        self._stop.set()

    async def _run(self) -> None:
        parts = [
            asyncio.create_task(part) for part in (self._to_client(), self._to_guest(), self._stop.wait())
        ]
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        os.close(self._terminal)
        # The terminal is free from here on; a client that does not read may take its time over the farewell.
        self._on_released(self)
        self.released.set()
        if self._taken:
            await self._stream.abort(
                failure(ErrorCode.OPERATION_FAILED, "another client took this console over")
            )
        else:
            await self._stream.finish()

    async def _to_client(self) -> None:
        """Until the guest hangs up: a pty slave reads EOF or fails with EIO when its master is closed."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                data = os.read(self._terminal, _CHUNK)
            except BlockingIOError:
                await _ready(loop.add_reader, loop.remove_reader, self._terminal)
                continue
            except OSError:
                return
            if not data:
                return
            await self._stream.write(data)

    async def _to_guest(self) -> None:
        """Until the client finishes or goes."""
        loop = asyncio.get_running_loop()
        while data := await self._stream.read():
            rest = memoryview(data)
            while rest:
                try:
                    rest = rest[os.write(self._terminal, rest) :]
                except BlockingIOError:
                    await _ready(loop.add_writer, loop.remove_writer, self._terminal)
                except OSError:
                    return


async def _ready(add: Callable[..., None], remove: Callable[[int], object], descriptor: int) -> None:
    """Wait for one of the loop's watchers on a descriptor."""
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)


class Consoles:
    def __init__(self) -> None:
        self._sessions: dict[tuple[UUID, str], Session] = {}

    async def open(self, domain: DomainObject, device: str | None, stream: Stream, *, force: bool) -> None:
        run = domain.require_run()
        chardev = find_chardev(domain, device)
        if chardev.tty is None:
            raise failure(ErrorCode.INTERNAL_ERROR, f"character device {chardev.alias} has no terminal")
        key = (domain.uuid, chardev.tty)
        await self._take(key, "Active console session exists for this domain", force=force)
        try:
            terminal = os.open(chardev.tty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            # A process that ends closes its files first.
            if await run.process.wait(_ENDING_SECONDS):
                raise not_running() from error
            raise system_failure(error, f"cannot open console '{chardev.tty}'") from error
        # The name of a guest's terminal is given to another as soon as the guest has ended.
        if not run.process.identity.alive():
            os.close(terminal)
            raise not_running()
        self._sessions[key] = Session(terminal, stream, lambda session: self._forget(key, session))

    async def open_channel(
        self, domain: DomainObject, name: str | None, stream: Stream, *, force: bool
    ) -> None:
        domain.require_run()
        channel = find_channel(domain, name)
        path = str(channel.path)
        key = (domain.uuid, path)
        await self._take(key, "Active channel stream exists for this domain", force=force)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.setblocking(False)
            connection.connect(path)
        except OSError as error:
            connection.close()
            raise system_failure(error, f"cannot connect to the channel at '{path}'") from error
        self._sessions[key] = Session(connection.detach(), stream, lambda session: self._forget(key, session))

    async def _take(self, key: tuple[UUID, str], refusal: str, *, force: bool) -> None:
        while (current := self._sessions.get(key)) is not None:
            if not force:
                raise failure(ErrorCode.OPERATION_FAILED, refusal)
            current.end(taken=True)
            await current.released.wait()

    def end(self, domain: DomainObject) -> None:
        """The guest is gone. Sessions see the hang-up by themselves and still deliver its last words."""
        for (uuid, _), session in tuple(self._sessions.items()):
            if uuid == domain.uuid:
                asyncio.get_running_loop().call_later(2.0, session.end)

    def _forget(self, key: tuple[UUID, str], session: Session) -> None:
        if self._sessions.get(key) is session:
            del self._sessions[key]
