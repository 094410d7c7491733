"""A guest's virtual CPUs: how many, and which threads of the host they are."""

from kvmctl.domain import Domain
from kvmctl.driver.domain import DomainObject
from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode
from kvmctl.host.process import inner_threads


def current_vcpus(definition: Domain) -> int:
    """How many vCPUs are there when the guest starts."""
    return definition.vcpus if definition.vcpus_current is None else definition.vcpus_current


async def vcpu_threads(domain: DomainObject) -> dict[int, int]:
    """The host thread of each virtual CPU, as QMP's query-cpus-fast names them; they never change."""
    run = domain.require_run()
    if run.vcpu_threads is None:
        answer = await domain.execute("query-cpus-fast")
        threads = inner_threads(run.process.pid)
        try:
            # No other thread than its own: what a guest's process says is not to be trusted.
            found = {int(entry["cpu-index"]): threads[int(entry["thread-id"])] for entry in answer}
        except KeyError as error:
            raise failure(ErrorCode.INTERNAL_ERROR, f"there is no thread {error} of a vCPU") from error
        run.vcpu_threads = found
    return run.vcpu_threads
