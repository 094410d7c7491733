"""Processes by pid and start time, sockets, and the host as the driver sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kvmctl.driver import sockets
from kvmctl.driver.config import Config
from kvmctl.driver.monitor import Monitor, MonitorClosed, listen
from kvmctl.driver.paths import Paths
from kvmctl.driver.vmprocess import ProcessIdentity, VmProcess, cpu_times, resident_size, thread_cpu
from kvmctl.host import cpu, memory

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
]


def test_identity() -> None:
    mine = ProcessIdentity.of(os.getpid())
    assert mine is not None
    assert mine.alive()
    assert not ProcessIdentity(mine.pid, mine.start_time + 1).alive()
    child = subprocess.Popen(["true"])
    identity = ProcessIdentity.of(child.pid)
    child.wait()
    assert identity is None or not identity.alive()


def test_a_reused_pid_is_not_adopted() -> None:
    async def adopt() -> VmProcess | None:
        return VmProcess.adopt(ProcessIdentity(os.getpid(), 1))

    assert asyncio.run(adopt()) is None


def test_stop() -> None:
    async def stop() -> tuple[bool, int | None]:
        process = VmProcess.spawn(SLEEP, [], 1, dict(os.environ))
        assert os.getsid(process.pid) == process.pid
        assert not await process.wait(0.05)
        return await process.stop(), process.exit_status

    assert asyncio.run(stop()) == (True, -signal.SIGTERM)


def test_stop_by_force() -> None:
    async def stop() -> tuple[bool, bool, int | None]:
        reading, writing = os.pipe()
        process = VmProcess.spawn(STUBBORN, [], writing, dict(os.environ))
        os.read(reading, 1)  # it ignores SIGTERM from now on
        gently = await process.stop(patience=0.2, force=False)
        return gently, await process.stop(patience=0.2), process.exit_status

    assert asyncio.run(stop()) == (False, True, -signal.SIGKILL)


def test_figures() -> None:
    sum(range(2_000_000))
    assert sum(cpu_times(os.getpid())) > 0
    assert resident_size(os.getpid()) > 1 << 20
    assert thread_cpu(os.getpid(), os.getpid())[1] in cpu.online()
    gone = 1 << 22
    assert (cpu_times(gone), resident_size(gone), thread_cpu(gone, gone)) == ((0, 0), 0, (0, -1))


def test_host() -> None:
    topology = cpu.topology()
    assert [processor.number for processor in topology.cpus] == cpu.online()
    assert topology.sockets_per_node * topology.cores_per_socket * topology.threads_per_core >= 1
    assert memory.total() == psutil.virtual_memory().total
    assert cpu.parse_list("0-3,8,10-11\n") == [0, 1, 2, 3, 8, 10, 11]
    assert cpu.parse_list("\n") == []


@pytest.fixture
def directory() -> Iterator[Path]:
    """With a short name, which sockets need."""
    with tempfile.TemporaryDirectory(prefix="kvmctl-test-") as name:
        yield Path(name)


def test_monitor_socket_in_a_deep_directory(directory: Path) -> None:
    """Longer than a socket's name may be."""
    deep = directory / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    path = deep / "guest.qmp"

    async def greet() -> None:
        server = await asyncio.start_unix_server(
            lambda _reader, writer: writer.write(b'{"QMP": nonsense}\n'), sock=listen(path)
        )
        async with server:
            with pytest.raises(MonitorClosed):
                await Monitor.connect(path, 5)

    asyncio.run(greet())
    assert path.stat().st_mode & 0o777 == 0o600


def test_socket_activation(directory: Path) -> None:
    """systemd passes the sockets from descriptor 3 on; ours are found by name, others left out."""
    script = (
        "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid());"
        "from kvmctl.driver.config import Config;"
        "from kvmctl.driver.sockets import open_listeners; from kvmctl.driver.paths import Paths;"
        "found = open_listeners(Paths.system(), Config());"
        "print([(l.socket.getsockname()[-9:], l.readonly, l.path) for l in found])"
    )
    listeners = []
    for name in ("x-sock", "x-sock-ro"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(directory / name))
        listener.listen()
        listeners.append(listener)
    command = f'exec 3<&{listeners[0].fileno()} 4<&{listeners[1].fileno()} && exec "$0" -c "$1"'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable, script],
        env={**os.environ, "LISTEN_FDS": "2"},
        pass_fds=[listener.fileno() for listener in listeners],
        capture_output=True,
        text=True,
    )
    assert "x-sock', False, None)" in done.stdout, done.stderr
    assert "x-sock-ro', True, None)" in done.stdout


def test_a_path_too_long_for_a_socket(directory: Path) -> None:
    deep = directory / ("d" * 120)
    deep.mkdir()
    paths = Paths.for_session({"HOME": str(deep), "XDG_RUNTIME_DIR": str(deep)})
    paths.create()
    with pytest.raises(OSError, match="too long"):
        sockets.open_listeners(paths, Config())
