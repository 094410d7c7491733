"""A domain's <cpu> on this host: the daemon asks before the start, the VMM builds the processor."""

from dataclasses import replace
from typing import Final

from kvmctl.backends.descriptors import Unsupported
from kvmctl.domain import Domain
from kvmctl.domain.model.cpu import CpuFeature
from kvmctl.host.cpumodel import Choice, CpuError, HostCpu, Wish, choose, described

_DEFAULT: Final = "host-passthrough"


def wish_of(domain: Domain) -> Wish:
    """A domain that names neither mode nor model has what KVM offers."""
    cpu = domain.cpu
    if cpu is None:
        return Wish()
    mode = cpu.mode or ("custom" if cpu.model is not None else _DEFAULT)
    return Wish(
        mode=mode,
        model=cpu.model,
        vendor=cpu.vendor,
        match=cpu.match or "exact",
        check=cpu.check or ("partial" if mode == "custom" else "none"),
        migratable=cpu.migratable is not False,
        policies={feature.name: feature.policy for feature in cpu.features},
    )


def choice_of(domain: Domain, host: HostCpu) -> Choice:
    """Raises Unsupported, which names what the host lacks."""
    try:
        return choose(wish_of(domain), host)
    except CpuError as error:
        raise Unsupported(f"the guest's CPU cannot be had here: {error}") from error


def with_named_model(domain: Domain, host: HostCpu) -> Domain:
    """A host-model processor as what it is here: a model by name, and the features beyond or without it."""
    cpu = domain.cpu
    if cpu is None or cpu.mode != "host-model":
        return domain
    name, policies = described(choice_of(domain, host), host)
    features = tuple(CpuFeature(policy=policy, name=feature) for feature, policy in policies.items())
    named = replace(
        cpu,
        mode="custom",
        match="exact",
        check="partial",
        model=name,
        fallback="forbid",
        vendor=host.vendor,
        features=features,
    )
    return replace(domain, cpu=named)
