"""Memory and vCPUs."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain
from kvmctl.domain.units import LARGEST_SIZE

MOST_VCPUS = 255
"""xAPIC identifiers are bytes, and 255 is the broadcast."""


def check(domain: Domain) -> Iterator[Finding]:
    yield from _memory(domain)
    yield from _vcpus(domain)


def _memory(domain: Domain) -> Iterator[Finding]:
    if domain.memory <= 0:
        message = "Memory size must be specified via <memory>, and must not be 0"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/memory")
    elif domain.memory > LARGEST_SIZE:
        yield Finding(ErrorKind.OVERFLOW, f"memory of {domain.memory} bytes is too large", "/domain/memory")
    # More than the memory, or 0, is libvirt's way to say "all of it": with_defaults does so.
    current = domain.current_memory
    if current is not None and not 0 <= current <= LARGEST_SIZE:
        message = f"current memory of {current} bytes is no size"
        yield Finding(ErrorKind.INVALID_ARG, message, "/domain/currentMemory")


def _vcpus(domain: Domain) -> Iterator[Finding]:
    if not 1 <= domain.vcpus <= MOST_VCPUS:
        kind = ErrorKind.CONFIG_UNSUPPORTED if domain.vcpus > MOST_VCPUS else ErrorKind.XML_ERROR
        yield Finding(kind, f"{domain.vcpus} vCPUs are not within 1 to {MOST_VCPUS}", "/domain/vcpu")
    current = domain.vcpus_current
    if current is not None and not 1 <= current <= domain.vcpus:
        message = f"{current} current vCPUs are not within 1 to the maximum of {domain.vcpus}"
        yield Finding(ErrorKind.XML_ERROR, message, "/domain/vcpu/@current")
    yield from _states(domain)


def _states(domain: Domain) -> Iterator[Finding]:
    """libvirt's rules, and that the elements agree on how many vCPUs there are at the start."""
    states = {state.id: state for state in domain.vcpu_states}
    path = "/domain/vcpus"
    if len(states) != len(domain.vcpu_states):
        yield Finding(ErrorKind.XML_ERROR, "a vCPU is listed twice in <vcpus>", path)
    for index, state in enumerate(domain.vcpu_states):
        here = numbered(f"{path}/vcpu", index)
        if state.id >= domain.vcpus:
            message = f"vcpu id '{state.id}' is out of range of maximum vcpu count"
            yield Finding(ErrorKind.XML_ERROR, message, f"{here}/@id")
        if not state.enabled and state.hotpluggable is False:
            message = f"vcpu '{state.id}' is both offline and not hotpluggable"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{here}/@hotpluggable")
        if state.id == 0 and not state.enabled:
            message = "vCPU 0 cannot be absent: the guest starts on it"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{here}/@enabled")
    current = domain.vcpus if domain.vcpus_current is None else domain.vcpus_current
    if states and 1 <= domain.vcpus <= MOST_VCPUS and (present := len(domain.present_vcpus)) != current:
        message = f"<vcpus> enables {present} vCPUs, but <vcpu> says that {current} are there at the start"
        yield Finding(ErrorKind.XML_ERROR, message, path)
