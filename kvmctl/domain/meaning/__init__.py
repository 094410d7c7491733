"""What a domain's values must mean together, beyond what each may be on its own: a file a part."""

from collections.abc import Callable, Iterator
from typing import Final

from kvmctl.domain.errors import Finding
from kvmctl.domain.meaning import (
    addresses,
    boot,
    chardevs,
    clock,
    controllers,
    cpu,
    disks,
    identity,
    interfaces,
    objects,
    others,
    resources,
    tuning,
)
from kvmctl.domain.model import Domain

_CHECKS: Final[tuple[Callable[[Domain], Iterator[Finding]], ...]] = (
    identity.check,
    resources.check,
    cpu.check,
    tuning.check,
    boot.check,
    clock.check,
    chardevs.check,
    controllers.check,
    disks.check,
    interfaces.check,
    others.check,
    addresses.check,
)


def findings(domain: Domain) -> list[Finding]:
    """Everything that is wrong with a domain that was read, part by part."""
    return [finding for check in _CHECKS for finding in check(domain)]


def findings_of_object(domain: Domain) -> list[Finding]:
    """The same for one that was built by hand: its values may be such that no XML could have brought them."""
    return [*findings(domain), *objects.check(domain)]
