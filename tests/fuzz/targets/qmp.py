"""QMP: the bytes that a client sends to a guest's monitor."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from kvmctl.vmm.control import QmpServer, _Client
from kvmctl.vmm.qmp import Command, QmpError
from tests.fuzz.target import Run, Target


class _Transport:
    """Takes what is sent; nobody reads it."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close


def _echo(arguments: Mapping[str, object]) -> object:
    if arguments.get("value") == "refuse":
        raise QmpError("refused")
    return arguments


def _prepare() -> Run:
    server = QmpServer({"qemu": {"major": 1, "minor": 0, "micro": 0}, "package": ""})
    server.commands["query-status"] = Command(lambda _: {"status": "running"})
    server.commands["echo"] = Command(_echo, frozenset({"value", "other"}))
    server.commands["stop"] = Command(lambda _: None)

    def run(data: bytes) -> int:
        """The first byte says how the rest is cut into what arrives at a time."""
        transport = _Transport()
        client = _Client(server)
        client._transport = cast(Any, transport)
        client.send({"QMP": {}})
        server.add(client)
        step = (data[0] if data else 0) + 1
        stream = data[1:]
        for start in range(0, len(stream), step):
            if not transport.closed:
                client.data_received(stream[start : start + step])
        client.connection_lost(None)
        for sent in transport.sent:
            assert sent.endswith(b"\r\n")
            assert isinstance(json.loads(sent), dict)
        return len(transport.sent)

    return run


def _messages(*messages: object) -> bytes:
    return b"\xff" + b"\n".join(json.dumps(message).encode() for message in messages) + b"\n"


_NEGOTIATE = {"execute": "qmp_capabilities"}

TARGET = Target(
    prepare=_prepare,
    seeds=lambda: [
        _messages(_NEGOTIATE, {"execute": "query-status", "id": 1}, {"execute": "stop"}),
        _messages(_NEGOTIATE, {"execute": "echo", "arguments": {"value": [1, {"a": 'b\\"]}'}]}, "id": {}}),
        _messages({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}}, [1, 2], "text", None),
        b"\x00" + b'{"execute":"qmp_capabilities"}{"execute": "echo", "arguments": {"value": "refuse"}}',
    ],
    slice=1500,
    dictionary=tuple(
        word.encode()
        for word in (
            *(
                '"execute"',
                '"arguments"',
                '"id"',
                '"qmp_capabilities"',
                '"echo"',
                '"value"',
                '"other"',
                '"enable"',
            ),
            *(
                "{",
                "}",
                "[",
                "]",
                "{}",
                "[]",
                ":",
                ",",
                '"',
                "\\",
                "\\u0000",
                "\\ud800",
                "null",
                "true",
                "NaN",
            ),
            *("1e999", "-0", "9" * 400, "[" * 60, '{"a":' * 60, "Infinity", "\n", "\xff", "\x00"),
        )
    ),
    longest=70 << 10,
)
