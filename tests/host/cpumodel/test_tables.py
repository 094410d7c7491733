"""Our tables of features and models against those that libvirt installs."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from kvmctl.host.cpumodel import FEATURES, MODELS, NOT_MIGRATABLE
from kvmctl.host.cpumodel.features import Place, from_linux

CPU_MAP = Path("/usr/share/libvirt/cpu_map")

pytestmark = pytest.mark.skipif(
    not CPU_MAP.exists(), reason=f"{CPU_MAP} is missing (libvirt-daemon-config-network, libvirt-common)"
)


def _bits(feature: etree._Element) -> set[tuple[Place, int]]:
    found = set()
    for row in feature.iterchildren("cpuid", "msr"):
        for register in ("eax", "ebx", "ecx", "edx"):
            value = int(row.get(register, "0"), 16)
            place = (
                Place.of_msr(int(row.get("index", "0"), 16), register)
                if row.tag == "msr"
                else Place(int(row.get("eax_in", "0"), 16), int(row.get("ecx_in", "0"), 16), register)
            )
            found |= {(place, bit) for bit in range(32) if value >> bit & 1}
    return found


def test_every_feature_is_the_same_bit() -> None:
    root = etree.parse(CPU_MAP / "x86_features.xml").getroot()
    for element in root.iter("feature"):
        ours = FEATURES[str(element.get("name"))]
        assert _bits(element) == {(ours.place, ours.bit)}, element.get("name")


def test_what_cannot_migrate_cannot_for_libvirt() -> None:
    root = etree.parse(CPU_MAP / "x86_features.xml").getroot()
    theirs = {element.get("name") for element in root.iter("feature") if element.get("migratable") == "no"}
    assert theirs >= NOT_MIGRATABLE


def test_every_model_has_the_same_features() -> None:
    seen = 0
    for path in CPU_MAP.glob("x86_*.xml"):
        model = etree.parse(path).getroot().find("model")
        if model is None:
            continue
        seen += 1
        ours = MODELS[str(model.get("name"))]
        features = {row.get("name") for row in model.iter("feature") if row.get("removed") != "yes"}
        assert ours.features == features, ours.name
        vendor = model.find("vendor")
        assert ours.vendor == (None if vendor is None else vendor.get("name"))
        for signature in model.iter("signature"):
            first = int(signature.get("stepping", "0").partition("-")[0])
            assert ours.signs(int(signature.get("family", "")), int(signature.get("model", "")), first)
    assert seen == len(MODELS)


def test_features_by_the_names_of_linux() -> None:
    flags = ["sse4_1", "pclmulqdq", "avx512_vpopcntdq", "tsc_known_freq", "ibrs", "sha_ni"]
    assert from_linux(flags) == {"sse4.1", "pclmuldq", "avx512-vpopcntdq", "sha-ni"}
