"""The split virtqueue: its layout as the driver says it, and the engine's queue that serves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kvmctl.vmm.engine.ring import MAX_SIZE, Chain, QueueError, SplitQueue

__all__ = [
    "DESC_INDIRECT",
    "DESC_NEXT",
    "DESC_WRITE",
    "MAX_SIZE",
    "Chain",
    "QueueError",
    "QueueLayout",
    "SplitQueue",
]

# Flags of a descriptor (virtio 1.2, 2.7.5)
DESC_NEXT: Final = 1
DESC_WRITE: Final = 2
DESC_INDIRECT: Final = 4


@dataclass(frozen=True, slots=True)
class QueueLayout:
    """What the driver said of a queue."""

    size: int
    descriptors: int
    available: int
    used: int
    event_index: bool
    indirect: bool
