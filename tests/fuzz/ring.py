"""The compiled queues under AddressSanitizer: python -m tests.fuzz.ring [--seconds N].

The property tests of the queue and of the disk's engine, again and again with other inputs, on a copy of the
package whose engine is instrumented: they are after an index that leaves the arrays for chains and requests.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_ENGINE: Final = Path("kvmctl", "vmm", "engine")
_INSTRUMENTED: Final = ("ring", "disk")
_FLAGS: Final = ("-O1", "-g", "-fsanitize=address", "-fno-omit-frame-pointer", "-fwrapv", "-fPIC", "-shared")
_SANITIZER: Final = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1", "PYTHONMALLOC": "malloc"}
_CHILD: Final = "KVMCTL_FUZZ_RING"


def instrumented(directory: Path) -> Path:
    """A copy of the package in there; its C comes from the last build."""
    shutil.copytree(ROOT / "kvmctl", directory / "kvmctl", ignore=shutil.ignore_patterns("__pycache__"))
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for module in _INSTRUMENTED:
        source = ROOT / "build" / "engine" / _ENGINE / f"{module}.c"
        program = directory / _ENGINE / f"{module}{suffix}"
        places = [f"-I{ROOT / _ENGINE}", f"-I{sysconfig.get_paths()['include']}"]
        subprocess.run(["gcc", *_FLAGS, *places, "-o", str(program), str(source)], check=True)
    return directory


def run(seconds: float) -> int:
    """In a process with the sanitizer; its exit status."""
    with tempfile.TemporaryDirectory() as name:
        paths = f"{instrumented(Path(name))}:{ROOT}"
        command = ["gcc", "-print-file-name=libasan.so"]
        library = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        environment = {**os.environ, **_SANITIZER, "LD_PRELOAD": library, "PYTHONPATH": paths, _CHILD: name}
        child = [sys.executable, "-P", "-m", "tests.fuzz.ring", f"--seconds={seconds}"]
        return subprocess.run(child, env=environment, check=False).returncode


class _Temporary:
    """As much of pytest's TempPathFactory as the tests ask."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def getbasetemp(self) -> Path:
        return self._base


def _search(seconds: float, directory: str) -> None:
    from kvmctl.vmm.engine import ring
    from tests.vmm.virtio import test_disk_engine, test_queue

    assert (ring.__file__ or "").startswith(directory), "the engine is not the instrumented one"
    logging.disable()  # each broken queue says so
    rounds, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        test_queue.test_any_ring_gives_buffers_in_ram_or_an_error()
        test_queue.test_any_memory_gives_requests_or_an_error()
        test_disk_engine.test_any_ring_is_survived(_Temporary(Path(directory)))  # type: ignore[call-arg,arg-type]
        rounds += 1
    print(f"{rounds} rounds of the queues' property tests under AddressSanitizer: clean")


def main() -> int:
    parser = argparse.ArgumentParser(description="the compiled queues under AddressSanitizer")
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    directory = os.environ.get(_CHILD)
    if directory is None:
        return run(options.seconds)
    _search(options.seconds, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
