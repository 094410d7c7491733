"""Scattered guest buffers as one run of bytes."""

from __future__ import annotations

from collections.abc import Sequence


def total(buffers: Sequence[memoryview]) -> int:
    return sum(map(len, buffers))


def split(buffers: Sequence[memoryview], length: int) -> tuple[list[memoryview], list[memoryview]]:
    """The first `length` bytes, and the rest, without a copy; all of it when there are fewer."""
    first: list[memoryview] = []
    for index, buffer in enumerate(buffers):
        if length < len(buffer):
            if length:
                first.append(buffer[:length])
            return first, [buffer[length:], *buffers[index + 1 :]]
        first.append(buffer)
        length -= len(buffer)
    return first, []


def scatter(buffers: Sequence[memoryview], data: bytes | memoryview) -> int:
    """Fill the buffers from their start; how many bytes fitted."""
    done = 0
    for buffer in buffers:
        part = data[done : done + len(buffer)]
        buffer[: len(part)] = part
        done += len(part)
        if done == len(data):
            break
    return done
