"""virStoragePool: found, defined, started and ended."""

from functools import reduce
from operator import or_
from uuid import UUID

import kvmctl.storage
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, Procedure, types
from kvmctl.driver.storage import PoolObject
from kvmctl.driver.storage.constants import (
    OTHER_POOL_TYPES,
    PoolBuildFlags,
    PoolCreateFlags,
    PoolListFlags,
    PoolState,
)

table = Table()

_CREATE = reduce(or_, PoolCreateFlags)


def wire_pool(pool: PoolObject) -> types.StoragePool:
    return types.StoragePool(name=pool.name, uuid=pool.uuid.bytes)


def find(driver: Driver, reference: types.StoragePool) -> PoolObject:
    """The pool that a client holds a reference to."""
    return driver.storage.by_uuid(UUID(bytes=reference.uuid), reference.name)


def _matches(pool: PoolObject, flags: int) -> bool:
    """Filters come in groups: a pool has to match one of each group that is named at all."""
    is_a = (
        PoolListFlags.ACTIVE if pool.active else PoolListFlags.INACTIVE,
        PoolListFlags.PERSISTENT if pool.persistent else PoolListFlags.TRANSIENT,
        PoolListFlags.AUTOSTART if pool.autostart else PoolListFlags.NO_AUTOSTART,
        PoolListFlags.DIR,
    )
    groups = (
        PoolListFlags.ACTIVE | PoolListFlags.INACTIVE,
        PoolListFlags.PERSISTENT | PoolListFlags.TRANSIENT,
        PoolListFlags.AUTOSTART | PoolListFlags.NO_AUTOSTART,
        PoolListFlags.DIR | OTHER_POOL_TYPES,
    )
    return all(not flags & group or flags & own for group, own in zip(groups, is_a, strict=True))


@table.answers(Procedure.CONNECT_LIST_ALL_STORAGE_POOLS)
def connect_list_all_storage_pools(
    driver: Driver, _connection: Connection, args: types.ConnectListAllStoragePoolsArgs
) -> types.ConnectListAllStoragePoolsRet:
    supported = reduce(or_, PoolListFlags) | OTHER_POOL_TYPES
    check_flags(args.flags, supported, "virConnectListAllStoragePools")
    found = [pool for pool in driver.storage if _matches(pool, args.flags)]
    return types.ConnectListAllStoragePoolsRet(
        pools=tuple(map(wire_pool, found)) if args.need_results else (), ret=len(found)
    )


def _names(driver: Driver, *, active: bool) -> list[str]:
    return [pool.name for pool in driver.storage if pool.active == active]


@table.answers(Procedure.CONNECT_NUM_OF_STORAGE_POOLS)
def connect_num_of_storage_pools(
    driver: Driver, _connection: Connection, _args: None
) -> types.ConnectNumOfStoragePoolsRet:
    return types.ConnectNumOfStoragePoolsRet(num=len(_names(driver, active=True)))


@table.answers(Procedure.CONNECT_LIST_STORAGE_POOLS)
def connect_list_storage_pools(
    driver: Driver, _connection: Connection, args: types.ConnectListStoragePoolsArgs
) -> types.ConnectListStoragePoolsRet:
    names = _names(driver, active=True)[: args.maxnames]
    return types.ConnectListStoragePoolsRet(names=tuple(names))


@table.answers(Procedure.CONNECT_NUM_OF_DEFINED_STORAGE_POOLS)
def connect_num_of_defined_storage_pools(
    driver: Driver, _connection: Connection, _args: None
) -> types.ConnectNumOfDefinedStoragePoolsRet:
    return types.ConnectNumOfDefinedStoragePoolsRet(num=len(_names(driver, active=False)))


@table.answers(Procedure.CONNECT_LIST_DEFINED_STORAGE_POOLS)
def connect_list_defined_storage_pools(
    driver: Driver, _connection: Connection, args: types.ConnectListDefinedStoragePoolsArgs
) -> types.ConnectListDefinedStoragePoolsRet:
    names = _names(driver, active=False)[: args.maxnames]
    return types.ConnectListDefinedStoragePoolsRet(names=tuple(names))


@table.answers(Procedure.STORAGE_POOL_LOOKUP_BY_NAME)
def storage_pool_lookup_by_name(
    driver: Driver, _connection: Connection, args: types.StoragePoolLookupByNameArgs
) -> types.StoragePoolLookupByNameRet:
    return types.StoragePoolLookupByNameRet(pool=wire_pool(driver.storage.by_name(args.name)))


@table.answers(Procedure.STORAGE_POOL_LOOKUP_BY_UUID)
def storage_pool_lookup_by_uuid(
    driver: Driver, _connection: Connection, args: types.StoragePoolLookupByUuidArgs
) -> types.StoragePoolLookupByUuidRet:
    return types.StoragePoolLookupByUuidRet(pool=wire_pool(driver.storage.by_uuid(UUID(bytes=args.uuid))))


@table.answers(Procedure.STORAGE_POOL_LOOKUP_BY_TARGET_PATH)
def storage_pool_lookup_by_target_path(
    driver: Driver, _connection: Connection, args: types.StoragePoolLookupByTargetPathArgs
) -> types.StoragePoolLookupByTargetPathRet:
    return types.StoragePoolLookupByTargetPathRet(pool=wire_pool(driver.storage.by_directory(args.path)))


@table.answers(Procedure.STORAGE_POOL_DEFINE_XML)
def storage_pool_define_xml(
    driver: Driver, _connection: Connection, args: types.StoragePoolDefineXmlArgs
) -> types.StoragePoolDefineXmlRet:
    check_flags(args.flags, 0, "virStoragePoolDefineXML")
    return types.StoragePoolDefineXmlRet(pool=wire_pool(driver.storage.define(args.xml)))


@table.answers(Procedure.STORAGE_POOL_CREATE_XML)
def storage_pool_create_xml(
    driver: Driver, _connection: Connection, args: types.StoragePoolCreateXmlArgs
) -> types.StoragePoolCreateXmlRet:
    check_flags(args.flags, _CREATE, "virStoragePoolCreateXML")
    return types.StoragePoolCreateXmlRet(
        pool=wire_pool(driver.storage.create(args.xml, build=bool(args.flags)))
    )


@table.answers(Procedure.STORAGE_POOL_CREATE)
def storage_pool_create(driver: Driver, _connection: Connection, args: types.StoragePoolCreateArgs) -> None:
    check_flags(args.flags, _CREATE, "virStoragePoolCreate")
    driver.storage.activate(find(driver, args.pool), build=bool(args.flags))


@table.answers(Procedure.STORAGE_POOL_BUILD)
def storage_pool_build(driver: Driver, _connection: Connection, args: types.StoragePoolBuildArgs) -> None:
    """A directory has nothing in it that would be overwritten."""
    check_flags(args.flags, reduce(or_, PoolBuildFlags), "virStoragePoolBuild")
    driver.storage.build(find(driver, args.pool))


@table.answers(Procedure.STORAGE_POOL_DESTROY)
def storage_pool_destroy(driver: Driver, _connection: Connection, args: types.StoragePoolDestroyArgs) -> None:
    driver.storage.destroy(find(driver, args.pool))


@table.answers(Procedure.STORAGE_POOL_DELETE)
def storage_pool_delete(driver: Driver, _connection: Connection, args: types.StoragePoolDeleteArgs) -> None:
    check_flags(args.flags, 0, "virStoragePoolDelete")
    driver.storage.delete(find(driver, args.pool))


@table.answers(Procedure.STORAGE_POOL_UNDEFINE)
def storage_pool_undefine(
    driver: Driver, _connection: Connection, args: types.StoragePoolUndefineArgs
) -> None:
    driver.storage.undefine(find(driver, args.pool))


@table.answers(Procedure.STORAGE_POOL_REFRESH)
def storage_pool_refresh(driver: Driver, _connection: Connection, args: types.StoragePoolRefreshArgs) -> None:
    """The directory is read anew for every question."""
    check_flags(args.flags, 0, "virStoragePoolRefresh")
    find(driver, args.pool).require_active()


@table.answers(Procedure.STORAGE_POOL_GET_INFO)
def storage_pool_get_info(
    driver: Driver, _connection: Connection, args: types.StoragePoolGetInfoArgs
) -> types.StoragePoolGetInfoRet:
    pool = find(driver, args.pool)
    capacity, allocation, available = pool.sizes() if pool.active else (0, 0, 0)
    state = PoolState.RUNNING if pool.active else PoolState.INACTIVE
    return types.StoragePoolGetInfoRet(
        state=int(state), capacity=capacity, allocation=allocation, available=available
    )


@table.answers(Procedure.STORAGE_POOL_GET_XML_DESC)
def storage_pool_get_xml_desc(
    driver: Driver, _connection: Connection, args: types.StoragePoolGetXmlDescArgs
) -> types.StoragePoolGetXmlDescRet:
    inactive = 1 << 0
    check_flags(args.flags, inactive, "virStoragePoolGetXMLDesc")
    return types.StoragePoolGetXmlDescRet(xml=kvmctl.storage.format(find(driver, args.pool).described()))


@table.answers(Procedure.STORAGE_POOL_GET_AUTOSTART)
def storage_pool_get_autostart(
    driver: Driver, _connection: Connection, args: types.StoragePoolGetAutostartArgs
) -> types.StoragePoolGetAutostartRet:
    return types.StoragePoolGetAutostartRet(autostart=int(find(driver, args.pool).autostart))


@table.answers(Procedure.STORAGE_POOL_SET_AUTOSTART)
def storage_pool_set_autostart(
    driver: Driver, _connection: Connection, args: types.StoragePoolSetAutostartArgs
) -> None:
    driver.storage.set_autostart(find(driver, args.pool), bool(args.autostart))


@table.answers(Procedure.STORAGE_POOL_IS_ACTIVE)
def storage_pool_is_active(
    driver: Driver, _connection: Connection, args: types.StoragePoolIsActiveArgs
) -> types.StoragePoolIsActiveRet:
    return types.StoragePoolIsActiveRet(active=int(find(driver, args.pool).active))


@table.answers(Procedure.STORAGE_POOL_IS_PERSISTENT)
def storage_pool_is_persistent(
    driver: Driver, _connection: Connection, args: types.StoragePoolIsPersistentArgs
) -> types.StoragePoolIsPersistentRet:
    return types.StoragePoolIsPersistentRet(persistent=int(find(driver, args.pool).persistent))
