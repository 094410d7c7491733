"""What libvirt's networks can have and these cannot: refused as that, not as unknown (formatnetwork)."""

from itertools import islice
from typing import Final

from lxml import etree

from kvmctl.domain.errors import DomainError, ErrorKind
from kvmctl.domain.reader import MOST_ELEMENTS

_ELEMENTS: Final = {
    "network/bandwidth": "leave it out",
    "network/forward/address": "use <interface dev='…'/>",
    "network/forward/driver": "leave it out",
    "network/forward/pf": "use <interface dev='…'/>",
    "network/port": "leave it out",
    "network/portgroup": "define a network for each group",
    "network/virtualport": "leave it out",
    "network/vlan": "use a bridge on the VLAN, with forward mode='bridge'",
}
_ATTRIBUTES: Final = {
    "network/@ipv6": "give the network an IPv6 address",
    "network/@trustGuestRxFilters": "leave it out",
    "network/bridge/@macTableManager": "leave it out",
    "network/bridge/@zone": "leave it out",
    "network/dns/forwarder/@port": "leave it out",
    "network/forward/@managed": "leave it out",
}
_MODES: Final = ("hostdev", "passthrough", "private", "vepa")


def refuse(root: etree._Element) -> None:
    """Raise DomainError for the first such thing."""
    for element in islice(root.iter("*"), MOST_ELEMENTS):
        path = "/".join(
            [*(str(parent.tag) for parent in reversed([*element.iterancestors()])), str(element.tag)]
        )
        if path in _ELEMENTS:
            raise _unsupported(f"element '{element.tag}'", path, element, _ELEMENTS[path])
        for name, value in ((str(name), str(value)) for name, value in element.attrib.items()):
            here = f"{path}/@{name}"
            if here in _ATTRIBUTES:
                raise _unsupported(f"attribute '{name}'", here, element, _ATTRIBUTES[here])
            if here == "network/forward/@mode" and value in _MODES:
                hint = "use mode='bridge' with a bridge of the host"
                raise _unsupported(f"value '{value}' of attribute 'mode'", here, element, hint)


def _unsupported(what: str, path: str, element: etree._Element, hint: str) -> DomainError:
    line = getattr(element, "sourceline", None)
    message = f"{what} is not supported (/{path}, line {line}): {hint}"
    return DomainError(ErrorKind.CONFIG_UNSUPPORTED, message, line=line, path=f"/{path}")
