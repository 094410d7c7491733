"""Our schema, our declarations and libvirt's schema agree."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from lxml import etree

import kvmctl.domain
from kvmctl.domain import Domain, known
from kvmctl.domain.binding import known_places
from kvmctl.domain.names import NAMESPACE
from kvmctl.domain.schema import schema_file
from tests.domain.documents import FULL, SMALL
from tests.domain.known_names import table
from tests.domain.rng_documents import Schema
from tests.domain.strategies import changed_documents, domains

LIBVIRT_SCHEMAS = Path("/usr/share/libvirt/schemas")
OURS = etree.RelaxNG(file=str(schema_file()))
needs_libvirts_schema = pytest.mark.skipif(
    not (LIBVIRT_SCHEMAS / "domain.rng").exists(), reason=f"{LIBVIRT_SCHEMAS}/domain.rng is missing"
)


@pytest.fixture(scope="module")
def libvirts() -> etree.RelaxNG:
    return etree.RelaxNG(file=str(LIBVIRT_SCHEMAS / "domain.rng"))


def test_the_schema_has_the_places_that_the_declarations_have() -> None:
    assert Schema(schema_file()).places() == set(known_places(Domain, "domain"))


def test_every_declared_place_is_libvirts() -> None:
    places = [place for place in known_places(Domain, "domain") if NAMESPACE not in place]
    assert [place for place in places if not known.is_known(place)] == []


@needs_libvirts_schema
def test_the_known_names_are_those_of_libvirt_9_0() -> None:
    version = subprocess.run(["virsh", "--version"], capture_output=True, text=True, check=False).stdout
    if not version.startswith("9.0."):
        pytest.skip(f"the table is of libvirt 9.0, installed is {version.strip() or 'none'}")
    known_file = Path(known.__file__).with_name("known.txt")
    assert known_file.read_text("ascii") == table(LIBVIRT_SCHEMAS)


@pytest.mark.parametrize("text", [FULL, SMALL])
def test_the_examples_are_valid(text: str) -> None:
    OURS.assertValid(etree.fromstring(text))


@given(domains())
def test_what_is_written_is_valid(domain: Domain) -> None:
    OURS.assertValid(etree.fromstring(kvmctl.domain.format(domain, live=True)))


@needs_libvirts_schema
@given(domain=domains())
def test_what_is_written_is_valid_for_libvirt(libvirts: etree.RelaxNG, domain: Domain) -> None:
    libvirts.assertValid(_for_libvirt(etree.fromstring(kvmctl.domain.format(domain, live=True))))


@needs_libvirts_schema
@given(root=Schema(schema_file()).documents())
def test_what_the_schema_says_is_valid_for_libvirt(libvirts: etree.RelaxNG, root: etree._Element) -> None:
    OURS.assertValid(root)
    libvirts.assertValid(_for_libvirt(root))


@needs_libvirts_schema
@given(text=changed_documents())
def test_what_the_schema_accepts_is_valid_for_libvirt(libvirts: etree.RelaxNG, text: str) -> None:
    root = etree.fromstring(text)
    if OURS.validate(root):
        libvirts.assertValid(_for_libvirt(root))


ORDER = {place: number for number, place in enumerate(known_places(Domain, "domain"))}


def _for_libvirt(root: etree._Element) -> etree._Element:
    """Without the elements that are ours only, and in libvirt's order."""
    for child in root.findall(f"{{{NAMESPACE}}}*"):
        root.remove(child)
    return _ordered(root)


def _ordered(element: etree._Element, path: str = "domain") -> etree._Element:
    """As libvirt writes it: libxml2 does not find elements of libvirt's nested lists that stand apart."""
    children = list(element)
    if all(f"{path}/{child.tag}" in ORDER for child in children):
        element[:] = sorted(children, key=lambda child: ORDER[f"{path}/{child.tag}"])
        for child in children:
            _ordered(child, f"{path}/{child.tag}")
    return element


@pytest.mark.skipif(shutil.which("virt-xml-validate") is None, reason="virt-xml-validate is not installed")
@needs_libvirts_schema
@pytest.mark.parametrize("live", [False, True])
def test_virt_xml_validate(tmp_path: Path, live: bool) -> None:
    file = tmp_path / "guest.xml"
    domain = kvmctl.domain.with_defaults(kvmctl.domain.parse(FULL))
    file.write_text(kvmctl.domain.format(domain, live=live), "utf-8")
    result = subprocess.run(
        ["virt-xml-validate", str(file), "domain"], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr
