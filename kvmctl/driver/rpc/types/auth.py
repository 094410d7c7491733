"""Authentication.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from enum import IntEnum
from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, struct
from kvmctl.driver.rpc.types.limits import AUTH_SASL_DATA_MAX, AUTH_TYPE_LIST_MAX
from kvmctl.driver.rpc.xdr import Chars, MaxItems


class AuthType(IntEnum):
    """How a client may prove who it is."""

    NONE = 0
    SASL = 1
    POLKIT = 2


@struct
class AuthListRet:
    types: Annotated[tuple[AuthType, ...], MaxItems(AUTH_TYPE_LIST_MAX)]


@struct
class AuthSaslInitRet:
    mechlist: String


@struct
class AuthSaslStartArgs:
    mech: String
    nil: Int
    data: Annotated[bytes, Chars(AUTH_SASL_DATA_MAX)]


@struct
class AuthSaslStartRet:
    complete: Int
    nil: Int
    data: Annotated[bytes, Chars(AUTH_SASL_DATA_MAX)]


@struct
class AuthSaslStepArgs:
    nil: Int
    data: Annotated[bytes, Chars(AUTH_SASL_DATA_MAX)]


@struct
class AuthSaslStepRet:
    complete: Int
    nil: Int
    data: Annotated[bytes, Chars(AUTH_SASL_DATA_MAX)]


@struct
class AuthPolkitRet:
    complete: Int
