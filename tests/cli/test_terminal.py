"""The terminal is put back whatever ends the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios
import time

import pytest

PROGRAM = """
import sys, time
from kvmctl.cli.terminal import raw
with raw(0):
    print("raw", flush=True)
    {body}
print("after", flush=True)
"""


def _modes(fd: int) -> list[object]:
    return termios.tcgetattr(fd)[:4]


@pytest.mark.parametrize(
    ("body", "number", "status"),
    [
        ("pass", None, 0),
        ("raise SystemExit(3)", None, 3),
        ("time.sleep(30)", signal.SIGTERM, -signal.SIGTERM),
        ("time.sleep(30)", signal.SIGHUP, -signal.SIGHUP),
    ],
)
def test_modes_come_back(body: str, number: int | None, status: int) -> None:
    primary, secondary = os.openpty()
    before = _modes(secondary)
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(body=body)],
        stdin=secondary,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if number is not None:
        deadline = time.monotonic() + 10
        while _modes(secondary) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert _modes(secondary) != before
        child.send_signal(number)
    assert child.wait(10) == status
    assert _modes(secondary) == before
    os.close(primary)
    os.close(secondary)
