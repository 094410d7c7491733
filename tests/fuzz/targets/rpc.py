"""The daemon's socket: frames through a Connection to the driver's own handlers.

The handlers that start guests and networks, or change the host's files, are not there.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Final

from kvmctl.driver.driver import Driver
from kvmctl.driver.handlers import all_handlers
from kvmctl.driver.paths import Paths
from kvmctl.driver.rpc import Connection, Limits, Procedure, Stream, VirError, types
from kvmctl.driver.rpc.errors import ErrorMessage
from kvmctl.driver.rpc.message import HEADER_SIZE, LENGTH_SIZE, Header, MessageType, Status
from kvmctl.driver.rpc.xdr import decode
from tests.domain.documents import SMALL
from tests.fuzz.frames import FrameMutator, call, split
from tests.fuzz.target import Run, Target
from tests.fuzz.xdrvalues import Values
from tests.network.test_document import FULL as NETWORK

_ALLOWED: Final = re.compile(r"DOMAIN_|CONNECT_|NODE_GET_|NETWORK_")
_FORBIDDEN: Final = re.compile(
    r"CREATE|START|RESTORE|MIGRATE|UNDEFINE_FLAGS|SAVE|DUMP|OPEN|CONNECT_CLOSE|BLOCK_RESIZE|ATTACH|SHUTDOWN|SUSPEND"
)
_READONLY, _OPENED = 1, 2
_UUID: Final = bytes(range(16))
_DEMO: Final = types.Domain(name="demo", uuid=_UUID, id=-1)
_XML: Final = SMALL.replace("<name>g</name>", f"<name>demo</name><uuid>{_UUID.hex()}</uuid>")


def _procedures() -> list[Procedure]:
    names = [procedure for procedure in Procedure if _ALLOWED.match(procedure.name)]
    return [procedure for procedure in names if not _FORBIDDEN.search(procedure.name)]


PROCEDURES: Final = _procedures()


class _Daemon:
    """A driver in a directory of its own, and one domain that is only defined."""

    def __init__(self, directory: Path) -> None:
        home = directory / "home"
        self.paths = Paths.for_session({"HOME": str(home), "XDG_RUNTIME_DIR": str(directory / "run")})
        self.paths.create()
        self.driver = Driver(self.paths)
        answers = all_handlers(self.driver)
        self.handlers = {procedure: answers[procedure] for procedure in PROCEDURES if procedure in answers}
        self.handlers[Procedure.CONNECT_OPEN] = answers[Procedure.CONNECT_OPEN]
        self.handlers[Procedure.DOMAIN_OPEN_CONSOLE] = self._echo
        self._echoes: set[asyncio.Task[None]] = set()

    async def _echo(self, _connection: Connection, _arguments: object, stream: Stream) -> None:
        async def echo() -> None:
            with contextlib.suppress(VirError):
                await stream.write(b"welcome")
                while data := await stream.read():
                    await stream.write(data)
                await stream.finish()

        task = asyncio.create_task(echo())
        self._echoes.add(task)
        task.add_done_callback(self._echoes.discard)

    async def serve(self, data: bytes) -> int:
        options, stream = (data[0] if data else 0), data[1:]
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=ours)
            connection = Connection(
                self.handlers, Limits(), reader, writer, readonly=bool(options & _READONLY)
            )
            connection.opened = bool(options & _OPENED)
            serving = asyncio.create_task(connection.run())
            answers = asyncio.create_task(_read(theirs))
            with contextlib.suppress(OSError):  # it may cut us off
                await asyncio.get_running_loop().sock_sendall(theirs, stream)
                theirs.shutdown(socket.SHUT_WR)
            await serving
            await connection.settle()
            _check(await answers)
        if self._echoes:
            await asyncio.wait(self._echoes)
        await self.driver.client_gone(connection)
        return max(len(split(stream)), 1)


async def _read(end: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while True:
        try:
            part = await loop.sock_recv(end, 1 << 16)
        except ConnectionError:
            return data
        if not part:
            return data
        data += part


def _check(answers: bytes) -> None:
    """Whole frames, with what belongs into them."""
    for answer in split(answers):
        header = decode(Header, answer[LENGTH_SIZE : LENGTH_SIZE + HEADER_SIZE])
        payload = answer[LENGTH_SIZE + HEADER_SIZE :]
        if header.type is MessageType.REPLY and header.status is Status.ERROR:
            assert decode(ErrorMessage, payload).message
        elif header.type is MessageType.REPLY:
            kind = Procedure(header.procedure).result
            if kind is not None:
                decode(kind, payload)


def _prepare() -> Run:
    directory = Path(tempfile.mkdtemp())
    loop = asyncio.new_event_loop()
    daemon = _Daemon(directory)
    executions = 0

    def run(data: bytes) -> int:
        nonlocal daemon, executions
        executions += 1
        if executions % 512 == 0:  # what inputs have defined is not to grow without end
            shutil.rmtree(directory)
            daemon = _Daemon(directory)
        return loop.run_until_complete(daemon.serve(data))

    run(bytes([_OPENED]) + call(Procedure.DOMAIN_DEFINE_XML, types.DomainDefineXmlArgs(xml=_XML)))
    return run


def _seeds() -> list[bytes]:
    opened = bytes([_OPENED])
    define = call(Procedure.DOMAIN_DEFINE_XML, types.DomainDefineXmlArgs(xml=_XML))
    look = call(Procedure.DOMAIN_LOOKUP_BY_NAME, types.DomainLookupByNameArgs(name="demo"))
    console = call(Procedure.DOMAIN_OPEN_CONSOLE, types.DomainOpenConsoleArgs(_DEMO, None, 0), 3)
    return [
        b"\0" + call(Procedure.CONNECT_OPEN, types.ConnectOpenArgs(name="kvmctl:///session", flags=0)),
        opened + define + look + call(Procedure.DOMAIN_GET_XML_DESC, types.DomainGetXmlDescArgs(_DEMO, 0)),
        opened + call(Procedure.NETWORK_DEFINE_XML, types.NetworkDefineXmlArgs(xml=NETWORK)),
        bytes([_OPENED | _READONLY]) + look + call(Procedure.DOMAIN_DESTROY, types.DomainDestroyArgs(_DEMO)),
        opened + console,
    ]


_TEXTS: Final = [
    *(
        "demo",
        "",
        "x",
        "a/../b",
        "kvmctl:///session",
        "vda",
        "/nonexistent",
        "net0",
        "serial0",
        "0-3,^1",
        "x" * 200,
    ),
    *(
        "\udcff",
        "Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}\N{LATIN SMALL LETTER SHARP S}e",
        "a\nb",
        "cpu_shares",
        "vcpu_quota",
        "numa_nodeset",
        "hard_limit",
        "uuid",
    ),
    *(_XML, SMALL, NETWORK, "<disk type='file'><target dev='vda'/></disk>", "<x/>", "<a"),
]
_WORDS: Final = [text.encode("utf-8", "surrogateescape") for text in _TEXTS] + [
    _UUID,
    b"\xff\xff\xff\xff",
    bytes(4),
]

TARGET = Target(
    prepare=_prepare,
    seeds=_seeds,
    slice=300,
    mutate=FrameMutator(Values(_TEXTS, [_UUID]), PROCEDURES, _WORDS, 16 << 10),
    longest=64 << 10,
    memory=192 << 20,
    calls=3_000_000,
)
