"""From text to an XML tree, for text that nobody vouches for: no DTD, no entities, no network, limits.

Depth is bounded by libxml2 itself (256 levels, xmlParserMaxDepth) while huge_tree is off.
"""

import codecs
import re
from typing import Any

from lxml import etree

from kvmctl.domain.errors import DomainError, ErrorKind

LARGEST_DOCUMENT = 8 * 1024 * 1024
"""Twice what libvirt's remote protocol carries as a string (REMOTE_STRING_MAX): our layout may be longer."""

_DECLARED = re.compile(rb"""<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ENCODINGS = re.compile(r"utf-8|utf-16(-le|-be)?|ascii|iso8859-[0-9]+|cp125[0-9]")
"""As Python names them: character sets only, none of its codecs for other purposes."""
_SPACE = re.compile(r"[ \t\r\n]*")


def load(text: str | bytes) -> etree._Element:
    """The document's root; DomainError says what is not well-formed, with its line and column."""
    if len(text) > LARGEST_DOCUMENT:
        raise DomainError(ErrorKind.XML_ERROR, f"the document is larger than {LARGEST_DOCUMENT} bytes")
    characters = _decode(text) if isinstance(text, bytes) else text.removeprefix("\ufeff")
    _refuse_doctype(characters)
    try:
        document = characters.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _malformed("half of a surrogate pair is no character", characters, error.start) from error
    # Comments and CDATA sections are kept for <metadata>, which is returned as it came.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        strip_cdata=False,
    )
    try:
        root: etree._Element = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise _syntax_error(error) from error
    information: Any = root.getroottree().docinfo
    if information.doctype:
        raise DomainError(ErrorKind.XML_ERROR, "a document type declaration (DOCTYPE) is not allowed", line=1)
    return root


def _syntax_error(error: etree.XMLSyntaxError) -> DomainError:
    line, column = error.position
    # libxml2 quotes some of the text, with its lines.
    reason = (
        (error.msg or "no element").partition("\n")[0].removesuffix(f", line {line}, column {column}").strip()
    )
    message = f"line {line}, column {column}: {reason}"
    return DomainError(ErrorKind.XML_ERROR, message, line=line, column=column)


def _decode(text: bytes) -> str:
    """By its byte order mark, or by its XML declaration, or as UTF-8 (XML 1.0, appendix F)."""
    mark, encoding = next((bom for bom in _BOMS if text.startswith(bom[0])), (b"", ""))
    if not encoding:
        declared = _DECLARED.match(text[:200])
        encoding = declared[1].decode("ascii") if declared else "utf-8"
    text = text[len(mark) :]
    try:
        supported = _ENCODINGS.fullmatch(codecs.lookup(encoding).name)
    except LookupError:
        supported = None
    if not supported:
        raise DomainError(ErrorKind.XML_ERROR, f"the encoding '{encoding}' is not supported", line=1)
    try:
        return text.decode(encoding)
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("latin-1")
        raise _malformed(f"not {encoding}: {error.reason}", before, len(before)) from error


def _refuse_doctype(text: str) -> None:
    """A DTD is refused unseen: entities and external subsets live in it, and no domain needs either."""
    position = 0
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        if text.startswith("<?", position):
            end, closing = text.find("?>", position), "?>"
        elif text.startswith("<!--", position):
            end, closing = text.find("-->", position + 4), "-->"
        else:
            break
        if end < 0:
            return
        position = end + len(closing)
    if text.startswith("<!DOCTYPE", position):
        raise _malformed("a document type declaration (DOCTYPE) is not allowed", text, position)


def _malformed(reason: str, text: str, position: int) -> DomainError:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    message = f"line {line}, column {column}: {reason}"
    return DomainError(ErrorKind.XML_ERROR, message, line=line, column=column)
