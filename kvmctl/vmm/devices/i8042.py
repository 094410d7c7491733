"""i8042 keyboard controller with nothing plugged in (IBM PC/AT Technical Reference, "Keyboard Controller").

Guests use it to reset the machine. Everything else is answered as by a controller whose keyboard and mouse
do not reply, at once, so that no driver sits out a timeout.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from kvmctl.vmm.bus.io import ByteRegisters
from kvmctl.vmm.devices.platform import Platform, PowerRequest

DATA_PORT: Final = 0x60
COMMAND_PORT: Final = 0x64
KEYBOARD_IRQ: Final = 1
MOUSE_IRQ: Final = 12

STATUS_OBF: Final = 0x01
STATUS_SYSTEM: Final = 0x04
STATUS_COMMAND: Final = 0x08
STATUS_UNLOCKED: Final = 0x10
STATUS_AUX: Final = 0x20
STATUS_TIMEOUT: Final = 0x40

CTR_KEYBOARD_IRQ: Final = 0x01
CTR_AUX_IRQ: Final = 0x02
CTR_SYSTEM: Final = 0x04
CTR_KEYBOARD_OFF: Final = 0x10
CTR_AUX_OFF: Final = 0x20

OUTPUT_NOT_RESET: Final = 0x01
OUTPUT_A20: Final = 0x02

SELF_TEST_PASSED: Final = 0x55
RESEND: Final = 0xFE
_CLOCK_LINE_STUCK: Final = 0x01
_RAM_SIZE: Final = 0x20


class I8042(ByteRegisters):
    """Ports 0x60 and 0x64; `registers(0x60)` and `registers(0x64)` are one byte each."""

    def __init__(
        self,
        power: Callable[[PowerRequest], None],
        set_keyboard_irq: Callable[[bool], None],
        set_mouse_irq: Callable[[bool], None],
    ) -> None:
        self._power = power
        self._set_keyboard_irq = set_keyboard_irq
        self._set_mouse_irq = set_mouse_irq
        self.reset()

    def reset(self) -> None:
        self._ram = bytearray(_RAM_SIZE)
        self._ram[0] = CTR_SYSTEM | CTR_KEYBOARD_OFF | CTR_AUX_OFF
        self._output_port = OUTPUT_NOT_RESET | OUTPUT_A20
        self._status = STATUS_SYSTEM | STATUS_UNLOCKED
        # Replies that wait for the output buffer: (byte, status bits of its origin).
        self._replies: deque[tuple[int, int]] = deque()
        self._parameter_of: int | None = None
        self._data = 0
        self._update_irq()

    def read_byte(self, offset: int) -> int:
        if offset == COMMAND_PORT - DATA_PORT:
            return self._status
        if offset != 0:
            return 0xFF
        self._status &= ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT)
        self._update_irq()
        self._load_output()
        return self._data

    def write_byte(self, offset: int, value: int) -> None:
        if offset == COMMAND_PORT - DATA_PORT:
            self._status |= STATUS_COMMAND
            self._command(value)
        elif offset == 0:
            self._status &= ~STATUS_COMMAND
            self._data_written(value)

    def _command(self, command: int) -> None:
        self._parameter_of = None
        if 0x20 <= command <= 0x3F:
            self._reply(self._ram[command & 0x1F])
        elif 0x60 <= command <= 0x7F or command in (0xD1, 0xD2, 0xD3, 0xD4):
            self._parameter_of = command
        elif command == 0xA7:
            self._ram[0] |= CTR_AUX_OFF
        elif command == 0xA8:
            self._ram[0] &= ~CTR_AUX_OFF
        elif command in (0xA9, 0xAB):
            self._reply(_CLOCK_LINE_STUCK)
        elif command == 0xAA:
            self._reply(SELF_TEST_PASSED)
        elif command == 0xAD:
            self._ram[0] |= CTR_KEYBOARD_OFF
        elif command == 0xAE:
            self._ram[0] &= ~CTR_KEYBOARD_OFF
        elif command == 0xC0:
            self._reply(0)
        elif command == 0xD0:
            self._reply(self._output_port)
        elif command >= 0xF0 and not command & OUTPUT_NOT_RESET:
            # Bits 0 to 3 that are clear pulse the output port's lines low.
            self._power(PowerRequest.RESET)

    def _data_written(self, value: int) -> None:
        command, self._parameter_of = self._parameter_of, None
        if command is None:
            self._reply(RESEND, STATUS_TIMEOUT)
        elif 0x60 <= command <= 0x7F:
            self._ram[command & 0x1F] = value
            self._update_irq()
        elif command == 0xD1:
            self._output_port = value
            if not value & OUTPUT_NOT_RESET:
                self._power(PowerRequest.RESET)
        elif command == 0xD4:
            self._reply(RESEND, STATUS_AUX | STATUS_TIMEOUT)
        else:
            # 0xD2; and 0xD3, whose byte a controller without a mouse port puts out as the keyboard's.
            self._reply(value)

    def _reply(self, value: int, origin: int = 0) -> None:
        if len(self._replies) < _RAM_SIZE:
            self._replies.append((value, origin))
        self._load_output()

    def _load_output(self) -> None:
        if self._replies and not self._status & STATUS_OBF:
            self._data, origin = self._replies.popleft()
            self._status |= STATUS_OBF | origin
            self._update_irq()

    def _update_irq(self) -> None:
        full = bool(self._status & STATUS_OBF)
        aux = bool(self._status & STATUS_AUX)
        self._set_keyboard_irq(full and not aux and bool(self._ram[0] & CTR_KEYBOARD_IRQ))
        self._set_mouse_irq(full and aux and bool(self._ram[0] & CTR_AUX_IRQ))


class _Port(ByteRegisters):
    """One of the controller's two ports: the port between them, 0x61, belongs to the PIT."""

    def __init__(self, controller: I8042, offset: int) -> None:
        self._controller = controller
        self._offset = offset

    def read_byte(self, offset: int) -> int:
        return self._controller.read_byte(self._offset)

    def write_byte(self, offset: int, value: int) -> None:
        self._controller.write_byte(self._offset, value)


def attach(platform: Platform) -> list[I8042]:
    controller = I8042(platform.power, platform.irq(KEYBOARD_IRQ), platform.irq(MOUSE_IRQ))
    for port in (DATA_PORT, COMMAND_PORT):
        platform.bus.ports.add(port, 1, _Port(controller, port - DATA_PORT))
    return [controller]
