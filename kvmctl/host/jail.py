"""What a VMM's process may do on the host: as the daemon's configuration has it, for the process itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Final

NAMESPACES: Final = ("mount", "pid", "net", "ipc", "uts")
"""Those that a jail can be made of, by the names that unshare(1) has for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The parts of a jail. As it is made, nothing is confined."""

    uid: int | None = None
    """The user to become, with `gid` and no other group; None: whoever it is."""
    gid: int | None = None
    namespaces: tuple[str, ...] = ()
    """Of NAMESPACES. With "mount" comes an empty root directory that cannot be written to."""
    namespaces_required: bool = False
    """Whether a guest does not start where the host refuses them."""
    seccomp: bool = False
    seccomp_required: bool = False
    drop_capabilities: bool = False
    """All of them, for good; together with no_new_privs."""
    max_processes: int = 0
    """Processes and threads of the user, RLIMIT_NPROC; 0 leaves this limit and the next as they are."""
    max_files: int = 0
    """RLIMIT_NOFILE."""
    max_core: int | None = None
    """Bytes of a core dump, RLIMIT_CORE; None leaves it as it is."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Raises ValueError for what is no jail."""
        try:
            settings = cls(**json.loads(text))
        except TypeError as error:
            raise ValueError(str(error)) from error
        names = tuple(settings.namespaces)
        if unknown := set(names) - set(NAMESPACES):
            raise ValueError(f"there is no namespace '{min(unknown)}'")
        return replace(settings, namespaces=names)


OPEN: Final = Settings()
"""No jail."""
