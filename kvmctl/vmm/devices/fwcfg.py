"""fw_cfg: what a firmware is told about its machine, as named files (QEMU docs/specs/fw_cfg).

The machine offers the files before the first instruction; nothing here knows what is in them.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from kvmctl.vmm.devices.platform import Platform
from kvmctl.vmm.memory import GuestMemory, GuestMemoryError

SELECTOR: Final = 0x510
DATA: Final = 0x511
DMA: Final = 0x514
_DMA_SIZE: Final = 8
_DMA_SIGNATURE: Final = b"QEMU CFG"

KEY_SIGNATURE: Final = 0x00
KEY_ID: Final = 0x01
KEY_CPUS: Final = 0x05
KEY_BOOT_MENU: Final = 0x0E
KEY_MAX_CPUS: Final = 0x0F
KEY_DIRECTORY: Final = 0x19
FIRST_FILE: Final = 0x20
_MOST_FILES: Final = 0x3FFF - FIRST_FILE
_KEY_MASK: Final = 0xBFFF
"""Bit 14 asks for writing, which nothing here is for."""
_VERSION: Final = 1 << 0
_VERSION_DMA: Final = 1 << 1
_DIRECTORY_ENTRY: Final = struct.Struct(">IHH56s")
_NAME_MAX: Final = 55

# FWCfgDmaAccess
_ACCESS: Final = struct.Struct(">IIQ")
_CONTROL: Final = struct.Struct(">I")
_ERROR: Final = 1 << 0
_READ: Final = 1 << 1
_SKIP: Final = 1 << 2
_SELECT: Final = 1 << 3
_WRITE: Final = 1 << 4
_CHUNK: Final = 1 << 20


class FwCfg:
    """The selector, the data register and the DMA register; items read as zeroes past their end."""

    def __init__(self, memory: GuestMemory) -> None:
        self._memory = memory
        self._items: dict[int, bytes] = {}
        self.reset()

    def reset(self) -> None:
        self._selected = b""
        self._position = 0
        self._dma_high = 0

    def offer(self, files: Mapping[str, bytes], numbers: Mapping[int, int]) -> None:
        """`files` by name; `numbers` are the items older than files, of 16 bits each, by key."""
        names = sorted(files)
        if len(names) > _MOST_FILES or any(len(name) > _NAME_MAX for name in names):
            raise ValueError("too many files, or too long a name")
        keys = {name: FIRST_FILE + index for index, name in enumerate(names)}
        entries = [_DIRECTORY_ENTRY.pack(len(files[name]), keys[name], 0, name.encode()) for name in names]
        self._items = {
            KEY_SIGNATURE: b"QEMU",
            KEY_ID: (_VERSION | _VERSION_DMA).to_bytes(4, "little"),
            KEY_DIRECTORY: len(names).to_bytes(4, "big") + b"".join(entries),
            **{key: number.to_bytes(2, "little") for key, number in numbers.items()},
            **{keys[name]: files[name] for name in names},
        }

    # the ports

    def read(self, offset: int, size: int) -> int:
        port = SELECTOR + offset
        if port >= DMA:
            start = port - DMA
            return int.from_bytes(_DMA_SIGNATURE[start : start + size], "little")
        if port == DATA and size == 1:
            return self._take(1)[0]
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        port = SELECTOR + offset
        if port == SELECTOR and size == 2:
            self._select(value)
        elif size == 4 and port in (DMA, DMA + 4):
            # The register is big-endian; its lower half starts the transfer.
            half = int.from_bytes(value.to_bytes(4, "little"), "big")
            if port == DMA:
                self._dma_high = half
            else:
                address = self._dma_high << 32 | half
                self._dma_high = 0
                self._transfer(address)

    def _select(self, key: int) -> None:
        self._selected = self._items.get(key & _KEY_MASK, b"")
        self._position = 0

    def _take(self, length: int) -> bytes:
        data = self._selected[self._position : self._position + length]
        self._position += length
        return data.ljust(length, b"\0")

    # DMA

    def _transfer(self, access: int) -> None:
        """Carry out one FWCfgDmaAccess; what lies outside RAM ends it with the error bit."""
        try:
            control, length, address = _ACCESS.unpack(self._memory.read(access, _ACCESS.size))
        except GuestMemoryError:
            return  # there is nowhere to put an answer
        if control & _SELECT:
            self._select(control >> 16)
        result = 0
        if control & _READ:
            result = self._copy(address, length)
        elif control & _WRITE:
            result = _ERROR
        elif control & _SKIP:
            self._position += length
        self._memory.write(access, _CONTROL.pack(result))

    def _copy(self, address: int, length: int) -> int:
        try:
            target = self._memory.view(address, length)
        except GuestMemoryError:
            return _ERROR
        for start in range(0, length, _CHUNK):
            part = target[start : start + _CHUNK]
            part[:] = self._take(len(part))
        return 0


def attach(platform: Platform) -> list[FwCfg]:
    """Only a machine that starts in a firmware has one."""
    if platform.domain.os.kernel is not None:
        return []
    device = FwCfg(platform.memory)
    platform.bus.ports.add(SELECTOR, DMA + _DMA_SIZE - SELECTOR, device)
    return [device]
