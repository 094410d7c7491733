import mmap

from kvmctl.vmm.engine.bus import IoBus

class RunLoop:
    def __init__(self, fd: int, run_map: mmap.mmap, bus: IoBus) -> None: ...
    def run(self) -> int: ...
