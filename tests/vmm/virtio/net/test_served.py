"""Cards whose frames somebody else carries: the control queue stays here, all else is passed on."""

from __future__ import annotations

import os
import select
import struct
import time
from pathlib import Path

import pytest

from kvmctl.backends.interface import VHOST_NET
from kvmctl.vmm.devices.virtio.device import BackendDevice, DeviceFailed, Ring
from kvmctl.vmm.devices.virtio.net import features
from kvmctl.vmm.devices.virtio.net.device import Network
from kvmctl.vmm.devices.virtio.net.served import ServedNetwork
from kvmctl.vmm.devices.virtio.net.vhost import VhostNet
from kvmctl.vmm.devices.virtio.queue import DESC_NEXT, DESC_WRITE, QueueLayout
from kvmctl.vmm.devices.virtio.vhost.kernel import RINGS
from kvmctl.vmm.memory import GuestMemory
from tests.vmm.virtio.conftest import FlatGuest
from tests.vmm.virtio.net.test_control import MAC, FakeLink
from tests.vmm.virtio.net.vhost_user_server import Server
from tests.vmm.virtio.test_net_guest import tap_name as tap_name

TABLE, AVAILABLE, USED, DATA = 0x1000, 0x2000, 0x3000, 0x4000
LAYOUT = QueueLayout(8, TABLE, AVAILABLE, USED, event_index=False, indirect=False)
VERSION_1 = 1 << 32


class FakeCarrier:
    features = RINGS | features.MRG_RXBUF

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def start(self, negotiated: int) -> None:
        self.calls.append(("start", negotiated))

    def start_queue(self, ring: Ring) -> None:
        self.calls.append(("start_queue", ring.index))

    def stop_queue(self, index: int) -> int:
        self.calls.append(("stop_queue", index))
        return 7


class Bench:
    def __init__(self, pairs: int = 2) -> None:
        self.memory = GuestMemory(0x10000)
        self.carrier = FakeCarrier()
        self.network = Network("net0", [FakeLink() for _ in range(pairs)], MAC)
        self.device = ServedNetwork(self.network, self.carrier, self.memory, ~features.MRG_RXBUF)
        self.failures: list[str] = []
        self.device.watch(self.failures.append)

    def ring(self, index: int) -> Ring:
        return Ring(index, LAYOUT, 0, os.eventfd(0), os.eventfd(0))

    def command(self, ring: Ring, request: bytes, number: int) -> int:
        """Through guest memory; the ack."""
        self.memory.write(DATA, request + b"\xee")
        self.memory.write(TABLE, struct.pack("<QIHH", DATA, len(request), DESC_NEXT, 1))
        self.memory.write(TABLE + 16, struct.pack("<QIHH", DATA + len(request), 1, DESC_WRITE, 0))
        self.memory.write(AVAILABLE + 4 + 2 * ((number - 1) % 8), struct.pack("<H", 0))
        self.memory.write(AVAILABLE + 2, struct.pack("<H", number))
        os.eventfd_write(ring.kick_fd, 1)
        assert select.select([ring.call_fd], [], [], 20)[0], "no interrupt"
        os.eventfd_read(ring.call_fd)
        return self.memory.read(DATA + len(request), 1)[0]


def test_it_is_what_the_transport_takes_for_one() -> None:
    assert isinstance(Bench().device, BackendDevice)


def test_what_is_offered() -> None:
    bench = Bench()
    assert bench.device.features & RINGS == RINGS
    assert bench.device.features & features.MRG_RXBUF
    assert bench.device.features & features.CTRL_VQ
    bench.carrier.features = VERSION_1
    without = ServedNetwork(bench.network, bench.carrier, bench.memory, ~features.MRG_RXBUF)
    assert not without.features & features.MRG_RXBUF
    assert without.features & RINGS == VERSION_1


def test_pairs_go_to_the_carrier_and_control_stays() -> None:
    bench = Bench(pairs=2)
    device = bench.device
    device.start(device.features)
    control = bench.ring(4)
    for ring in (*map(bench.ring, range(4)), control):
        device.start_queue(ring)
    assert bench.carrier.calls[0] == ("start", device.features & bench.carrier.features)
    assert bench.carrier.calls[1:] == [("start_queue", index) for index in range(4)]
    assert bench.command(control, b"\4\0\2\0", 1) == 0
    assert bench.command(control, b"\4\0\3\0", 2) == 1, "there are two pairs"

    device.stop()  # a pause
    assert [device.stop_queue(index) for index in range(5)] == [7, 7, 7, 7, 0]
    device.start(device.features)
    device.start_queue(control)
    assert bench.command(control, b"\0\0\1", 3) == 0, "it goes on where it was"
    device.stop()
    device.stop_queue(4)
    device.reset()
    assert bench.failures == []


def test_a_pair_that_was_not_negotiated() -> None:
    bench = Bench(pairs=2)
    bench.device.start(bench.device.features & ~features.MQ)
    with pytest.raises(DeviceFailed):
        bench.device.start_queue(bench.ring(3))


def test_a_command_without_form_breaks_the_device() -> None:
    bench = Bench()
    bench.device.start(bench.device.features)
    ring = bench.ring(4)
    bench.device.start_queue(ring)
    bench.memory.write(TABLE, struct.pack("<QIHH", DATA, 1, 0, 0))
    bench.memory.write(AVAILABLE + 2, struct.pack("<HH", 1, 0))
    os.eventfd_write(ring.kick_fd, 1)
    deadline = time.monotonic() + 20
    while not bench.failures and time.monotonic() < deadline:
        time.sleep(0.01)
    bench.device.stop_queue(4)
    assert "control queue" in bench.failures[0]


class Kernel:
    """/dev/vhost-net's ioctls as they are called (linux/vhost.h)."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, bytes]] = []

    def __call__(self, descriptor: int, request: int, argument: bytes) -> bytes:
        self.calls.append((descriptor, request, argument))
        if request == 0x8008AF00:
            return struct.pack("=Q", RINGS | features.MRG_RXBUF | 1 << 27)
        return struct.pack("=II", 1, 42) if request == 0xC008AF12 else argument

    def backends(self) -> list[tuple[int, int, int]]:
        """(descriptor, queue, TAP) since this was last asked."""
        found = [
            (fd, *struct.unpack("=Ii", data)) for fd, request, data in self.calls if request == 0x4008AF30
        ]
        self.calls.clear()
        return found


def test_what_the_kernel_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    monkeypatch.setattr("kvmctl.vmm.devices.virtio.vhost.kernel.fcntl.ioctl", kernel)
    memory = GuestMemory(0x10000)
    vhost = VhostNet([10, 11], [20, 21], memory)
    assert vhost.features == RINGS | features.MRG_RXBUF
    assert [(fd, request) for fd, request, _ in kernel.calls] == [
        (10, 0xAF01),
        (10, 0x8008AF00),
        (11, 0xAF01),
        (11, 0x8008AF00),
    ]
    kernel.calls.clear()
    vhost.start(VERSION_1)
    region = struct.pack("=QQQQ", 0, 0x10000, memory.host_address, 0)
    assert kernel.calls[:2] == [
        (10, 0x4008AF00, struct.pack("=Q", VERSION_1)),
        (10, 0x4008AF03, struct.pack("=II", 1, 0) + region),
    ]
    kernel.calls.clear()
    ring = Ring(3, LAYOUT, 5, os.eventfd(0), os.eventfd(0))
    vhost.start_queue(ring)
    base = memory.host_address
    assert kernel.calls == [
        (11, 0x4008AF10, struct.pack("=II", 1, 8)),
        (11, 0x4008AF12, struct.pack("=II", 1, 5)),
        (11, 0x4028AF11, struct.pack("=IIQQQQ", 1, 0, base + TABLE, base + USED, base + AVAILABLE, 0)),
        (11, 0x4008AF21, struct.pack("=Ii", 1, ring.call_fd)),
        (11, 0x4008AF20, struct.pack("=Ii", 1, ring.kick_fd)),
        (11, 0x4008AF30, struct.pack("=Ii", 1, 21)),
    ]
    kernel.calls.clear()
    vhost.set_link(False)
    vhost.set_link(True)
    assert kernel.backends() == [(11, 1, -1), (11, 1, 21)]
    assert vhost.stop_queue(3) == 42
    assert kernel.backends() == [(11, 1, -1)]
    vhost.set_link(False)
    assert kernel.backends() == [], "no queue runs"
    vhost.start_queue(ring)
    assert kernel.backends() == [(11, 1, -1)], "the cable is still out"


def test_the_kernel_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, request: int, argument: bytes) -> bytes:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("kvmctl.vmm.devices.virtio.vhost.kernel.fcntl.ioctl", refuse)
    with pytest.raises(DeviceFailed, match="vhost-net: Operation not permitted"):
        VhostNet([10], [20], GuestMemory(0x10000))


@pytest.mark.kvm
def test_a_guest_on_a_vhost_user_server(run_flat: FlatGuest, tmp_path: Path) -> None:
    server = Server(tmp_path / "switch")
    server.start()
    interface = (
        "<interface type='vhostuser'><mac address='52:54:00:00:01:ff'/>"
        f"<source type='unix' path='{tmp_path}/switch' mode='client'/></interface>"
    )
    assert run_flat("arp", interface) == "82.84.0.0.1.255\nreply in buffers 1\nPASS\n"
    server.join(20)
    assert not server.is_alive(), "its connection ends with the guest"
    assert server.negotiated & ~(RINGS | features.MRG_RXBUF) == 0, "only what it offered"


@pytest.mark.kvm
@pytest.mark.skipif(not os.access(VHOST_NET, os.R_OK | os.W_OK), reason=f"needs {VHOST_NET}")
def test_a_guest_on_the_kernels_vhost(run_flat: FlatGuest, tap_name: str) -> None:
    interface = (
        f"<interface type='ethernet'><mac address='52:54:00:00:01:ff'/><target dev='{tap_name}'/>"
        "<driver name='vhost'/></interface>"
    )
    assert run_flat("arp", interface) == "82.84.0.0.1.255\nreply in buffers 1\nPASS\n"
