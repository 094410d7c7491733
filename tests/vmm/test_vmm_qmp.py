"""The QMP conversation, through the field's client library and byte by byte."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qemu.qmp import ExecuteError

from kvmctl.vmm.jsonstream import JsonSplitter, TooLong
from tests.vmm.conftest import GuestBuilder, RunningVmm, VmmStarter

SPIN = "1: pause\n jmp 1b"


@pytest.fixture
def vmm(assemble: GuestBuilder, start_vmm: VmmStarter) -> RunningVmm:
    return start_vmm(assemble(SPIN, ring=3), paused=True, vcpus=2)


class RawClient:
    """QMP without a library, for what no library would send."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self.greeting = self.receive()

    def send(self, data: bytes | object) -> None:
        self._socket.sendall(data if isinstance(data, bytes) else json.dumps(data).encode())

    def receive(self) -> dict[str, object]:
        line = self._lines.readline()
        assert line.endswith(b"\r\n"), "the server hung up"
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def ask(self, data: bytes | object) -> dict[str, object]:
        self.send(data)
        return self.receive()

    def at_end(self) -> bool:
        return self._lines.readline() == b""

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def raw(vmm: RunningVmm) -> Iterator[RawClient]:
    client = RawClient(vmm.qmp_path)
    yield client
    client.close()


def error_class(reply: dict[str, object]) -> object:
    error = reply["error"]
    assert isinstance(error, dict)
    assert error["desc"]
    return error["class"]


@pytest.mark.kvm
def test_queries(vmm: RunningVmm) -> None:
    async def conversation(client: Any) -> None:
        assert await client.execute("query-status") == {"status": "prelaunch", "running": False}
        assert await client.execute("query-name") == {"name": "test0"}
        assert await client.execute("query-uuid") == {"UUID": "5f1a9a40-3f0c-4a8e-8f3c-0d7f0a5c1e11"}
        assert await client.execute("query-kvm") == {"enabled": True, "present": True}
        cpus = await client.execute("query-cpus-fast")
        assert [cpu["cpu-index"] for cpu in cpus] == [0, 1]
        for cpu in cpus:
            assert Path(f"/proc/{vmm.process.pid}/task/{cpu['thread-id']}").exists()
        names = {command["name"] for command in await client.execute("query-commands")}
        assert {"qmp_capabilities", "stop", "cont", "quit", "system_reset", "query-commands"} <= names
        version = await client.execute("query-version")
        assert version["package"].startswith("kvmctl-vmm ")

    vmm.talk(conversation)


@pytest.mark.kvm
def test_life_from_prelaunch_to_quit(vmm: RunningVmm) -> None:
    async def conversation(client: Any) -> None:
        statuses = []
        for command in ("cont", "stop", "cont", "system_reset", "stop", "system_reset"):
            await client.execute(command)
            statuses.append((await client.execute("query-status"))["status"])
        assert statuses == ["running", "paused", "running", "running", "paused", "prelaunch"]
        await client.execute("quit")

    vmm.talk(conversation)
    assert vmm.wait() == 0
    assert [event["event"] for event in vmm.events][-1] == "SHUTDOWN"
    assert vmm.events[-1]["data"] == {"guest": False, "reason": "host-qmp-quit"}


@pytest.mark.kvm
def test_unknown_command_and_argument(vmm: RunningVmm) -> None:
    with pytest.raises(ExecuteError) as caught:
        vmm.execute("make-tea")
    assert caught.value.error_class == "CommandNotFound"
    with pytest.raises(ExecuteError, match="Parameter 'sugar' is unexpected"):
        vmm.execute("stop", sugar=2)


@pytest.mark.kvm
def test_negotiation_comes_first_and_once(raw: RawClient) -> None:
    assert "QMP" in raw.greeting
    assert error_class(raw.ask({"execute": "query-status"})) == "CommandNotFound"
    assert error_class(raw.ask({"execute": "qmp_capabilities", "arguments": {"enable": ["oob"]}})) == (
        "GenericError"
    )
    assert raw.ask({"execute": "qmp_capabilities"}) == {"return": {}}
    assert error_class(raw.ask({"execute": "qmp_capabilities"})) == "CommandNotFound"


@pytest.mark.kvm
def test_id_is_echoed(raw: RawClient) -> None:
    raw.send({"execute": "qmp_capabilities"})
    raw.receive()
    for ident in (7, "seven", {"a": [1, None]}):
        assert raw.ask({"execute": "query-kvm", "id": ident})["id"] == ident
        assert raw.ask({"execute": "nothing", "id": ident})["id"] == ident


@pytest.mark.kvm
@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\n",
        b"{'execute': 'stop'}",
        b"[]",
        b"{}",
        b'{"execute": 1}',
        b'{"execute": "stop", "arguments": 3}',
        b'{"execute": "stop", "extra": 3}',
        b'{"\xff": 1}',
        b"}\n",
        b"[" * 3000 + b"]" * 3000,
    ],
)
def test_malformed_requests_are_answered(raw: RawClient, garbage: bytes) -> None:
    assert error_class(raw.ask(garbage)) == "GenericError"
    assert raw.ask({"execute": "qmp_capabilities"}) == {"return": {}}


@pytest.mark.kvm
def test_oversized_request_ends_that_client_only(vmm: RunningVmm, raw: RawClient) -> None:
    other = RawClient(vmm.qmp_path)
    raw.send(b'{"execute": "' + b"x" * 65536)
    assert error_class(raw.receive()) == "GenericError"
    assert raw.at_end()
    assert other.ask({"execute": "qmp_capabilities"}) == {"return": {}}
    other.close()


@pytest.mark.kvm
def test_requests_in_pieces_and_in_a_row(raw: RawClient) -> None:
    for byte in b'{"execute":\n "qmp_capabilities"}':
        raw.send(bytes([byte]))
    assert raw.receive() == {"return": {}}
    raw.send(b'{"execute":"query-kvm","id":1}{"execute":"query-kvm","id":2}')
    assert [raw.receive()["id"], raw.receive()["id"]] == [1, 2]


@pytest.mark.kvm
def test_every_negotiated_client_gets_events(vmm: RunningVmm) -> None:
    clients = [RawClient(vmm.qmp_path) for _ in range(3)]
    for client in clients[:2]:
        client.ask({"execute": "qmp_capabilities"})
    clients[0].send({"execute": "cont"})
    received = [clients[0].receive(), clients[0].receive()]
    assert {"return": {}} in received
    event = clients[1].receive()
    assert event["event"] == "RESUME"
    timestamp = event["timestamp"]
    assert isinstance(timestamp, dict)
    assert set(timestamp) == {"seconds", "microseconds"}
    for client in clients:
        client.close()


@pytest.mark.kvm
def test_client_that_does_not_read_is_dropped(vmm: RunningVmm, raw: RawClient) -> None:
    raw.ask({"execute": "qmp_capabilities"})
    request = b'{"execute":"query-commands"}' * 2000
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(200):
            raw.send(request)
    assert vmm.execute("query-kvm") == {"enabled": True, "present": True}


@pytest.mark.kvm
def test_nothing_leaks_over_many_clients(vmm: RunningVmm) -> None:
    vmm.execute("query-kvm")
    before = len(os.listdir(f"/proc/{vmm.process.pid}/fd"))  # noqa: PTH208
    for _ in range(20):
        RawClient(vmm.qmp_path).close()
    vmm.execute("query-kvm")
    assert len(os.listdir(f"/proc/{vmm.process.pid}/fd")) <= before + 1  # noqa: PTH208


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), json_values), max_size=5), st.data())
def test_splitter_finds_every_object(objects: list[dict[str, object]], data: st.DataObject) -> None:
    stream = b"".join(
        json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
        + data.draw(st.sampled_from([b"", b"\n", b" \r\n"]))
        for value in objects
    )
    splitter = JsonSplitter(1 << 20)
    found = []
    position = 0
    while position < len(stream):
        size = data.draw(st.integers(1, len(stream) - position))
        found += splitter.feed(stream[position : position + size])
        position += size
    assert [json.loads(piece.decode("utf-8", "surrogatepass")) for piece in found] == objects


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_splitter_survives_anything(chunks: list[bytes]) -> None:
    splitter = JsonSplitter(500)
    try:
        for chunk in chunks:
            splitter.feed(chunk)
    except TooLong:
        assert sum(map(len, chunks)) > 500
