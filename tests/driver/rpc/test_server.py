"""The server against a client that behaves in every way, good and bad."""

from __future__ import annotations

import asyncio
import os
import random
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.driver.rpc import Connection, ErrorCode, ErrorDomain, Limits, Procedure, Server, VirError, types
from kvmctl.driver.rpc.keepalive import PING, PONG, KeepaliveSettings
from kvmctl.driver.rpc.message import KEEPALIVE_PING, KEEPALIVE_PROGRAM, MessageType, Status
from kvmctl.driver.rpc.xdr import encode
from tests.budget import examples

from .client import Client, RemoteError
from .fakes import DEMO, HANDLERS, answers
from .harness import run, serving

P = Procedure
LOOKUP = encode(types.DomainLookupByNameArgs("demo"))


async def refusal(client: Client, *arguments: Any, **options: Any) -> RemoteError:
    client.send(*arguments, **options)
    with pytest.raises(RemoteError) as caught:
        await client.reply()
    return caught.value


def test_a_call_is_answered() -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (server, path), Client.connect(path) as client:
            assert await client.call(P.DOMAIN_LOOKUP_BY_NAME, types.DomainLookupByNameArgs("demo")) == (
                types.DomainLookupByNameRet(DEMO)
            )
            assert await client.call(P.DOMAIN_SUSPEND, types.DomainSuspendArgs(DEMO)) is None
            (connection,) = server.connections
            assert connection.credentials.pid == os.getpid()
            assert connection.credentials.uid == os.geteuid()

    run(test)


def test_errors_carry_libvirts_fields() -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (_, path), Client.connect(path) as client:
            error = await refusal(
                client, P.DOMAIN_LOOKUP_BY_NAME, encode(types.DomainLookupByNameArgs("nix"))
            )
            assert str(error) == "Domain not found: no domain with matching name 'nix'"
            assert error.code is ErrorCode.NO_DOMAIN
            assert error.wire.domain == ErrorDomain.DOM
            assert error.wire.level == 2
            assert error.wire.str1 == "Domain not found: %s"
            assert error.wire.str2 == "no domain with matching name 'nix'"

    run(test)


def test_unimplemented_and_unknown_procedures() -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (_, path), Client.connect(path) as client:
            error = await refusal(client, P.CONNECT_NUM_OF_NETWORKS)
            assert error.code is ErrorCode.NO_SUPPORT
            assert "virConnectNumOfNetworks" in str(error)
            for number in (0, -1, 100000, P.DOMAIN_EVENT_LIFECYCLE):
                error = await refusal(client, number)
                assert (error.code, str(error)) == (ErrorCode.RPC, f"unknown procedure: {int(number)}")
            for program, version in ((0x20008087, 1), (0x20008088, 1), (0x20008086, 2)):
                error = await refusal(client, 1, program=program, version=version)
                assert str(error) == f"Cannot find program {program} version {version}"
            error = await refusal(client, P.NODE_GET_INFO, status=Status.ERROR)
            assert str(error) == "Unexpected message status 1"
            assert (await client.call(P.CONNECT_GET_TYPE)).type == "kvmctl"

    run(test)


@pytest.mark.parametrize("payload", [b"", LOOKUP[:-1], LOOKUP + b"\0\0\0\0", b"\xff" * 12])
def test_bad_arguments_are_answered_and_the_client_stays(payload: bytes) -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (_, path), Client.connect(path) as client:
            error = await refusal(client, P.DOMAIN_LOOKUP_BY_NAME, payload)
            assert error.code is ErrorCode.RPC
            assert "DOMAIN_LOOKUP_BY_NAME" in str(error)
            assert (await refusal(client, P.CONNECT_GET_TYPE, b"\0\0\0\0")).code is ErrorCode.RPC
            assert (await client.call(P.CONNECT_GET_TYPE)).type == "kvmctl"

    run(test)


def test_a_failing_handler_is_an_internal_error() -> None:
    async def broken(_connection: Connection, _arguments: Any) -> None:
        raise KeyError("gone \0 \udc80")

    handlers = {
        P.CONNECT_GET_TYPE: broken,
        P.CONNECT_GET_VERSION: answers(None),
        P.CONNECT_GET_HOSTNAME: answers(types.ConnectGetHostnameRet("a\0b")),
        P.CONNECT_GET_CAPABILITIES: answers(types.ConnectGetTypeRet("wrong")),
    }

    async def test() -> None:
        async with serving(handlers) as (_, path), Client.connect(path) as client:
            for procedure in handlers:
                assert (await refusal(client, procedure)).code is ErrorCode.INTERNAL_ERROR

    run(test)


BROKEN = {
    "length below the header": bytes.fromhex("0000001b") + bytes(23),
    "length zero": bytes(4),
    "length beyond the maximum": bytes.fromhex("02000005"),
    "not the protocol": b"GET / HTTP/1.1\r\n\r\n",
    "unknown type": bytes.fromhex("0000001c 20008086 00000001 00000001 00000009 00000000 00000000"),
    "unknown status": bytes.fromhex("0000001c 20008086 00000001 00000001 00000000 00000000 00000007"),
    "a reply": bytes.fromhex("0000001c 20008086 00000001 00000001 00000001 00000000 00000000"),
    "descriptors": bytes.fromhex("0000001c 20008086 00000001 00000001 00000004 00000000 00000000"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("opened", [True, False])
def test_a_broken_frame_closes_that_client_only(data: bytes, opened: bool) -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (server, path), Client.connect(path) as other:
            async with Client.connect(path, opened=opened) as client:
                client.writer.write(data)
                assert await client.gone()
            assert (await other.call(P.CONNECT_GET_TYPE)).type == "kvmctl"
            assert len(server.connections) == 1

    run(test)


def test_before_open_messages_are_small_and_calls_few() -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (_, path):
            async with Client.connect(path, opened=False) as client:
                error = await refusal(client, P.DOMAIN_LOOKUP_BY_NAME, LOOKUP)
                assert str(error) == "internal error: connection not open"
                assert (await client.call(P.AUTH_LIST)).types == (types.AuthType.NONE,)
                client.writer.write((70000).to_bytes(4, "big"))
                assert await client.gone()
            async with Client.connect(path) as client:
                again = encode(types.ConnectOpenArgs(None, 0))
                assert "already open" in str(await refusal(client, P.CONNECT_OPEN, again))
                large = types.DomainLookupByNameArgs("x" * 4_000_000)
                assert (
                    await refusal(client, P.DOMAIN_LOOKUP_BY_NAME, encode(large))
                ).code is ErrorCode.NO_DOMAIN

    run(test)


def test_a_slow_call_blocks_nobody_and_replies_come_out_of_order() -> None:
    release = asyncio.Event()

    async def slow(_connection: Connection, _arguments: Any) -> types.ConnectGetHostnameRet:
        await release.wait()
        return types.ConnectGetHostnameRet("slow")

    async def test() -> None:
        async with (
            serving({**HANDLERS, P.CONNECT_GET_HOSTNAME: slow}) as (_, path),
            Client.connect(path) as client,
        ):
            first = client.send(P.CONNECT_GET_HOSTNAME)
            second = client.send(P.CONNECT_GET_TYPE)
            assert (await client.reply())[0].serial == second
            release.set()
            assert (await client.reply())[0].serial == first

    run(test)


def test_calls_that_never_wait_are_answered_in_their_order_and_the_others_have_their_turn() -> None:
    order: list[str] = []

    def at_once(connection: Connection, _arguments: Any) -> types.ConnectGetTypeRet:
        order.append(f"client {connection.id}")
        if len(order) == 3:
            raise VirError(ErrorCode.OPERATION_INVALID, "the third")
        return types.ConnectGetTypeRet("kvmctl")

    async def test() -> None:
        async with (
            serving({P.CONNECT_GET_TYPE: at_once}) as (_, path),
            Client.connect(path) as many,
            Client.connect(path) as one,
        ):
            sent = [many.send(P.CONNECT_GET_TYPE) for _ in range(200)]
            one.send(P.CONNECT_GET_TYPE)
            await one.reply()
            answered = []
            for serial in sent:
                header, _ = await many.receive()
                assert header.serial == serial
                answered.append(header.status)
            assert answered.count(Status.ERROR) == 1
            assert answered[2] is Status.ERROR
            assert order.index(next(each for each in order if each != order[0])) < 100

    run(test)


def test_reading_stops_at_the_limit_of_pending_calls() -> None:
    release = asyncio.Event()
    running = 0
    most = 0

    async def slow(_connection: Connection, _arguments: Any) -> types.ConnectGetHostnameRet:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        return types.ConnectGetHostnameRet("slow")

    async def test() -> None:
        async with serving({P.CONNECT_GET_HOSTNAME: slow}) as (_, path), Client.connect(path) as client:
            sent = {client.send(P.CONNECT_GET_HOSTNAME) for _ in range(50)}
            await asyncio.sleep(0.2)
            assert running == 20
            release.set()
            assert {(await client.reply())[0].serial for _ in sent} == sent
            assert most == 20

    run(test)


def test_what_a_client_asked_for_is_done_after_it_left() -> None:
    started, release, done, left = asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_connection: Connection, _arguments: Any) -> None:
        started.set()
        await release.wait()
        done.set()

    async def test() -> None:
        handlers = {P.DOMAIN_SUSPEND: slow}
        async with serving(handlers, on_disconnect=lambda _: left.set()) as (server, path):
            async with Client.connect(path) as client:
                client.send(P.DOMAIN_SUSPEND, encode(types.DomainSuspendArgs(DEMO)))
                await started.wait()
            await left.wait()
            assert not server.connections
            release.set()
            await done.wait()

    run(test)


def test_close_is_answered_then_the_connection_ends() -> None:
    closed: list[int] = []

    async def close(connection: Connection, _arguments: None) -> None:
        closed.append(connection.id)

    async def test() -> None:
        async with serving({P.CONNECT_CLOSE: close}) as (_, path), Client.connect(path) as client:
            await client.call(P.CONNECT_CLOSE)
            assert await client.gone()
            assert len(closed) == 1

    run(test)


@pytest.mark.parametrize("by_socket", [True, False])
def test_a_read_only_client_changes_nothing(by_socket: bool) -> None:
    async def test() -> None:
        flags = 0 if by_socket else 1
        async with (
            serving(HANDLERS, readonly=by_socket) as (_, path),
            Client.connect(path, flags=flags) as client,
        ):
            error = await refusal(client, P.DOMAIN_DESTROY, encode(types.DomainDestroyArgs(DEMO)))
            assert error.code is ErrorCode.OPERATION_DENIED
            assert str(error) == "operation forbidden: read only access prevents virDomainDestroy"
            assert await client.call(P.DOMAIN_GET_STATE, types.DomainGetStateArgs(DEMO, 0))

    run(test)


def test_a_read_only_client_sees_no_secrets() -> None:
    async def test() -> None:
        async with serving(HANDLERS, readonly=True) as (_, path), Client.connect(path) as client:
            assert await client.call(P.DOMAIN_GET_XML_DESC, types.DomainGetXmlDescArgs(DEMO, 0))
            secure = encode(types.DomainGetXmlDescArgs(DEMO, 1))
            error = await refusal(client, P.DOMAIN_GET_XML_DESC, secure)
            assert str(error) == "operation forbidden: virDomainGetXMLDesc with secure flag"

    run(test)


CHANGING = re.compile("(^|_)(CREATE|DESTROY|(UN)?DEFINE|SET|SUSPEND|RESUME|REBOOT|SHUTDOWN|RESET)(_|$)")


def test_every_changing_procedure_is_guarded() -> None:
    for procedure in P:
        if CHANGING.search(procedure.name) and procedure is not P.CONNECT_SET_IDENTITY:
            assert procedure.guarded or "EVENT" in procedure.name, procedure.name


def test_every_procedure_survives_noise() -> None:
    noise = random.Random(1)

    async def test() -> None:
        async with serving({}) as (_, path), Client.connect(path) as client:
            for procedure in P:
                if procedure is not P.CONNECT_CLOSE:
                    serial = client.send(procedure, noise.randbytes(noise.choice([0, 3, 4, 60, 5000])))
                    header, _ = await client.receive()
                    assert (header.procedure, header.serial) == (procedure, serial)

    run(test)


@examples(60)
@given(data=st.binary(max_size=300), framed=st.booleans())
def test_noise_on_the_socket_hurts_only_its_sender(data: bytes, framed: bool) -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (_, path), Client.connect(path) as other:
            async with Client.connect(path) as client:
                client.writer.write((len(data) + 4).to_bytes(4, "big") + data if framed else data)
                client.writer.write_eof()
                await client.gone()
            assert (await other.call(P.CONNECT_GET_TYPE)).type == "kvmctl"

    run(test)


LIFECYCLE = types.DomainEventCallbackLifecycleMsg(1, types.DomainEventLifecycleMsg(DEMO, 2, 0))


def test_events_reach_the_client() -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (server, path), Client.connect(path) as client:
            (connection,) = server.connections
            await connection.send_event(P.DOMAIN_EVENT_CALLBACK_LIFECYCLE, LIFECYCLE)
            header, event = await client.reply()
            assert (header.type, header.serial, event) == (MessageType.EVENT, 0, LIFECYCLE)
            with pytest.raises(ValueError, match="no event"):
                await connection.send_event(P.DOMAIN_CREATE, LIFECYCLE)
            with pytest.raises(TypeError):
                await connection.send_event(P.DOMAIN_EVENT_LIFECYCLE, LIFECYCLE)

    run(test)


def test_a_client_that_reads_no_events_is_dropped_without_waiting() -> None:
    async def test() -> None:
        async with serving(HANDLERS, limits=Limits(event_backlog=0)) as (server, path), Client.connect(path):
            (connection,) = server.connections
            event = types.DomainEventCallbackMetadataChangeMsg(1, DEMO, 0, "x" * 1_000_000)
            started = time.monotonic()
            for _ in range(60):
                await connection.send_event(P.DOMAIN_EVENT_CALLBACK_METADATA_CHANGE, event)
            assert time.monotonic() - started < 10
            for _ in range(100):
                await asyncio.sleep(0.02)
                if not server.connections:
                    break
            assert not server.connections

    run(test)


def test_keepalive_messages_are_answered() -> None:
    async def test() -> None:
        async with serving(HANDLERS) as (_, path), Client.connect(path, opened=False) as client:
            client.writer.write(PING)
            assert await client.reader.readexactly(len(PONG)) == PONG

    run(test)


def test_only_a_client_that_supports_keepalive_is_pinged_and_dropped_when_silent() -> None:
    limits = Limits(keepalive=KeepaliveSettings(interval=0.1, count=3))

    async def test() -> None:
        async with (
            serving(HANDLERS, limits=limits) as (_, path),
            Client.connect(path) as silent,
            Client.connect(path) as plain,
            Client.connect(path) as alive,
        ):
            feature = types.ConnectSupportsFeatureArgs(10)
            for client in (silent, alive):
                assert (await client.call(P.CONNECT_SUPPORTS_FEATURE, feature)).supported == 1
            for _ in range(8):
                header, _ = await alive.receive()
                assert (header.program, header.procedure) == (KEEPALIVE_PROGRAM, KEEPALIVE_PING)
                alive.writer.write(PONG)
            assert await silent.reader.read() == PING * 3
            assert (await plain.call(P.CONNECT_GET_TYPE)).type == "kvmctl"
            alive.send(P.CONNECT_GET_TYPE)

    run(test)


def test_features_of_the_driver_are_asked_of_the_driver() -> None:
    async def feature(_connection: Connection, arguments: Any) -> types.ConnectSupportsFeatureRet:
        return types.ConnectSupportsFeatureRet(int(arguments.feature == 14))

    async def test() -> None:
        for handlers, expected in (({}, 0), ({P.CONNECT_SUPPORTS_FEATURE: feature}, 1)):
            async with serving(handlers) as (_, path), Client.connect(path) as client:
                for number, answer in ((14, expected), (2, 1), (8, 0)):
                    asked = types.ConnectSupportsFeatureArgs(number)
                    assert (await client.call(P.CONNECT_SUPPORTS_FEATURE, asked)).supported == answer

    run(test)


def test_clients_beyond_the_limit_wait() -> None:
    async def test() -> None:
        async with (
            serving(HANDLERS, limits=Limits(clients=2)) as (_, path),
            Client.connect(path) as first,
            Client.connect(path),
            Client.connect(path, opened=False) as third,
        ):
            third.send(P.AUTH_LIST)
            answer = asyncio.create_task(third.reply())
            await asyncio.sleep(0.2)
            assert not answer.done()
            first.writer.close()
            assert (await answer)[1] == types.AuthListRet((types.AuthType.NONE,))

    run(test)


def test_an_event_has_no_handler() -> None:
    with pytest.raises(ValueError, match="event"):
        Server({P.DOMAIN_EVENT_LIFECYCLE: answers(None)})


def test_stopping_cancels_what_does_not_end() -> None:
    cancelled = asyncio.Event()

    async def endless(_connection: Connection, _arguments: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def test() -> None:
        async with serving({P.DOMAIN_SUSPEND: endless}) as (server, path), Client.connect(path) as client:
            client.send(P.DOMAIN_SUSPEND, encode(types.DomainSuspendArgs(DEMO)))
            await asyncio.sleep(0.1)
            await server.close(grace=0.1)
            assert cancelled.is_set()
            assert await client.gone()

    run(test)


def test_wording_is_only_added_once() -> None:
    assert str(VirError(ErrorCode.INTERNAL_ERROR, "100% %s")) == "internal error: 100% %s"
    assert str(VirError(ErrorCode.RPC, "as it is")) == "as it is"
