"""The real virsh against our server, and our codec against the bytes that it sends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pexpect

from kvmctl.driver.rpc import Connection, ErrorCode, Limits, Procedure, VirError, types
from kvmctl.driver.rpc.errors import ErrorMessage
from kvmctl.driver.rpc.keepalive import PING, PONG, KeepaliveSettings
from kvmctl.driver.rpc.message import (
    HEADER_SIZE,
    KEEPALIVE_PROGRAM,
    LENGTH_SIZE,
    REMOTE_PROGRAM,
    Header,
    MessageType,
    Status,
    frame,
)
from kvmctl.driver.rpc.xdr import decode, encode

from .fakes import HANDLERS, XML
from .harness import Session, listen, needs_virsh, run, serving, session

pytestmark = needs_virsh

# What the client library of libvirt 9.0 sends for kvmctl:///session and `virsh domid demo`.
CONNECT_OPEN = bytes.fromhex(
    "0000003c 20008086 00000001 00000001 00000000 00000001 00000000"
    "00000001 00000011 6b766d63746c3a2f2f2f73657373696f6e 000000 00000002"
)
LOOKUP_DEMO = bytes.fromhex(
    "00000024 20008086 00000001 00000017 00000000 00000006 00000000 00000004 64656d6f"
)


class Recorder:
    """Stands between virsh and the server and keeps what passes."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.answered = bytearray()

    @asynccontextmanager
    async def between(self, front: Path, back: Path) -> AsyncIterator[None]:
        async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, record: bytearray) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(65536):
                    record += data
                    writer.write(data)
                    await writer.drain()
            writer.close()

        async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner_reader, inner_writer = await asyncio.open_unix_connection(back)
            await asyncio.gather(
                copy(reader, inner_writer, self.sent), copy(inner_reader, writer, self.answered)
            )

        server = await asyncio.start_unix_server(client, sock=listen(front))
        async with server:
            yield


def frames(recorded: bytes | bytearray) -> list[bytes]:
    found = []
    while recorded:
        length = int.from_bytes(recorded[:LENGTH_SIZE], "big")
        found.append(bytes(recorded[:length]))
        recorded = recorded[length:]
    return found


def again(data: bytes) -> bytes:
    """The frame decoded to Python values and encoded once more."""
    header = decode(Header, data[LENGTH_SIZE : LENGTH_SIZE + HEADER_SIZE])
    payload = data[LENGTH_SIZE + HEADER_SIZE :]
    if header.program == KEEPALIVE_PROGRAM or header.type is MessageType.STREAM:
        return frame(header, payload)
    assert header.program == REMOTE_PROGRAM
    procedure = {int(known): known for known in Procedure}[header.procedure]
    kind: type[Any] | None
    if header.status is Status.ERROR:
        kind = ErrorMessage
    else:
        kind = procedure.arguments if header.type is MessageType.CALL else procedure.result
    if kind is None:
        assert payload == b"", procedure.name
        return frame(header)
    return frame(header, encode(decode(kind, payload)))


COMMANDS = """
uri
hostname
version
sysinfo
maxvcpus
nodeinfo
nodecpumap
nodecpustats
nodememstats
nodesuspend mem 60
node-memory-tune
freecell
freepages --all
capabilities
domcapabilities --virttype kvm
cpu-models x86_64
list --all
list --all --title --managed-save
dominfo demo
domid demo
domuuid demo
domname 3
domstate demo --reason
domcontrol demo
domjobinfo demo
domstats demo
dommemstat demo
domblklist demo
domblkinfo demo vda
domblkstat demo vda
domblkerror demo
domiflist demo
domifstat demo vnet0
domif-getlink demo vnet0
domifaddr demo
domfsinfo demo
domhostname demo
domtime demo
domdisplay demo
dumpxml demo
vcpucount demo
vcpucount demo --guest
vcpuinfo demo
vcpupin demo 0 0
emulatorpin demo 0
iothreadinfo demo
setvcpus demo 2 --live
setmem demo 65536
setmaxmem demo 262144
memtune demo --hard-limit 262144
blkiotune demo
blkdeviotune demo vda
domiftune demo vnet0
numatune demo
perf demo
schedinfo demo --set cpu_shares=512
suspend demo
resume demo
reboot demo
reset demo
shutdown demo
send-key demo KEY_ENTER
inject-nmi demo
autostart demo
desc demo --title hello
metadata demo http://example.org/x --key k --set <x/>
setvcpu demo 1 --enable
managedsave demo
managedsave-remove demo
save demo /tmp/none.save
dump demo /tmp/none.core
snapshot-list demo
snapshot-create-as demo first
checkpoint-list demo
define domain.xml
create domain.xml
attach-device demo domain.xml
detach-device demo domain.xml
update-device demo domain.xml
attach-disk demo /tmp/none.img vdb
undefine demo --managed-save
start demo --paused
destroy demo --graceful
net-list --all
net-info default
pool-list --all
vol-list default
nodedev-list
nwfilter-list
secret-list
iface-list --all
event demo lifecycle --timeout 1
"""


@needs_virsh
def test_every_frame_of_virsh_encodes_to_the_same_bytes() -> None:
    recorder = Recorder()

    async def test(user: Session) -> None:
        (user.root / "domain.xml").write_text(XML)
        back = user.root / "back"
        async with serving(HANDLERS, path=back), recorder.between(user.socket, back):
            await user.virsh(stdin=COMMANDS)

    with session() as user:
        run(lambda: test(user))
    sent, answered = frames(recorder.sent), frames(recorder.answered)
    for data in sent + answered:
        assert again(data) == data
    called = {decode(Header, data[LENGTH_SIZE : LENGTH_SIZE + HEADER_SIZE]).procedure for data in sent}
    assert len(called) > 70
    assert Procedure.DOMAIN_DEFINE_XML_FLAGS in called or Procedure.DOMAIN_DEFINE_XML in called


@needs_virsh
def test_golden_frames() -> None:
    for data in (CONNECT_OPEN, LOOKUP_DEMO):
        assert again(data) == data
    recorder = Recorder()

    async def test(user: Session) -> None:
        back = user.root / "back"
        async with serving(HANDLERS, path=back), recorder.between(user.socket, back):
            assert await user.virsh("domid", "demo") == (0, "3\n\n", "")

    with session() as user:
        run(lambda: test(user))
    sent = frames(recorder.sent)
    opening, lookup = (
        next(data for data in sent if data[12:16] == golden[12:16]) for golden in (CONNECT_OPEN, LOOKUP_DEMO)
    )
    # All but the serial, which depends on what else the client asks.
    for data, golden in ((opening, CONNECT_OPEN), (lookup, LOOKUP_DEMO)):
        assert data[:20] + data[24:] == golden[:20] + golden[24:]


@needs_virsh
def test_virsh_prints_what_the_handlers_answer() -> None:
    async def test(user: Session) -> None:
        async with serving(HANDLERS, path=user.socket):
            assert await user.virsh("uri") == (0, "kvmctl:///session\n\n", "")
            assert await user.virsh("hostname") == (0, "fake.example\n\n", "")
            _, version, _ = await user.virsh("version")
            assert "Running hypervisor: kvmctl 1.2.3" in version
            _, listed, _ = await user.virsh("list", "--all")
            assert listed.splitlines()[2].split() == ["3", "demo", "running"]
            _, info, _ = await user.virsh("nodeinfo")
            assert [line.split(":")[1].strip() for line in info.splitlines() if line][:2] == ["x86_64", "2"]
            _, info, errors = await user.virsh("dominfo", "demo")
            assert errors == ""
            assert "CPU time:       7.0s" in info
            _, xml, _ = await user.virsh("dumpxml", "demo")
            assert xml.strip() == XML

    with session() as user:
        run(lambda: test(user))


@needs_virsh
def test_virsh_prints_libvirts_errors() -> None:
    async def running(_connection: Connection, _arguments: object) -> None:
        raise VirError(ErrorCode.OPERATION_INVALID, "domain is already running")

    async def test(user: Session) -> None:
        async with serving({**HANDLERS, Procedure.DOMAIN_RESUME: running}, path=user.socket):
            code, _, errors = await user.virsh("resume", "demo")
            assert code == 1
            assert "Requested operation is not valid: domain is already running" in errors
            _, _, errors = await user.virsh("domstate", "nix")
            assert errors == "error: failed to get domain 'nix'\n"
            _, _, errors = await user.virsh("maxvcpus", "--type", "none")
            assert errors == ""
            _, _, errors = await user.virsh("net-list")
            assert "not supported by the connection driver: virConnect" in errors
        async with serving(HANDLERS, path=user.root / "ro", readonly=True):
            (user.root / "ro").rename(user.socket)
            _, _, errors = await user.virsh("suspend", "demo")
            assert "operation forbidden: read only access prevents virDomainSuspend" in errors

    with session() as user:
        run(lambda: test(user))


@needs_virsh
def test_virsh_answers_our_pings_and_we_answer_its() -> None:
    recorder = Recorder()

    async def slow(_connection: Connection, _arguments: None) -> types.ConnectGetHostnameRet:
        await asyncio.sleep(2.5)
        return types.ConnectGetHostnameRet("patient.example")

    async def test(user: Session) -> None:
        back = user.root / "back"
        limits = Limits(keepalive=KeepaliveSettings(interval=0.2, count=2))
        handlers = {**HANDLERS, Procedure.CONNECT_GET_HOSTNAME: slow}
        async with serving(handlers, path=back, limits=limits), recorder.between(user.socket, back):
            assert await user.virsh("-k", "1", "hostname") == (0, "patient.example\n\n", "")

    with session() as user:
        run(lambda: test(user))
    assert recorder.answered.count(PING) > 5
    assert recorder.answered.count(PONG) >= 1


@needs_virsh
def test_the_console_of_virsh_goes_both_ways() -> None:
    def talk(user: Session) -> str:
        console = pexpect.spawn(
            "virsh",
            ["-c", "kvmctl:///session", "console", "demo"],
            env=user.environment,
            cwd=str(user.root),
            encoding="utf-8",
            timeout=10,
            preexec_fn=user.become,
        )
        console.expect("welcome")
        console.send("hello")
        console.expect("HELLO")
        console.send("!")
        console.expect(pexpect.EOF)
        console.close()
        assert console.exitstatus == 0
        return str(console.before)

    async def test(user: Session) -> None:
        async with serving(HANDLERS, path=user.socket):
            assert "error" not in await asyncio.to_thread(talk, user)

    with session() as user:
        run(lambda: test(user))
