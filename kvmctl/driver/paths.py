"""Where the daemon keeps things, for the system's and for a user's instance.

The sockets are where libvirt's client library looks for the daemon of a driver called ``kvmctl``; the rest
follows the layout
of libvirt's own drivers.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from kvmctl.host import xdg

DRIVER = "kvmctl"
_STEM_BYTES = 80  # a socket path may have 108 bytes, of which the directory's descriptor path takes some


@dataclass(frozen=True, slots=True)
class Paths:
    socket: Path
    socket_readonly: Path
    pid_file: Path
    definitions: Path
    run: Path
    log: Path
    cache: Path
    daemon_log: Path
    config: Path
    session: bool

    @classmethod
    def system(cls) -> "Paths":
        sockets = Path("/run/libvirt")
        return cls(
            socket=sockets / "virtkvmctld-sock",
            socket_readonly=sockets / "virtkvmctld-sock-ro",
            pid_file=Path("/run/virtkvmctld.pid"),
            definitions=Path("/etc/libvirt") / DRIVER,
            run=sockets / DRIVER,
            log=Path("/var/log/libvirt") / DRIVER,
            cache=Path("/var/cache/libvirt") / DRIVER,
            daemon_log=Path("/var/log/libvirt/virtkvmctld.log"),
            config=Path("/etc/libvirt/virtkvmctld.conf"),
            session=False,
        )

    @classmethod
    def for_session(cls, environment: Mapping[str, str] = os.environ) -> "Paths":
        """A user's directories, after the XDG Base Directory Specification.

        Without XDG_RUNTIME_DIR the cache directory takes its place, as in g_get_user_runtime_dir(),
        because that is where the
        client library looks.
        """
        config = xdg.config(environment)
        cache = xdg.cache(environment)
        runtime = xdg.base(environment, "XDG_RUNTIME_DIR", cache) / "libvirt"
        return cls(
            socket=runtime / "virtkvmctld-sock",
            socket_readonly=runtime / "virtkvmctld-sock-ro",
            pid_file=runtime / "virtkvmctld.pid",
            definitions=config / "libvirt" / DRIVER,
            run=runtime / DRIVER,
            log=cache / "libvirt" / DRIVER / "log",
            cache=cache / "libvirt" / DRIVER / "cache",
            daemon_log=cache / "libvirt" / "virtkvmctld.log",
            config=config / "libvirt" / "virtkvmctld.conf",
            session=True,
        )

    @property
    def autostart(self) -> Path:
        return self.definitions / "autostart"

    def create(self) -> None:
        private = [self.definitions, self.autostart, self.run, self.log, self.cache]
        if self.session:
            private.insert(0, self.socket.parent)
        else:
            self.socket.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        for directory in private:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def definition(self, name: str) -> Path:
        return self.definitions / f"{name}.xml"

    def autostart_link(self, name: str) -> Path:
        return self.autostart / f"{name}.xml"

    def domain_log(self, name: str) -> Path:
        return self.log / f"{name}.log"

    def run_files(self, name: str, uuid: UUID) -> "RunFiles":
        stem = name
        if len(os.fsencode(name)) > _STEM_BYTES:
            stem = f"{name[:10]}-{uuid}"
        return RunFiles(self.run / f"{stem}.xml", self.run / f"{stem}.pid", self.run / f"{stem}.qmp")


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of one running guest."""

    status: Path
    pid: Path
    qmp: Path

    def remove(self) -> None:
        """What cannot be removed is left: its guest has ended all the same."""
        for path in (self.qmp, self.pid, self.status):
            with suppress(OSError):
                path.unlink()
