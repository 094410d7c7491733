"""Changes to an input that know nothing of its form, drawn from a seeded generator."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

_INTERESTING: Final = (
    *(0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024, 4095, 4096),
    *(0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000),
    *(0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF),
)
_MOST_CHANGES: Final = 6


class Mutator:
    """Stacks a few changes on an input; `others` are there to be spliced in."""

    def __init__(self, dictionary: Sequence[bytes], others: Sequence[bytes], longest: int) -> None:
        self._dictionary = dictionary
        self._others = others
        self._longest = longest
        self._changes: list[Callable[[bytearray, random.Random], None]] = [
            _flip_bit,
            _set_byte,
            _set_number,
            _set_number,
            _add,
            _cut,
            _repeat,
            _insert,
            self._splice,
        ]
        if dictionary:
            self._changes += [self._word] * 3

    def __call__(self, data: bytes, rng: random.Random) -> bytes:
        changed = bytearray(data)
        for _ in range(rng.randint(1, _MOST_CHANGES)):
            rng.choice(self._changes)(changed, rng)
        return bytes(changed[: self._longest])

    def _word(self, data: bytearray, rng: random.Random) -> None:
        word = rng.choice(self._dictionary)
        at = rng.randint(0, len(data))
        data[at : at + rng.choice((0, len(word)))] = word

    def _splice(self, data: bytearray, rng: random.Random) -> None:
        other = rng.choice(self._others)
        start, end = sorted((rng.randint(0, len(other)), rng.randint(0, len(other))))
        at = rng.randint(0, len(data))
        data[at : at + rng.choice((0, end - start))] = other[start:end]


def _flip_bit(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_byte(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _set_number(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((1, 2, 4, 8))
    if len(data) >= size:
        at = rng.randrange(len(data) - size + 1)
        at -= at % rng.choice((1, size))
        value = rng.choice(_INTERESTING) & (1 << 8 * size) - 1
        data[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _add(data: bytearray, rng: random.Random) -> None:
    if data:
        at = rng.randrange(len(data))
        data[at] = data[at] + rng.randint(-16, 16) & 0xFF


def _cut(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    del data[at : at + rng.choice((1, 4, 16, 64, len(data)))]


def _repeat(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    part = data[at : at + rng.choice((1, 4, 16, 64))]
    data[at:at] = part * rng.choice((1, 2, 8))


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 16)))
