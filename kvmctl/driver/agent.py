"""The guest agent, at the other end of the channel org.qemu.guest_agent.0 (QEMU's docs/interop/qemu-ga and
qga/qapi-schema.json): one JSON object a line, each exchange after a guest-sync-delimited of its own."""

import asyncio
import json
import secrets
from collections.abc import Mapping
from typing import Any, Final

from kvmctl.domain.model.channel import Channel
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure, system_failure
from kvmctl.driver.rpc import ErrorCode

CHANNEL: Final = "org.qemu.guest_agent.0"
_SYNC_SECONDS: Final = 5.0
_SHUTDOWN_SECONDS: Final = 5.0
_MAX_LINE: Final = 10 << 20
_DELIMITER: Final = b"\xff"


def agent_channel(domain: DomainObject) -> Channel | None:
    channels = domain.definition.devices.channels
    return next((channel for channel in channels if channel.target_name == CHANNEL), None)


def agent_connected(domain: DomainObject) -> bool:
    """Whether the guest is known to have the agent's port open."""
    channel = agent_channel(domain)
    return domain.active and channel is not None and channel.target_state == "connected"


async def ask(
    domain: DomainObject, command: str, arguments: Mapping[str, object] | None = None, *, silent: bool = False
) -> Any:
    """The agent's answer. A ``silent`` command answers only when it fails.

    Raises VIR_ERR_ARGUMENT_UNSUPPORTED without the channel, VIR_ERR_AGENT_UNRESPONSIVE when nobody answers,
    VIR_ERR_INTERNAL_ERROR with the agent's own words.
    """
    run = domain.require_run()
    channel = agent_channel(domain)
    if channel is None or channel.source_type != "unix" or not channel.path:
        raise failure(ErrorCode.ARGUMENT_UNSUPPORTED, "QEMU guest agent is not configured")
    if channel.target_state == "disconnected":
        raise failure(ErrorCode.AGENT_UNRESPONSIVE, "QEMU guest agent is not connected")
    async with run.agent_lock:
        try:
            reader, writer = await asyncio.open_unix_connection(channel.path, limit=_MAX_LINE)
        except OSError as error:
            raise system_failure(error, f"cannot connect to the guest agent at '{channel.path}'") from error
        try:
            await _synchronise(reader, writer)
            _send(writer, command, arguments)
            reply = await _reply(reader, _SHUTDOWN_SECONDS if silent else run.agent_seconds)
        except TimeoutError:
            if silent:
                return None
            raise failure(ErrorCode.AGENT_UNRESPONSIVE, "Guest agent not available for now") from None
        except (OSError, EOFError, ValueError) as error:
            if silent and isinstance(error, OSError | EOFError):
                return None
            raise failure(ErrorCode.AGENT_UNRESPONSIVE, f"Guest agent disappeared: {error}") from error
        finally:
            writer.close()
    if "error" in reply:
        raise failure(
            ErrorCode.INTERNAL_ERROR,
            f"unable to execute QEMU agent command '{command}': {_words(reply['error'])}",
        )
    return reply.get("return")


async def _synchronise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Skip what earlier conversations left in the channel, on either side."""
    number = secrets.randbelow(1 << 31)
    writer.write(_DELIMITER)
    _send(writer, "guest-sync-delimited", {"id": number})
    async with asyncio.timeout(_SYNC_SECONDS):
        while True:
            await reader.readuntil(_DELIMITER)
            if (await _reply(reader, None)).get("return") == number:
                return


def _send(writer: asyncio.StreamWriter, command: str, arguments: Mapping[str, object] | None) -> None:
    message: dict[str, object] = {"execute": command}
    if arguments:
        message["arguments"] = dict(arguments)
    writer.write(json.dumps(message).encode() + b"\n")


async def _reply(reader: asyncio.StreamReader, seconds: float | None) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise ValueError("its answer is too long") from error
    try:
        reply = _speakable(json.loads(line))
    except RecursionError as error:
        raise ValueError("its answer is too deep") from error
    if not isinstance(reply, dict):
        raise ValueError("its answer is no object")
    return reply


def _speakable(value: Any) -> Any:
    """Without what no text of the protocol may have in it: zero bytes and halves of surrogate pairs."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_speakable(item) for item in value]
    if isinstance(value, dict):
        return {_speakable(name): _speakable(item) for name, item in value.items()}
    return value


def _words(error: object) -> str:
    return str(error.get("desc", error)) if isinstance(error, Mapping) else str(error)
