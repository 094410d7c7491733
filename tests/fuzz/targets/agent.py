"""What a guest's agent answers, for everything that the daemon asks it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, Final, cast

from kvmctl import domain as domain_room
from kvmctl.driver.domain import DomainObject, Run
from kvmctl.driver.driver import Driver
from kvmctl.driver.handlers import all_handlers
from kvmctl.driver.rpc import Procedure, VirError, types
from kvmctl.driver.rpc.xdr import XdrError, encode
from tests.domain.documents import small
from tests.fuzz import target as fuzz

_SYNC: Final = 7
_DOM: Final = types.Domain(name="g", uuid=bytes(16), id=1)
_CHANNEL: Final = (
    "<channel type='unix'><source mode='bind' path='/nowhere'/>"
    "<target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
)
_GUEST_VCPUS: Final = 8  # VIR_DOMAIN_VCPU_GUEST
_AGENT: Final = 1  # VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
P = Procedure
_QUESTIONS: Final[list[tuple[Procedure, object]]] = [
    (P.DOMAIN_GET_TIME, types.DomainGetTimeArgs(_DOM, 0)),
    (P.DOMAIN_GET_HOSTNAME, types.DomainGetHostnameArgs(_DOM, 0)),
    (P.DOMAIN_GET_FSINFO, types.DomainGetFsinfoArgs(_DOM, 0)),
    (P.DOMAIN_FSFREEZE, types.DomainFsfreezeArgs(_DOM, (), 0)),
    (P.DOMAIN_FSTHAW, types.DomainFsthawArgs(_DOM, (), 0)),
    (P.DOMAIN_GET_GUEST_VCPUS, types.DomainGetGuestVcpusArgs(_DOM, 0)),
    (P.DOMAIN_SET_GUEST_VCPUS, types.DomainSetGuestVcpusArgs(_DOM, "0", 1, 0)),
    (P.DOMAIN_AUTHORIZED_SSH_KEYS_GET, types.DomainAuthorizedSshKeysGetArgs(_DOM, "u", 0)),
    (P.DOMAIN_INTERFACE_ADDRESSES, types.DomainInterfaceAddressesArgs(_DOM, _AGENT, 0)),
    (P.DOMAIN_GET_VCPUS_FLAGS, types.DomainGetVcpusFlagsArgs(_DOM, _GUEST_VCPUS)),
    (P.DOMAIN_SET_VCPUS_FLAGS, types.DomainSetVcpusFlagsArgs(_DOM, 1, _GUEST_VCPUS)),
    *((P.DOMAIN_GET_GUEST_INFO, types.DomainGetGuestInfoArgs(_DOM, 1 << bit, 0)) for bit in range(7)),
]
_ANSWERS: Final[list[object]] = [
    1_600_000_000_000_000_000,
    {"host-name": "guest"},
    [{"name": "vda1", "mountpoint": "/", "type": "ext4", "total-bytes": 5, "used-bytes": 2,
      "disk": [{"pci-controller": {"domain": 0, "bus": 0, "slot": 1, "function": 0}, "serial": "s"}]}],
    2,
    2,
    [{"logical-id": 0, "online": True, "can-offline": False}, {"logical-id": 1, "online": False}],
    1,
    {"keys": ["ssh-ed25519 x"]},
    [{"name": "eth0", "hardware-address": "52:54:00:00:00:01",
      "ip-addresses": [{"ip-address-type": "ipv4", "ip-address": "192.0.2.1", "prefix": 24}]}],
    [{"logical-id": 0, "online": True}, {"logical-id": 1, "online": True, "can-offline": True}],
    2,
    [{"user": "u", "domain": "d", "login-time": 1.5}],
    {"id": "debian", "name": "Debian", "version-id": "12"},
    {"zone": "UTC", "offset": 0},
    {"host-name": "guest"},
    [{"name": "vda1", "mountpoint": "/", "type": "ext4", "disk": []}],
    [{"name": "/dev/vda", "partition": False, "dependencies": ["x"], "alias": "a"}],
    [{"name": "eth0", "ip-addresses": [{"ip-address-type": "ipv6", "ip-address": "::1", "prefix": 128}]}],
]  # fmt: skip


class _Writer:
    """Takes what is asked."""

    def write(self, data: bytes) -> None:
        assert data

    def close(self) -> None:
        """Nothing is open."""


def _prepare() -> fuzz.Run:
    parsed = domain_room.with_defaults(domain_room.parse(small(devices=_CHANNEL)))
    domain = DomainObject(config=parsed, live=domain_room.with_aliases(parsed))
    domain.run = Run(process=cast(Any, None), agent_seconds=1.0)
    driver = SimpleNamespace(find=lambda _dom: domain)
    handlers = all_handlers(cast(Driver, driver))
    loop = asyncio.new_event_loop()
    answers = b""

    async def connect(_path: str, limit: int) -> tuple[asyncio.StreamReader, _Writer]:
        reader = asyncio.StreamReader(limit=limit)
        reader.feed_data(answers)
        reader.feed_eof()
        return reader, _Writer()

    asyncio.open_unix_connection = connect  # type: ignore[assignment]
    secrets.randbelow = lambda _limit: _SYNC

    async def ask(answering: Awaitable[object]) -> None:
        result = await answering
        if result is not None:
            encode(result)

    def run(data: bytes) -> int:
        """The first byte is the question; its high bit leaves the synchronisation to the input."""
        nonlocal answers
        first = data[0] if data else 0
        procedure, arguments = _QUESTIONS[(first & 0x7F) % len(_QUESTIONS)]
        answers = data[1:] + b"\n"
        if not first & 0x80:
            answers = b"\xff" + json.dumps({"return": _SYNC}).encode() + b"\n" + answers
        loop.run_until_complete(ask(handlers[procedure](None, arguments)))
        return 1

    return run


_WORDS: Final = (
    *(
        "null",
        "true",
        "{}",
        "[]",
        "[{}]",
        '""',
        "-1",
        "0",
        "1e400",
        "1.5",
        "4294967296",
        "18446744073709551616",
    ),
    *(
        "9" * 30,
        "NaN",
        "-Infinity",
        '"\\ud800"',
        '"\\u0000"',
        '"x"',
        '"return"',
        '"error"',
        '"desc"',
        ":",
        ",",
    ),
)

TARGET = fuzz.Target(
    prepare=_prepare,
    seeds=lambda: [
        *(bytes([at]) + json.dumps({"return": answer}).encode() for at, answer in enumerate(_ANSWERS)),
        *(
            bytes([at]) + json.dumps({"return": wrong}).encode()
            for at in range(len(_ANSWERS))
            for wrong in (None, -1, 1.5, "x", [1], [None], {"a": 1}, 1 << 70, [{}], True)
        ),
        b"\x80" + b'\xff{"return": 7}\n{"error": {"class": "GenericError", "desc": "no"}}',
    ],
    slice=1500,
    refusals=(VirError, XdrError),
    dictionary=tuple(word.encode() for word in _WORDS),
    longest=16 << 10,
)
