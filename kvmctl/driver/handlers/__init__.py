"""What the daemon answers to each procedure, one module a libvirt object."""

from kvmctl.driver.driver import Driver
from kvmctl.driver.handlers import (
    connect,
    cpu,
    domain,
    domain_block,
    domain_config,
    domain_device,
    domain_guest,
    domain_ifaddr,
    domain_job,
    domain_list,
    domain_memory,
    domain_metadata,
    domain_net,
    domain_run,
    domain_sched,
    domain_stats,
    domain_vcpu,
    events,
    network,
    network_list,
    network_port,
    node,
    storage_pool,
    storage_volume,
)
from kvmctl.driver.rpc import Handlers

_TABLES = (
    connect.table,
    cpu.table,
    node.table,
    domain_list.table,
    domain.table,
    domain_config.table,
    domain_guest.table,
    domain_ifaddr.table,
    domain_job.table,
    domain_metadata.table,
    domain_block.table,
    domain_device.table,
    domain_net.table,
    domain_run.table,
    domain_vcpu.table,
    domain_sched.table,
    domain_memory.table,
    domain_stats.table,
    events.table,
    network.table,
    network_list.table,
    network_port.table,
    storage_pool.table,
    storage_volume.table,
)


def all_handlers(driver: Driver) -> Handlers:
    return {procedure: handler for table in _TABLES for procedure, handler in table.bind(driver).items()}
