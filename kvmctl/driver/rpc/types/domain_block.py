"""Disks and file systems of a domain.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from typing import Annotated

from kvmctl.driver.rpc.types.base import Hyper, Int, String, UHyper, UInt, struct
from kvmctl.driver.rpc.types.limits import (
    DOMAIN_BLOCK_COPY_PARAMETERS_MAX,
    DOMAIN_BLOCK_IO_TUNE_PARAMETERS_MAX,
    DOMAIN_BLOCK_PEEK_BUFFER_MAX,
    DOMAIN_BLOCK_STATS_PARAMETERS_MAX,
    DOMAIN_DISK_ERRORS_MAX,
    DOMAIN_FSFREEZE_MOUNTPOINTS_MAX,
    DOMAIN_FSINFO_DISKS_MAX,
    DOMAIN_FSINFO_MAX,
)
from kvmctl.driver.rpc.types.objects import Domain
from kvmctl.driver.rpc.types.params import TypedParam
from kvmctl.driver.rpc.xdr import MaxItems, Opaque


@struct
class DomainDiskError:
    disk: String
    error: Int


@struct
class DomainBlockResizeArgs:
    dom: Domain
    disk: String
    size: UHyper
    flags: UInt


@struct
class DomainBlockStatsArgs:
    dom: Domain
    path: String


@struct
class DomainBlockStatsRet:
    rd_req: Hyper
    rd_bytes: Hyper
    wr_req: Hyper
    wr_bytes: Hyper
    errs: Hyper


@struct
class DomainBlockStatsFlagsArgs:
    dom: Domain
    path: String
    nparams: Int
    flags: UInt


@struct
class DomainBlockStatsFlagsRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_BLOCK_STATS_PARAMETERS_MAX)]
    nparams: Int


@struct
class DomainBlockPeekArgs:
    dom: Domain
    path: String
    offset: UHyper
    size: UInt
    flags: UInt


@struct
class DomainBlockPeekRet:
    buffer: Annotated[bytes, Opaque(DOMAIN_BLOCK_PEEK_BUFFER_MAX)]


@struct
class DomainGetBlockInfoArgs:
    dom: Domain
    path: String
    flags: UInt


@struct
class DomainGetBlockInfoRet:
    allocation: UHyper
    capacity: UHyper
    physical: UHyper


@struct
class DomainBlockJobAbortArgs:
    dom: Domain
    path: String
    flags: UInt


@struct
class DomainGetBlockJobInfoArgs:
    dom: Domain
    path: String
    flags: UInt


@struct
class DomainGetBlockJobInfoRet:
    found: Int
    type: Int
    bandwidth: UHyper
    cur: UHyper
    end: UHyper


@struct
class DomainBlockJobSetSpeedArgs:
    dom: Domain
    path: String
    bandwidth: UHyper
    flags: UInt


@struct
class DomainBlockPullArgs:
    dom: Domain
    path: String
    bandwidth: UHyper
    flags: UInt


@struct
class DomainBlockRebaseArgs:
    dom: Domain
    path: String
    base: String | None
    bandwidth: UHyper
    flags: UInt


@struct
class DomainBlockCopyArgs:
    dom: Domain
    path: String
    destxml: String
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_BLOCK_COPY_PARAMETERS_MAX)]
    flags: UInt


@struct
class DomainBlockCommitArgs:
    dom: Domain
    disk: String
    base: String | None
    top: String | None
    bandwidth: UHyper
    flags: UInt


@struct
class DomainSetBlockIoTuneArgs:
    dom: Domain
    disk: String
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_BLOCK_IO_TUNE_PARAMETERS_MAX)]
    flags: UInt


@struct
class DomainGetBlockIoTuneArgs:
    dom: Domain
    disk: String | None
    nparams: Int
    flags: UInt


@struct
class DomainGetBlockIoTuneRet:
    params: Annotated[tuple[TypedParam, ...], MaxItems(DOMAIN_BLOCK_IO_TUNE_PARAMETERS_MAX)]
    nparams: Int


@struct
class DomainGetDiskErrorsArgs:
    dom: Domain
    maxerrors: UInt
    flags: UInt


@struct
class DomainGetDiskErrorsRet:
    errors: Annotated[tuple[DomainDiskError, ...], MaxItems(DOMAIN_DISK_ERRORS_MAX)]
    nerrors: Int


@struct
class DomainFstrimArgs:
    dom: Domain
    mount_point: String | None
    minimum: UHyper
    flags: UInt


@struct
class DomainFsfreezeArgs:
    dom: Domain
    mountpoints: Annotated[tuple[String, ...], MaxItems(DOMAIN_FSFREEZE_MOUNTPOINTS_MAX)]
    flags: UInt


@struct
class DomainFsfreezeRet:
    filesystems: Int


@struct
class DomainFsthawArgs:
    dom: Domain
    mountpoints: Annotated[tuple[String, ...], MaxItems(DOMAIN_FSFREEZE_MOUNTPOINTS_MAX)]
    flags: UInt


@struct
class DomainFsthawRet:
    filesystems: Int


@struct
class DomainFsinfo:
    mountpoint: String
    name: String
    fstype: String
    dev_aliases: Annotated[tuple[String, ...], MaxItems(DOMAIN_FSINFO_DISKS_MAX)]


@struct
class DomainGetFsinfoArgs:
    dom: Domain
    flags: UInt


@struct
class DomainGetFsinfoRet:
    info: Annotated[tuple[DomainFsinfo, ...], MaxItems(DOMAIN_FSINFO_MAX)]
    ret: UInt


@struct
class DomainSetBlockThresholdArgs:
    dom: Domain
    dev: String
    threshold: UHyper
    flags: UInt
