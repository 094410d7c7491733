"""How much the property tests try: HYPOTHESIS_PROFILE is dev, ci (the same each time) or thorough."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import settings

_USUAL: Final = 100


def load_profile() -> None:
    """A busy host is no failure, so that no example has a deadline."""
    settings.register_profile("dev", deadline=None, max_examples=_USUAL)
    settings.register_profile(
        "ci", deadline=None, max_examples=_USUAL, derandomize=True, database=None, print_blob=True
    )
    settings.register_profile("thorough", deadline=None, max_examples=20 * _USUAL)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


def examples(usual: int) -> settings:
    """For a test whose examples are dearer, or that needs more of them, than most."""
    return settings(max_examples=max(1, usual * settings.default.max_examples // _USUAL))
