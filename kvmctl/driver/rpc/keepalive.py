"""The keepalive program (libvirt, src/rpc/virkeepaliveprotocol.x): notice that a client is dead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from kvmctl.driver.rpc.message import (
    KEEPALIVE_PING,
    KEEPALIVE_PONG,
    KEEPALIVE_PROGRAM,
    KEEPALIVE_VERSION,
    Header,
    MessageType,
    Status,
    frame,
)


def _message(procedure: int) -> bytes:
    return frame(Header(KEEPALIVE_PROGRAM, KEEPALIVE_VERSION, procedure, MessageType.EVENT, 0, Status.OK))


PING = _message(KEEPALIVE_PING)
PONG = _message(KEEPALIVE_PONG)


@dataclass(frozen=True, slots=True)
class KeepaliveSettings:
    """After ``interval`` seconds of silence a ping, and the end after ``count`` pings without any answer.

    No interval of 0 or less: clients are never asked.
    """

    interval: float = 5.0
    count: int = 5


async def watch(
    settings: KeepaliveSettings, last_heard: Callable[[], float], ping: Callable[[], None]
) -> None:
    """Ping a silent client; returns when the client counts as dead."""
    loop = asyncio.get_running_loop()
    pings = 0
    heard = last_heard()
    while True:
        await asyncio.sleep(max(0.0, heard + (pings + 1) * settings.interval - loop.time()))
        if last_heard() != heard:
            heard, pings = last_heard(), 0
        elif pings == settings.count:
            return
        elif loop.time() >= heard + (pings + 1) * settings.interval:
            ping()
            pings += 1
