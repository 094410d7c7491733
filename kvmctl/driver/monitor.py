"""The daemon's side of a guest's QMP socket (QEMU's docs/interop/qmp-spec), by the qemu.qmp client
library."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qemu.qmp import ExecInterruptedError, ExecuteError, Message, QMPClient, QMPError, Runstate
from qemu.qmp.protocol import StateError

from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode

_REPLY_SECONDS = 30.0

# The library logs every lost connection as an error; for the driver the end of a guest is ordinary.
logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL + 1)


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def shutdown_reason(self) -> str | None:
        """QEMU's ShutdownCause of a SHUTDOWN event, None for any other."""
        return str(self.data.get("reason", "none")) if self.name == "SHUTDOWN" else None


def _event(message: Message) -> Event:
    data = message.get("data")
    return Event(str(message["event"]), dict(data) if isinstance(data, Mapping) else {})


class MonitorClosed(Exception):
    """The VMM hung up."""


def _via_directory(path: Path) -> tuple[int, str]:
    """A short name for a socket, because sun_path holds 108 bytes and a user's run directory may be deep."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return directory, f"/proc/self/fd/{directory}/{path.name}"


def listen(path: Path) -> socket.socket:
    """The listening socket that the VMM inherits; only its owner may connect."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        directory, address = _via_directory(path)
    except BaseException:
        listener.close()
        raise
    try:
        # On Linux the mode of an unbound socket's inode is what bind() gives to the file.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(address)
        listener.listen(8)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        os.close(directory)
    return listener


class Monitor:
    def __init__(self, client: QMPClient) -> None:
        self._client = client

    @classmethod
    async def connect(cls, path: Path, timeout: float) -> "Monitor":
        """Connect and negotiate. Raises MonitorClosed, TimeoutError or OSError."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            directory, address = _via_directory(path)
            try:
                connection.connect(address)
            finally:
                os.close(directory)
            client = QMPClient(path.stem)
            await asyncio.wait_for(client.connect(connection), timeout)
        except (QMPError, EOFError, ConnectionError) as error:
            connection.close()
            raise MonitorClosed(str(error)) from error
        except BaseException:
            connection.close()
            raise
        return cls(client)

    async def execute(self, command: str, **arguments: object) -> Any:
        """Run one command; errors come out as wire errors, except MonitorClosed."""
        try:
            async with asyncio.timeout(_REPLY_SECONDS):
                return await self._client.execute(command, arguments or None)
        except ExecuteError as error:
            raise failure(
                ErrorCode.INTERNAL_ERROR, f"unable to execute monitor command '{command}': {error}"
            ) from error
        except TimeoutError as error:
            raise failure(ErrorCode.OPERATION_TIMEOUT, f"no answer to monitor command '{command}'") from error
        except (ExecInterruptedError, StateError, EOFError, OSError) as error:
            raise MonitorClosed(str(error)) from error

    async def events(self) -> AsyncIterator[Event]:
        """Every event, until the VMM hangs up; what came before the end is delivered before it."""
        source = self._client.events
        gone = asyncio.create_task(self._until_gone())
        try:
            while True:
                while not source.empty():
                    message = await source.get()
                    yield _event(message)
                if gone.done():
                    return
                getter = asyncio.create_task(source.get())
                await asyncio.wait({getter, gone}, return_when=asyncio.FIRST_COMPLETED)
                if getter.done():
                    message = getter.result()
                    yield _event(message)
                else:
                    getter.cancel()
        finally:
            gone.cancel()

    async def _until_gone(self) -> None:
        while self._client.runstate == Runstate.RUNNING:
            await self._client.runstate_changed()

    async def close(self) -> None:
        try:
            await self._client.disconnect()
        except (QMPError, EOFError, OSError):
            return
