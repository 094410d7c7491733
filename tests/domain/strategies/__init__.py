"""Domains and documents for property tests: a file a part of the domain."""

from tests.domain.strategies.changes import changed_documents
from tests.domain.strategies.machine import domains

__all__ = ["changed_documents", "domains"]
