"""Storage pools of the daemon: directories of image files."""

from kvmctl.driver.storage.pools import PoolObject, Pools

__all__ = ["PoolObject", "Pools"]
