"""virDomain: background jobs, of which this driver has none that a client could see."""

from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types

table = Table()

_NONE = 0  # VIR_DOMAIN_JOB_NONE
_COMPLETED, _KEEP = 1 << 0, 1 << 1  # virDomainGetJobStatsFlags
_POSTCOPY = 1 << 0  # VIR_DOMAIN_ABORT_JOB_POSTCOPY


@table.answers(Procedure.DOMAIN_GET_JOB_INFO)
def domain_get_job_info(
    driver: Driver, _connection: Connection, args: types.DomainGetJobInfoArgs
) -> types.DomainGetJobInfoRet:
    driver.find(args.dom).require_run()
    return types.DomainGetJobInfoRet(
        type=_NONE,
        time_elapsed=0,
        time_remaining=0,
        data_total=0,
        data_processed=0,
        data_remaining=0,
        mem_total=0,
        mem_processed=0,
        mem_remaining=0,
        file_total=0,
        file_processed=0,
        file_remaining=0,
    )


@table.answers(Procedure.DOMAIN_GET_JOB_STATS)
def domain_get_job_stats(
    driver: Driver, _connection: Connection, args: types.DomainGetJobStatsArgs
) -> types.DomainGetJobStatsRet:
    check_flags(args.flags, _COMPLETED | _KEEP, "virDomainGetJobStats")
    domain = driver.find(args.dom)
    if not args.flags & _COMPLETED:
        domain.require_run()
    return types.DomainGetJobStatsRet(type=_NONE, params=())


async def _abort(driver: Driver, reference: types.Domain) -> None:
    driver.find(reference).require_run()
    raise failure(ErrorCode.OPERATION_INVALID, "no job is active on the domain")


@table.answers(Procedure.DOMAIN_ABORT_JOB)
async def domain_abort_job(driver: Driver, _connection: Connection, args: types.DomainAbortJobArgs) -> None:
    await _abort(driver, args.dom)


@table.answers(Procedure.DOMAIN_ABORT_JOB_FLAGS)
async def domain_abort_job_flags(
    driver: Driver, _connection: Connection, args: types.DomainAbortJobFlagsArgs
) -> None:
    check_flags(args.flags, _POSTCOPY, "virDomainAbortJobFlags")
    await _abort(driver, args.dom)
