"""The threads of a guest's virtual CPUs."""

from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure
from kvmctl.driver.monitor import MonitorClosed
from kvmctl.driver.rpc import ErrorCode


async def vcpu_threads(domain: DomainObject) -> dict[int, int]:
    """The host thread of each virtual CPU, as QMP's query-cpus-fast names them."""
    try:
        answer = await domain.require_monitor().execute("query-cpus-fast")
    except MonitorClosed as error:
        raise failure(ErrorCode.OPERATION_FAILED, f"domain '{domain.name}' ended meanwhile") from error
    return {int(entry["cpu-index"]): int(entry["thread-id"]) for entry in answer}
