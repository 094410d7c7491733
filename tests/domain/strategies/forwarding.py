"""What interfaces of type user tell passt: addresses and ports."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import strategies as st

from kvmctl.domain.model.forwarding import ForwardRange, GuestAddress, PortForward
from tests.domain.strategies.texts import INTERFACE_NAMES, SWITCHES

GUEST_ADDRESSES = st.sampled_from(
    [
        (),
        (GuestAddress(address=ip_address("192.0.2.2")),),
        (
            GuestAddress(address=ip_address("192.0.2.2"), family="ipv4", prefix=24),
            GuestAddress(address=ip_address("2001:db8::2"), family="ipv6"),
        ),
    ]
)


@st.composite
def _ranges(draw: st.DrawFn) -> ForwardRange:
    start = draw(st.integers(1, 30000))
    exclude = draw(SWITCHES)
    return ForwardRange(
        start=start,
        end=draw(st.none() | st.integers(start, start + 100)),
        to=None if exclude else draw(st.none() | st.integers(1, 65000)),
        exclude=exclude,
    )


@st.composite
def _forwards(draw: st.DrawFn) -> PortForward:
    address = draw(st.sampled_from([None, ip_address("203.0.113.2")]))
    return PortForward(
        proto=draw(st.sampled_from(["tcp", "udp"])),
        address=address,
        dev=None if address is None else draw(st.none() | INTERFACE_NAMES),
        ranges=tuple(draw(st.lists(_ranges(), max_size=3))),
    )


PORT_FORWARDS = _forwards()
