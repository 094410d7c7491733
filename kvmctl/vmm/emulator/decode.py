"""Bytes to instructions."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from iced_x86 import Decoder, DecoderError, Formatter, FormatterSyntax, Instruction

MAX_LENGTH: Final = 15  # Intel SDM volume 2, 2.3.11


class TruncatedError(Exception):
    """The instruction is longer than the bytes given."""


@lru_cache(maxsize=1024)
def decode(code: bytes, bits: int) -> Instruction | None:
    """The instruction at the start of `code`, or None where no processor knows it.

    Decoded as if at address 0, so that one entry of the cache serves every place that has these bytes;
    a RIP-relative operand is then relative to the real RIP.
    """
    decoder = Decoder(bits, code, ip=0)
    instruction = decoder.decode()
    if decoder.last_error == DecoderError.NO_MORE_BYTES:
        raise TruncatedError
    return None if instruction.is_invalid else instruction


def disassemble(code: bytes, bits: int, ip: int) -> str:
    """One line for a log."""
    if not code:
        return "(no bytes)"
    instruction = Decoder(bits, code, ip=ip).decode()
    text = Formatter(FormatterSyntax.NASM).format(instruction)
    return f"{text} [{code[: max(instruction.len, 1)].hex(' ')}]"
