"""Typed parameters, which most tuning comes in: what they decode to, and what each API takes of them."""

from __future__ import annotations

import math
import random
from typing import Final

from kvmctl.driver.handlers import domain_block, domain_memory, domain_sched
from kvmctl.driver.handlers.typed import limited, understood, validated
from kvmctl.driver.rpc import VirError, types
from kvmctl.driver.rpc.types.params import ParamType, TypedParam, as_dict
from kvmctl.driver.rpc.xdr import XdrError, decode, encode
from tests.fuzz.mutate import Mutator
from tests.fuzz.target import Run, Target

_KNOWN: Final = (
    domain_sched._TYPES,
    domain_sched._NUMA_TYPES,
    domain_block._TUNES,
    dict.fromkeys(domain_memory._LIMITS, ParamType.ULLONG),
)
_NAMES: Final = sorted({name for known in _KNOWN for name in known})
_DOM: Final = types.Domain(name="g", uuid=bytes(16), id=1)
Arguments = types.DomainSetSchedulerParametersFlagsArgs


def _run(data: bytes) -> int:
    """The first byte says whose parameters these are."""
    first = data[0] if data else 0
    arguments = decode(Arguments, data[1:])
    numbers = [param.value.value for param in arguments.params]
    if not any(isinstance(number, float) and math.isnan(number) for number in numbers):
        assert encode(arguments) == data[1:], "written otherwise than it was read"
    as_dict(arguments.params)
    assert len(limited(arguments.params, first)) <= first
    understood(arguments.params, first)
    values = validated(arguments.params, _KNOWN[first % len(_KNOWN)])
    assert len(values) == len(arguments.params)
    return 1


def _prepare() -> Run:
    return _run


def _params(rng: random.Random, count: int) -> bytes:
    kinds = {
        ParamType.INT: -1,
        ParamType.UINT: 1,
        ParamType.LLONG: -(2**63),
        ParamType.ULLONG: 2**64 - 1,
        ParamType.DOUBLE: 0.5,
        ParamType.BOOLEAN: 1,
        ParamType.STRING: "0-3,^1",
    }
    chosen = [(rng.choice(_NAMES), *rng.choice(list(kinds.items()))) for _ in range(count)]
    return encode(Arguments(_DOM, tuple(TypedParam.of(*one) for one in chosen), 0))


def _good(which: int) -> bytes:
    values = {ParamType.STRING: "0", ParamType.INT: 0, ParamType.ULLONG: 1024, ParamType.LLONG: -1}
    params = tuple(TypedParam.of(name, kind, values[kind]) for name, kind in _KNOWN[which].items())
    return bytes([which]) + encode(Arguments(_DOM, params[:10], 0))


def _seeds() -> list[bytes]:
    rng = random.Random(0)
    others = [bytes([which]) + _params(rng, count) for which in range(4) for count in range(4)]
    return [*(_good(which) for which in range(len(_KNOWN))), *others]


def _mutate(data: bytes, rng: random.Random) -> bytes:
    if rng.randrange(3) == 0:
        return bytes([rng.randrange(8)]) + _params(rng, rng.randrange(6))
    return _BYTES(data, rng)


_WORDS: Final = [
    *(name.encode() for name in _NAMES),
    *(bytes([0, 0, 0, kind]) for kind in range(9)),
    b"\xff" * 4,
]
_BYTES: Final = Mutator(_WORDS, _WORDS, 4096)

TARGET = Target(
    prepare=_prepare,
    seeds=_seeds,
    slice=2000,
    refusals=(VirError, XdrError),
    mutate=_mutate,
)
