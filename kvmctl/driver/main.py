"""virtkvmctld: the daemon's command line and its life as a process."""

import argparse
import asyncio
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from kvmctl import __version__
from kvmctl.driver import access, jail
from kvmctl.driver.config import Config, ConfigError, load
from kvmctl.driver.driver import Driver
from kvmctl.driver.handlers import all_handlers
from kvmctl.driver.logs import set_up
from kvmctl.driver.paths import Paths
from kvmctl.driver.rpc import Connection, Server
from kvmctl.driver.sockets import Listener, open_listeners

log = logging.getLogger("kvmctl.driver")


class Daemon:
    """One daemon from its sockets to its end."""

    def __init__(self, paths: Paths, options: "Options") -> None:
        self._options = options
        self._timeout = options.timeout
        config = options.load(paths)
        self._driver = Driver(paths, jail.settings(config))
        self._server = Server(
            all_handlers(self._driver),
            limits=config.limits,
            authenticate=access.authentication(config, session=paths.session),
            on_connect=self._connected,
            on_disconnect=self._disconnected,
        )
        self._stop = asyncio.Event()
        self._farewells: set[asyncio.Task[None]] = set()

    async def run(self, listeners: Sequence[Listener], ready: "Readiness") -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        await self._driver.start()
        serving = [
            asyncio.create_task(self._server.serve(listener.socket, readonly=listener.readonly))
            for listener in listeners
        ]
        idle = asyncio.create_task(self._stop_when_idle()) if self._timeout else None
        log.info("ready on %s", self._driver.paths.socket)
        ready.report()
        await self._stop.wait()
        log.info("ending; guests go on")
        for task in serving:
            task.cancel()
        if idle is not None:
            idle.cancel()
        await self._server.close()
        if self._farewells:
            await asyncio.wait(self._farewells)
        await self._driver.stop()

    def _connected(self, connection: Connection) -> None:
        log.debug("client %d connected (%s)", connection.id, connection.credentials)

    def _disconnected(self, connection: Connection) -> None:
        log.debug("client %d has gone", connection.id)
        farewell = asyncio.create_task(self._driver.client_gone(connection))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    def _reload(self) -> None:
        """What concerns new clients and the log; the sockets stay as they are."""
        log.info("reading the configuration and the definitions again")
        try:
            config = self._options.load(self._driver.paths)
            set_up(config, self._driver.paths, to_file=self._options.background)
            self._server.limits = config.limits
            self._driver.launcher.jail = jail.settings(config)
        except (ConfigError, OSError) as error:
            log.error("%s", error)
        self._driver.reload()

    async def _stop_when_idle(self) -> None:
        """Idle means no client and no guest, for the whole time-out."""
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            if self._server.connections or self._driver.inventory.active_count:
                since = loop.time()
            elif loop.time() - since >= self._timeout:
                log.info("idle for %g s", self._timeout)
                self._stop.set()
                return
            await asyncio.sleep(min(1.0, self._timeout / 10))


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    timeout: float
    background: bool
    verbose: bool
    config: Path | None

    def load(self, paths: Paths) -> Config:
        """The configuration as it is now; --verbose goes before its level."""
        config = load(self.config or paths.config, required=self.config is not None)
        return replace(config, log_level=1) if self.verbose else config


class Readiness:
    """Tells the process that daemonized this one that its work is done."""

    def __init__(self, pipe: int | None = None) -> None:
        self._pipe = pipe

    def report(self) -> None:
        if self._pipe is not None:
            os.write(self._pipe, b"\0")
            os.close(self._pipe)
            self._pipe = None
            # From here on there is the log; the terminal belongs to whoever gave the command.
            os.dup2(0, 2)


def lock_pid_file(path: Path) -> int | None:
    """Hold the pid file; None when another daemon does. The lock ends with the process, whatever ends it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        # A daemon that ends removes its file: what is locked now must still be the one with the name.
        if path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor)):
            break
        os.close(descriptor)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor


def daemonize() -> Readiness:
    """Go to the background; the command returns when the daemon answers or has failed (daemon(7), "SysV
    Daemons")."""
    read_end, write_end = os.pipe()
    if os.fork():
        os.close(write_end)
        os._exit(0 if os.read(read_end, 1) else 1)
    os.close(read_end)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    return Readiness(write_end)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="virtkvmctld", description="libvirt driver daemon of kvmctl")
    parser.add_argument(
        "-t",
        "--timeout",
        type=float,
        default=0,
        metavar="SECONDS",
        help="end when there was no client and no guest for so long",
    )
    parser.add_argument("-d", "--daemon", action="store_true", help="run in the background")
    parser.add_argument(
        "-f", "--config", type=Path, metavar="FILE", help="the configuration, in place of virtkvmctld.conf(5)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log what happens in detail")
    parser.add_argument(
        "--session",
        action="store_true",
        help="serve kvmctl:///session of this user (the default for everybody but root)",
    )
    parser.add_argument("-V", "--version", action="version", version=f"%(prog)s {__version__}")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = parse_arguments(arguments)
    session = parsed.session or os.geteuid() != 0
    paths = Paths.for_session() if session else Paths.system()
    config_file = parsed.config.absolute() if parsed.config is not None else None
    options = Options(parsed.timeout, parsed.daemon, parsed.verbose, config_file)
    os.umask(0o022)
    ready = Readiness()
    try:
        config = options.load(paths)
        jail.settings(config)
        access.authentication(config, session=session)
        paths.create()
        if options.background:
            ready = daemonize()
        set_up(config, paths, to_file=options.background)
        lock = lock_pid_file(paths.pid_file)
        if lock is None:
            log.error("another virtkvmctld already runs (%s is locked)", paths.pid_file)
            return 1
        listeners = open_listeners(paths, config)
    except (ConfigError, OSError) as error:
        print(f"virtkvmctld: {error}", file=sys.stderr)
        return 1
    try:
        asyncio.run(_run(paths, options, listeners, ready))
    finally:
        for listener in listeners:
            listener.close()
        paths.pid_file.unlink(missing_ok=True)
        os.close(lock)
    return 0


async def _run(paths: Paths, options: Options, listeners: Sequence[Listener], ready: Readiness) -> None:
    await Daemon(paths, options).run(listeners, ready)


if __name__ == "__main__":
    sys.exit(main())
