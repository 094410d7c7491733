from collections.abc import Callable

from kvmctl.vmm.engine.ring import Chain, SplitQueue

class DiskRules:
    sectors: int
    block: int
    alignment: int
    writable: bool
    stable: bool
    flushes: bool
    limited: bool
    sync_error: int
    looks: bool

class DiskQueue:
    asynchronous: bool
    call_fd: int
    def __init__(self, fd: int, rules: DiskRules, size: int, ring: bool) -> None: ...
    def relay(self, wanted: bool) -> None: ...
    def counts(self) -> tuple[list[tuple[int, int, int]], int, int]: ...
    def begin(self, queue: SplitQueue, kick_fd: int, interrupt: Callable[[], None]) -> None: ...
    def stop(self) -> None: ...
    def serve(self) -> Chain | None: ...
    def end(self) -> None: ...
