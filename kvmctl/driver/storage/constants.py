"""Numbers of libvirt's storage API (include/libvirt/libvirt-storage.h)."""

from enum import IntEnum, IntFlag


class PoolState(IntEnum):
    INACTIVE = 0
    RUNNING = 2


class PoolListFlags(IntFlag):
    INACTIVE = 1 << 0
    ACTIVE = 1 << 1
    PERSISTENT = 1 << 2
    TRANSIENT = 1 << 3
    AUTOSTART = 1 << 4
    NO_AUTOSTART = 1 << 5
    DIR = 1 << 6


OTHER_POOL_TYPES = sum(1 << bit for bit in range(7, 20))
"""Kinds of pools that clients may ask for and that this daemon has none of."""


class PoolCreateFlags(IntFlag):
    WITH_BUILD = 1 << 0
    WITH_BUILD_OVERWRITE = 1 << 1
    WITH_BUILD_NO_OVERWRITE = 1 << 2


class PoolBuildFlags(IntFlag):
    NO_OVERWRITE = 1 << 2
    OVERWRITE = 1 << 3


class VolumeType(IntEnum):
    FILE = 0
