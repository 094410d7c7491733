"""Registration of handlers: a function says which procedure it answers, and gets the driver when the
daemon starts."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from kvmctl.driver.driver import Driver
from kvmctl.driver.rpc import Procedure

Answer = Callable[..., Coroutine[Any, Any, Any]]
Function = TypeVar("Function", bound=Answer)


class Table:
    """``function(driver, connection, arguments[, stream])`` by procedure."""

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
        return {
            procedure: _bound(procedure, function, driver) for procedure, function in self._functions.items()
        }


def _bound(procedure: Procedure, function: Answer, driver: Driver) -> Answer:
    async def plain(*arguments: Any) -> Any:
        return await function(driver, *arguments)

    async def whole(*arguments: Any) -> Any:
        """A change is carried through even when the client that wanted it goes away meanwhile."""
        return await asyncio.shield(driver.keep(function(driver, *arguments)))

    return whole if procedure.guarded else plain
