"""The domain: typed model, XML to model, model to XML, validation (schema, then meaning), defaults."""

from kvmctl.domain.addresses import with_addresses
from kvmctl.domain.aliases import with_aliases
from kvmctl.domain.defaults import with_defaults
from kvmctl.domain.document import examine, format, parse, validate
from kvmctl.domain.errors import DomainError, ErrorKind, Finding
from kvmctl.domain.files import missing_files
from kvmctl.domain.live import inactive, migratable
from kvmctl.domain.meaning.resources import MOST_VCPUS
from kvmctl.domain.model import (
    Chardev,
    ChardevLog,
    Clock,
    Controller,
    Devices,
    Disk,
    Domain,
    Interface,
    Memballoon,
    Os,
    Present,
    Quirks,
    Rng,
)

__all__ = [
    "MOST_VCPUS",
    "Chardev",
    "ChardevLog",
    "Clock",
    "Controller",
    "Devices",
    "Disk",
    "Domain",
    "DomainError",
    "ErrorKind",
    "Finding",
    "Interface",
    "Memballoon",
    "Os",
    "Present",
    "Quirks",
    "Rng",
    "examine",
    "format",
    "inactive",
    "migratable",
    "missing_files",
    "parse",
    "validate",
    "with_addresses",
    "with_aliases",
    "with_defaults",
]
