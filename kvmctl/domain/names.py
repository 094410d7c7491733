"""The namespace of the elements that are ours and not libvirt's."""

from typing import Final

NAMESPACE: Final = "urn:kvmctl:domain:1.0"
"""Without a slash: an element's name is one step of a path in the declarations."""

PREFIX: Final = "kvmctl"


def prefixed(name: str) -> str:
    """An element's name as it is written in a document that declares our prefix."""
    return name.replace(f"{{{NAMESPACE}}}", f"{PREFIX}:", 1)
