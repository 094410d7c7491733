"""Network interfaces."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Domain


def check(domain: Domain) -> Iterator[Finding]:
    for index, interface in enumerate(domain.devices.interfaces):
        path = numbered("/domain/devices/interface", index)
        if interface.type == "bridge" and interface.bridge is None:
            message = "an interface of type='bridge' has no <source bridge='…'/>"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        if interface.type != "bridge" and interface.bridge is not None:
            message = "source bridge needs type='bridge'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/source/@bridge")
