"""The daemon's listening sockets: its own, or those that systemd opened for it."""

import grp
import os
import socket
import stat
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path

from kvmctl.driver.config import Config
from kvmctl.driver.paths import Paths

_FIRST_PASSED = 3  # SD_LISTEN_FDS_START, sd_listen_fds(3)
_BACKLOG = 128


@dataclass(frozen=True, slots=True)
class Listener:
    socket: socket.socket
    readonly: bool
    path: Path | None

    def close(self) -> None:
        self.socket.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _bind(path: Path, mode: int, group: int | None) -> socket.socket:
    """The caller holds the daemon's lock, so a socket file that is there already belongs to nobody."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(~mode & 0o777)
    try:
        listener.bind(str(path))
        if group is not None:
            os.chown(path, -1, group)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        os.umask(previous)
    listener.listen(_BACKLOG)
    return listener


def _passed(environment: MutableMapping[str, str]) -> list[Listener]:
    """Sockets by socket activation; the read-only one is known by its name, as libvirt's daemons do."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(environment.get("LISTEN_FDS", "0"))
    for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environment.pop(variable, None)
    found = []
    for descriptor in range(_FIRST_PASSED, _FIRST_PASSED + count):
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            continue
        os.set_inheritable(descriptor, False)
        listener = socket.socket(fileno=descriptor)
        if listener.family == socket.AF_UNIX:
            found.append(Listener(listener, str(listener.getsockname()).endswith("-sock-ro"), None))
    return found


def open_listeners(
    paths: Paths, config: Config, environment: MutableMapping[str, str] = os.environ
) -> list[Listener]:
    """As libvirt has it: the main socket is its owner's, the read-only one of the system is for everybody.

    Group and permissions are those of the configuration, of a user's daemon the user's alone.
    """
    passed = _passed(environment)
    if passed:
        return passed
    group = None
    modes = [0o700, 0o700]
    if not paths.session:
        modes = [int(config.unix_sock_rw_perms, 8), int(config.unix_sock_ro_perms, 8)]
        group = _group(config.unix_sock_group)
    return [
        Listener(_bind(paths.socket, modes[0], group), False, paths.socket),
        Listener(_bind(paths.socket_readonly, modes[1], group), True, paths.socket_readonly),
    ]


def _group(name: str | None) -> int | None:
    if name is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise OSError(f"unix_sock_group: there is no group '{name}'") from None
