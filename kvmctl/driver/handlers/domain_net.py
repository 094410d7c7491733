"""virDomain: network cards: their traffic."""

from kvmctl.driver.constants import AffectFlags
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.handlers.typed import TYPED_STRING_OKAY, limited
from kvmctl.driver.nics import find_interface, traffic
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam

table = Table()

# VIR_DOMAIN_BANDWIDTH_*
_BANDWIDTH = tuple(
    f"{way}.{what}"
    for way, whats in (
        ("inbound", ("average", "peak", "burst", "floor")),
        ("outbound", ("average", "peak", "burst")),
    )
    for what in whats
)


@table.answers(Procedure.DOMAIN_INTERFACE_STATS)
def domain_interface_stats(
    driver: Driver, _connection: Connection, args: types.DomainInterfaceStatsArgs
) -> types.DomainInterfaceStatsRet:
    domain = driver.find(args.dom)
    domain.require_run()
    interface = find_interface(domain.definition, args.device)
    passed = traffic(interface)
    if passed is None:
        raise failure(
            ErrorCode.OPERATION_UNSUPPORTED,
            f"an interface of type '{interface.type}' has no statistics on this host",
        )
    return types.DomainInterfaceStatsRet(
        rx_bytes=passed.rx_bytes,
        rx_packets=passed.rx_packets,
        rx_errs=passed.rx_errors,
        rx_drop=passed.rx_dropped,
        tx_bytes=passed.tx_bytes,
        tx_packets=passed.tx_packets,
        tx_errs=passed.tx_errors,
        tx_drop=passed.tx_dropped,
    )


@table.answers(Procedure.DOMAIN_GET_INTERFACE_PARAMETERS)
def domain_get_interface_parameters(
    driver: Driver, _connection: Connection, args: types.DomainGetInterfaceParametersArgs
) -> types.DomainGetInterfaceParametersRet:
    """No card has a <bandwidth>: 0 stands for no limit."""
    known = AffectFlags.LIVE | AffectFlags.CONFIG | TYPED_STRING_OKAY
    check_flags(args.flags, known, "virDomainGetInterfaceParameters")
    definition = driver.find(args.dom).queried(args.flags)
    params = [TypedParam.of(name, ParamType.UINT, 0) for name in _BANDWIDTH]
    if args.nparams:
        find_interface(definition, args.device)
    return types.DomainGetInterfaceParametersRet(params=limited(params, args.nparams), nparams=len(params))
