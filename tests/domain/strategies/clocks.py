"""What the guest's clock shows."""

from hypothesis import strategies as st

from kvmctl.domain import Clock
from kvmctl.domain.model.clock import Timer

BASES = st.sampled_from(["utc", "localtime"])
ULONGS = st.integers(0, 2**64 - 1)
YES = st.sampled_from([None, True])

_timers = st.one_of(
    st.builds(
        Timer,
        name=st.just("rtc"),
        present=YES,
        tickpolicy=st.sampled_from([None, "delay", "catchup"]),
        track=st.sampled_from([None, "wall", "realtime"]),
    ),
    st.builds(
        Timer, name=st.just("pit"), present=YES, tickpolicy=st.sampled_from([None, "delay", "discard"])
    ),
    st.builds(Timer, name=st.just("tsc"), present=YES, frequency=st.none() | ULONGS),
    st.builds(Timer, name=st.just("kvmclock"), present=st.sampled_from([None, True, False])),
    st.builds(Timer, name=st.sampled_from(["hpet", "hypervclock"]), present=st.just(False)),
)
_TIMERS = st.lists(_timers, max_size=4, unique_by=lambda timer: timer.name).map(tuple)

clocks = st.one_of(
    st.builds(Clock, offset=BASES, adjustment=st.sampled_from([None, "reset"]), timers=_TIMERS),
    st.builds(Clock, offset=st.just("timezone"), timezone=st.just("Europe/Berlin"), timers=_TIMERS),
    st.builds(
        Clock,
        offset=st.just("variable"),
        adjustment=st.none() | st.integers(-(2**63), 2**63 - 1),
        basis=st.none() | BASES,
        timers=_TIMERS,
    ),
    st.builds(Clock, offset=st.just("absolute"), start=ULONGS, timers=_TIMERS),
)
