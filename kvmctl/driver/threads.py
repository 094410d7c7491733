"""The threads for work that blocks, which asyncio.to_thread uses."""

import threading
from concurrent.futures import ThreadPoolExecutor

_COUNT = 4


def start() -> ThreadPoolExecutor:
    """All of them at once: later the host may have none to give, just when a guest's end is to be dealt with.

    Raises RuntimeError when it has none now.
    """
    executor = ThreadPoolExecutor(_COUNT, thread_name_prefix="worker")
    together = threading.Barrier(_COUNT + 1)
    try:
        for _ in range(_COUNT):
            executor.submit(together.wait)
        together.wait()
    except BaseException:
        together.abort()
        raise
    return executor
