"""Storage pools and volumes.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Char, Int, String, UChar, UHyper, UInt, UUIDBytes, struct
from kvmctl.driver.rpc.types.limits import STORAGE_POOL_LIST_MAX, STORAGE_VOL_LIST_MAX
from kvmctl.driver.rpc.types.objects import StoragePool, StorageVol
from kvmctl.driver.rpc.xdr import MaxItems


@struct
class ConnectNumOfStoragePoolsRet:
    num: Int


@struct
class ConnectListStoragePoolsArgs:
    maxnames: Int


@struct
class ConnectListStoragePoolsRet:
    names: Annotated[tuple[String, ...], MaxItems(STORAGE_POOL_LIST_MAX)]


@struct
class ConnectNumOfDefinedStoragePoolsRet:
    num: Int


@struct
class ConnectListDefinedStoragePoolsArgs:
    maxnames: Int


@struct
class ConnectListDefinedStoragePoolsRet:
    names: Annotated[tuple[String, ...], MaxItems(STORAGE_POOL_LIST_MAX)]


@struct
class ConnectFindStoragePoolSourcesArgs:
    type: String
    src_spec: String | None
    flags: UInt


@struct
class ConnectFindStoragePoolSourcesRet:
    xml: String


@struct
class StoragePoolLookupByUuidArgs:
    uuid: UUIDBytes


@struct
class StoragePoolLookupByUuidRet:
    pool: StoragePool


@struct
class StoragePoolLookupByNameArgs:
    name: String


@struct
class StoragePoolLookupByNameRet:
    pool: StoragePool


@struct
class StoragePoolLookupByVolumeArgs:
    vol: StorageVol


@struct
class StoragePoolLookupByVolumeRet:
    pool: StoragePool


@struct
class StoragePoolLookupByTargetPathArgs:
    path: String


@struct
class StoragePoolLookupByTargetPathRet:
    pool: StoragePool


@struct
class StoragePoolCreateXmlArgs:
    xml: String
    flags: UInt


@struct
class StoragePoolCreateXmlRet:
    pool: StoragePool


@struct
class StoragePoolDefineXmlArgs:
    xml: String
    flags: UInt


@struct
class StoragePoolDefineXmlRet:
    pool: StoragePool


@struct
class StoragePoolBuildArgs:
    pool: StoragePool
    flags: UInt


@struct
class StoragePoolUndefineArgs:
    pool: StoragePool


@struct
class StoragePoolCreateArgs:
    pool: StoragePool
    flags: UInt


@struct
class StoragePoolDestroyArgs:
    pool: StoragePool


@struct
class StoragePoolDeleteArgs:
    pool: StoragePool
    flags: UInt


@struct
class StoragePoolRefreshArgs:
    pool: StoragePool
    flags: UInt


@struct
class StoragePoolGetXmlDescArgs:
    pool: StoragePool
    flags: UInt


@struct
class StoragePoolGetXmlDescRet:
    xml: String


@struct
class StoragePoolGetInfoArgs:
    pool: StoragePool


@struct
class StoragePoolGetInfoRet:
    state: UChar
    capacity: UHyper
    allocation: UHyper
    available: UHyper


@struct
class StoragePoolGetAutostartArgs:
    pool: StoragePool


@struct
class StoragePoolGetAutostartRet:
    autostart: Int


@struct
class StoragePoolSetAutostartArgs:
    pool: StoragePool
    autostart: Int


@struct
class StoragePoolNumOfVolumesArgs:
    pool: StoragePool


@struct
class StoragePoolNumOfVolumesRet:
    num: Int


@struct
class StoragePoolListVolumesArgs:
    pool: StoragePool
    maxnames: Int


@struct
class StoragePoolListVolumesRet:
    names: Annotated[tuple[String, ...], MaxItems(STORAGE_VOL_LIST_MAX)]


@struct
class StorageVolLookupByNameArgs:
    pool: StoragePool
    name: String


@struct
class StorageVolLookupByNameRet:
    vol: StorageVol


@struct
class StorageVolLookupByKeyArgs:
    key: String


@struct
class StorageVolLookupByKeyRet:
    vol: StorageVol


@struct
class StorageVolLookupByPathArgs:
    path: String


@struct
class StorageVolLookupByPathRet:
    vol: StorageVol


@struct
class StorageVolCreateXmlArgs:
    pool: StoragePool
    xml: String
    flags: UInt


@struct
class StorageVolCreateXmlRet:
    vol: StorageVol


@struct
class StorageVolCreateXmlFromArgs:
    pool: StoragePool
    xml: String
    clonevol: StorageVol
    flags: UInt


@struct
class StorageVolCreateXmlFromRet:
    vol: StorageVol


@struct
class StorageVolDeleteArgs:
    vol: StorageVol
    flags: UInt


@struct
class StorageVolWipeArgs:
    vol: StorageVol
    flags: UInt


@struct
class StorageVolWipePatternArgs:
    vol: StorageVol
    algorithm: UInt
    flags: UInt


@struct
class StorageVolGetXmlDescArgs:
    vol: StorageVol
    flags: UInt


@struct
class StorageVolGetXmlDescRet:
    xml: String


@struct
class StorageVolGetInfoArgs:
    vol: StorageVol


@struct
class StorageVolGetInfoRet:
    type: Char
    capacity: UHyper
    allocation: UHyper


@struct
class StorageVolGetInfoFlagsArgs:
    vol: StorageVol
    flags: UInt


@struct
class StorageVolGetInfoFlagsRet:
    type: Char
    capacity: UHyper
    allocation: UHyper


@struct
class StorageVolGetPathArgs:
    vol: StorageVol


@struct
class StorageVolGetPathRet:
    name: String


@struct
class StorageVolResizeArgs:
    vol: StorageVol
    capacity: UHyper
    flags: UInt


@struct
class StoragePoolIsActiveArgs:
    pool: StoragePool


@struct
class StoragePoolIsActiveRet:
    active: Int


@struct
class StoragePoolIsPersistentArgs:
    pool: StoragePool


@struct
class StoragePoolIsPersistentRet:
    persistent: Int


@struct
class StorageVolUploadArgs:
    vol: StorageVol
    offset: UHyper
    length: UHyper
    flags: UInt


@struct
class StorageVolDownloadArgs:
    vol: StorageVol
    offset: UHyper
    length: UHyper
    flags: UInt


@struct
class ConnectListAllStoragePoolsArgs:
    need_results: Int
    flags: UInt


@struct
class ConnectListAllStoragePoolsRet:
    pools: Annotated[tuple[StoragePool, ...], MaxItems(STORAGE_POOL_LIST_MAX)]
    ret: UInt


@struct
class StoragePoolListAllVolumesArgs:
    pool: StoragePool
    need_results: Int
    flags: UInt


@struct
class StoragePoolListAllVolumesRet:
    vols: Annotated[tuple[StorageVol, ...], MaxItems(STORAGE_VOL_LIST_MAX)]
    ret: UInt


@struct
class ConnectGetStoragePoolCapabilitiesArgs:
    flags: UInt


@struct
class ConnectGetStoragePoolCapabilitiesRet:
    capabilities: String
