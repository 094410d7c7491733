"""The jail that guests run in, by virtkvmctld.conf(5) and by who runs the daemon."""

import grp
import os
import pwd

from kvmctl.driver.config import Config, ConfigError
from kvmctl.host.jail import NAMESPACES, Settings

_USERS = ("kvmctl", "nobody")
"""That guests of root's daemon run as where the configuration names none: the first that there is."""


def settings(config: Config) -> Settings:
    """Only root's daemon can have guests run as somebody else. Raises ConfigError for unknown names."""
    uid, gid = _user(config)
    chosen = NAMESPACES if config.namespaces is None else config.namespaces
    return Settings(
        uid=uid,
        gid=gid,
        namespaces=chosen,
        namespaces_required=config.namespaces is not None,
        seccomp=config.seccomp_sandbox != 0,
        seccomp_required=config.seccomp_sandbox == 1,
        drop_capabilities=bool(config.clear_emulator_capabilities),
        max_processes=config.max_processes,
        max_files=config.max_files,
        max_core=config.max_core,
    )


def _user(config: Config) -> tuple[int | None, int | None]:
    if os.geteuid() != 0:
        if config.user is not None or config.group is not None:
            raise ConfigError("user and group: only the daemon that root runs can choose them")
        return None, None
    if config.user is None:
        entry = next((entry for entry in pwd.getpwall() if entry.pw_name == _USERS[0]), None)
        entry = entry or pwd.getpwnam(_USERS[1])
        uid, gid = entry.pw_uid, entry.pw_gid
    elif config.user.startswith("+"):
        uid = gid = _number("user", config.user)
    else:
        try:
            entry = pwd.getpwnam(config.user)
        except KeyError:
            raise ConfigError(f"user: there is no user '{config.user}'") from None
        uid, gid = entry.pw_uid, entry.pw_gid
    if config.group is not None:
        gid = _group(config.group)
    return uid, gid


def _group(name: str) -> int:
    if name.startswith("+"):
        return _number("group", name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"group: there is no group '{name}'") from None


def _number(key: str, text: str) -> int:
    digits = text.removeprefix("+")
    if not digits.isdecimal():
        raise ConfigError(f"{key}: '{text}' is no number")
    return int(digits)
