"""virtkvmctld.conf: libvirtd.conf's syntax (libvirt, src/util/virconf.c) and those of its keys that apply."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kvmctl.driver.rpc.keepalive import KeepaliveSettings
from kvmctl.driver.rpc.server import Limits
from kvmctl.host.jail import NAMESPACES


class ConfigError(Exception):
    """A file that cannot be used; ``str()`` begins with its name and line."""


@dataclass(frozen=True, slots=True)
class Config:
    log_level: int = 2
    """1 debug, 2 information, 3 warnings, 4 errors."""
    log_filters: str = ""
    """Level and beginning of a source's name, as "1:rpc 3:driver.events"."""
    log_outputs: str = ""
    """Least level and place, as "3:stderr 1:file:/tmp/log 2:journald"; empty for the usual places."""
    max_clients: int = 5000
    max_anonymous_clients: int = 20
    """Clients that have connected and not opened yet; 0 for no limit."""
    max_client_requests: int = 20
    """Calls of one client at a time; those beyond wait."""
    keepalive_interval: int = 5
    """Seconds of silence before a client is asked whether it is there; -1 for never."""
    keepalive_count: int = 5
    unix_sock_group: str | None = None
    unix_sock_ro_perms: str = "0777"
    unix_sock_rw_perms: str = "0700"
    auth_unix_rw: str = "none"
    """Or "polkit", which is asked about every client of the read-write socket but root's."""
    user: str | None = None
    """That guests run as, a name or "+ID"; the keys from here on are qemu.conf's. See kvmctl.driver.jail."""
    group: str | None = None
    clear_emulator_capabilities: int = 1
    namespaces: tuple[str, ...] | None = None
    seccomp_sandbox: int = -1
    """1 insists, 0 does without, -1 uses it where the host has it."""
    max_processes: int = 0
    max_files: int = 0
    max_core: int = 0

    @property
    def limits(self) -> Limits:
        return Limits(
            clients=self.max_clients,
            anonymous=self.max_anonymous_clients,
            pending_calls=self.max_client_requests,
            keepalive=KeepaliveSettings(float(self.keepalive_interval), self.keepalive_count),
        )


def load(path: Path, *, required: bool = False) -> Config:
    """A file that is missing says nothing, unless it was asked for. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if required:
            raise ConfigError(f"{path}: no such file") from error
        return Config()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    return parse(text, str(path))


Value = int | str | tuple[int | str, ...]
_KEYS = {field.name for field in fields(Config)}
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>-?[0-9]+)|"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)')\s*(?:\#.*)?"""
)
_LIST = re.compile(r"""\s*\[(?P<items>[^\]\#]*)\]\s*(?:\#.*)?""")
_SETTING = re.compile(r"\s*(?P<key>[A-Za-z0-9_.-]+)\s*=(?P<value>.*)")


def parse(text: str, name: str) -> Config:
    values: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        where = f"{name}:{number}"
        setting = _SETTING.fullmatch(line)
        if setting is None:
            raise ConfigError(f"{where}: expected: key = value")
        key = setting["key"]
        if key not in _KEYS:
            raise ConfigError(f"{where}: unknown key '{key}'")
        if key in values:
            raise ConfigError(f"{where}: '{key}' is set twice")
        try:
            values[key] = _CHECKS[key](_value(setting["value"]))
        except ValueError as error:
            raise ConfigError(f"{where}: {key}: {error}") from None
    return replace(Config(), **values)


def _value(text: str) -> Value:
    if listed := _LIST.fullmatch(text):
        items = listed["items"].strip().removesuffix(",")
        return tuple(_single(item) for item in items.split(",")) if items else ()
    return _single(text)


def _single(text: str) -> int | str:
    token = _TOKEN.fullmatch(text)
    if token is None:
        raise ValueError("expected a number, or text in quotes")
    if token["number"] is not None:
        return int(token["number"])
    return token["double"] if token["double"] is not None else token["single"]


def _number(lowest: int, highest: int) -> Callable[[Value], int]:
    def check(value: Value) -> int:
        if not isinstance(value, int) or not lowest <= value <= highest:
            raise ValueError(f"expected a number from {lowest} to {highest}")
        return value

    return check


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise ValueError("expected text in quotes")
    return value


def _permissions(value: Value) -> str:
    if not isinstance(value, str) or not re.fullmatch("0?[0-7]{3}", value):
        raise ValueError('expected octal permissions in quotes, as "0770"')
    return value


def _filters(value: Value) -> str:
    text = _text(value)
    for part in text.split():
        if not re.fullmatch(r"[1-4]:\S+", part):
            raise ValueError(f"'{part}' is not LEVEL:NAME")
    return text


def _outputs(value: Value) -> str:
    text = _text(value)
    for part in text.split():
        if not re.fullmatch(r"[1-4]:(stderr|journald|syslog:\S+|file:/\S+)", part):
            raise ValueError(f"'{part}' is not LEVEL:stderr, :journald, :syslog:NAME or :file:/PATH")
    return text


def _authentication(value: Value) -> str:
    if value not in ("none", "polkit"):
        raise ValueError('expected "none" or "polkit"')
    return str(value)


def _namespaces(value: Value) -> tuple[str, ...]:
    if not isinstance(value, tuple):
        raise ValueError('expected a list, as [ "mount", "net" ]')
    for name in value:
        if name not in NAMESPACES:
            raise ValueError(f"'{name}' is not one of {', '.join(NAMESPACES)}")
    return tuple(str(name) for name in value)


_MANY = (1 << 31) - 1
_CHECKS: Mapping[str, Callable[[Value], Any]] = {
    "log_level": _number(1, 4),
    "log_filters": _filters,
    "log_outputs": _outputs,
    "max_clients": _number(1, _MANY),
    "max_anonymous_clients": _number(0, _MANY),
    "max_client_requests": _number(1, _MANY),
    "keepalive_interval": _number(-1, _MANY),
    "keepalive_count": _number(0, _MANY),
    "unix_sock_group": _text,
    "unix_sock_ro_perms": _permissions,
    "unix_sock_rw_perms": _permissions,
    "auth_unix_rw": _authentication,
    "user": _text,
    "group": _text,
    "clear_emulator_capabilities": _number(0, 1),
    "namespaces": _namespaces,
    "seccomp_sandbox": _number(-1, 1),
    "max_processes": _number(0, _MANY),
    "max_files": _number(0, _MANY),
    "max_core": _number(0, _MANY),
}
