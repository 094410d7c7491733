"""virConnect's and virDomain's ways to find domains."""

from functools import reduce
from operator import or_
from uuid import UUID

from kvmctl.driver.constants import ListFlags, State
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags
from kvmctl.driver.events import wire_domain
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, Procedure, types

table = Table()

ALL_FILTERS = reduce(or_, ListFlags)


@table.answers(Procedure.DOMAIN_LOOKUP_BY_ID)
def domain_lookup_by_id(
    driver: Driver, _connection: Connection, args: types.DomainLookupByIdArgs
) -> types.DomainLookupByIdRet:
    return types.DomainLookupByIdRet(dom=wire_domain(driver.inventory.by_id(args.id)))


@table.answers(Procedure.DOMAIN_LOOKUP_BY_UUID)
def domain_lookup_by_uuid(
    driver: Driver, _connection: Connection, args: types.DomainLookupByUuidArgs
) -> types.DomainLookupByUuidRet:
    return types.DomainLookupByUuidRet(dom=wire_domain(driver.inventory.by_uuid(UUID(bytes=args.uuid))))


@table.answers(Procedure.DOMAIN_LOOKUP_BY_NAME)
def domain_lookup_by_name(
    driver: Driver, _connection: Connection, args: types.DomainLookupByNameArgs
) -> types.DomainLookupByNameRet:
    return types.DomainLookupByNameRet(dom=wire_domain(driver.inventory.by_name(args.name)))


def matches(domain: DomainObject, flags: ListFlags) -> bool:
    """Filters come in groups: a domain has to match one of each group that is named at all."""
    if not flags:
        return True
    known = {
        State.RUNNING: ListFlags.RUNNING,
        State.PAUSED: ListFlags.PAUSED,
        State.SHUTOFF: ListFlags.SHUTOFF,
    }
    is_a = (
        ListFlags.ACTIVE if domain.active else ListFlags.INACTIVE,
        ListFlags.PERSISTENT if domain.persistent else ListFlags.TRANSIENT,
        known.get(domain.state, ListFlags.OTHER),
        ListFlags.NO_MANAGEDSAVE,
        ListFlags.AUTOSTART if domain.autostart else ListFlags.NO_AUTOSTART,
        ListFlags.NO_SNAPSHOT,
        ListFlags.NO_CHECKPOINT,
    )
    groups = (
        ListFlags.ACTIVE | ListFlags.INACTIVE,
        ListFlags.PERSISTENT | ListFlags.TRANSIENT,
        ListFlags.RUNNING | ListFlags.PAUSED | ListFlags.SHUTOFF | ListFlags.OTHER,
        ListFlags.MANAGEDSAVE | ListFlags.NO_MANAGEDSAVE,
        ListFlags.AUTOSTART | ListFlags.NO_AUTOSTART,
        ListFlags.HAS_SNAPSHOT | ListFlags.NO_SNAPSHOT,
        ListFlags.HAS_CHECKPOINT | ListFlags.NO_CHECKPOINT,
    )
    return all(not flags & group or flags & own for group, own in zip(groups, is_a, strict=True))


@table.answers(Procedure.CONNECT_LIST_ALL_DOMAINS)
def connect_list_all_domains(
    driver: Driver, _connection: Connection, args: types.ConnectListAllDomainsArgs
) -> types.ConnectListAllDomainsRet:
    check_flags(args.flags, ALL_FILTERS, "virConnectListAllDomains")
    found = [domain for domain in driver.inventory if matches(domain, ListFlags(args.flags))]
    return types.ConnectListAllDomainsRet(
        domains=tuple(map(wire_domain, found)) if args.need_results else (), ret=len(found)
    )


@table.answers(Procedure.CONNECT_NUM_OF_DOMAINS)
def connect_num_of_domains(
    driver: Driver, _connection: Connection, _args: None
) -> types.ConnectNumOfDomainsRet:
    return types.ConnectNumOfDomainsRet(num=driver.inventory.active_count)


@table.answers(Procedure.CONNECT_LIST_DOMAINS)
def connect_list_domains(
    driver: Driver, _connection: Connection, args: types.ConnectListDomainsArgs
) -> types.ConnectListDomainsRet:
    ids = sorted(domain.id for domain in driver.inventory if domain.active)
    return types.ConnectListDomainsRet(ids=tuple(ids[: args.maxids]))


@table.answers(Procedure.CONNECT_NUM_OF_DEFINED_DOMAINS)
def connect_num_of_defined_domains(
    driver: Driver, _connection: Connection, _args: None
) -> types.ConnectNumOfDefinedDomainsRet:
    return types.ConnectNumOfDefinedDomainsRet(num=sum(not domain.active for domain in driver.inventory))


@table.answers(Procedure.CONNECT_LIST_DEFINED_DOMAINS)
def connect_list_defined_domains(
    driver: Driver, _connection: Connection, args: types.ConnectListDefinedDomainsArgs
) -> types.ConnectListDefinedDomainsRet:
    names = [domain.name for domain in driver.inventory if not domain.active]
    return types.ConnectListDefinedDomainsRet(names=tuple(names[: args.maxnames]))
