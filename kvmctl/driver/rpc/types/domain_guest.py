"""What concerns the guest inside: agent, security labels, metadata, power management.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Hyper, Int, String, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import (
    DOMAIN_AUTHORIZED_SSH_KEYS_MAX,
    DOMAIN_GUEST_INFO_PARAMS_MAX,
    DOMAIN_LAUNCH_SECURITY_INFO_PARAMS_MAX,
    DOMAIN_LAUNCH_SECURITY_STATE_PARAMS_MAX,
    DOMAIN_MESSAGES_MAX,
    SECURITY_LABEL_LIST_MAX,
    SECURITY_LABEL_MAX,
)
from kvmctl.driver.rpc.types.objects import Domain
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import CharString, MaxItems


@struct
class DomainPmSuspendForDurationArgs:
    dom: Domain
    target: UInt
    duration: UHyper
    flags: UInt


@struct
class DomainPmWakeupArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetSecurityLabelArgs:
    dom: Domain


@struct
class DomainGetSecurityLabelRet:
    label: Annotated[str, CharString(SECURITY_LABEL_MAX)]
    enforcing: Int


@struct
class DomainGetSecurityLabelListArgs:
    dom: Domain


@struct
class DomainGetSecurityLabelListRet:
    labels: Annotated[tuple[DomainGetSecurityLabelRet, ...], MaxItems(SECURITY_LABEL_LIST_MAX)]
    ret: Int


@struct
class DomainSetMetadataArgs:
    dom: Domain
    type: Int
    metadata: String | None
    key: String | None
    uri: String | None
    flags: UInt


@struct
class DomainGetMetadataArgs:
    dom: Domain
    type: Int
    uri: String | None
    flags: UInt


@struct
class DomainGetMetadataRet:
    metadata: String


@struct
class DomainGetTimeArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetTimeRet:
    seconds: Hyper
    nseconds: UInt


@struct
class DomainSetTimeArgs:
    dom: Domain
    seconds: Hyper
    nseconds: UInt
    flags: UInt


@struct
class DomainSetUserPasswordArgs:
    dom: Domain
    user: String | None
    password: String | None
    flags: UInt


@struct
class DomainGetLaunchSecurityInfoArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetLaunchSecurityInfoRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_LAUNCH_SECURITY_INFO_PARAMS_MAX)]


@struct
class DomainSetLaunchSecurityStateArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_LAUNCH_SECURITY_STATE_PARAMS_MAX)]
    flags: UInt


@struct
class DomainGetGuestInfoArgs:
    dom: Domain
    types: UInt
    flags: UInt


@struct
class DomainGetGuestInfoRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_GUEST_INFO_PARAMS_MAX)]


@struct
class DomainAgentSetResponseTimeoutArgs:
    dom: Domain
    timeout: Int
    flags: UInt


@struct
class DomainAgentSetResponseTimeoutRet:
    result: Int


@struct
class DomainAuthorizedSshKeysGetArgs:
    dom: Domain
    user: String
    flags: UInt


@struct
class DomainAuthorizedSshKeysGetRet:
    keys: Annotated[tuple[String, ...], MaxItems(DOMAIN_AUTHORIZED_SSH_KEYS_MAX)]


@struct
class DomainAuthorizedSshKeysSetArgs:
    dom: Domain
    user: String
    keys: Annotated[tuple[String, ...], MaxItems(DOMAIN_AUTHORIZED_SSH_KEYS_MAX)]
    flags: UInt


@struct
class DomainGetMessagesArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetMessagesRet:
    msgs: Annotated[tuple[String, ...], MaxItems(DOMAIN_MESSAGES_MAX)]
