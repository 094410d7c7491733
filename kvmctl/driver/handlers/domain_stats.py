"""virDomain: figures of running guests, of all domains at once or of one guest's processors."""

import asyncio
from uuid import UUID

from kvmctl.driver.constants import ListFlags
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.events import wire_domain
from kvmctl.driver.handlers.domain_list import ALL_FILTERS, matches
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.handlers.typed import TYPED_STRING_OKAY
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam
from kvmctl.driver.stats import KNOWN, NOTHING, StatsGroup, ask, figures_of
from kvmctl.driver.vmprocess import cpu_times
from kvmctl.host import cpu

table = Table()

# virConnectGetAllDomainStatsFlags, beyond the filters of virConnectListAllDomains
_NOWAIT = 1 << 29
_BACKING = 1 << 30
_ENFORCE = 1 << 31


@table.answers(Procedure.CONNECT_GET_ALL_DOMAIN_STATS)
async def connect_get_all_domain_stats(
    driver: Driver, _connection: Connection, args: types.ConnectGetAllDomainStatsArgs
) -> types.ConnectGetAllDomainStatsRet:
    """Of the named domains, or of all that match the flags; unknown groups are left out unless enforced."""
    check_flags(args.flags, ALL_FILTERS | _NOWAIT | _BACKING | _ENFORCE, "virConnectGetAllDomainStats")
    unknown = args.stats & ~int(KNOWN)
    if args.flags & _ENFORCE and unknown:
        raise failure(
            ErrorCode.ARGUMENT_UNSUPPORTED,
            f"Stats types bits 0x{unknown:x} are not supported by this daemon",
        )
    groups = StatsGroup(args.stats & int(KNOWN)) if args.stats else KNOWN
    if args.doms:
        named = (driver.inventory.find(UUID(bytes=reference.uuid)) for reference in args.doms)
        domains = [domain for domain in named if domain is not None]
    else:
        domains = list(driver.inventory)
    filters = ListFlags(args.flags & int(ALL_FILTERS))
    chosen = [domain for domain in domains if matches(domain, filters)]
    # Guests are asked side by side; without patience none that a job has. The others have nobody to ask.
    patient = not args.flags & _NOWAIT
    running = [domain for domain in chosen if domain.active and (patient or not domain.jobs.held)]
    answers = await asyncio.gather(*(ask(domain, groups) for domain in running))
    asked = dict(zip(running, answers, strict=True))
    figures = figures_of(groups)

    def record(domain: DomainObject) -> types.DomainStatsRecord:
        known = asked.get(domain, NOTHING)
        params = [param for group in figures for param in group(domain, known)]
        return types.DomainStatsRecord(dom=wire_domain(domain), params=tuple(params))

    return types.ConnectGetAllDomainStatsRet(ret_stats=tuple(map(record, chosen)))


@table.answers(Procedure.DOMAIN_GET_CPU_STATS)
def domain_get_cpu_stats(
    driver: Driver, _connection: Connection, args: types.DomainGetCpuStatsArgs
) -> types.DomainGetCpuStatsRet:
    """Of all processors together (start_cpu -1); nobody counts a guest's time on each of them."""
    check_flags(args.flags, TYPED_STRING_OKAY, "virDomainGetCPUStats")
    domain = driver.find(args.dom)
    run = domain.require_run()
    if args.start_cpu < 0:
        user, system = cpu_times(run.process.pid)
        values = {"cpu_time": user + system, "user_time": user, "system_time": system}
        params = tuple(TypedParam.of(name, ParamType.ULLONG, value) for name, value in values.items())
        return types.DomainGetCpuStatsRet(params=params[: args.nparams], nparams=len(params))
    if args.ncpus == 0:
        return types.DomainGetCpuStatsRet(params=(), nparams=max(cpu.present()) + 1)
    raise failure(ErrorCode.OPERATION_INVALID, "cgroup CPUACCT controller is not mounted")
