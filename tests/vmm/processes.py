"""A VMM run by hand, and what it says on its standard output."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import Final

import pytest

PATIENCE: Final = 240.0
"""Seconds for a Linux boot: about 25 where the guest is emulated, on a host that does nothing else."""


def output_until(process: subprocess.Popen[bytes], text: str, seconds: float) -> str:
    """What the process has written, up to the line with `text`; fails when it ends or is silent too long."""
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    output = b""
    while text.encode() not in output:
        ready, _, _ = select.select([process.stdout], [], [], max(deadline - time.monotonic(), 0))
        data = os.read(process.stdout.fileno(), 65536) if ready else b""
        output += data
        if not data:
            reason = f"ended with {process.wait(10)}" if ready else f"ran for {seconds:.0f} s"
            pytest.fail(f"the guest {reason} without {text!r}:\n{output.decode(errors='replace')[-6000:]}")
    return output.decode(errors="replace")
