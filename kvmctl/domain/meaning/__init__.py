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
    objects.check,
)


def findings(domain: Domain) -> list[Finding]:
    """Everything that is wrong, part by part."""
    return [finding for check in _CHECKS for finding in check(domain)]
