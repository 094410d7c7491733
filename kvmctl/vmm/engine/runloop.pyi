import mmap

from kvmctl.vmm.kvm.vcpu import Bus

class RunLoop:
    def __init__(self, fd: int, run_map: mmap.mmap, bus: Bus) -> None: ...
    def run(self) -> int: ...
