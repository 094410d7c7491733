"""Registration of handlers: a function says which procedure it answers, and gets the driver when the daemon
starts.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from kvmctl.driver.driver import Driver
from kvmctl.driver.rpc import Procedure

Answer = Callable[..., Any]
Function = TypeVar("Function", bound=Answer)


class Table:
    """``function(driver, connection, arguments[, stream])`` by procedure; a coroutine where it waits."""

    def __init__(self) -> None:
        self._functions: dict[Procedure, Answer] = {}

    def answers(self, *procedures: Procedure) -> Callable[[Function], Function]:
        def register(function: Function) -> Function:
            for procedure in procedures:
                if procedure in self._functions:
                    raise ValueError(f"{procedure.name} has two handlers")
                self._functions[procedure] = function
            return function

        return register

    def bind(self, driver: Driver) -> dict[Procedure, Answer]:
        return {procedure: partial(function, driver) for procedure, function in self._functions.items()}
