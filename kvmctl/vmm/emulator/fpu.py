"""x87 and SSE state in the XSAVE area (Intel SDM volume 1, 10.5.1 and 13.4)."""

from __future__ import annotations

from typing import Final

X87: Final = 1 << 0
SSE: Final = 1 << 1
AVX: Final = 1 << 2
ZMM_HIGH: Final = 1 << 6

_FSW: Final = 2
_FTW: Final = 4
_MXCSR: Final = 24
_MXCSR_MASK: Final = 28
_ST0: Final = 32
_XMM0: Final = 160
_XSTATE_BV: Final = 512
_YMM_HIGH0: Final = 576  # the AVX component follows the header in the standard format
_MXCSR_INIT: Final = 0x1F80
_MXCSR_MASK_DEFAULT: Final = 0xFFBF
_FSW_ES: Final = 1 << 7


class FpuState:
    """A view of an XSAVE area; what is written marks its component as in use."""

    def __init__(self, area: bytearray) -> None:
        self.area = area
        self.changed = False

    def _get(self, offset: int, size: int) -> int:
        return int.from_bytes(self.area[offset : offset + size], "little")

    def _put(self, offset: int, size: int, value: int, component: int) -> None:
        in_use = self.in_use
        if component == SSE and not in_use & SSE:
            self._initialise_sse()
        self.area[offset : offset + size] = value.to_bytes(size, "little")
        self.area[_XSTATE_BV : _XSTATE_BV + 8] = (in_use | component).to_bytes(8, "little")
        self.changed = True

    def _initialise_sse(self) -> None:
        """A component that is not in use has its initial value, whatever the area holds."""
        self.area[_XMM0 : _XMM0 + 256] = bytes(256)
        if not self.in_use & 4:
            self.area[_MXCSR : _MXCSR + 4] = _MXCSR_INIT.to_bytes(4, "little")

    @property
    def in_use(self) -> int:
        """XSTATE_BV: the components that are not in their initial configuration."""
        return self._get(_XSTATE_BV, 8)

    @property
    def mxcsr(self) -> int:
        return self._get(_MXCSR, 4) if self.in_use & 6 else _MXCSR_INIT

    @mxcsr.setter
    def mxcsr(self, value: int) -> None:
        self._put(_MXCSR, 4, value, SSE)

    @property
    def mxcsr_mask(self) -> int:
        return self._get(_MXCSR_MASK, 4) or _MXCSR_MASK_DEFAULT

    def xmm(self, number: int) -> bytes:
        if not self.in_use & SSE:
            return bytes(16)
        start = _XMM0 + 16 * number
        return bytes(self.area[start : start + 16])

    def set_xmm(self, number: int, data: bytes) -> None:
        self._put(_XMM0 + 16 * number, 16, int.from_bytes(data, "little"), SSE)

    def ymm(self, number: int) -> bytes:
        start = _YMM_HIGH0 + 16 * number
        return self.xmm(number) + (bytes(self.area[start : start + 16]) if self.in_use & AVX else bytes(16))

    def set_ymm(self, number: int, data: bytes) -> None:
        self.set_xmm(number, data[:16])
        if not self.in_use & AVX:
            self.area[_YMM_HIGH0 : _YMM_HIGH0 + 256] = bytes(256)
        self._put(_YMM_HIGH0 + 16 * number, 16, int.from_bytes(data[16:], "little"), AVX)

    @property
    def exception_pending(self) -> bool:
        """An unmasked x87 exception waits for the next waiting instruction."""
        return bool(self.in_use & X87 and self._get(_FSW, 2) & _FSW_ES)

    def empty_stack(self) -> None:
        """Tag every x87 register empty; the abridged tag word has a bit a register that is set when valid."""
        if self.in_use & X87:
            self._put(_FTW, 1, 0, X87)
