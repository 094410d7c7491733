"""Handlers of a driver with one running domain that does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from kvmctl.driver.rpc import Connection, ErrorCode, Handlers, Procedure, Stream, VirError, types

DEMO = types.Domain(name="demo", uuid=bytes(range(16)), id=3)
XML = "<domain type='kvm'><name>demo</name><description>Grüße</description></domain>"

_tasks: set[asyncio.Task[None]] = set()


def answers(result: object) -> Callable[[Connection, Any], Awaitable[Any]]:
    async def handler(_connection: Connection, _arguments: Any) -> Any:
        return result

    return handler


async def lookup(
    _connection: Connection, arguments: types.DomainLookupByNameArgs
) -> types.DomainLookupByNameRet:
    if arguments.name != DEMO.name:
        raise VirError(ErrorCode.NO_DOMAIN, f"no domain with matching name '{arguments.name}'")
    return types.DomainLookupByNameRet(dom=DEMO)


async def lookup_id(
    _connection: Connection, arguments: types.DomainLookupByIdArgs
) -> types.DomainLookupByIdRet:
    if arguments.id != DEMO.id:
        raise VirError(ErrorCode.NO_DOMAIN, f"no domain with matching id {arguments.id}")
    return types.DomainLookupByIdRet(DEMO)


async def memory_stats(
    _connection: Connection, arguments: types.NodeGetMemoryStatsArgs
) -> types.NodeGetMemoryStatsRet:
    """A client asks with room for nothing first, to learn how much room it needs."""
    params = (types.NodeGetMemoryStats("total", 4 << 20),)
    return types.NodeGetMemoryStatsRet(params if arguments.nparams else (), len(params))


async def echo_console(_connection: Connection, _arguments: Any, stream: Stream) -> None:
    async def echo() -> None:
        await stream.write(b"welcome\r\n")
        while data := await stream.read():
            if b"!" in data:
                break
            await stream.write(data.upper())
        await stream.finish()

    task = asyncio.create_task(echo())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


P = Procedure
HANDLERS: Handlers = {
    P.CONNECT_GET_TYPE: answers(types.ConnectGetTypeRet("kvmctl")),
    P.CONNECT_GET_VERSION: answers(types.ConnectGetVersionRet(1002003)),
    P.CONNECT_GET_LIB_VERSION: answers(types.ConnectGetLibVersionRet(9000000)),
    P.CONNECT_GET_HOSTNAME: answers(types.ConnectGetHostnameRet("fake.example")),
    P.CONNECT_GET_URI: answers(types.ConnectGetUriRet("kvmctl:///session")),
    P.CONNECT_GET_CAPABILITIES: answers(types.ConnectGetCapabilitiesRet("<capabilities/>")),
    P.CONNECT_GET_MAX_VCPUS: answers(types.ConnectGetMaxVcpusRet(8)),
    P.CONNECT_LIST_ALL_DOMAINS: answers(types.ConnectListAllDomainsRet((DEMO,), 1)),
    P.NODE_GET_INFO: answers(types.NodeGetInfoRet("x86_64", 4 << 20, 2, 2100, 1, 1, 2, 1)),
    P.NODE_GET_SECURITY_MODEL: answers(types.NodeGetSecurityModelRet("none", "0")),
    P.NODE_GET_MEMORY_STATS: memory_stats,
    P.DOMAIN_LOOKUP_BY_NAME: lookup,
    P.DOMAIN_LOOKUP_BY_UUID: answers(types.DomainLookupByUuidRet(DEMO)),
    P.DOMAIN_LOOKUP_BY_ID: lookup_id,
    P.DOMAIN_GET_STATE: answers(types.DomainGetStateRet(1, 1)),
    P.DOMAIN_GET_INFO: answers(types.DomainGetInfoRet(1, 131072, 131072, 1, 7_000_000_000)),
    P.DOMAIN_GET_OS_TYPE: answers(types.DomainGetOsTypeRet("hvm")),
    P.DOMAIN_GET_XML_DESC: answers(types.DomainGetXmlDescRet(XML)),
    P.DOMAIN_GET_SECURITY_LABEL: answers(types.DomainGetSecurityLabelRet("", 0)),
    P.DOMAIN_IS_ACTIVE: answers(types.DomainIsActiveRet(1)),
    P.DOMAIN_IS_PERSISTENT: answers(types.DomainIsPersistentRet(1)),
    P.DOMAIN_GET_AUTOSTART: answers(types.DomainGetAutostartRet(0)),
    P.DOMAIN_HAS_MANAGED_SAVE_IMAGE: answers(types.DomainHasManagedSaveImageRet(0)),
    P.DOMAIN_GET_VCPUS_FLAGS: answers(types.DomainGetVcpusFlagsRet(1)),
    P.DOMAIN_GET_SCHEDULER_TYPE: answers(types.DomainGetSchedulerTypeRet("posix", 1)),
    P.DOMAIN_GET_SCHEDULER_PARAMETERS_FLAGS: answers(
        types.DomainGetSchedulerParametersFlagsRet(
            (types.TypedParam.of("cpu_shares", types.ParamType.ULLONG, 1024),)
        )
    ),
    P.DOMAIN_SUSPEND: answers(None),
    P.DOMAIN_RESUME: answers(None),
    P.DOMAIN_DESTROY: answers(None),
    P.DOMAIN_OPEN_CONSOLE: echo_console,
}
