"""vsock by the kernel's vhost: what it is told, and how a guest gets its number. The kernel itself is asked
where it has /dev/vhost-vsock."""

from __future__ import annotations

import errno
import os
import socket
import struct
from contextlib import ExitStack
from pathlib import Path

import pytest

from kvmctl.backends import BackendError, Busy, Descriptors, vsock
from kvmctl.domain import Domain, Os
from kvmctl.domain.model import Devices, Vsock
from kvmctl.vmm.devices.virtio.device import DeviceFailed, Ring
from kvmctl.vmm.devices.virtio.queue import QueueLayout
from kvmctl.vmm.devices.virtio.vhost.kernel import RINGS
from kvmctl.vmm.devices.virtio.vsockkernel import KernelVsock
from kvmctl.vmm.memory import GuestMemory

IOCTL = "kvmctl.vmm.devices.virtio.vhost.kernel.fcntl.ioctl"
SET_RUNNING = 0x4004AF61
GET_BASE = 0xC008AF12
KICK = 0x4008AF20
START, STOP = struct.pack("=i", 1), struct.pack("=i", 0)


class Kernel:
    """/dev/vhost-vsock's ioctls as they are called (linux/vhost.h)."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, bytes]] = []

    def __call__(self, descriptor: int, request: int, argument: bytes) -> bytes:
        assert descriptor == 10
        self.calls.append((request, argument))
        if request == 0x8008AF00:
            return struct.pack("=Q", RINGS | 1 << 27)
        return struct.pack("=II", 0, 7) if request == GET_BASE else argument

    def names(self) -> list[int | bytes]:
        """What has been asked since the last time: the answer of SET_RUNNING in place of its number."""
        found = [argument if request == SET_RUNNING else request for request, argument in self.calls]
        self.calls.clear()
        return found


def ring(index: int) -> Ring:
    return Ring(index, QueueLayout(8, 0x1000, 0x2000, 0x3000, True, True), 3, os.eventfd(0), os.eventfd(0))


def test_the_kernel_runs_when_it_knows_both_of_its_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    monkeypatch.setattr(IOCTL, kernel)
    device = KernelVsock("vsock0", 42, 10, GuestMemory(0x10000))
    assert device.features == RINGS
    assert device.configuration() == struct.pack("<Q", 42)
    device.start(1 << 32)
    rings = [ring(index) for index in range(3)]
    kernel.calls.clear()
    for each in rings:
        device.start_queue(each)
    names = kernel.names()
    assert names.count(KICK) == 2, "the queue of events is nothing for it"
    assert names[-1] == START and names.count(START) == 1
    assert [os.eventfd_read(each.kick_fd) for each in rings[:2]] == [1, 1]
    assert [device.stop_queue(index) for index in range(3)] == [7, 7, 3]
    assert kernel.names() == [STOP, GET_BASE, GET_BASE]
    device.start_queue(rings[1])
    assert START not in kernel.names()
    device.start_queue(rings[0])
    assert kernel.names()[-1] == START


def test_a_ring_where_no_memory_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(IOCTL, Kernel())
    device = KernelVsock("vsock0", 42, 10, GuestMemory(0x10000))
    outside = Ring(
        0, QueueLayout(8, 0x1000_0000, 0x2000, 0x3000, True, True), 0, os.eventfd(0), os.eventfd(0)
    )
    with pytest.raises(DeviceFailed, match="where no memory is"):
        device.start_queue(outside)


class Host:
    """A host with /dev/vhost-vsock, on which guests have some of the numbers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *taken: int) -> None:
        self.taken = taken
        self.directory = tmp_path
        self.cids: list[int] = []
        (tmp_path / "vhost-vsock").touch()
        monkeypatch.setattr(vsock, "VHOST_VSOCK", str(tmp_path / "vhost-vsock"))
        monkeypatch.setattr("kvmctl.backends.vsock.fcntl.ioctl", self.ioctl)

    def ioctl(self, descriptor: int, request: int, argument: bytes) -> bytes:
        (cid,) = struct.unpack("=Q", argument)
        if cid in self.taken:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        self.cids.append(cid)
        return argument

    def open(self, **fields: object) -> tuple[int | None, set[str]]:
        """The guest's number, and the names of what is open for it."""
        device = Vsock(alias="vsock0", **fields)  # type: ignore[arg-type]
        domain = Domain(name="guest", id=1, memory=1 << 20, os=Os(), devices=Devices(vsock=device))
        with ExitStack() as stack:
            descriptors = Descriptors(stack, self.directory)
            live = vsock.open_all(domain, descriptors)
            assert live.devices.vsock is not None
            return live.devices.vsock.cid, set(descriptors.named)


def test_numbers_are_the_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = Host(monkeypatch, tmp_path, 3, 4)
    assert host.open(cid_auto=True) == (5, {"vsock0.vhost"})
    assert host.open(cid_auto=False, cid=77) == (77, {"vsock0.vhost"})
    with pytest.raises(Busy, match="CID 4 is another guest's"):
        host.open(cid_auto=False, cid=4)
    assert host.cids == [5, 77]


def test_a_host_without_has_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(vsock, "VHOST_VSOCK", str(tmp_path / "none"))
    host = Host.__new__(Host)
    host.directory = tmp_path
    assert host.open(cid_auto=True) == (3, {"vsock0", "vsock0.directory"})


def test_a_host_whose_kernel_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    host = Host(monkeypatch, tmp_path)

    def refuse(*_: object) -> bytes:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("kvmctl.backends.vsock.fcntl.ioctl", refuse)
    with pytest.raises(BackendError, match="cannot set the guest's CID 9: Invalid argument"):
        host.open(cid_auto=False, cid=9)


@pytest.mark.skipif(
    not os.access(vsock.VHOST_VSOCK, os.R_OK | os.W_OK),
    reason=f"needs {vsock.VHOST_VSOCK}, which a PVM host's kernel has not; what it is told is tested above",
)
def test_the_real_kernel_takes_the_rings(tmp_path: Path) -> None:
    host = Host.__new__(Host)
    host.directory = tmp_path
    cid, _ = host.open(cid_auto=True)
    assert cid is not None and cid >= 3
    descriptor = os.open(vsock.VHOST_VSOCK, os.O_RDWR)
    vsock._set_cid(descriptor, cid)
    device = KernelVsock("vsock0", cid, descriptor, GuestMemory(0x10000))
    device.start(device.features)
    for index in range(3):
        device.start_queue(ring(index))
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as client:
        client.settimeout(0.2)
        with pytest.raises(OSError):  # nobody answers for the guest
            client.connect((cid, 1))
    for index in range(3):
        device.stop_queue(index)
    os.close(descriptor)
