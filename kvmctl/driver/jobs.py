"""One change a domain at a time: libvirt's job lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kvmctl.driver.errors import failure
from kvmctl.driver.rpc import ErrorCode

WAIT_SECONDS = 30.0


class JobLock:
    """Held by whoever changes a domain or talks to its guest; others wait, clients not for ever."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._lock = asyncio.Lock()
        self._wait_seconds = wait_seconds
        self._holder = "none"

    @property
    def held(self) -> bool:
        return self._lock.locked()

    @asynccontextmanager
    async def job(self) -> AsyncIterator[None]:
        """For a client's call. Raises VIR_ERR_OPERATION_TIMEOUT when another job goes on for too long."""
        try:
            async with asyncio.timeout(self._wait_seconds):
                await self._lock.acquire()
        except TimeoutError:
            raise failure(
                ErrorCode.OPERATION_TIMEOUT,
                f"cannot acquire state change lock (held by monitor={self._holder})",
            ) from None
        async with self._held():
            yield

    @asynccontextmanager
    async def uninterrupted(self) -> AsyncIterator[None]:
        """For what has to happen, however long it waits: a guest's end, the start of the daemon."""
        await self._lock.acquire()
        async with self._held():
            yield

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        self._holder = _dispatcher()
        try:
            yield
        finally:
            self._holder = "none"
            self._lock.release()


def _dispatcher() -> str:
    """The job's name as libvirt's daemons have it; the task of a client's call bears the procedure's name."""
    task = asyncio.current_task()
    name = task.get_name() if task is not None else ""
    if not name.isupper():
        return name or "daemon"
    return "remoteDispatch" + "".join(word.capitalize() for word in name.split("_"))
