"""All that is wrong with a document, at once and with its lines."""

import time
from pathlib import Path

import pytest
from hypothesis import given

import kvmctl.domain
from kvmctl.domain import DomainError, ErrorKind, examine
from kvmctl.domain.reader import MOST_ERRORS
from tests.domain.documents import FULL, SMALL, small
from tests.domain.strategies import changed_documents


def _line(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if part in line)


@pytest.mark.parametrize("text", [FULL, SMALL])
def test_a_good_document_has_no_findings(text: str) -> None:
    assert examine(text) == []


def test_names_values_and_meaning_in_one_list() -> None:
    changes = {
        "cpuset='0-3,8' current": "cpuset='x' current",
        "<period>100000</period>": "<period>1</period>",
        "<apic eoi='off'/>": "<apic foo='on'/><viridian/><foo/>",
        "<vcpupin vcpu='1' ": "<vcpupin vcpu='0' ",
        "<target port='1'/>": "<target port='0'/>",
        "<seclabel type='none' model='none'/>": "<seclabel type='static'/>",
    }
    text = FULL
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    found = examine(text)
    assert [(finding.kind, finding.path) for finding in found] == [
        (ErrorKind.INVALID_ARG, "/domain/vcpu/@cpuset"),
        (ErrorKind.CONFIG_UNSUPPORTED, "/domain/cputune/period"),
        (ErrorKind.XML_ERROR, "/domain/cputune/vcpupin[2]/@vcpu"),
        (ErrorKind.XML_DETAIL, "/domain/features/apic/@foo"),
        (ErrorKind.CONFIG_UNSUPPORTED, "/domain/features/viridian"),
        (ErrorKind.XML_DETAIL, "/domain/features/foo"),
        (ErrorKind.XML_ERROR, "/domain/devices/serial[2]/target/@port"),
        (ErrorKind.CONFIG_UNSUPPORTED, "/domain/seclabel/@type"),
    ]
    marks = ["cpuset='x'", "<period>1<", "<vcpupin vcpu='0' cpuset='1", "apic foo", "apic foo", "apic foo"]
    for finding, mark in zip(found, [*marks, "<target port='0'/>", "type='static'"], strict=True):
        assert finding.line == _line(text, mark)
    assert all("line" not in finding.message for finding in found)


def test_everything_that_is_missing_is_said() -> None:
    assert [finding.message for finding in examine("<domain type='kvm'/>")] == [
        "missing element 'name'",
        "missing element 'os'",
    ]


def test_places_after_an_item_that_cannot_be_read() -> None:
    ports = ["<serial type='tcp'/>", *["<serial type='pty'><target port='1'/></serial>"] * 2]
    found = examine(small(devices="\n".join(ports)))
    assert [(finding.path, finding.line) for finding in found] == [
        ("/domain/devices/serial/@type", 1),
        ("/domain/devices/serial[3]/target/@port", 3),
    ]


def test_a_text_that_is_no_document() -> None:
    (finding,) = examine("<domain>\n <name>g</nam>\n</domain>")
    assert (finding.kind, finding.line) == (ErrorKind.XML_ERROR, 2)


def test_a_document_with_too_many_mistakes_takes_little_time() -> None:
    start = time.monotonic()
    assert len(examine(small("<titel/>" * 100_000))) == MOST_ERRORS + 1
    assert time.monotonic() - start < 10


def test_files_that_a_start_would_miss(tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.touch()
    devices = [
        f"<disk type='file'><source file='{there}'/><target dev='vda'/></disk>",
        "<disk type='file'><source file='/nowhere/disk'/><target dev='vdb'/></disk>",
        "<filesystem><driver type='virtiofs'/><source dir='/nowhere/share'/><target dir='a'/></filesystem>",
        "<rng model='virtio'><backend model='random'>/nowhere/random</backend></rng>",
    ]
    text = small(devices="\n".join(devices))
    assert {finding.kind for finding in examine(text, on_this_host=True)} == {ErrorKind.SYSTEM_ERROR}
    found = examine(text, on_this_host=True)[-3:]
    assert [(finding.message, finding.path, finding.line) for finding in found] == [
        ("disk '/nowhere/disk' is not on this host", "/domain/devices/disk[2]", 2),
        ("directory '/nowhere/share' is not on this host", "/domain/devices/filesystem", 3),
        ("random number source '/nowhere/random' is not on this host", "/domain/devices/rng", 4),
    ]
    assert examine(text) == []


@given(changed_documents())
def test_the_api_and_the_list_agree(text: str) -> None:
    found = examine(text)
    try:
        kvmctl.domain.parse(text)
    except DomainError as error:
        assert any((one.kind, one.path) == (error.kind, error.path) for one in found)
    else:
        assert found == []
