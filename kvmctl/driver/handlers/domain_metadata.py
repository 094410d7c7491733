"""virDomain: title, description and the elements that other programs keep with a domain."""

from copy import deepcopy
from dataclasses import replace

from lxml import etree

from kvmctl.domain import Domain, source
from kvmctl.driver import fragments
from kvmctl.driver.constants import AffectFlags, MetadataType
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types

table = Table()

_FLAGS = AffectFlags.LIVE | AffectFlags.CONFIG


@table.answers(Procedure.DOMAIN_GET_METADATA)
def domain_get_metadata(
    driver: Driver, _connection: Connection, args: types.DomainGetMetadataArgs
) -> types.DomainGetMetadataRet:
    check_flags(args.flags, _FLAGS, "virDomainGetMetadata")
    definition = driver.find(args.dom).queried(args.flags)
    match _kind(args.type):
        case MetadataType.TITLE:
            text = definition.title
        case MetadataType.DESCRIPTION:
            text = definition.description
        case MetadataType.ELEMENT:
            text = _element_text(definition, args.uri or "")
    if text is None:
        raise failure(ErrorCode.NO_DOMAIN_METADATA, "Requested metadata element is not present")
    return types.DomainGetMetadataRet(metadata=text)


@table.answers(Procedure.DOMAIN_SET_METADATA)
async def domain_set_metadata(
    driver: Driver, _connection: Connection, args: types.DomainSetMetadataArgs
) -> None:
    check_flags(args.flags, _FLAGS, "virDomainSetMetadata")
    kind = _kind(args.type)
    text = args.metadata or None
    if kind is MetadataType.TITLE and text and "\n" in text:
        raise failure(ErrorCode.INVALID_ARG, "metadata title can't contain newlines")
    element = None
    if kind is MetadataType.ELEMENT:
        if not args.uri:
            raise failure(ErrorCode.INVALID_ARG, "uri in virDomainSetMetadata must not be NULL")
        if text:
            if not args.key:
                raise failure(ErrorCode.INVALID_ARG, "key in virDomainSetMetadata must not be NULL")
            element = _with_namespace(fragments.load(text, "metadata_xml"), args.key, args.uri)

    def changed(definition: Domain) -> Domain:
        match kind:
            case MetadataType.TITLE:
                return replace(definition, title=text)
            case MetadataType.DESCRIPTION:
                return replace(definition, description=text)
            case _:
                return _with_element(definition, args.uri or "", element)

    domain = driver.find(args.dom)
    await driver.definitions.reconfigure(domain, args.flags, changed)
    driver.events.metadata_change(domain, kind, args.uri if kind is MetadataType.ELEMENT else None)


def _kind(number: int) -> MetadataType:
    try:
        return MetadataType(number)
    except ValueError:
        raise failure(ErrorCode.INVALID_ARG, f"unknown metadata type '{number}'") from None


# <metadata>: one element a namespace (formatdomain, "General metadata")


def _root(definition: Domain) -> etree._Element:
    if definition.metadata is None:
        return etree.Element("metadata")
    return source.load(definition.metadata)


def _find(root: etree._Element, uri: str) -> etree._Element | None:
    return next((child for child in root if _namespace(child) == uri), None)


def _namespace(element: etree._Element) -> str | None:
    return etree.QName(element).namespace if isinstance(element.tag, str) else None


def _with_namespace(element: etree._Element, key: str, uri: str) -> etree._Element:
    """The element and what is in it, under the caller's prefix where it has no namespace of its own."""
    try:
        made = etree.Element(_qualified(element, uri), nsmap={key: uri, **_prefixed(element)})
    except ValueError as error:
        raise failure(ErrorCode.INTERNAL_ERROR, "failed to validate prefix for metadata XML") from error
    made.text = element.text
    for name, value in element.attrib.items():
        made.set(name, value)
    made.extend(element)
    for inner in made.iterdescendants():
        if isinstance(inner.tag, str):
            inner.tag = _qualified(inner, uri)
    return made


def _qualified(element: etree._Element, uri: str) -> str:
    tag = str(element.tag)
    return tag if tag.startswith("{") else f"{{{uri}}}{tag}"


def _prefixed(element: etree._Element) -> dict[str, str]:
    return {prefix: uri for prefix, uri in element.nsmap.items() if prefix is not None}


def _with_element(definition: Domain, uri: str, element: etree._Element | None) -> Domain:
    root = _root(definition)
    old = _find(root, uri)
    if old is not None:
        root.remove(old)
    if element is not None:
        root.append(deepcopy(element))
    if not len(root):
        return replace(definition, metadata=None)
    return replace(definition, metadata=etree.tostring(root, encoding="unicode"))


def _element_text(definition: Domain, uri: str) -> str | None:
    """As the caller gave it: without the namespace that it was given."""
    element = _find(_root(definition), uri)
    if element is None:
        return None
    copied = deepcopy(element)
    copied.tail = None
    for inner in copied.iter():
        if isinstance(inner.tag, str) and _namespace(inner) == uri:
            inner.tag = etree.QName(inner).localname
    etree.cleanup_namespaces(copied)
    return etree.tostring(copied, encoding="unicode")
