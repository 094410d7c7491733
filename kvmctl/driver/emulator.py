"""Which program is the virtual machine."""

import shutil
import sys
from pathlib import Path

PROGRAM = "kvmctl-vmm"


def emulator_path() -> str:
    """The VMM's path for capabilities, which virt-install writes into <emulator>: beside this daemon, or
    on the PATH."""
    beside = Path(sys.executable).with_name(PROGRAM)
    if beside.exists():
        return str(beside)
    return shutil.which(PROGRAM) or f"/usr/bin/{PROGRAM}"
