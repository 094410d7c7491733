"""A guest's virtual CPUs: how many, and which threads of the host they are."""

from kvmctl.domain import Domain
from kvmctl.driver.domain import DomainObject


def current_vcpus(definition: Domain) -> int:
    """How many vCPUs are there when the guest starts."""
    return definition.vcpus if definition.vcpus_current is None else definition.vcpus_current


async def vcpu_threads(domain: DomainObject) -> dict[int, int]:
    """The host thread of each virtual CPU, as QMP's query-cpus-fast names them; they never change."""
    run = domain.require_run()
    if run.vcpu_threads is None:
        answer = await domain.execute("query-cpus-fast")
        run.vcpu_threads = {int(entry["cpu-index"]): int(entry["thread-id"]) for entry in answer}
    return run.vcpu_threads
