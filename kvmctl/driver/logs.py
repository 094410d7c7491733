"""Where the daemon's log goes and what is in it: levels, filters and outputs as of libvirt's daemons."""

import contextlib
import logging
import logging.handlers
import os
import socket
import sys
import time
from pathlib import Path

from kvmctl.driver.config import Config
from kvmctl.driver.paths import Paths

_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_WORDS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}
_PACKAGE = "kvmctl."
_JOURNAL = "/run/systemd/journal/socket"


class _Format(logging.Formatter):
    """As libvirt writes its lines: time, process, level and source before the message."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.gmtime(record.created)
        stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)}.{int(record.msecs):03d}+0000"
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        source = f"{source_of(record)}:{record.lineno}"
        return f"{stamp}: {record.process}: {_WORDS.get(record.levelno, 'error')} : {source} : {text}"


class _Prefixed(logging.Formatter):
    """For a stream that the journal reads: the priority first (sd-daemon(3))."""

    def format(self, record: logging.LogRecord) -> str:
        lines = f"{source_of(record)}: {record.getMessage()}"
        if record.exc_info:
            lines += f"\n{self.formatException(record.exc_info)}"
        priority = _PRIORITIES.get(record.levelno, 3)
        return "\n".join(f"<{priority}>{line}" for line in lines.splitlines())


class JournalHandler(logging.Handler):
    """systemd's journal by its native protocol (systemd, docs/JOURNAL_NATIVE_PROTOCOL)."""

    def __init__(self, address: str = _JOURNAL) -> None:
        super().__init__()
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        fields = {
            "MESSAGE": record.getMessage(),
            "PRIORITY": str(_PRIORITIES.get(record.levelno, 3)),
            "SYSLOG_IDENTIFIER": "virtkvmctld",
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName,
            "LIBVIRT_SOURCE": source_of(record),
        }
        if record.exc_info:
            fields["MESSAGE"] += "\n" + logging.Formatter().formatException(record.exc_info)
        data = b"".join(_field(name, value) for name, value in fields.items())
        with contextlib.suppress(OSError):  # a journal that is away or busy must not stop the daemon
            self._socket.sendto(data, self._address)

    def close(self) -> None:
        self._socket.close()
        super().close()


def _field(name: str, value: str) -> bytes:
    """One with a newline has its length before it, as 64 bits in little endian."""
    data = value.encode("utf-8", "replace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + len(data).to_bytes(8, "little") + data + b"\n"


def source_of(record: logging.LogRecord) -> str:
    """The logger's name without the package that all of them are in."""
    return record.name.removeprefix(_PACKAGE)


class _Filter(logging.Filter):
    """The first filter whose name begins a source's decides about it, the general level about all others."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._level = _LEVELS[config.log_level]
        pairs = (part.partition(":") for part in config.log_filters.split())
        self._filters = [(name, _LEVELS[int(level)]) for level, _, name in pairs]

    @property
    def lowest(self) -> int:
        return min([self._level, *(level for _, level in self._filters)])

    def filter(self, record: logging.LogRecord) -> bool:
        source = source_of(record)
        for name, level in self._filters:
            if source.startswith((name, f"driver.{name}")):
                return record.levelno >= level
        return record.levelno >= self._level


def set_up(config: Config, paths: Paths, *, to_file: bool) -> None:
    """Replace what was set up before. Raises OSError for an output that cannot be opened."""
    handlers = [_output(part) for part in config.log_outputs.split()] or _usual(paths, to_file=to_file)
    root = logging.getLogger()
    filtering = _Filter(config)
    for handler in handlers:
        handler.addFilter(filtering)
        if handler.formatter is None:
            handler.setFormatter(_Format())
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(filtering.lowest)
    logging.getLogger("asyncio").setLevel(logging.INFO)


def _output(text: str) -> logging.Handler:
    level, kind, *rest = text.split(":", 2)
    handler: logging.Handler
    match kind:
        case "file":
            handler = logging.FileHandler(rest[0])
        case "journald":
            handler = JournalHandler()
        case "syslog":
            handler = logging.handlers.SysLogHandler("/dev/log")
            handler.ident = f"{rest[0]}: "
            handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        case _:
            handler = _stderr()
    handler.setLevel(_LEVELS[int(level)])
    return handler


def _stderr() -> logging.Handler:
    handler = logging.StreamHandler()
    if _goes_to_journal():
        handler.setFormatter(_Prefixed())
    return handler


def _goes_to_journal() -> bool:
    """Whether stderr is the journal's stream (systemd.exec(5), JOURNAL_STREAM)."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def _usual(paths: Paths, *, to_file: bool) -> list[logging.Handler]:
    """stderr and the daemon's log file, once where both are one; the file alone in the background."""
    if _goes_to_journal():
        return [_stderr()]
    handlers: list[logging.Handler] = [_stderr()]
    with contextlib.suppress(OSError):
        paths.daemon_log.parent.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(paths.daemon_log)
        if _is_stderr(paths.daemon_log):
            file.close()
        elif to_file:
            handlers = [file]
        else:
            handlers.append(file)
    return handlers


def _is_stderr(path: Path) -> bool:
    return os.path.samestat(path.stat(), os.fstat(sys.stderr.fileno()))
