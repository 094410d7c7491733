"""Migration.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Int, String, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import DOMAIN_MIGRATE_PARAM_LIST_MAX, MIGRATE_COOKIE_MAX
from kvmctl.driver.rpc.types.objects import Domain
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems, Opaque


@struct
class DomainMigratePrepareArgs:
    uri_in: String | None
    flags: UHyper
    dname: String | None
    resource: UHyper


@struct
class DomainMigratePrepareRet:
    cookie: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    uri_out: String | None


@struct
class DomainMigratePerformArgs:
    dom: Domain
    cookie: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    uri: String
    flags: UHyper
    dname: String | None
    resource: UHyper


@struct
class DomainMigrateFinishArgs:
    dname: String
    cookie: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    uri: String
    flags: UHyper


@struct
class DomainMigrateFinishRet:
    ddom: Domain


@struct
class DomainMigratePrepare2Args:
    uri_in: String | None
    flags: UHyper
    dname: String | None
    resource: UHyper
    dom_xml: String


@struct
class DomainMigratePrepare2Ret:
    cookie: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    uri_out: String | None


@struct
class DomainMigrateFinish2Args:
    dname: String
    cookie: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    uri: String
    flags: UHyper
    retcode: Int


@struct
class DomainMigrateFinish2Ret:
    ddom: Domain


@struct
class DomainMigratePrepareTunnelArgs:
    flags: UHyper
    dname: String | None
    resource: UHyper
    dom_xml: String


@struct
class DomainMigrateGetMaxDowntimeArgs:
    dom: Domain
    flags: UInt


@struct
class DomainMigrateGetMaxDowntimeRet:
    downtime: UHyper


@struct
class DomainMigrateSetMaxDowntimeArgs:
    dom: Domain
    downtime: UHyper
    flags: UInt


@struct
class DomainMigrateGetCompressionCacheArgs:
    dom: Domain
    flags: UInt


@struct
class DomainMigrateGetCompressionCacheRet:
    cache_size: UHyper


@struct
class DomainMigrateSetCompressionCacheArgs:
    dom: Domain
    cache_size: UHyper
    flags: UInt


@struct
class DomainMigrateSetMaxSpeedArgs:
    dom: Domain
    bandwidth: UHyper
    flags: UInt


@struct
class DomainMigrateGetMaxSpeedArgs:
    dom: Domain
    flags: UInt


@struct
class DomainMigrateGetMaxSpeedRet:
    bandwidth: UHyper


@struct
class DomainMigrateBegin3Args:
    dom: Domain
    xmlin: String | None
    flags: UHyper
    dname: String | None
    resource: UHyper


@struct
class DomainMigrateBegin3Ret:
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    xml: String


@struct
class DomainMigratePrepare3Args:
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    uri_in: String | None
    flags: UHyper
    dname: String | None
    resource: UHyper
    dom_xml: String


@struct
class DomainMigratePrepare3Ret:
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    uri_out: String | None


@struct
class DomainMigratePrepareTunnel3Args:
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    flags: UHyper
    dname: String | None
    resource: UHyper
    dom_xml: String


@struct
class DomainMigratePrepareTunnel3Ret:
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]


@struct
class DomainMigratePerform3Args:
    dom: Domain
    xmlin: String | None
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    dconnuri: String | None
    uri: String | None
    flags: UHyper
    dname: String | None
    resource: UHyper


@struct
class DomainMigratePerform3Ret:
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]


@struct
class DomainMigrateFinish3Args:
    dname: String
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    dconnuri: String | None
    uri: String | None
    flags: UHyper
    cancelled: Int


@struct
class DomainMigrateFinish3Ret:
    dom: Domain
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]


@struct
class DomainMigrateConfirm3Args:
    dom: Domain
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    flags: UHyper
    cancelled: Int


@struct
class DomainMigrateBegin3ParamsArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_MIGRATE_PARAM_LIST_MAX)]
    flags: UInt


@struct
class DomainMigrateBegin3ParamsRet:
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    xml: String


@struct
class DomainMigratePrepare3ParamsArgs:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_MIGRATE_PARAM_LIST_MAX)]
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    flags: UInt


@struct
class DomainMigratePrepare3ParamsRet:
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    uri_out: String | None


@struct
class DomainMigratePrepareTunnel3ParamsArgs:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_MIGRATE_PARAM_LIST_MAX)]
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    flags: UInt


@struct
class DomainMigratePrepareTunnel3ParamsRet:
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]


@struct
class DomainMigratePerform3ParamsArgs:
    dom: Domain
    dconnuri: String | None
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_MIGRATE_PARAM_LIST_MAX)]
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    flags: UInt


@struct
class DomainMigratePerform3ParamsRet:
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]


@struct
class DomainMigrateFinish3ParamsArgs:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_MIGRATE_PARAM_LIST_MAX)]
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    flags: UInt
    cancelled: Int


@struct
class DomainMigrateFinish3ParamsRet:
    dom: Domain
    cookie_out: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]


@struct
class DomainMigrateConfirm3ParamsArgs:
    dom: Domain
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_MIGRATE_PARAM_LIST_MAX)]
    cookie_in: Annotated[bytes, Opaque(MIGRATE_COOKIE_MAX)]
    flags: UInt
    cancelled: Int


@struct
class DomainMigrateStartPostCopyArgs:
    dom: Domain
    flags: UInt
