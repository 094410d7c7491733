"""Exceptions of the guest (Intel SDM volume 3, chapter 6)."""

from __future__ import annotations

from enum import IntEnum


class Vector(IntEnum):
    DB = 1
    BP = 3
    OF = 4
    UD = 6
    NM = 7
    SS = 12
    GP = 13
    PF = 14
    MF = 16
    AC = 17


class GuestFault(Exception):
    """The instruction raises an exception in the guest; RIP stays at the instruction."""

    def __init__(self, vector: Vector, error_code: int | None = None, address: int | None = None) -> None:
        super().__init__(f"#{vector.name}")
        self.vector = vector
        self.error_code = error_code
        self.address = address  # goes to CR2


class NotHandledError(Exception):
    """The emulator does not know how to go on."""


def undefined() -> GuestFault:
    return GuestFault(Vector.UD)


def general_protection(error_code: int = 0) -> GuestFault:
    return GuestFault(Vector.GP, error_code)
