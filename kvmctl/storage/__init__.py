"""Storage: pools and volumes as typed models, from XML and back (libvirt, docs/formatstorage)."""

from kvmctl.storage.document import LARGEST, format, parse_pool, parse_volume
from kvmctl.storage.model import Pool, Volume

__all__ = ["LARGEST", "Pool", "Volume", "format", "parse_pool", "parse_volume"]
