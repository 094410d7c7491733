"""Secrets.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UInt, UUIDBytes, struct
from kvmctl.driver.rpc.types.limits import SECRET_LIST_MAX, SECRET_VALUE_MAX
from kvmctl.driver.rpc.types.objects import Secret
from kvmctl.driver.rpc.xdr import MaxItems, Opaque


@struct
class ConnectNumOfSecretsRet:
    num: Int


@struct
class ConnectListSecretsArgs:
    maxuuids: Int


@struct
class ConnectListSecretsRet:
    uuids: Annotated[tuple[String, ...], MaxItems(SECRET_LIST_MAX)]


@struct
class SecretLookupByUuidArgs:
    uuid: UUIDBytes


@struct
class SecretLookupByUuidRet:
    secret: Secret


@struct
class SecretDefineXmlArgs:
    xml: String
    flags: UInt


@struct
class SecretDefineXmlRet:
    secret: Secret


@struct
class SecretGetXmlDescArgs:
    secret: Secret
    flags: UInt


@struct
class SecretGetXmlDescRet:
    xml: String


@struct
class SecretSetValueArgs:
    secret: Secret
    value: Annotated[bytes, Opaque(SECRET_VALUE_MAX)]
    flags: UInt


@struct
class SecretGetValueArgs:
    secret: Secret
    flags: UInt


@struct
class SecretGetValueRet:
    value: Annotated[bytes, Opaque(SECRET_VALUE_MAX)]


@struct
class SecretUndefineArgs:
    secret: Secret


@struct
class SecretLookupByUsageArgs:
    usage_type: Int
    usage_id: String


@struct
class SecretLookupByUsageRet:
    secret: Secret


@struct
class ConnectListAllSecretsArgs:
    need_results: Int
    flags: UInt


@struct
class ConnectListAllSecretsRet:
    secrets: Annotated[tuple[Secret, ...], MaxItems(SECRET_LIST_MAX)]
    ret: UInt
