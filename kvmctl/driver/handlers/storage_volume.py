"""virStorageVol: the files of a pool."""

from pathlib import Path

import kvmctl.storage
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, domain_errors, failure, system_failure
from kvmctl.driver.handlers.storage_pool import find, wire_pool
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.storage import PoolObject, volumes
from kvmctl.driver.storage.constants import VolumeType
from kvmctl.storage import Volume

table = Table()

_NORMAL = 0
_GET_PHYSICAL = 1 << 0
_RESIZE_DELTA, _RESIZE_SHRINK = 1 << 1, 1 << 2


def _wire(pool: PoolObject, name: str) -> types.StorageVol:
    return types.StorageVol(pool=pool.name, name=name, key=str(pool.directory / name))


def _active(driver: Driver, reference: types.StoragePool) -> PoolObject:
    pool = find(driver, reference)
    pool.require_active()
    return pool


def _path(driver: Driver, reference: types.StorageVol) -> Path:
    """The file of a volume that a client holds a reference to."""
    pool = driver.storage.by_name(reference.pool)
    pool.require_active()
    if reference.name not in volumes.names(pool.directory):
        raise failure(ErrorCode.NO_STORAGE_VOL, f"no storage vol with matching name '{reference.name}'")
    return pool.directory / reference.name


def _volume(driver: Driver, reference: types.StorageVol) -> Volume:
    return volumes.describe(_path(driver, reference))


@table.answers(Procedure.STORAGE_POOL_NUM_OF_VOLUMES)
def storage_pool_num_of_volumes(
    driver: Driver, _connection: Connection, args: types.StoragePoolNumOfVolumesArgs
) -> types.StoragePoolNumOfVolumesRet:
    return types.StoragePoolNumOfVolumesRet(num=len(volumes.names(_active(driver, args.pool).directory)))


@table.answers(Procedure.STORAGE_POOL_LIST_VOLUMES)
def storage_pool_list_volumes(
    driver: Driver, _connection: Connection, args: types.StoragePoolListVolumesArgs
) -> types.StoragePoolListVolumesRet:
    names = volumes.names(_active(driver, args.pool).directory)
    return types.StoragePoolListVolumesRet(names=tuple(names[: args.maxnames]))


@table.answers(Procedure.STORAGE_POOL_LIST_ALL_VOLUMES)
def storage_pool_list_all_volumes(
    driver: Driver, _connection: Connection, args: types.StoragePoolListAllVolumesArgs
) -> types.StoragePoolListAllVolumesRet:
    check_flags(args.flags, 0, "virStoragePoolListAllVolumes")
    pool = _active(driver, args.pool)
    found = tuple(_wire(pool, name) for name in volumes.names(pool.directory))
    return types.StoragePoolListAllVolumesRet(vols=found if args.need_results else (), ret=len(found))


@table.answers(Procedure.STORAGE_POOL_LOOKUP_BY_VOLUME)
def storage_pool_lookup_by_volume(
    driver: Driver, _connection: Connection, args: types.StoragePoolLookupByVolumeArgs
) -> types.StoragePoolLookupByVolumeRet:
    return types.StoragePoolLookupByVolumeRet(pool=wire_pool(driver.storage.by_name(args.vol.pool)))


@table.answers(Procedure.STORAGE_VOL_LOOKUP_BY_NAME)
def storage_vol_lookup_by_name(
    driver: Driver, _connection: Connection, args: types.StorageVolLookupByNameArgs
) -> types.StorageVolLookupByNameRet:
    pool = _active(driver, args.pool)
    if args.name not in volumes.names(pool.directory):
        raise failure(ErrorCode.NO_STORAGE_VOL, f"no storage vol with matching name '{args.name}'")
    return types.StorageVolLookupByNameRet(vol=_wire(pool, args.name))


@table.answers(Procedure.STORAGE_VOL_LOOKUP_BY_KEY)
def storage_vol_lookup_by_key(
    driver: Driver, _connection: Connection, args: types.StorageVolLookupByKeyArgs
) -> types.StorageVolLookupByKeyRet:
    pool, volume = driver.storage.volume(args.key)
    return types.StorageVolLookupByKeyRet(vol=_wire(pool, volume.name))


@table.answers(Procedure.STORAGE_VOL_LOOKUP_BY_PATH)
def storage_vol_lookup_by_path(
    driver: Driver, _connection: Connection, args: types.StorageVolLookupByPathArgs
) -> types.StorageVolLookupByPathRet:
    pool, volume = driver.storage.volume(args.path)
    return types.StorageVolLookupByPathRet(vol=_wire(pool, volume.name))


@table.answers(Procedure.STORAGE_VOL_CREATE_XML)
async def storage_vol_create_xml(
    driver: Driver, _connection: Connection, args: types.StorageVolCreateXmlArgs
) -> types.StorageVolCreateXmlRet:
    check_flags(args.flags, 0, "virStorageVolCreateXML")
    pool = _active(driver, args.pool)
    with domain_errors():
        volume = kvmctl.storage.parse_volume(args.xml)
    await volumes.create(pool.directory, volume)
    return types.StorageVolCreateXmlRet(vol=_wire(pool, volume.name))


@table.answers(Procedure.STORAGE_VOL_DELETE)
def storage_vol_delete(driver: Driver, _connection: Connection, args: types.StorageVolDeleteArgs) -> None:
    check_flags(args.flags, _NORMAL, "virStorageVolDelete")
    path = _path(driver, args.vol)
    try:
        path.unlink()
    except OSError as error:
        raise system_failure(error, f"cannot remove '{path}'") from error


@table.answers(Procedure.STORAGE_VOL_GET_XML_DESC)
def storage_vol_get_xml_desc(
    driver: Driver, _connection: Connection, args: types.StorageVolGetXmlDescArgs
) -> types.StorageVolGetXmlDescRet:
    check_flags(args.flags, 0, "virStorageVolGetXMLDesc")
    return types.StorageVolGetXmlDescRet(xml=kvmctl.storage.format(_volume(driver, args.vol)))


@table.answers(Procedure.STORAGE_VOL_GET_INFO)
def storage_vol_get_info(
    driver: Driver, _connection: Connection, args: types.StorageVolGetInfoArgs
) -> types.StorageVolGetInfoRet:
    volume = _volume(driver, args.vol)
    return types.StorageVolGetInfoRet(
        type=int(VolumeType.FILE), capacity=volume.capacity, allocation=volume.allocation or 0
    )


@table.answers(Procedure.STORAGE_VOL_GET_INFO_FLAGS)
def storage_vol_get_info_flags(
    driver: Driver, _connection: Connection, args: types.StorageVolGetInfoFlagsArgs
) -> types.StorageVolGetInfoFlagsRet:
    """The physical size takes the place of the allocation where it is asked for."""
    check_flags(args.flags, _GET_PHYSICAL, "virStorageVolGetInfoFlags")
    volume = _volume(driver, args.vol)
    allocation = volume.physical if args.flags & _GET_PHYSICAL else volume.allocation
    return types.StorageVolGetInfoFlagsRet(
        type=int(VolumeType.FILE), capacity=volume.capacity, allocation=allocation or 0
    )


@table.answers(Procedure.STORAGE_VOL_RESIZE)
async def storage_vol_resize(
    driver: Driver, _connection: Connection, args: types.StorageVolResizeArgs
) -> None:
    check_flags(args.flags, _RESIZE_DELTA | _RESIZE_SHRINK, "virStorageVolResize")
    volume = _volume(driver, args.vol)
    capacity = args.capacity
    if args.flags & _RESIZE_DELTA:
        capacity = volume.capacity + (-capacity if args.flags & _RESIZE_SHRINK else capacity)
    if capacity < volume.capacity and not args.flags & _RESIZE_SHRINK:
        raise failure(
            ErrorCode.INVALID_ARG, "Can't shrink capacity below current capacity unless shrink flag"
        )
    if not 0 < capacity <= kvmctl.storage.LARGEST:
        raise failure(ErrorCode.INVALID_ARG, f"{capacity} bytes are no capacity of a file")
    await volumes.resize(volume, capacity)


@table.answers(Procedure.STORAGE_VOL_GET_PATH)
def storage_vol_get_path(
    driver: Driver, _connection: Connection, args: types.StorageVolGetPathArgs
) -> types.StorageVolGetPathRet:
    return types.StorageVolGetPathRet(name=str(_path(driver, args.vol)))
