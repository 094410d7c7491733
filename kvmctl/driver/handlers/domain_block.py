"""virDomain: disks: their traffic, their size, their limits."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields, replace

from kvmctl.domain import Disk, Domain
from kvmctl.domain.model.disk import IoTune
from kvmctl.driver.constants import AffectFlags
from kvmctl.driver.disks import DiskTraffic, find_disk, image_size, traffic
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.handlers.typed import TYPED_STRING_OKAY, limited, understood, validated
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam

table = Table()

_AFFECT = AffectFlags.LIVE | AffectFlags.CONFIG
_RESIZE_BYTES = 1 << 0  # VIR_DOMAIN_BLOCK_RESIZE_BYTES
_RESIZE_CAPACITY = 1 << 1  # VIR_DOMAIN_BLOCK_RESIZE_CAPACITY
_NO_COUNT = -1


async def _stats(domain: DomainObject, path: str) -> DiskTraffic:
    """Of one disk, or of all of them where none is named."""
    domain.require_run()
    wanted = domain.definition.devices.disks
    if path:
        disk = find_disk(domain.definition, path)
        if disk is None:
            raise failure(ErrorCode.INVALID_ARG, f"invalid path: {path}")
        wanted = (disk,)
    known = await traffic(domain)
    return sum((known.get(disk.alias or "", DiskTraffic()) for disk in wanted), DiskTraffic())


@table.answers(Procedure.DOMAIN_BLOCK_STATS)
async def domain_block_stats(
    driver: Driver, _connection: Connection, args: types.DomainBlockStatsArgs
) -> types.DomainBlockStatsRet:
    stats = await _stats(driver.find(args.dom), args.path)
    return types.DomainBlockStatsRet(
        rd_req=stats.rd_operations,
        rd_bytes=stats.rd_bytes,
        wr_req=stats.wr_operations,
        wr_bytes=stats.wr_bytes,
        errs=_NO_COUNT,
    )


@table.answers(Procedure.DOMAIN_BLOCK_STATS_FLAGS)
async def domain_block_stats_flags(
    driver: Driver, _connection: Connection, args: types.DomainBlockStatsFlagsArgs
) -> types.DomainBlockStatsFlagsRet:
    check_flags(args.flags, TYPED_STRING_OKAY, "virDomainBlockStatsFlags")
    stats = asdict(await _stats(driver.find(args.dom), args.path))
    params = [TypedParam.of(name, ParamType.LLONG, value) for name, value in stats.items()]
    return types.DomainBlockStatsFlagsRet(params=limited(params, args.nparams), nparams=len(params))


@table.answers(Procedure.DOMAIN_GET_BLOCK_INFO)
def domain_get_block_info(
    driver: Driver, _connection: Connection, args: types.DomainGetBlockInfoArgs
) -> types.DomainGetBlockInfoRet:
    check_flags(args.flags, 0, "virDomainGetBlockInfo")
    disk = find_disk(driver.find(args.dom).definition, args.path)
    if disk is None:
        raise failure(ErrorCode.INVALID_ARG, f"invalid path {args.path} not assigned to domain")
    size = image_size(disk)
    return types.DomainGetBlockInfoRet(
        allocation=size.allocation, capacity=size.capacity, physical=size.physical
    )


@table.answers(Procedure.DOMAIN_BLOCK_RESIZE)
async def domain_block_resize(
    driver: Driver, _connection: Connection, args: types.DomainBlockResizeArgs
) -> None:
    check_flags(args.flags, _RESIZE_BYTES | _RESIZE_CAPACITY, "virDomainBlockResize")
    domain = driver.find(args.dom)
    async with domain.job():
        domain.require_run()
        disk = find_disk(domain.definition, args.disk)
        if disk is None:
            raise failure(ErrorCode.INVALID_ARG, f"disk '{args.disk}' was not found in the domain config")
        if args.flags & _RESIZE_CAPACITY:
            if disk.type != "block":
                raise failure(
                    ErrorCode.INVALID_ARG,
                    "block resize to full capacity supported only with 'raw' local block-based disks",
                )
            size = image_size(disk).physical
        else:
            size = args.size if args.flags & _RESIZE_BYTES else args.size * 1024
        await domain.execute("block_resize", device=disk.alias, size=size)


@table.answers(Procedure.DOMAIN_GET_DISK_ERRORS)
def domain_get_disk_errors(
    driver: Driver, _connection: Connection, args: types.DomainGetDiskErrorsArgs
) -> types.DomainGetDiskErrorsRet:
    """With no room asked for: how many disks there are."""
    check_flags(args.flags, 0, "virDomainGetDiskErrors")
    domain = driver.find(args.dom)
    run = domain.require_run()
    if not args.maxerrors:
        return types.DomainGetDiskErrorsRet(errors=(), nerrors=len(domain.definition.devices.disks))
    found = tuple(
        types.DomainDiskError(disk=target, error=int(error)) for target, error in run.disk_errors.items()
    )[: args.maxerrors]
    return types.DomainGetDiskErrorsRet(errors=found, nerrors=len(found))


@table.answers(Procedure.DOMAIN_SET_BLOCK_THRESHOLD)
async def domain_set_block_threshold(
    driver: Driver, _connection: Connection, args: types.DomainSetBlockThresholdArgs
) -> None:
    check_flags(args.flags, 0, "virDomainSetBlockThreshold")
    domain = driver.find(args.dom)
    async with domain.job():
        domain.require_run()
        disk = find_disk(domain.definition, args.dev)
        if disk is None:
            raise failure(ErrorCode.INVALID_ARG, f"block device '{args.dev}' not found")
        if "block-set-write-threshold" not in await domain.commands():
            raise failure(
                ErrorCode.OPERATION_UNSUPPORTED, "this machine's disks do not watch for a write threshold"
            )
        arguments = {"node-name": disk.alias, "write-threshold": args.threshold}
        await domain.execute("block-set-write-threshold", **arguments)


# <iotune>

_TUNES = {
    field.name: ParamType.STRING if field.name == "group_name" else ParamType.ULLONG
    for field in fields(IoTune)
}
# A limit and its scopes: QMP's names of block_set_io_throttle.
_QMP_UNITS = {"bytes": "bps", "iops": "iops"}
_QMP_SCOPES = {"total": "", "read": "_rd", "write": "_wr"}


@table.answers(Procedure.DOMAIN_GET_BLOCK_IO_TUNE)
def domain_get_block_io_tune(
    driver: Driver, _connection: Connection, args: types.DomainGetBlockIoTuneArgs
) -> types.DomainGetBlockIoTuneRet:
    check_flags(args.flags, _AFFECT | TYPED_STRING_OKAY, "virDomainGetBlockIoTune")
    definition = driver.find(args.dom).queried(args.flags)
    params: list[TypedParam] = []
    if args.disk:
        tune = _tuned(definition, args.disk).iotune or IoTune()
        for name, kind in _TUNES.items():
            value = getattr(tune, name)
            if kind is ParamType.STRING and value is None:
                continue
            params.append(TypedParam.of(name, kind, value or 0))
    params = understood(params, args.flags)
    count = len(params) or len(_TUNES)
    return types.DomainGetBlockIoTuneRet(params=limited(params, args.nparams), nparams=count)


def _tuned(definition: Domain, name: str) -> Disk:
    disk = find_disk(definition, name)
    if disk is None:
        raise failure(ErrorCode.INVALID_ARG, f"disk '{name}' was not found in the domain config")
    return disk


@table.answers(Procedure.DOMAIN_SET_BLOCK_IO_TUNE)
async def domain_set_block_io_tune(
    driver: Driver, _connection: Connection, args: types.DomainSetBlockIoTuneArgs
) -> None:
    check_flags(args.flags, _AFFECT, "virDomainSetBlockIoTune")
    domain = driver.find(args.dom)
    values = validated(args.params, _TUNES)
    _check_exclusive(values)

    def changed(definition: Domain) -> Domain:
        disk = find_disk(definition, args.disk)
        if disk is None:
            raise failure(ErrorCode.INVALID_ARG, f"missing persistent configuration for disk '{args.disk}'")
        tune = _merged(disk.iotune or IoTune(), values)
        disks = tuple(
            replace(each, iotune=tune) if each is disk else each for each in definition.devices.disks
        )
        return replace(definition, devices=replace(definition.devices, disks=disks))

    live, _config = domain.affected(args.flags)
    if live:
        _tuned(domain.definition, args.disk)
    await driver.definitions.reconfigure(domain, args.flags, changed, _throttler(domain, args.disk))
    if live and values:
        disk = _tuned(domain.definition, args.disk)
        told = [TypedParam.of("blkdeviotune.disk", ParamType.STRING, disk.target)]
        told += [TypedParam.of(f"blkdeviotune.{name}", _TUNES[name], v) for name, v in values.items()]
        driver.events.tunable(domain, told)


def _throttler(domain: DomainObject, name: str) -> Callable[[Domain], Awaitable[None]]:
    async def apply(wanted: Domain) -> None:
        disk = _tuned(wanted, name)
        if "block_set_io_throttle" not in await domain.commands():
            raise failure(ErrorCode.OPERATION_UNSUPPORTED, f"disk '{name}' cannot be limited while it runs")
        await domain.execute("block_set_io_throttle", **throttle_arguments(disk))

    return apply


def throttle_arguments(disk: Disk) -> dict[str, object]:
    tune = disk.iotune or IoTune()
    arguments: dict[str, object] = {"id": disk.alias, "iops_size": tune.size_iops_sec or 0}
    for scope, middle in _QMP_SCOPES.items():
        for unit, start in _QMP_UNITS.items():
            base = f"{scope}_{unit}_sec"
            arguments[f"{start}{middle}"] = getattr(tune, base) or 0
            arguments[f"{start}{middle}_max"] = getattr(tune, f"{base}_max") or 0
            length = getattr(tune, f"{base}_max_length")
            if length:
                arguments[f"{start}{middle}_max_length"] = length
    if tune.group_name:
        arguments["group"] = tune.group_name
    return arguments


def _check_exclusive(values: dict[str, int | float | str]) -> None:
    for unit in ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"):
        parts = [values.get(f"{scope}_{unit}") for scope in ("read", "write")]
        if values.get(f"total_{unit}") and any(parts):
            raise failure(
                ErrorCode.INVALID_ARG, f"total and read/write of {unit} cannot be set at the same time"
            )


def _merged(tune: IoTune, values: dict[str, int | float | str]) -> IoTune:
    """A total takes the place of its parts, and they of it, in the same unit."""
    changes: dict[str, int | str | None] = {}
    for name, value in values.items():
        changes[name] = value or None  # type: ignore[assignment]
        scope, _, unit = name.partition("_")
        others = {"total": ("read", "write"), "read": ("total",), "write": ("total",)}.get(scope, ())
        for other in others:
            if value and f"{other}_{unit}" not in values:
                changes[f"{other}_{unit}"] = None
    return replace(tune, **changes)  # type: ignore[arg-type]
