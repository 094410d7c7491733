"""libvirt's own domain documents: each is accepted and survives a round trip, or refused by name."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Final

import pytest
from lxml import etree

from kvmctl.domain import Domain, DomainError, Finding, examine, format, parse, with_defaults
from tests.domain import libvirt_source

ACCEPTED_AT_LEAST: Final = {"as written": 31, "as type='kvm'": 54}
"""How many of libvirt 9.0's documents are accepted. These numbers only rise.

Most of the documents are of type='qemu', which kvmctl refuses first of all; as type='kvm' the same documents
show what else they have that kvmctl lacks.
"""
WRITTEN_ALIKE_AT_LEAST: Final = 12
"""How many of them kvmctl completes and writes as libvirt's driver for QEMU does. This number only rises."""
_WRITTEN_OTHERWISE: Final = {
    "cpu-check-default-none.xml": "the QEMU that libvirt's test is given has no migratable='on'",
    "cpu-check-default-none2.xml": "an emulated processor, which libvirt compares with no host's",
}

_EMULATED = re.compile(rb"(<domain\b[^>]*\btype=)(['\"])qemu\2")
_OTHER_ARCHITECTURE = re.compile(rb"\barch=['\"](?!x86_64['\"])")

_LACKING = re.compile(
    r"/domain/devices(?:/|$)|/domain/os/(?:loader|nvram|@firmware|firmware|acpi)\b"
    r"|/domain/os/type/@machine|/domain/maxMemory|/domain/launchSecurity|/domain/qemu:"
)
"""Devices, memory modules, firmware and machines that kvmctl does not have, and QEMU's own options."""

_REFUSED_RIGHTLY: Final = {
    "cpu-cache-emulate-l2.xml": "libvirt refuses it too",
    "cpu-cache-passthrough-l3.xml": "libvirt refuses it too",
    "cpu-cache-passthrough3.xml": "libvirt refuses it too",
    "cpu-numa3.xml": "libvirt refuses it too",
    "cpu-phys-bits-emulate3.xml": "libvirt refuses it too",
    "cpu-phys-bits-passthrough2.xml": "libvirt refuses it too",
    "hugepages-default-5M.xml": "libvirt refuses it too: no host has such pages",
    "pseries-features-invalid-machine.xml": "libvirt refuses it too: a feature of another architecture",
    "tseg-i440fx.xml": "libvirt refuses it too, and kvmctl has no SMM",
}
"""Documents whose devices kvmctl has, and which are refused all the same."""


@pytest.fixture(scope="module")
def source() -> Path:
    try:
        return libvirt_source.directory()
    except libvirt_source.SourceUnavailable as error:
        pytest.skip(f"libvirt's source cannot be had: {error}")


@pytest.fixture(scope="module")
def corpus(source: Path) -> list[Path]:
    return sorted((source / libvirt_source.DOCUMENTS).glob("*.xml"))


def _as_kvm(text: bytes) -> bytes:
    return _EMULATED.sub(rb"\1'kvm'", text)


def _place(path: str | None) -> str:
    return re.sub(r"\[\d+\]", "", path or "")


@pytest.mark.parametrize("variant", ACCEPTED_AT_LEAST)
def test_every_document_is_accepted_or_refused_by_name(
    variant: str, corpus: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(corpus) > 1000
    accepted: list[str] = []
    reasons: Counter[str] = Counter()
    wrong: list[str] = []
    for document in corpus:
        text = document.read_bytes()
        if variant != "as written":
            text = _as_kvm(text)
        try:
            domain = parse(text)
        except DomainError as error:
            reasons[f"{error.kind.name} {_place(error.path).lstrip('/') or error.message}"] += 1
            if not error.message.strip() or not (error.path or error.line):
                wrong.append(f"{document.name}: refused without a place: {error}")
            continue
        accepted.append(document.name)
        written = format(domain)
        if parse(written) != domain or format(parse(written)) != written:
            wrong.append(f"{document.name}: changed by writing and reading")
    with capsys.disabled():
        print(f"\n{len(corpus)} documents of libvirt {variant}, {len(accepted)} accepted, refused for:")
        for reason, count in reasons.most_common():
            print(f"{count:6} {reason}")
    assert not wrong
    assert len(accepted) >= ACCEPTED_AT_LEAST[variant], accepted


def test_documents_whose_devices_kvmctl_has_are_accepted(
    corpus: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of x86_64, as type='kvm'; all findings of a document count, not only the first."""
    refused: dict[str, list[Finding]] = {}
    accepted, lacking = 0, 0
    for document in corpus:
        text = _as_kvm(document.read_bytes())
        found = examine(text)
        if _OTHER_ARCHITECTURE.search(text) or any(one.path == "/domain/@type" for one in found):
            continue
        if not found:
            accepted += 1
        elif any(_LACKING.match(one.path or "") for one in found):
            lacking += 1
        else:
            refused[document.name] = found
    with capsys.disabled():
        print(
            f"\nx86_64: {accepted} accepted, {lacking} with what kvmctl has not,"
            f" {len(refused)} refused for what they say"
        )
    assert {name: found for name, found in refused.items() if name not in _REFUSED_RIGHTLY} == {}


def test_what_libvirt_writes_of_them(
    source: Path, corpus: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Completed and written by kvmctl, and by libvirt's driver for QEMU."""
    alike, different = [], []
    for document in corpus:
        output = source / libvirt_source.OUTPUTS / document.name
        if not output.exists():
            continue
        try:
            ours = parse(_as_kvm(document.read_bytes()))
        except DomainError:
            continue
        same = _ours(ours) == _comparable(_as_kvm(output.read_bytes()))
        (alike if same else different).append(document.name)
    with capsys.disabled():
        print(f"\n{len(alike)} accepted documents are written as libvirt does, {len(different)} are not:")
        print("       " + ", ".join(different))
    assert [name for name in different if name not in _WRITTEN_OTHERWISE] == []
    assert len(alike) >= WRITTEN_ALIKE_AT_LEAST, alike


def _ours(domain: Domain) -> list[str]:
    return _comparable(format(with_defaults(domain)).encode())


_OF_THE_MACHINE: Final = ("emulator", "controller", "input", "audio", "memballoon", "address")
"""What each driver adds for its own machine: its program, its buses and their addresses, its keyboard."""


def _comparable(document: bytes) -> list[str]:
    parser = etree.XMLParser(remove_blank_text=True, remove_comments=True)
    root = etree.fromstring(document, parser)
    for element in list(root.iterfind("devices//*")):
        parent = element.getparent()
        if element.tag in _OF_THE_MACHINE and parent is not None:
            parent.remove(element)
    return etree.tostring(root, pretty_print=True, encoding="unicode").splitlines()
