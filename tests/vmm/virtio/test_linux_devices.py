"""Linux uses our devices: its drivers find them, take their interrupts, and its /init talks through each."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.guests import user32
from tests.guests.linux.fixture import LinuxGuest
from tests.vmm.conftest import RunningVmm

pytestmark = [pytest.mark.kvm, pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE = 600
MIB = 1 << 20
CHECKS = {"mount devtmpfs", "entropy", "console", "channel", "socket", "memory"}
FROM_CHANNEL, TO_CHANNEL = b"channel to host\n", b"host to channel\n"
FROM_SOCKET, TO_SOCKET = b"socket to host\n", b"host to socket\n"
PORT = 1234


@dataclass
class Guest:
    vmm: RunningVmm
    directory: Path

    @property
    def output(self) -> str:
        return self.vmm.output() if self.vmm.serial_path.exists() else ""

    def channel(self) -> socket.socket:
        end = socket.socket(socket.AF_UNIX)
        end.settimeout(PATIENCE)
        end.connect(str(self.directory / "channel"))
        return end

    def resident(self) -> int:
        return int(psutil.Process(self.vmm.process.pid).memory_info().rss)

    def until(self, condition: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not (result := condition()):
            assert self.vmm.process.poll() is None, f"{self.output}\n{self.vmm.log()}"
            assert time.monotonic() < deadline, f"{self.output}\n{self.vmm.log()}"
            time.sleep(0.1)
        return result


@contextmanager
def linux(guest: LinuxGuest, directory: Path, machine: str, features: str) -> Iterator[Guest]:
    initrd = user32.initramfs(directory, "devices.c")
    image = directory / "disk.img"
    image.write_bytes(bytes(MIB))
    xml = directory / "guest.xml"
    xml.write_text(f"""
<domain type='kvm'>
  <name>devices</name><memory unit='MiB'>128</memory>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    <kernel>{guest.vmlinux}</kernel><initrd>{initrd}</initrd><cmdline>{guest.cmdline}</cmdline>
  </os>
  {features}
  <on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <disk type='file'><source file='{image}'/><target dev='vda' bus='virtio'/></disk>
    <serial type='file'><source path='{directory}/serial'/></serial>
    <console type='file'><source path='{directory}/hvc0'/><target type='virtio'/></console>
    <channel type='unix'>
      <source mode='bind' path='{directory}/channel'/>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <memballoon model='virtio'><stats period='1'/></memballoon>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <vsock model='virtio'><cid auto='no' address='7'/></vsock>
  </devices>
</domain>
""")
    qmp, log = directory / "qmp", directory / "log"
    command = [sys.executable, "-m", "kvmctl.vmm", str(xml), "--qmp", str(qmp), "--cache-dir", str(directory)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield Guest(RunningVmm(process, qmp, directory / "serial", -1, log), directory)
    finally:
        process.kill()
        process.wait()


def answer(guest: Guest) -> threading.Thread:
    """Play the host's part on the channel, then on the socket; the thread ends after that."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{guest.directory}/devices.vsock_{PORT}")
    listening.listen()
    listening.settimeout(PATIENCE)

    def play() -> None:
        with guest.channel() as channel:
            assert channel.recv(len(FROM_CHANNEL), socket.MSG_WAITALL) == FROM_CHANNEL
            channel.send(TO_CHANNEL)
            with listening:
                end, _ = listening.accept()
            with end:
                assert end.recv(len(FROM_SOCKET), socket.MSG_WAITALL) == FROM_SOCKET
                end.send(TO_SOCKET)
                end.recv(1)

    thread = threading.Thread(target=play)
    thread.start()
    return thread


def interrupts(output: str) -> list[tuple[int, str, str]]:
    """Of /proc/interrupts the lines of our devices: how often, how it comes, and for what."""
    lines = re.findall(r"^ *\d+: +(\d+) +(.*?) +(virtio\S*)\s*$", output, re.MULTILINE)
    return [(int(count), how, name) for count, how, name in lines]


def test_on_pci(linux_guest: LinuxGuest, tmp_path: Path) -> None:
    with linux(linux_guest, tmp_path, "pc", "<features><acpi/></features>") as guest:
        guest.until((tmp_path / "devices.vsock").exists)
        host = answer(guest)
        guest.until(lambda: "init: waiting" in guest.output)
        host.join(PATIENCE)
        said = guest.output[guest.output.index("init: started") :]
        assert set(re.findall(r"^(.*): ok", said, re.MULTILINE)) == CHECKS, said
        assert (tmp_path / "hvc0").read_bytes().replace(b"\r", b"") == b"hello on hvc0\n"
        # Linux finds them on the bus, and every device that was used has sent messages.
        assert len(re.findall(r"pci 0000:00:..\.0: \[1af4:10..\] type 00", guest.output)) == 5
        taken = interrupts(said)
        assert all("PCI-MSIX-0000:00:" in how for _, how, _ in taken), said
        for queue in ("req.0", "input", "control-i", "rx", "stats"):
            assert any(count for count, _, name in taken if name.endswith(f"-{queue}")), (queue, said)
        balloon(guest)
        with guest.channel() as channel:
            channel.send(b"x")
            guest.until(lambda: "init: done" in guest.output)


def balloon(guest: Guest) -> None:
    """What the guest's /init has used and freed goes back to the host, with nearly all that is free."""
    assert guest.vmm.execute("query-balloon") == {"actual": 128 * MIB}
    before = guest.resident()
    guest.vmm.execute("balloon", value=24 * MIB)
    guest.until(lambda: guest.vmm.execute("query-balloon")["actual"] == 24 * MIB)
    assert before - guest.resident() > 6 * MIB
    guest.vmm.execute("balloon", value=128 * MIB)
    guest.until(lambda: guest.vmm.execute("query-balloon")["actual"] == 128 * MIB)
    statistics = guest.vmm.execute("query-balloon-stats")
    assert 100 * MIB < statistics["stats"]["stat-total-memory"] < 128 * MIB


def test_on_a_microvm(linux_guest: LinuxGuest, tmp_path: Path) -> None:
    with linux(linux_guest, tmp_path, "microvm", "<features><acpi/></features>") as guest:
        guest.until((tmp_path / "devices.vsock").exists)
        host = answer(guest)
        guest.until(lambda: "init: waiting" in guest.output)
        host.join(PATIENCE)
        said = guest.output[guest.output.index("init: started") :]
        assert set(re.findall(r"^(.*): ok", said, re.MULTILINE)) == CHECKS, said
        assert "virtio_blk virtio0: [vda] 2048 512-byte logical blocks" in guest.output
        assert not re.search(r"pci 0000:00:..\.0: \[1af4", guest.output)
        taken = interrupts(said)
        assert len(taken) == 5, said
        assert all(count for count, _, _ in taken), said


def test_a_microvm_without_acpi(linux_guest: LinuxGuest, tmp_path: Path) -> None:
    with linux(linux_guest, tmp_path, "microvm", "") as guest:
        guest.until(lambda: "random: crng init done" in guest.output)
        guest.until(lambda: "virtio_blk virtio0: [vda] 2048 512-byte logical blocks" in guest.output)
        places = re.findall(r"Registering device virtio-mmio\.\d at (0x\w+)-0x\w+, IRQ (\d+)", guest.output)
    assert places == [
        (f"{0xD000_0000 + 0x1000 * n:#x}", irq) for n, irq in enumerate(["5", "10", "11", "14", "15"])
    ]
