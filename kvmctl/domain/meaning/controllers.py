"""Controllers."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain


def check(domain: Domain) -> Iterator[Finding]:
    for index, controller in enumerate(domain.devices.controllers):
        if index or controller.index:
            path = numbered("/domain/devices/controller", index)
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, "only USB controller 0 can be absent", path)
