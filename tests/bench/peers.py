"""The peers, and ourselves, as processes that run a measuring guest."""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from kvmctl.backends import Descriptors, boot, open_devices
from kvmctl.domain import format, parse, with_aliases, with_defaults
from kvmctl.driver.config import Config
from kvmctl.driver.jail import settings
from kvmctl.driver.launcher import Launcher, Options

QEMU = "qemu-system-x86_64"
_QEMU_CONF = 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nremember_owner = 0\nnamespaces = []\n'


def domain_xml(name: str, kernel: Path, *, memory_mib: int = 64, vcpus: int = 1, devices: str = "") -> str:
    return f"""<domain type='kvm'><name>{name}</name><memory unit='MiB'>{memory_mib}</memory>
<vcpu>{vcpus}</vcpu><os><type>hvm</type><kernel>{kernel}</kernel></os><on_reboot>destroy</on_reboot>
<devices><serial type='pty'/>{devices}</devices></domain>"""


class Guest:
    """A running guest: its process, and its serial port."""

    def __init__(self, pid: int, serial: int, end: ExitStack) -> None:
        self.pid = pid
        self.serial = serial
        self._end = end

    def close(self) -> None:
        self._end.close()


class Ours:
    """kvmctl-vmm, from the daemon's launcher."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._launcher = Launcher()
        self._launcher.start()
        self._count = 0

    def start(self, kernel: Path, *, memory_mib: int = 64, vcpus: int = 1, devices: str = "") -> Guest:
        """The guest runs when this returns; its serial port's slave is open."""
        self._count += 1
        end = ExitStack()
        options = Options(self._directory, paused=False, jail=settings(Config()))
        with ExitStack() as opened:
            descriptors = Descriptors(opened)
            text = domain_xml("bench", kernel, memory_mib=memory_mib, vcpus=vcpus, devices=devices)
            domain = with_aliases(with_defaults(parse(text)))
            descriptors.add("kvm", os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
            boot.open_files(domain, descriptors)
            qmp = socket.socket(socket.AF_UNIX)
            qmp.bind(str(self._directory / f"qmp{self._count}"))
            qmp.listen()
            descriptors.add("qmp", qmp.detach())
            live = open_devices(domain, descriptors)
            serial = os.open(live.devices.serials[0].path or "", os.O_RDWR | os.O_NOCTTY)
            end.callback(os.close, serial)
            xml = os.memfd_create("domain")
            opened.callback(os.close, xml)
            os.write(xml, format(live, live=True).encode())
            os.lseek(xml, 0, os.SEEK_SET)
            log = os.open(self._directory / "vmm.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            opened.callback(os.close, log)
            identity, pidfd = self._launcher.fork("bench", options, log, xml, descriptors.named)
        end.callback(os.close, pidfd)
        end.callback(_kill, pidfd)
        return Guest(identity.pid, serial, end)

    def close(self) -> None:
        self._launcher.close()


class Qemu:
    """QEMU with KVM, without firmware screens and default devices."""

    def __init__(self, machine: str = "microvm") -> None:
        self._machine = machine

    def start(
        self, kernel: Path, *, memory_mib: int = 64, vcpus: int = 1, devices: Sequence[str] = ()
    ) -> Guest:
        command = [QEMU, "-M", self._machine, "-enable-kvm", "-cpu", "host", "-m", str(memory_mib)]
        command += ["-smp", str(vcpus), "-display", "none", "-nodefaults", "-no-user-config", "-no-reboot"]
        command += ["-serial", "stdio", "-kernel", str(kernel), *devices]
        # On a terminal, like ours: the kernel's part of a console byte is the same then.
        serial, slave = os.openpty()
        tty.setraw(slave)
        process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.DEVNULL)
        os.close(slave)
        end = ExitStack()
        end.callback(os.close, serial)
        end.callback(process.wait)
        end.callback(process.kill)
        return Guest(process.pid, serial, end)


def numbers_of(start: Callable[[], Guest]) -> Callable[[], list[float]]:
    """A run of a guest that prints its figures in one line."""

    def measure() -> list[float]:
        guest = start()
        text = b""
        while not text.endswith(b"\n"):
            text += os.read(guest.serial, 64)
        guest.close()
        return numbers(text)

    return measure


def numbers(output: bytes) -> list[float]:
    """Dots before them are what it wrote to be measured."""
    return [float(number) for number in output.lstrip(b".").split()]


def _kill(pidfd: int) -> None:
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    while not _ended(pidfd):
        time.sleep(0.001)


def _ended(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], 0)[0])


def available(program: str) -> bool:
    return shutil.which(program) is not None


@contextmanager
def libvirtd(directory: Path) -> Iterator[str]:
    """A libvirtd of its own, in a mount namespace where its directories are ours; yields its URI."""
    for name in ("etc", "run", "lib", "log", "cache"):
        (directory / name).mkdir(parents=True)
    (directory / "etc/qemu.conf").write_text(_QEMU_CONF)
    (directory / "etc/libvirtd.conf").write_text("")
    script = " && ".join(
        [
            *(
                f"mkdir -p {place} && mount --bind {directory / name} {place}"
                for name, place in (
                    ("etc", "/etc/libvirt"),
                    ("run", "/run/libvirt"),
                    ("lib", "/var/lib/libvirt"),
                    ("log", "/var/log/libvirt"),
                    ("cache", "/var/cache/libvirt"),
                )
            ),
            f"(virtlogd -p {directory}/virtlogd.pid &)",
            f"exec libvirtd -p {directory}/libvirtd.pid",
        ]
    )
    output: IO[bytes]
    with (directory / "libvirtd.log").open("wb") as output:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            stdout=output,
            stderr=output,
        )
    uri = f"qemu+unix:///system?socket={directory}/run/libvirt-sock"
    try:
        deadline = time.monotonic() + 30
        while subprocess.run(["virsh", "-c", uri, "uri"], capture_output=True).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((directory / "libvirtd.log").read_text())
            time.sleep(0.1)
        yield uri
    finally:
        process.terminate()
        process.wait()
        with_pid = directory / "virtlogd.pid"
        if with_pid.exists():
            os.kill(int(with_pid.read_text()), signal.SIGTERM)
