"""A server on a socket of its own, and the real virsh in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kvmctl.driver.rpc import Connection, Handlers, Limits, Procedure, Server

needs_virsh = pytest.mark.skipif(shutil.which("virsh") is None, reason="virsh is not installed")

NOBODY = 65534


async def _opens(_connection: Connection, _arguments: object) -> None:
    return None


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60))


def listen(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(str(path))
    listening.listen()
    path.chmod(0o777)
    return listening


@asynccontextmanager
async def serving(
    handlers: Handlers,
    *,
    limits: Limits | None = None,
    readonly: bool = False,
    path: Path | None = None,
    **callbacks: Any,
) -> AsyncIterator[tuple[Server, Path]]:
    """A server with these handlers (CONNECT_OPEN is there if they do not bring their own)."""
    with tempfile.TemporaryDirectory() as directory:
        path = path or Path(directory) / "sock"
        server = Server({Procedure.CONNECT_OPEN: _opens, **handlers}, limits=limits, **callbacks)
        with listen(path) as listening:
            task = asyncio.create_task(server.serve(listening, readonly=readonly))
            try:
                yield server, path
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await server.close()


@dataclass(frozen=True, slots=True)
class Session:
    """A user's session directories.

    libvirt's client takes root's /session to the system socket, so root runs virsh as nobody.
    """

    root: Path

    @property
    def socket(self) -> Path:
        return self.root / "run" / "libvirt" / "virtkvmctld-sock"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "HOME": str(self.root),
            "XDG_RUNTIME_DIR": str(self.root / "run"),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "LIBVIRT_AUTOSTART": "0",
        }

    @property
    def identity(self) -> dict[str, Any]:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}

    def become(self) -> None:
        """The same for a child process about to start its program."""
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

    async def virsh(self, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            "virsh",
            "-c",
            "kvmctl:///session",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self.environment,
            cwd=self.root,
            **self.identity,
        )
        out, err = await asyncio.wait_for(process.communicate(stdin.encode()), 60)
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@contextmanager
def session() -> Iterator[Session]:
    with tempfile.TemporaryDirectory() as directory:
        made = Session(Path(directory))
        made.socket.parent.mkdir(parents=True)
        if os.geteuid() == 0:
            for path in (made.root, made.root / "run", made.socket.parent):
                os.chown(path, NOBODY, NOBODY)
        yield made
