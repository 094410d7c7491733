"""16550A UART (National Semiconductor PC16550D data sheet; register names as in section 8).

The line is infinitely fast: a byte written is sent at once, so the transmitter is always empty again, and the
receive FIFO's timeout is due as soon as no further byte is waiting on the host's side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from kvmctl.vmm.bus.io import ByteRegisters
from kvmctl.vmm.devices.platform import CharBackend, Platform

# Port and interrupt of COM1 to COM4, as every PC has them.
PORTS: Final = ((0x3F8, 4), (0x2F8, 3), (0x3E8, 4), (0x2E8, 3))
REGISTER_COUNT: Final = 8

_RBR_THR_DLL: Final = 0
_IER_DLM: Final = 1
_IIR_FCR: Final = 2
_LCR: Final = 3
_MCR: Final = 4
_LSR: Final = 5
_MSR: Final = 6

IER_RDA: Final = 0x01
IER_THRE: Final = 0x02
IER_RLS: Final = 0x04
IER_MSI: Final = 0x08

IIR_NONE: Final = 0x01
IIR_MSI: Final = 0x00
IIR_THRE: Final = 0x02
IIR_RDA: Final = 0x04
IIR_RLS: Final = 0x06
IIR_TIMEOUT: Final = 0x0C
IIR_FIFO_ENABLED: Final = 0xC0

FCR_ENABLE: Final = 0x01
FCR_CLEAR_RX: Final = 0x02
FCR_TRIGGER: Final = 0xC0

LCR_DLAB: Final = 0x80

MCR_DTR: Final = 0x01
MCR_RTS: Final = 0x02
MCR_OUT1: Final = 0x04
MCR_OUT2: Final = 0x08
MCR_LOOP: Final = 0x10

LSR_DR: Final = 0x01
LSR_OE: Final = 0x02
LSR_ERRORS: Final = 0x1E
LSR_THRE: Final = 0x20
LSR_TEMT: Final = 0x40

MSR_TERI: Final = 0x04
MSR_DELTAS: Final = 0x0F
MSR_CTS: Final = 0x10
MSR_DSR: Final = 0x20
MSR_RI: Final = 0x40
MSR_DCD: Final = 0x80

FIFO_SIZE: Final = 16
_TRIGGER_LEVELS: Final = (1, 4, 8, 14)
_DIVISOR_9600: Final = 12
# The peer is always there and ready.
_LINES_CONNECTED: Final = MSR_CTS | MSR_DSR | MSR_DCD


class Serial(ByteRegisters):
    """One UART between the guest and a character device of the host."""

    def __init__(self, backend: CharBackend | None, set_irq: Callable[[bool], None]) -> None:
        self._backend = backend
        self._set_irq = set_irq
        self._irq_level = False
        self._fifo: deque[int] = deque()
        self.reset()
        if backend is not None:
            backend.connect(self)

    def reset(self) -> None:
        self._fifo.clear()
        self._ier = 0
        self._fcr = 0
        self._lcr = 0
        self._mcr = 0
        self._scratch = 0
        self._divisor = _DIVISOR_9600
        self._errors = 0
        self._msr = _LINES_CONNECTED
        self._thre_pending = False
        self._update_irq()

    # the host's side

    def room(self) -> int:
        """How many received bytes fit; the loop-back mode disconnects the line."""
        if self._mcr & MCR_LOOP:
            return 0
        return self._depth - len(self._fifo)

    def receive(self, data: bytes) -> None:
        self._fifo.extend(data)
        self._update_irq()

    @property
    def _depth(self) -> int:
        return FIFO_SIZE if self._fcr & FCR_ENABLE else 1

    # the guest's side

    def read_byte(self, offset: int) -> int:
        if offset == _RBR_THR_DLL:
            return self._divisor & 0xFF if self._lcr & LCR_DLAB else self._read_receiver()
        if offset == _IER_DLM:
            return self._divisor >> 8 if self._lcr & LCR_DLAB else self._ier
        if offset == _IIR_FCR:
            return self._read_iir()
        if offset == _LCR:
            return self._lcr
        if offset == _MCR:
            return self._mcr
        if offset == _LSR:
            return self._read_lsr()
        if offset == _MSR:
            return self._read_msr()
        return self._scratch

    def write_byte(self, offset: int, value: int) -> None:
        if offset == _RBR_THR_DLL:
            if self._lcr & LCR_DLAB:
                self._divisor = self._divisor & 0xFF00 | value
            else:
                self._transmit(value)
        elif offset == _IER_DLM:
            if self._lcr & LCR_DLAB:
                self._divisor = self._divisor & 0x00FF | value << 8
            else:
                self._write_ier(value)
        elif offset == _IIR_FCR:
            self._write_fcr(value)
        elif offset == _LCR:
            self._lcr = value
        elif offset == _MCR:
            self._write_mcr(value)
        elif offset > _MSR:
            self._scratch = value

    def _read_receiver(self) -> int:
        if not self._fifo:
            return 0
        value = self._fifo.popleft()
        self._update_irq()
        self._offer_room()
        return value

    def _offer_room(self) -> None:
        if not self._fifo and self._backend is not None and not self._mcr & MCR_LOOP:
            self._backend.room_again()

    def _transmit(self, value: int) -> None:
        if self._mcr & MCR_LOOP:
            if len(self._fifo) < self._depth:
                self._fifo.append(value)
            else:
                self._errors |= LSR_OE
        elif self._backend is not None:
            self._backend.write(value.to_bytes(1, "little"))
        # Lowering the line first gives an edge-triggered controller the new edge of "empty again".
        self._thre_pending = False
        self._update_irq()
        self._thre_pending = True
        self._update_irq()

    def _write_ier(self, value: int) -> None:
        newly_enabled = value & ~self._ier
        self._ier = value & 0x0F
        if newly_enabled & IER_THRE:
            self._thre_pending = True
        self._update_irq()

    def _write_fcr(self, value: int) -> None:
        if (value ^ self._fcr) & FCR_ENABLE or (value & FCR_ENABLE and value & FCR_CLEAR_RX):
            self._fifo.clear()
        # Bits 6 and 7 are only programmed together with bit 0.
        self._fcr = value & (FCR_ENABLE | FCR_TRIGGER) if value & FCR_ENABLE else 0
        self._update_irq()
        self._offer_room()

    def _write_mcr(self, value: int) -> None:
        was_looped = self._mcr & MCR_LOOP
        self._mcr = value & 0x1F
        self._set_modem_lines(self._looped_lines() if value & MCR_LOOP else _LINES_CONNECTED)
        self._update_irq()
        if was_looped:
            self._offer_room()

    def _looped_lines(self) -> int:
        """Loop-back wires the modem outputs to the inputs (data sheet 8.6.7)."""
        pairs = ((MCR_RTS, MSR_CTS), (MCR_DTR, MSR_DSR), (MCR_OUT1, MSR_RI), (MCR_OUT2, MSR_DCD))
        return sum(line for output, line in pairs if self._mcr & output)

    def _set_modem_lines(self, lines: int) -> None:
        changed = (self._msr ^ lines) & 0xF0
        deltas = changed >> 4
        # TERI tells the trailing edge of the ring indicator only.
        if lines & MSR_RI:
            deltas &= ~MSR_TERI
        self._msr = lines | self._msr & MSR_DELTAS | deltas

    def _read_lsr(self) -> int:
        value = self._errors | LSR_THRE | LSR_TEMT | (LSR_DR if self._fifo else 0)
        if self._errors:
            self._errors = 0
            self._update_irq()
        return value

    def _read_msr(self) -> int:
        value = self._msr
        if value & MSR_DELTAS:
            self._msr &= ~MSR_DELTAS
            self._update_irq()
        return value

    def _read_iir(self) -> int:
        cause = self._cause()
        if cause == IIR_THRE:
            # Reading it as the source is what resets this one (data sheet, table III).
            self._thre_pending = False
            self._update_irq()
        return cause | (IIR_FIFO_ENABLED if self._fcr & FCR_ENABLE else 0)

    def _cause(self) -> int:
        """The interrupt of the highest priority that is pending."""
        if self._ier & IER_RLS and self._errors & LSR_ERRORS:
            return IIR_RLS
        if self._ier & IER_RDA and self._fifo:
            trigger = _TRIGGER_LEVELS[self._fcr >> 6] if self._fcr & FCR_ENABLE else 1
            return IIR_RDA if len(self._fifo) >= trigger else IIR_TIMEOUT
        if self._ier & IER_THRE and self._thre_pending:
            return IIR_THRE
        if self._ier & IER_MSI and self._msr & MSR_DELTAS:
            return IIR_MSI
        return IIR_NONE

    def _update_irq(self) -> None:
        level = self._cause() != IIR_NONE
        if level != self._irq_level:
            self._irq_level = level
            self._set_irq(level)


def attach(platform: Platform) -> list[Serial]:
    """A UART for every <serial> of the domain, at the COM port that its target names."""
    ports: list[Serial] = []
    for index, chardev in enumerate(platform.domain.devices.serials):
        port, gsi = PORTS[index if chardev.target_port is None else chardev.target_port]
        serial = Serial(platform.chardev(chardev.alias or f"serial{index}"), platform.irq(gsi))
        platform.bus.ports.add(port, REGISTER_COUNT, serial)
        ports.append(serial)
    return ports
