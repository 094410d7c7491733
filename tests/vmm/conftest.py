"""Guests assembled from a few instructions, and a kvmctl-vmm that is driven as the daemon drives it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from qemu.qmp import QMPClient
from qemu.qmp.message import Message

GuestBuilder = Callable[..., Path]

_NOTE = """
    .section .note.kvmctl, "a", @note
    .long 7, 4, 1
    .asciz "kvmctl"
    .balign 4
    .long {ring}
    .text
    .globl _start
_start:
"""

PUTS = """
    .macro puts text
    lea 9f(%rip), %rsi
8:  lodsb
    test %al, %al
    jz 7f
    mov $0x3f8, %dx
    out %al, %dx
    jmp 8b
9:  .asciz "\\text"
7:
    .endm
    .macro poweroff
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
    .endm
    .macro reset
    mov $0xfe, %al
    out %al, $0x64
    .endm
"""


def kvm_unusable() -> str | None:
    """Why no guest can run here; None where one can."""
    try:
        fd = os.open("/dev/kvm", os.O_RDWR)
    except OSError as error:
        return f"/dev/kvm: {error.strerror}"
    try:
        version = fcntl.ioctl(fd, 0xAE00)
    except OSError as error:
        return f"/dev/kvm: {error.strerror}"
    finally:
        os.close(fd)
    return None if version == 12 else f"/dev/kvm has API version {version}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = kvm_unusable()
    if reason:
        for item in items:
            if item.get_closest_marker("kvm"):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def assemble(tmp_path: Path) -> GuestBuilder:
    """Build a flat guest from assembly text; `puts "…"`, `poweroff` and `reset` are there as macros."""

    def build(text: str, *, ring: int = 0, name: str = "guest") -> Path:
        source = tmp_path / f"{name}.S"
        source.write_text(PUTS + _NOTE.format(ring=ring) + text + "\n")
        program = tmp_path / f"{name}.elf"
        command = ["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000,--build-id=none"]
        subprocess.run([*command, "-o", program, source], check=True, capture_output=True)
        return program

    return build


@dataclass
class RunningVmm:
    """One kvmctl-vmm process with everything that the daemon would hold of it."""

    process: subprocess.Popen[bytes]
    qmp_path: Path
    serial_path: Path
    master: int
    log_path: Path
    events: list[Message] = field(default_factory=list)

    def output(self) -> str:
        """What the guest has written to its serial port so far (of type file)."""
        return self.serial_path.read_text("latin-1")

    def log(self) -> str:
        return self.log_path.read_text()

    def wait(self, timeout: float = 20) -> int:
        return self.process.wait(timeout)

    def wait_output(self, text: str, timeout: float = 20) -> None:
        deadline = time.monotonic() + timeout
        while text not in self.output():
            assert time.monotonic() < deadline, f"{text!r} not in {self.output()!r}\n{self.log()}"
            assert self.process.poll() is None or text in self.output(), self.log()
            time.sleep(0.01)

    def talk(self, conversation: Callable[[QMPClient], Awaitable[Any]]) -> Any:
        """Run a conversation with a fresh QMP client; events go to `events`."""

        async def run() -> Any:
            client = QMPClient("test")
            with client.listener() as listener:
                await client.connect(str(self.qmp_path))
                try:
                    return await asyncio.wait_for(conversation(client), 20)
                finally:
                    while not listener.empty():
                        self.events.append(await listener.get())
                    with suppress(EOFError):  # the VMM may have ended meanwhile
                        await client.disconnect()

        return asyncio.run(run())

    def execute(self, command: str, **arguments: object) -> Any:
        async def conversation(client: QMPClient) -> object:
            return await client.execute(command, arguments or None)

        return self.talk(conversation)


def run_to_end(vmm: RunningVmm, start: str | None = "cont") -> list[tuple[str, object]]:
    """Start a guest that waits (-S) and collect its events up to the end of the connection."""
    events: list[tuple[str, object]] = []

    async def run() -> None:
        client = QMPClient("test")
        with client.listener() as listener:
            await client.connect(str(vmm.qmp_path))
            if start:
                await client.execute(start)
            runstate = asyncio.create_task(_until_disconnect(client))
            await asyncio.wait_for(runstate, 20)
            while not listener.empty():
                event = await listener.get()
                events.append((str(event["event"]), event.get("data")))

    asyncio.run(run())
    return events


async def _until_disconnect(client: QMPClient) -> None:
    from qemu.qmp import Runstate

    while client.runstate == Runstate.RUNNING:
        await client.runstate_changed()
    if client.runstate != Runstate.IDLE:
        with suppress(EOFError):
            await client.disconnect()


VmmStarter = Callable[..., RunningVmm]


@pytest.fixture
def start_vmm(tmp_path: Path) -> Iterator[VmmStarter]:
    """Start kvmctl-vmm with descriptors; whatever still runs at the test's end is killed."""
    running: list[tuple[RunningVmm, list[int]]] = []

    def start(
        kernel: Path,
        *,
        paused: bool = False,
        pty: bool = False,
        vcpus: int = 1,
        current: int | None = None,
        memory_mib: int = 16,
        policies: str = "",
        devices: str = "",
        cmdline: str = "",
        omit: tuple[str, ...] = (),
        descriptors: Mapping[str, Path] | None = None,
    ) -> RunningVmm:
        number = len(running)
        qmp_path = tmp_path / f"qmp{number}"
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(qmp_path))
        listening.listen()
        serial_path = tmp_path / f"serial{number}.out"
        log_path = tmp_path / f"vmm{number}.log"
        master = -1
        if pty:
            master, slave = os.openpty()
            source = f"<serial type='pty'><source path='{os.ttyname(slave)}'/>"
            os.close(slave)
            serial_fd = master
        else:
            source = f"<serial type='file'><source path='{serial_path}'/>"
            serial_fd = os.open(serial_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        xml = (
            f"<domain type='kvm' id='1'><name>test{number}</name>"
            "<uuid>5f1a9a40-3f0c-4a8e-8f3c-0d7f0a5c1e11</uuid>"
            f"<memory unit='MiB'>{memory_mib}</memory><vcpu current='{current or vcpus}'>{vcpus}</vcpu>"
            f"<os><type arch='x86_64'>hvm</type><kernel>{kernel}</kernel><cmdline>{cmdline}</cmdline></os>"
            f"{policies}<devices>{source}<target port='0'/><alias name='serial0'/></serial>"
            f"{devices}</devices>"
            "</domain>"
        )
        domain_fd = os.memfd_create("domain")
        os.write(domain_fd, xml.encode())
        os.lseek(domain_fd, 0, os.SEEK_SET)
        fds = {
            "kvm": os.open("/dev/kvm", os.O_RDWR),
            "qmp": listening.fileno(),
            "kernel": os.open(kernel, os.O_RDONLY),
            "serial0": serial_fd,
        }
        files = {name: os.open(path, os.O_RDWR) for name, path in (descriptors or {}).items()}
        passed = {name: fd for name, fd in {**fds, **files}.items() if name not in omit}
        command = [sys.executable, "-m", "kvmctl.vmm", "--domain-fd", str(domain_fd)]
        for name, fd in passed.items():
            command += ["--fd", f"{name}={fd}"]
        if paused:
            command.append("-S")
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                command,
                pass_fds=(domain_fd, *passed.values()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        listening.close()
        for fd in (domain_fd, fds["kvm"], fds["kernel"], *files.values(), *(() if pty else (serial_fd,))):
            os.close(fd)
        vmm = RunningVmm(process, qmp_path, serial_path, master, log_path)
        running.append((vmm, [master] if pty else []))
        return vmm

    yield start
    for vmm, descriptors in running:
        if vmm.process.poll() is None:
            vmm.process.send_signal(signal.SIGKILL)
            vmm.process.wait()
        for descriptor in descriptors:
            os.close(descriptor)
