"""The RELAX NG of the domain XML that kvmctl runs (schemas/domain.rng): a second look after the reader's."""

import threading
from importlib.resources import files
from pathlib import Path

from lxml import etree

from kvmctl.domain.errors import DomainError, ErrorKind

_threads = threading.local()


def schema_file() -> Path:
    return Path(str(files("kvmctl"))) / "schemas" / "domain.rng"


def _schema() -> etree.RelaxNG:
    """One compiled schema a thread: a validator keeps its last errors in itself."""
    schema: etree.RelaxNG | None = getattr(_threads, "schema", None)
    if schema is None:
        schema = _threads.schema = etree.RelaxNG(file=str(schema_file()))
    return schema


def check(root: etree._Element) -> None:
    schema = _schema()
    if not schema.validate(root):
        entries = list(schema.error_log)
        # The validator reports an element that holds a mistake without a line, and before the mistake itself.
        entry = next((entry for entry in entries if entry.line), entries[0])
        line = entry.line or None
        message = f"{entry.message} ({entry.path}" + (f", line {line})" if line else ")")
        raise DomainError(ErrorKind.XML_DETAIL, message, line=line, path=entry.path)
