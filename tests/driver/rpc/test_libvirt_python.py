"""libvirt-python against our server: results, typed parameters, errors, events and a stream."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from kvmctl.driver.rpc import Connection, ErrorCode, ErrorDomain, Feature, Procedure, VirError, types

from .fakes import DEMO, HANDLERS
from .harness import run, serving

P = Procedure

pytest.importorskip("libvirt")


async def features(
    _connection: Connection, arguments: types.ConnectSupportsFeatureArgs
) -> types.ConnectSupportsFeatureRet:
    return types.ConnectSupportsFeatureRet(int(arguments.feature == Feature.REMOTE_EVENT_CALLBACK))


async def register(connection: Connection, arguments: Any) -> types.ConnectDomainEventCallbackRegisterAnyRet:
    connection.context["lifecycle"] = 41
    return types.ConnectDomainEventCallbackRegisterAnyRet(41)


async def deregister(connection: Connection, arguments: Any) -> None:
    assert connection.context.pop("lifecycle") == arguments.callback_id


async def suspend(connection: Connection, _arguments: Any) -> None:
    event = types.DomainEventCallbackLifecycleMsg(
        connection.context["lifecycle"], types.DomainEventLifecycleMsg(DEMO, 3, 0)
    )
    await connection.send_event(P.DOMAIN_EVENT_CALLBACK_LIFECYCLE, event)


async def create(_connection: Connection, _arguments: Any) -> None:
    raise VirError(ErrorCode.OPERATION_INVALID, "domain is already running", ErrorDomain.DOMAIN)


async def stats(_connection: Connection, _arguments: Any) -> types.ConnectGetAllDomainStatsRet:
    of, kind = types.TypedParam.of, types.ParamType
    params = (
        of("state.state", kind.INT, 1),
        of("cpu.time", kind.ULLONG, 2**63),
        of("delta", kind.LLONG, -5),
        of("count", kind.UINT, 7),
        of("load", kind.DOUBLE, 0.25),
        of("on", kind.BOOLEAN, 1),
        of("name", kind.STRING, "Grüße"),
    )
    return types.ConnectGetAllDomainStatsRet((types.DomainStatsRecord(DEMO, params),))


def test_libvirt_python() -> None:
    handlers = {
        **HANDLERS,
        P.CONNECT_SUPPORTS_FEATURE: features,
        P.CONNECT_DOMAIN_EVENT_CALLBACK_REGISTER_ANY: register,
        P.CONNECT_DOMAIN_EVENT_CALLBACK_DEREGISTER_ANY: deregister,
        P.CONNECT_GET_ALL_DOMAIN_STATS: stats,
        P.DOMAIN_SUSPEND: suspend,
        P.DOMAIN_CREATE: create,
    }
    got: dict[str, Any] = {}

    async def test() -> None:
        async with serving(handlers) as (_, path):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(Path(__file__).with_name("libvirt_client.py")),
                f"kvmctl+unix:///system?socket={path}",
                stdout=asyncio.subprocess.PIPE,
            )
            out, _ = await asyncio.wait_for(process.communicate(), 30)
            assert process.returncode == 0
            got.update(json.loads(out))

    run(test)
    assert got == {
        "uuid": "00010203-0405-0607-0809-0a0b0c0d0e0f",
        "id": 3,
        "info": [1, 131072, 131072, 1, 7_000_000_000],
        "parameters": {"cpu_shares": 1024},
        "node": ["x86_64", 4096, 2, 2100, 1, 1, 2, 1],
        "memory": {"total": 4 << 20},
        "security": ["none", "0"],
        "stats": [
            {
                "state.state": 1,
                "cpu.time": 2**63,
                "delta": -5,
                "count": 7,
                "load": 0.25,
                "on": True,
                "name": "Grüße",
            }
        ],
        "events": [["demo", 3, 0]],
        "console": "welcome\r\nHELLO",
        "refusal": [
            55,
            20,
            "Requested operation is not valid: domain is already running",
            "domain is already running",
        ],
        "alive": 1,
    }
