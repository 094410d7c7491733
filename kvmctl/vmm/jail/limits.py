"""Resource limits (setrlimit(2)) of a jailed process."""

from __future__ import annotations

import resource

from kvmctl.host.jail import Settings


def apply(settings: Settings) -> None:
    """Raises OSError."""
    if settings.max_core is not None:
        _limit(resource.RLIMIT_CORE, settings.max_core)
    if settings.max_files:
        _limit(resource.RLIMIT_NOFILE, settings.max_files)
    if settings.max_processes:
        _limit(resource.RLIMIT_NPROC, settings.max_processes)


def _limit(kind: int, value: int) -> None:
    try:
        resource.setrlimit(kind, (value, value))
    except ValueError as error:
        # Above the hard limit, without the right to raise it.
        raise PermissionError(1, f"a limit of {value} is more than this process may have") from error
