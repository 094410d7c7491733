"""fw_cfg: what a firmware, or whoever runs after it, does with its ports."""

from __future__ import annotations

import struct

from kvmctl.vmm.devices.fwcfg import DATA, DMA, SELECTOR, FwCfg
from kvmctl.vmm.memory import GuestMemory
from tests.fuzz.target import Run, Target

_OPERATION = struct.Struct("<BBHQ")
_MEMORY = 1 << 16
_SIZES = (1, 2, 4)
_LAST = DMA + 8
_ACCESS = 0x1000


def _prepare() -> Run:
    memory = GuestMemory(_MEMORY)
    device = FwCfg(memory)
    device.offer({"etc/a": b"a" * 100, "bootorder": b"", "etc/large": bytes(70_000)}, {5: 1, 15: 1})

    def run(data: bytes) -> int:
        device.reset()
        memory.clear()
        count = len(data) // _OPERATION.size
        for kind, place, offset, value in _OPERATION.iter_unpack(data[: count * _OPERATION.size]):
            port = SELECTOR + place % (_LAST - SELECTOR)
            size = _SIZES[kind >> 4 & 3 if kind >> 4 & 3 < 3 else 0]
            match kind & 3:
                case 0:
                    assert 0 <= device.read(port - SELECTOR, size) < 1 << 8 * size
                case 1:
                    device.write(port - SELECTOR, size, value & (1 << 8 * size) - 1)
                case 2:
                    memory.write(offset % (_MEMORY - 8), value.to_bytes(8, "little"))
                case 3:
                    device.write(DMA + 4 - SELECTOR, 4, int.from_bytes(offset.to_bytes(4, "big"), "little"))
        return count

    return run


def _dma(control: int, length: int, address: int) -> bytes:
    access = struct.pack(">IIQ", control, length, address)
    words = [int.from_bytes(access[at : at + 8], "little") for at in (0, 8)]
    fill = b"".join(_OPERATION.pack(2, 0, _ACCESS + 8 * at, word) for at, word in enumerate(words))
    return fill + _OPERATION.pack(3, 0, _ACCESS, 0)


def _seeds() -> list[bytes]:
    select = _OPERATION.pack(0x11, 0, 0, 0x19)
    take = _OPERATION.pack(0, DATA - SELECTOR, 0, 0) * 8
    return [
        select + take,
        *(
            _dma(key << 16 | flags, length, 0x4000)
            for key in (0x19, 0x20, 0x22)
            for flags in (8, 10, 12, 14)
            for length in (0, 64, 0xFFFF_FFFF)
        ),
        _dma(2, 64, 1 << 40),
        b"".join(
            _OPERATION.pack(kind | size, place, 0, 0xFFFF_FFFF)
            for kind in (0, 1)
            for size in (0, 16, 32)
            for place in range(12)
        ),
    ]


TARGET = Target(
    prepare=_prepare,
    seeds=_seeds,
    slice=1000,
    longest=200 * _OPERATION.size,
)
