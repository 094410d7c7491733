"""The control queue: which frames pass, queue pairs, offloads, and commands that are none."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.vmm.devices.virtio.net import control, features
from kvmctl.vmm.devices.virtio.net.device import Network
from kvmctl.vmm.devices.virtio.queue import Chain, QueueError

MAC = bytes.fromhex("525400000101")
OTHER = bytes.fromhex("525400000102")
GROUP = bytes.fromhex("01005e000001")
BROADCAST = b"\xff" * 6


class FakeLink:
    """Records what the device asks of it."""

    fd = -1
    features = features.RECEIVE | features.CTRL_GUEST_OFFLOADS

    def __init__(self) -> None:
        self.offloads = -1
        self.active = True

    def set_offloads(self, offloads: int) -> None:
        self.offloads = offloads

    def set_active(self, active: bool) -> None:
        self.active = active

    def receive(self, room: object) -> int:
        raise BlockingIOError

    def send(self, head: bytes, frame: object) -> None:
        raise BlockingIOError


class Card:
    def __init__(self, pairs: int = 4) -> None:
        self.links = [FakeLink() for _ in range(pairs)]
        self.device = Network("net0", self.links, MAC)
        self.device.start(self.device.features)

    def command(self, kind: int, command: int, data: bytes, queue: int | None = None) -> int:
        ack = bytearray(b"\xee")
        request = memoryview(bytes([kind, command]) + data)
        # In two pieces, as Linux sends it.
        chain = Chain(0, [request[:2], request[2:]], [memoryview(ack)])
        assert self.device.process(2 * len(self.links) if queue is None else queue, chain) == 1
        return ack[0]

    def passes(self, to: bytes, rest: bytes = bytes(12)) -> bool:
        return self.device.filter.passes(to + rest)


def test_everything_passes_until_the_driver_says_otherwise() -> None:
    card = Card()
    assert all(map(card.passes, (MAC, OTHER, GROUP, BROADCAST)))
    assert card.command(control.RX, 0, b"\0") == control.OK
    assert [card.passes(to) for to in (MAC, OTHER, GROUP, BROADCAST)] == [True, False, False, True]


def test_address_tables() -> None:
    card = Card()
    card.command(control.RX, 0, b"\0")
    table = struct.pack("<I", 1) + OTHER + struct.pack("<I", 1) + GROUP
    assert card.command(control.MAC, control.MAC_TABLE_SET, table) == control.OK
    assert card.passes(OTHER) and card.passes(GROUP)
    assert not card.passes(bytes.fromhex("525400000103"))
    many = struct.pack("<I", 100) + b"".join(bytes([2, 0, 0, 0, 0, n]) for n in range(100)) + bytes(4)
    assert card.command(control.MAC, control.MAC_TABLE_SET, many) == control.OK
    assert card.passes(bytes.fromhex("525400000103")), "more than fit: all of them"
    assert not card.passes(GROUP)


@pytest.mark.parametrize(
    ("mode", "to", "passes"),
    [(1, GROUP, True), (2, OTHER, True), (4, MAC, False), (5, BROADCAST, False), (0, OTHER, True)],
)
def test_receive_modes(mode: int, to: bytes, passes: bool) -> None:
    card = Card()
    card.command(control.RX, 0, b"\0")
    assert card.command(control.RX, mode, b"\1") == control.OK
    assert card.passes(to) is passes


def test_vlans_pass_by_name() -> None:
    card = Card()
    tagged = bytes(6) + struct.pack(">HH", 0x8100, 0x2007)
    assert not card.passes(MAC, tagged)
    assert card.command(control.VLAN, control.VLAN_ADD, struct.pack("<H", 7)) == control.OK
    assert card.passes(MAC, tagged)
    card.command(control.VLAN, control.VLAN_DEL, struct.pack("<H", 7))
    assert not card.passes(MAC, tagged)


def test_the_drivers_own_address() -> None:
    card = Card()
    card.command(control.RX, 0, b"\0")
    assert card.command(control.MAC, control.MAC_ADDR_SET, OTHER) == control.OK
    assert card.device.configuration()[:6] == OTHER
    assert card.passes(OTHER) and not card.passes(MAC)
    assert card.command(control.MAC, control.MAC_ADDR_SET, GROUP) == control.ERROR


def test_queue_pairs() -> None:
    card = Card(pairs=4)
    assert [link.active for link in card.links] == [True, False, False, False]
    assert card.command(control.MQ, 0, struct.pack("<H", 3)) == control.OK
    assert [link.active for link in card.links] == [True, True, True, False]
    for bad in (0, 5, 65535):
        assert card.command(control.MQ, 0, struct.pack("<H", bad)) == control.ERROR
    card.device.stop()
    card.device.start(card.device.features)
    assert [link.active for link in card.links] == [True, True, True, False], "a pause changes nothing"
    card.device.reset()
    card.device.start(card.device.features)
    assert [link.active for link in card.links] == [True, False, False, False]


def test_the_control_queue_is_the_third_without_multiqueue() -> None:
    card = Card(pairs=4)
    card.device.reset()
    card.device.start(card.device.features & ~features.MQ)
    assert card.command(control.RX, 0, b"\0", queue=2) == control.OK
    assert card.command(control.MQ, 0, struct.pack("<H", 2), queue=2) == control.ERROR


def test_receive_offloads() -> None:
    card = Card()
    assert card.links[0].offloads == features.RECEIVE
    wanted = features.GUEST_CSUM | features.GUEST_TSO4
    assert card.command(control.GUEST_OFFLOADS, 0, struct.pack("<Q", wanted)) == control.OK
    assert card.links[0].offloads == wanted
    assert card.command(control.GUEST_OFFLOADS, 0, struct.pack("<Q", 1 << 40)) == control.ERROR


def test_a_card_without_pairs_offers_no_multiqueue() -> None:
    assert not Card(pairs=1).device.features & features.MQ


@pytest.mark.parametrize(("readable", "writable"), [(b"\0", b"\0"), (b"", b"\0"), (b"\0\0\1", b"")])
def test_no_command_at_all(readable: bytes, writable: bytes) -> None:
    room = [memoryview(bytearray(writable))] if writable else []
    with pytest.raises(QueueError):
        Card().device.process(8, Chain(0, [memoryview(readable)], room))


@given(st.binary(min_size=2, max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    card = Card()
    assert card.command(data[0], data[1], data[2:]) in (control.OK, control.ERROR)
    assert len(card.device.configuration()) == 12
