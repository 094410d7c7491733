"""The host's own processor as the reference: `host_cpu.c`, compiled at test time, in a process of its own."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import IO

CODE = 0x20_0000
DATA = 0x20_1000
DATA_SIZE = 0x2000
GPRS = ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", *(f"r{number}" for number in range(8, 16)))


class State(ctypes.Structure):
    """`struct state` of host_cpu.c."""

    _fields_ = (
        ("regs", ctypes.c_uint64 * 16),
        ("rip", ctypes.c_uint64),
        ("rflags", ctypes.c_uint64),
        ("xcr0", ctypes.c_uint64),
        ("mxcsr", ctypes.c_uint32),
        ("signal", ctypes.c_uint32),
        ("xmm", (ctypes.c_uint8 * 16) * 16),
        ("code", ctypes.c_uint8 * 16),
        ("code_size", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
        ("data", ctypes.c_uint8 * DATA_SIZE),
    )


def build(directory: Path) -> Path:
    program = directory / "host_cpu"
    sources = [Path(__file__).with_name(name) for name in ("host_cpu.c", "run_instruction.S")]
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-static-pie", "-o", program, *sources], check=True)
    return program


class HostCpu:
    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin and self._process.stdout
        self._input: IO[bytes] = self._process.stdin
        self._output: IO[bytes] = self._process.stdout

    def run(self, state: State) -> State:
        self._input.write(bytes(state))
        self._input.flush()
        return State.from_buffer_copy(self._output.read(ctypes.sizeof(State)))

    def close(self) -> None:
        self._input.close()
        self._process.wait(10)
        self._output.close()
