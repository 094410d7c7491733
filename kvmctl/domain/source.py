"""From text to an XML tree, for text that nobody vouches for: no DTD, no entities, no network, bounded size and depth."""

import codecs
import re

from lxml import etree

from kvmctl.domain.errors import DomainError, ErrorKind

LARGEST_DOCUMENT = 10 * 1024 * 1024
"""Characters. libvirt's remote protocol carries strings of 4 MiB (REMOTE_STRING_MAX)."""

_DECLARED = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def load(text: str | bytes) -> etree._Element:
    """The document's root; DomainError says what is not well-formed, with its line and column."""
    if len(text) > LARGEST_DOCUMENT:
        raise DomainError(ErrorKind.XML_ERROR, f"the document is larger than {LARGEST_DOCUMENT} bytes")
    characters = _decode(text) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    _refuse_doctype(characters)
    try:
        document = characters.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _malformed(f"character {error.start + 1} is not a Unicode character", characters, error.start) from error
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=True,
    )
    try:
        root = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        reason = (error.msg or "no element").removesuffix(f", line {line}, column {column}").strip()
        raise DomainError(
            ErrorKind.XML_ERROR, f"line {line}, column {column}: {reason}", line=line, column=column
        ) from error
    if root.getroottree().docinfo.doctype:
        raise DomainError(ErrorKind.XML_ERROR, "a document type declaration is not allowed")
    return root


def _decode(text: bytes) -> str:
    """By its byte order mark, or by its XML declaration, or as UTF-8 (XML 1.0, appendix F)."""
    for mark, encoding in _BOMS:
        if text.startswith(mark):
            text = text[len(mark) :]
            break
    else:
        declared = _DECLARED.match(text[:200])
        encoding = declared[1].decode("ascii") if declared else "utf-8"
    try:
        return text.decode(encoding)
    except UnicodeDecodeError as error:
        raise _malformed(f"not {encoding}: {error.reason}", text[: error.start].decode("latin-1"), error.start) from error
    except (LookupError, ValueError) as error:
        raise DomainError(ErrorKind.XML_ERROR, f"the encoding '{encoding}' is not supported") from error


def _refuse_doctype(text: str) -> None:
    """A DTD is refused unseen: entities and external subsets live in it, and the domain language needs neither."""
    position = 0
    while True:
        while position < len(text) and text[position] in " \t\r\n":
            position += 1
        if text.startswith("<?", position):
            end = text.find("?>", position)
        elif text.startswith("<!--", position):
            end = text.find("-->", position + 2)
        else:
            break
        if end < 0:
            return
        position = end + 2 + text.startswith("-->", end)
    if text.startswith("<!DOCTYPE", position):
        raise _malformed("a document type declaration (DOCTYPE) is not allowed", text, position)


def _malformed(reason: str, text: str, position: int) -> DomainError:
    before = text[:position]
    line = before.count("\n") + 1
    column = position - (before.rfind("\n") + 1) + 1
    return DomainError(ErrorKind.XML_ERROR, f"line {line}, column {column}: {reason}", line=line, column=column)
