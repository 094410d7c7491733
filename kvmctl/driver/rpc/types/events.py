"""Event registration and the event messages.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Hyper, Int, String, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import (
    DOMAIN_EVENT_GRAPHICS_IDENTITY_MAX,
    DOMAIN_EVENT_TUNABLE_MAX,
    DOMAIN_JOB_STATS_MAX,
)
from kvmctl.driver.rpc.types.objects import Domain, Network, NodeDevice, Secret, StoragePool
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class ConnectDomainEventRegisterRet:
    cb_registered: Int


@struct
class ConnectDomainEventDeregisterRet:
    cb_registered: Int


@struct
class DomainEventLifecycleMsg:
    dom: Domain
    event: Int
    detail: Int


@struct
class DomainEventCallbackLifecycleMsg:
    callback_id: Int
    msg: DomainEventLifecycleMsg


@struct
class ConnectDomainEventRegisterAnyArgs:
    event_id: Int


@struct
class ConnectDomainEventDeregisterAnyArgs:
    event_id: Int


@struct
class ConnectDomainEventCallbackRegisterAnyArgs:
    event_id: Int
    dom: Domain | None


@struct
class ConnectDomainEventCallbackRegisterAnyRet:
    callback_id: Int


@struct
class ConnectDomainEventCallbackDeregisterAnyArgs:
    callback_id: Int


@struct
class DomainEventRebootMsg:
    dom: Domain


@struct
class DomainEventCallbackRebootMsg:
    callback_id: Int
    msg: DomainEventRebootMsg


@struct
class DomainEventRtcChangeMsg:
    dom: Domain
    offset: Hyper


@struct
class DomainEventCallbackRtcChangeMsg:
    callback_id: Int
    msg: DomainEventRtcChangeMsg


@struct
class DomainEventWatchdogMsg:
    dom: Domain
    action: Int


@struct
class DomainEventCallbackWatchdogMsg:
    callback_id: Int
    msg: DomainEventWatchdogMsg


@struct
class DomainEventIoErrorMsg:
    dom: Domain
    src_path: String
    dev_alias: String
    action: Int


@struct
class DomainEventCallbackIoErrorMsg:
    callback_id: Int
    msg: DomainEventIoErrorMsg


@struct
class DomainEventIoErrorReasonMsg:
    dom: Domain
    src_path: String
    dev_alias: String
    action: Int
    reason: String


@struct
class DomainEventCallbackIoErrorReasonMsg:
    callback_id: Int
    msg: DomainEventIoErrorReasonMsg


@struct
class DomainEventGraphicsAddress:
    family: Int
    node: String
    service: String


@struct
class DomainEventGraphicsIdentity:
    type: String
    name: String


@struct
class DomainEventGraphicsMsg:
    dom: Domain
    phase: Int
    local: DomainEventGraphicsAddress
    remote: DomainEventGraphicsAddress
    auth_scheme: String
    subject: Annotated[tuple[DomainEventGraphicsIdentity, ...], MaxItems(DOMAIN_EVENT_GRAPHICS_IDENTITY_MAX)]


@struct
class DomainEventCallbackGraphicsMsg:
    callback_id: Int
    msg: DomainEventGraphicsMsg


@struct
class DomainEventBlockJobMsg:
    dom: Domain
    path: String
    type: Int
    status: Int


@struct
class DomainEventCallbackBlockJobMsg:
    callback_id: Int
    msg: DomainEventBlockJobMsg


@struct
class DomainEventDiskChangeMsg:
    dom: Domain
    old_src_path: String | None
    new_src_path: String | None
    dev_alias: String
    reason: Int


@struct
class DomainEventCallbackDiskChangeMsg:
    callback_id: Int
    msg: DomainEventDiskChangeMsg


@struct
class DomainEventTrayChangeMsg:
    dom: Domain
    dev_alias: String
    reason: Int


@struct
class DomainEventCallbackTrayChangeMsg:
    callback_id: Int
    msg: DomainEventTrayChangeMsg


@struct
class DomainEventPmwakeupMsg:
    dom: Domain


@struct
class DomainEventCallbackPmwakeupMsg:
    callback_id: Int
    reason: Int
    msg: DomainEventPmwakeupMsg


@struct
class DomainEventPmsuspendMsg:
    dom: Domain


@struct
class DomainEventCallbackPmsuspendMsg:
    callback_id: Int
    reason: Int
    msg: DomainEventPmsuspendMsg


@struct
class DomainEventBalloonChangeMsg:
    dom: Domain
    actual: UHyper


@struct
class DomainEventCallbackBalloonChangeMsg:
    callback_id: Int
    msg: DomainEventBalloonChangeMsg


@struct
class DomainEventPmsuspendDiskMsg:
    dom: Domain


@struct
class DomainEventCallbackPmsuspendDiskMsg:
    callback_id: Int
    reason: Int
    msg: DomainEventPmsuspendDiskMsg


@struct
class DomainEventControlErrorMsg:
    dom: Domain


@struct
class DomainEventCallbackControlErrorMsg:
    callback_id: Int
    msg: DomainEventControlErrorMsg


@struct
class DomainEventDeviceRemovedMsg:
    dom: Domain
    dev_alias: String


@struct
class DomainEventCallbackDeviceRemovedMsg:
    callback_id: Int
    msg: DomainEventDeviceRemovedMsg


@struct
class DomainEventBlockJob2Msg:
    callback_id: Int
    dom: Domain
    dst: String
    type: Int
    status: Int


@struct
class DomainEventBlockThresholdMsg:
    callback_id: Int
    dom: Domain
    dev: String
    path: String | None
    threshold: UHyper
    excess: UHyper


@struct
class DomainEventCallbackTunableMsg:
    callback_id: Int
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_EVENT_TUNABLE_MAX)]


@struct
class DomainEventCallbackDeviceAddedMsg:
    callback_id: Int
    dom: Domain
    dev_alias: String


@struct
class ConnectEventConnectionClosedMsg:
    reason: Int


@struct
class ConnectNetworkEventRegisterAnyArgs:
    event_id: Int
    net: Network | None


@struct
class ConnectNetworkEventRegisterAnyRet:
    callback_id: Int


@struct
class ConnectNetworkEventDeregisterAnyArgs:
    callback_id: Int


@struct
class NetworkEventLifecycleMsg:
    callback_id: Int
    net: Network
    event: Int
    detail: Int


@struct
class ConnectStoragePoolEventRegisterAnyArgs:
    event_id: Int
    pool: StoragePool | None


@struct
class ConnectStoragePoolEventRegisterAnyRet:
    callback_id: Int


@struct
class ConnectStoragePoolEventDeregisterAnyArgs:
    callback_id: Int


@struct
class StoragePoolEventLifecycleMsg:
    callback_id: Int
    pool: StoragePool
    event: Int
    detail: Int


@struct
class StoragePoolEventRefreshMsg:
    callback_id: Int
    pool: StoragePool


@struct
class ConnectNodeDeviceEventRegisterAnyArgs:
    event_id: Int
    dev: NodeDevice | None


@struct
class ConnectNodeDeviceEventRegisterAnyRet:
    callback_id: Int


@struct
class ConnectNodeDeviceEventDeregisterAnyArgs:
    callback_id: Int


@struct
class NodeDeviceEventLifecycleMsg:
    callback_id: Int
    dev: NodeDevice
    event: Int
    detail: Int


@struct
class NodeDeviceEventUpdateMsg:
    callback_id: Int
    dev: NodeDevice


@struct
class DomainEventCallbackAgentLifecycleMsg:
    callback_id: Int
    dom: Domain
    state: Int
    reason: Int


@struct
class DomainEventCallbackMigrationIterationMsg:
    callback_id: Int
    dom: Domain
    iteration: Int


@struct
class DomainEventCallbackJobCompletedMsg:
    callback_id: Int
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_JOB_STATS_MAX)]


@struct
class DomainEventCallbackDeviceRemovalFailedMsg:
    callback_id: Int
    dom: Domain
    dev_alias: String


@struct
class DomainEventCallbackMetadataChangeMsg:
    callback_id: Int
    dom: Domain
    type: Int
    nsuri: String | None


@struct
class DomainEventMemoryFailureMsg:
    callback_id: Int
    dom: Domain
    recipient: Int
    action: Int
    flags: UInt


@struct
class ConnectSecretEventRegisterAnyArgs:
    event_id: Int
    secret: Secret | None


@struct
class ConnectSecretEventRegisterAnyRet:
    callback_id: Int


@struct
class ConnectSecretEventDeregisterAnyArgs:
    callback_id: Int


@struct
class SecretEventLifecycleMsg:
    callback_id: Int
    secret: Secret
    event: Int
    detail: Int


@struct
class SecretEventValueChangedMsg:
    callback_id: Int
    secret: Secret


@struct
class DomainEventMemoryDeviceSizeChangeMsg:
    callback_id: Int
    dom: Domain
    alias: String
    size: UHyper
