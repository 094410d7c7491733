"""What elements of several kinds have in common."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """An element that says something by being there."""
