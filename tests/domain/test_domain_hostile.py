"""Documents that attack their reader: they cost little and bring nothing in from outside."""

import time
from pathlib import Path

import pytest

import kvmctl.domain
from kvmctl.domain import DomainError, ErrorKind
from kvmctl.domain.source import LARGEST_DOCUMENT
from tests.domain.documents import SMALL, small


def _refused(text: str | bytes) -> DomainError:
    start = time.monotonic()
    with pytest.raises(DomainError) as caught:
        kvmctl.domain.parse(text)
    assert time.monotonic() - start < 10
    return caught.value


def test_external_entities_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("guest")
    text = f"<!DOCTYPE domain [<!ENTITY x SYSTEM '{secret.as_uri()}'>]>{SMALL.replace('>g<', '>&x;<')}"
    assert "DOCTYPE" in str(_refused(text))


@pytest.mark.parametrize(
    "before", ["", "\ufeff", "<?xml version='1.0'?>\n", "<!-- a -->", "<?a b?> <!-- > -->\n"]
)
def test_a_document_type_is_refused_unseen(before: str) -> None:
    for text in (before + "<!DOCTYPE domain>" + SMALL, (before + "<!DOCTYPE domain>" + SMALL).encode()):
        assert _refused(text).kind is ErrorKind.XML_ERROR


def test_a_document_type_in_another_encoding() -> None:
    assert "DOCTYPE" in str(_refused(f"<!DOCTYPE domain>{SMALL}".encode("utf-16")))


def test_entities_that_multiply() -> None:
    entities = "".join(f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10))
    text = f"<!DOCTYPE domain [<!ENTITY e0 'ha'>{entities}]>{SMALL.replace('>g<', '>&e9;<')}"
    assert "DOCTYPE" in str(_refused(text))


def test_inclusions_are_names_like_others(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("<title>x</title>")
    inclusion = f"<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='{secret.as_uri()}'/>"
    assert _refused(small(inclusion)).kind is ErrorKind.XML_DETAIL
    kept = kvmctl.domain.parse(small(f"<metadata>{inclusion}</metadata>"))
    assert kept.metadata is not None and "<title>" not in kept.metadata


def test_depth_is_bounded() -> None:
    deep = "<a>" * 100_000 + "</a>" * 100_000
    for text in (deep, small(deep), small(f"<metadata>{deep}</metadata>")):
        error = _refused(text)
        assert error.kind is ErrorKind.XML_ERROR
        assert error.line == 1


def test_size_is_bounded() -> None:
    assert "larger" in str(_refused(SMALL.replace(">g<", f">{'g' * LARGEST_DOCUMENT}<")))
    assert _refused(" " * (LARGEST_DOCUMENT - 1)).kind is ErrorKind.XML_ERROR


def test_many_elements_take_time_in_proportion() -> None:
    assert "4 serial ports" in str(_refused(small(devices="<serial type='pty'/>" * 9_000)))
    assert "more than 10000 elements" in str(_refused(small(devices="<serial type='pty'/>" * 100_000)))
    assert "may appear only once" in str(_refused(small("<title>a</title>" * 100_000)))
    attributes = " ".join(f"a{number}=''" for number in range(9000))
    assert "unknown attribute" in str(_refused(small(f"<clock {attributes}/>")))


def test_sets_of_processors_take_bounded_time_and_memory() -> None:
    often = ",".join(["0-16383"] * 500_000)
    assert "cpuset" in str(_refused(small(f"<cputune><emulatorpin cpuset='{often}'/></cputune>")))
    pins = "".join(f"<vcpupin vcpu='{vcpu}' cpuset='0-16383'/>" for vcpu in range(9_000))
    assert "processors together" in str(_refused(small(f"<cputune>{pins}</cputune>")))
    cells = "<cpu><numa><cell cpus='0' memory='1024'/></numa></cpu>"
    assert "vCPUs" in str(_refused(small(f"<vcpu>4294967295</vcpu>{cells}")))
    pages = "<page size='4' nodeset='0'/>" * 9_000
    assert "overlap" in str(_refused(small(f"<memoryBacking><hugepages>{pages}</hugepages></memoryBacking>")))
