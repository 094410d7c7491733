"""What the daemon answers to each procedure, one module a libvirt object."""

from kvmctl.driver.driver import Driver
from kvmctl.driver.handlers import (
    connect,
    domain,
    domain_config,
    domain_list,
    domain_run,
    domain_stats,
    events,
    node,
)
from kvmctl.driver.rpc import Handlers

_TABLES = (
    connect.table,
    node.table,
    domain_list.table,
    domain.table,
    domain_config.table,
    domain_run.table,
    domain_stats.table,
    events.table,
)


def all_handlers(driver: Driver) -> Handlers:
    return {procedure: handler for table in _TABLES for procedure, handler in table.bind(driver).items()}
