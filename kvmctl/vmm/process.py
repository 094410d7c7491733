"""The process around one machine: event loop, signals, QMP, character devices."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from setproctitle import setproctitle

import kvmctl
from kvmctl.backends import BackendError
from kvmctl.domain import DomainError, parse
from kvmctl.host.jail import OPEN, Settings
from kvmctl.vmm import charports, commands, confinement
from kvmctl.vmm.boot import BootError
from kvmctl.vmm.bus.io import BusError
from kvmctl.vmm.chardev import FdChardev, set_raw
from kvmctl.vmm.charports import CharPort
from kvmctl.vmm.control import DeviceMonitor, QmpServer
from kvmctl.vmm.cpu import GuestCpuError
from kvmctl.vmm.jail import JailError
from kvmctl.vmm.kvm.system import Kvm, KvmError
from kvmctl.vmm.kvm.vcpu import install_kick_handler
from kvmctl.vmm.lifecycle import EXIT_FAILED, Lifecycle
from kvmctl.vmm.machine import Machine, MachineError
from kvmctl.vmm.memory import GuestMemoryError
from kvmctl.vmm.quirks import detect
from kvmctl.vmm.resources import CharFiles, Resources, from_descriptors
from kvmctl.vmm.threadname import name_thread
from kvmctl.vmm.timer import LoopTimer

if TYPE_CHECKING:
    from kvmctl.domain import Domain

PROGRAM: Final = "kvmctl-vmm"
# The vCPU threads leave the interpreter with every KVM_RUN; the default of 5 ms only delays the others.
_SWITCH_SECONDS: Final = 0.0005
_DRAIN_SECONDS: Final = 1.0
_MAX_XML: Final = 16 << 20
_ESCAPE: Final = b"\x1d"  # Ctrl-], as in virsh console

log = logging.getLogger(__name__)

StartupError = (
    BackendError,
    BootError,
    BusError,
    DomainError,
    GuestCpuError,
    GuestMemoryError,
    JailError,
    KvmError,
    MachineError,
    OSError,
)


def run(opened: Callable[[], tuple[Domain, Resources]], *, paused: bool, jail: Settings = OPEN) -> int:
    """Run a guest to its end; the exit status. What keeps it from starting is said on stderr."""
    logging.basicConfig(format=f"%(asctime)s {PROGRAM}: %(levelname)s: %(message)s", level=logging.INFO)
    try:
        domain, resources = opened()
        _name_process(domain.name)
        return asyncio.run(_Vmm(domain, resources, jail).run(paused=paused))
    except StartupError as error:
        print(f"{PROGRAM}: error: {error}", file=sys.stderr, flush=True)
        return EXIT_FAILED


def open_passed(
    domain_fd: int, descriptors: dict[str, int], cache_dir: Path | None
) -> tuple[Domain, Resources]:
    """A guest that the daemon has opened: its live XML, and its descriptors by name."""
    confinement.join(descriptors)
    domain = parse(_read_all(domain_fd), checked=True)
    return domain, from_descriptors(domain, descriptors, cache_dir)


def _read_all(fd: int) -> bytes:
    with os.fdopen(fd, "rb") as stream:
        text = stream.read(_MAX_XML + 1)
    if len(text) > _MAX_XML:
        raise MachineError("the domain XML is too long")
    return text


def _name_process(guest: str) -> None:
    setproctitle(f"{PROGRAM} guest={guest}")
    name_thread(PROGRAM)


class _Vmm:
    """The process around one machine: event loop, signals, QMP, character devices."""

    def __init__(self, domain: Domain, resources: Resources, jail: Settings) -> None:
        self._domain = domain
        self._resources = resources
        self._jail = jail
        self._restore: list[Callable[[], None]] = []

    async def run(self, *, paused: bool) -> int:
        try:
            return await self._run(paused)
        finally:
            for restore in self._restore:
                restore()
            for path in self._resources.cleanup:
                with suppress(OSError):
                    path.unlink()

    async def _run(self, paused: bool) -> int:
        loop = asyncio.get_running_loop()
        install_kick_handler()
        sys.setswitchinterval(_SWITCH_SECONDS)
        kvm = Kvm.open() if self._resources.kvm_fd is None else Kvm(self._resources.kvm_fd)
        quirks = detect(wanted=self._domain.quirks is None or self._domain.quirks.state)
        log.info("guest %s on %s, host quirks: %s", self._domain.name, PROGRAM, quirks.name)

        def guest_stopped() -> None:
            loop.call_soon_threadsafe(lifecycle.guest_stopped)

        machine = Machine(self._domain, kvm, quirks, self._resources.boot, guest_stopped)
        add_filters = confinement.enter(self._jail, self._domain, self._resources.descriptors)
        finished: asyncio.Future[int] = loop.create_future()
        server = QmpServer(_version())
        lifecycle = Lifecycle(machine, self._domain, server.emit, finished.set_result)
        ports = {
            alias: self._chardev(alias, files, machine, lifecycle)
            for alias, files in self._resources.chardevs.items()
        }
        machine.add_devices(
            ports,
            self._resources.descriptors,
            lambda callback: LoopTimer(loop, machine.bus.lock, callback),
            DeviceMonitor(server, loop),
        )
        add_filters()
        machine.start()
        commands.register(server, self._domain, machine, lifecycle, list(ports.values()))
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, lifecycle.quit, "host-signal")
        if self._resources.qmp is not None:
            await server.serve(self._resources.qmp)
        if not paused:
            lifecycle.cont()
        status = await finished
        await server.close(_DRAIN_SECONDS)
        ended = machine.close()
        for port in ports.values():
            port.close()
        if not ended:
            # A vCPU thread hangs in a host call, on a dead file server for example: it must not keep us.
            log.error("a vCPU thread does not end")
            logging.shutdown()
            os._exit(status)
        return status

    def _chardev(self, alias: str, files: CharFiles, machine: Machine, lifecycle: Lifecycle) -> CharPort:
        port = charports.open_port(alias, asyncio.get_running_loop(), machine.bus.lock, files)
        shared = files.in_fd == files.out_fd
        if isinstance(port, FdChardev) and files.in_fd is not None and not shared and os.isatty(files.in_fd):
            self._raw_terminal(files.in_fd)
            port.on_escape(_ESCAPE, lambda: lifecycle.quit("host-signal"))
        return port

    def _raw_terminal(self, fd: int) -> None:
        before: list[Any] = set_raw(fd)
        self._restore.append(lambda: termios.tcsetattr(fd, termios.TCSADRAIN, before))


def _version() -> dict[str, object]:
    major, minor, micro = (int(part) for part in kvmctl.__version__.split("."))
    return {
        "qemu": {"major": major, "minor": minor, "micro": micro},
        "package": f"{PROGRAM} {kvmctl.__version__}",
    }
