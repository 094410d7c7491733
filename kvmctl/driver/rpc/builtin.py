"""Procedures that concern the wire alone, answered here whatever the driver does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from kvmctl.driver.rpc import types
from kvmctl.driver.rpc.errors import ErrorCode, ErrorDomain, VirError
from kvmctl.driver.rpc.procedures import Procedure

if TYPE_CHECKING:
    from kvmctl.driver.rpc.connection import Connection


class Feature(IntEnum):
    """What CONNECT_SUPPORTS_FEATURE asks about (virDrvFeature, libvirt's src/libvirt_internal.h)."""

    MIGRATION_V1 = 1
    REMOTE = 2
    MIGRATION_V2 = 3
    MIGRATION_P2P = 4
    MIGRATION_DIRECT = 5
    MIGRATION_V3 = 6
    MIGRATE_CHANGE_PROTECTION = 7
    FD_PASSING = 8
    TYPED_PARAM_STRING = 9
    PROGRAM_KEEPALIVE = 10
    XML_MIGRATABLE = 11
    MIGRATION_OFFLINE = 12
    MIGRATION_PARAMS = 13
    REMOTE_EVENT_CALLBACK = 14
    REMOTE_CLOSE_CALLBACK = 15
    NETWORK_UPDATE_HAS_CORRECT_ORDER = 16


# The connection and the wire know the answer; every other feature is the driver's.
_WIRE_FEATURES = {
    Feature.REMOTE: True,
    Feature.FD_PASSING: False,
    Feature.TYPED_PARAM_STRING: True,
    Feature.PROGRAM_KEEPALIVE: True,
}


async def _auth_list(connection: Connection, _arguments: None) -> types.AuthListRet:
    """The socket's file permissions are the authentication, unless polkit is to be asked."""
    kind = types.AuthType.NONE if connection.authenticated else types.AuthType.POLKIT
    return types.AuthListRet(types=(kind,))


async def _auth_polkit(connection: Connection, _arguments: None) -> types.AuthPolkitRet:
    if not await connection.authenticate():
        raise VirError(ErrorCode.AUTH_FAILED, "polkit does not let this client in", ErrorDomain.RPC)
    return types.AuthPolkitRet(complete=1)


async def _connect_close(connection: Connection, _arguments: None) -> None:
    handler = connection.handlers.get(Procedure.CONNECT_CLOSE)
    if handler is not None:
        await handler(connection, None)
    connection.close_after_reply()


async def _supports_feature(
    connection: Connection, arguments: types.ConnectSupportsFeatureArgs
) -> types.ConnectSupportsFeatureRet:
    for feature, supported in _WIRE_FEATURES.items():
        if arguments.feature == feature:
            if feature is Feature.PROGRAM_KEEPALIVE:
                connection.start_keepalive()
            return types.ConnectSupportsFeatureRet(supported=int(supported))
    handler = connection.handlers.get(Procedure.CONNECT_SUPPORTS_FEATURE)
    if handler is None:
        return types.ConnectSupportsFeatureRet(supported=0)
    answer: types.ConnectSupportsFeatureRet = await handler(connection, arguments)
    return answer


HANDLERS: dict[Procedure, Callable[[Connection, Any], Awaitable[Any]]] = {
    Procedure.AUTH_LIST: _auth_list,
    Procedure.AUTH_POLKIT: _auth_polkit,
    Procedure.CONNECT_CLOSE: _connect_close,
    Procedure.CONNECT_SUPPORTS_FEATURE: _supports_feature,
}
