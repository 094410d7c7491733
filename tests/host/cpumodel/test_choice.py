"""Which features a guest gets, and what is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmctl.host import kvm
from kvmctl.host.cpumodel import (
    FEATURES,
    MODELS,
    CpuError,
    HostCpu,
    Wish,
    choose,
    closest,
    described,
    guest_entries,
    guest_msrs,
)
from kvmctl.host.cpumodel.choice import OURS, decode_signature, encode_signature
from kvmctl.host.cpumodel.features import present
from tests.host.cpumodel.hosts import host, icelake


def custom(model: str, **policies: str) -> Wish:
    named = {name.replace("__", "."): policy for name, policy in policies.items()}
    return Wish(mode="custom", model=model, check="partial", policies=named)


def test_a_model_is_its_features() -> None:
    choice = choose(custom("Nehalem"), icelake())
    assert choice.features == MODELS["Nehalem"].features | {"x2apic", "hypervisor"}
    shown = present(guest_entries(choice, icelake()), {})
    assert shown - OURS == choice.features - OURS


def test_missing_features_are_named() -> None:
    lacking = host(MODELS["Haswell-noTSX"].features)
    with pytest.raises(CpuError, match=r"does not provide required features: .*avx512bw, avx512cd"):
        choose(custom("Skylake-Server", mpx="disable"), lacking)
    with pytest.raises(CpuError, match=r"required features: sha-ni$"):
        choose(Wish(policies={"sha-ni": "require", "avx2": "require"}), lacking)


def test_without_a_check_only_what_is_required_counts() -> None:
    lacking = host(MODELS["Nehalem"].features)
    wish = Wish(mode="custom", model="Westmere", check="none")
    assert "aes" not in choose(wish, lacking).features
    strict = Wish(mode="custom", model="Westmere", check="none", policies={"aes": "require"})
    with pytest.raises(CpuError, match="aes"):
        choose(strict, lacking)


def test_policies() -> None:
    wish = custom(
        "Westmere", aes="disable", avx2="optional", xop="optional", rdpid="require", tbm="force", lwp="forbid"
    )
    features = choose(wish, icelake()).features
    assert features >= {"avx2", "rdpid", "tbm"}
    assert not features & {"aes", "xop", "lwp"}
    with pytest.raises(CpuError, match="has what the guest forbids: avx2"):
        choose(custom("Westmere", avx2="forbid"), icelake())


def test_matches() -> None:
    minimum = choose(Wish(mode="custom", model="Westmere", match="minimum", check="partial"), icelake())
    assert minimum.features >= icelake().features - {"invtsc"}
    with pytest.raises(CpuError, match=r"more than a strict match allows: .*avx512f"):
        choose(Wish(mode="custom", model="Westmere", match="strict", check="partial"), icelake())
    same = host(MODELS["SandyBridge"].features)
    assert choose(Wish(mode="custom", model="SandyBridge", match="strict"), same).features


def test_names_that_do_not_exist() -> None:
    with pytest.raises(CpuError, match="unknown CPU model Pentium 5"):
        choose(custom("Pentium 5"), icelake())
    with pytest.raises(CpuError, match="unknown CPU feature sse9"):
        choose(Wish(policies={"sse9": "optional"}), icelake())
    with pytest.raises(CpuError, match="not made by AMD"):
        choose(Wish(mode="custom", model="EPYC", vendor="AMD"), icelake())


def test_passthrough_is_the_host() -> None:
    real = icelake()
    choice = choose(Wish(migratable=False), real)
    assert choice.features == real.features
    kept = [entry for entry in guest_entries(choice, real) if entry.function not in (0, 1, 0xD)]
    assert kept == [entry for entry in real.entries if entry.function not in (0, 1, 0xD)]
    assert "invtsc" not in choose(Wish(), real).features


def test_a_named_model_shows_itself() -> None:
    real = icelake()
    choice = choose(custom("IvyBridge"), real)
    leaves = {(entry.function, entry.index): entry for entry in guest_entries(choice, real)}
    assert decode_signature(leaves[1, 0].eax)[:2] == (6, 58)
    brand = b"".join(
        value.to_bytes(4, "little")
        for value in (leaves[0x8000_0002, 0].eax, leaves[0x8000_0002, 0].ebx, leaves[0x8000_0002, 0].ecx)
    )
    assert brand == b"Virtual CPU "
    assert leaves[0xA, 0].eax == 0
    assert leaves[0xD, 0].eax == 0b111
    assert leaves[0xD, 0].ecx == 0x240 + 0x100
    assert (0xD, 5) not in leaves
    assert leaves[0, 0] == real.entries[0]


def test_what_kvm_does_not_list_is_not_shown() -> None:
    """Programs have it on some hosts all the same, but a kernel must not turn it on."""
    plain = icelake()
    real = HostCpu.of(plain.entries, plain.msrs, tsc_deadline=True, shown=["lwp", "tbm"])
    choice = choose(custom("Nehalem", lwp="require", tbm="force"), real)
    assert choice.features >= {"lwp", "tbm"}
    shown = present(guest_entries(choice, real), {})
    assert "tbm" in shown
    assert "lwp" not in shown


def test_leaves_come_with_their_feature() -> None:
    real = host(MODELS["EPYC"].features, vendor="AMD", signature=(23, 1, 2))
    for policy, shown in (("require", True), ("disable", False)):
        choice = choose(Wish(mode="custom", model="EPYC", policies={"svm": policy, "npt": "force"}), real)
        (leaf,) = (entry for entry in guest_entries(choice, real) if entry.function == 0x8000_000A)
        assert bool(leaf.ebx) == shown
        assert leaf.edx == 1


def test_without_xsave_there_is_no_leaf_of_it() -> None:
    choice = choose(custom("Westmere"), icelake())
    assert not any(entry.function == 0xD for entry in guest_entries(choice, icelake()))


def test_capability_registers_follow_the_features() -> None:
    real = host(MODELS["Cooperlake"].features)
    assert guest_msrs(choose(Wish(), real), real) == {}
    shown = guest_msrs(choose(custom("Cooperlake", **{"mds-no": "disable"}), real), real)
    assert shown[0x10A] == 0b1_0100_1011


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.family and model.found])
def test_a_host_is_told_to_be_what_it_is(name: str) -> None:
    model = MODELS[name]
    assert model.family is not None
    assert model.vendor is not None
    signature = (model.family, model.numbers[0], model.steppings[0])
    real = host(model.features, vendor=model.vendor, signature=signature)
    assert closest(real).features == model.features


@given(st.sets(st.sampled_from(sorted(FEATURES))))
def test_any_host_is_described_whole(features: set[str]) -> None:
    """A host model, said as a model and policies, is the same processor again."""
    real = host(features)
    choice = choose(Wish(mode="host-model"), real)
    model, policies = described(choice, real)
    again = choose(Wish(mode="custom", model=model, check="partial", policies=policies), real)
    assert again.features - OURS == choice.features - OURS


@given(st.integers(5, 30), st.integers(0, 255), st.integers(0, 15))
def test_signatures(family: int, number: int, stepping: int) -> None:
    if family not in range(6, 7) and family < 15:
        number &= 0xF
    assert decode_signature(encode_signature(family, number, stepping)) == (family, number, stepping)


@pytest.mark.kvm
def test_this_host() -> None:
    real = kvm.host_cpu()
    assert real.features >= {"fpu", "lm", "tsc"}
    name, _policies = described(choose(Wish(mode="host-model"), real), real)
    assert name in MODELS
    assert choose(custom("kvm64"), real).features >= {"lm", "sse2", "nx"}
