"""The host ends of character devices, made from their open files."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading

from kvmctl.vmm.chardev import FdChardev, open_pty
from kvmctl.vmm.resources import CharFiles
from kvmctl.vmm.socketchardev import SocketChardev

CharPort = FdChardev | SocketChardev


def open_port(
    label: str, loop: asyncio.AbstractEventLoop, device_lock: threading.RLock, files: CharFiles
) -> CharPort:
    if stat.S_ISSOCK(os.fstat(files.out_fd).st_mode):
        return SocketChardev(label, loop, device_lock, socket.socket(fileno=files.out_fd), files.log_fd)
    if files.in_fd == files.out_fd:
        return open_pty(label, loop, device_lock, files.out_fd, files.log_fd)
    if files.in_fd is None:
        os.set_blocking(files.out_fd, False)
    return FdChardev(
        label,
        loop,
        device_lock,
        out_fd=files.out_fd,
        in_fd=files.in_fd,
        log_fd=files.log_fd,
        filename="stdio" if files.in_fd is not None else "file",
    )
