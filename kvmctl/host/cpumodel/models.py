"""The processor models that libvirt names: which features each has, and how a processor of it identifies
itself (family and model of CPUID leaf 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

VENDORS: Final = {"Intel": "GenuineIntel", "AMD": "AuthenticAMD", "Hygon": "HygonGenuine"}
"""What CPUID leaf 0 says of each."""


@dataclass(frozen=True, slots=True)
class Model:
    """`numbers` are the models of its family; without a family a model stands for no real processor."""

    name: str
    vendor: str | None
    features: frozenset[str]
    family: int | None
    numbers: tuple[int, ...]
    steppings: tuple[int, int]
    found: bool
    """Whether a host can be told to be of this model."""

    def signs(self, family: int, number: int, stepping: int) -> bool:
        first, last = self.steppings
        return self.family == family and number in self.numbers and first <= stepping <= last


@dataclass(frozen=True, slots=True)
class _Row:
    """What a model has beyond, and lacks of, an earlier one."""

    name: str
    vendor: str | None = None
    base: str | None = None
    add: str = ""
    drop: str = ""
    family: int | None = None
    numbers: tuple[int, ...] = ()
    steppings: tuple[int, int] = (0, 15)
    found: bool = True


_ROWS: Final = (
    _Row("486", add="fpu pse vme"),
    _Row("pentium", base="486", add="cx8 de mce mmx msr tsc"),
    _Row("pentium2", base="pentium", add="cmov fxsr mca mtrr pae pat pge pse36 sep"),
    _Row("pentium3", base="pentium2", add="sse"),
    _Row("pentiumpro", base="pentium3", add="apic sse2", drop="mca mtrr pse36 vme"),
    _Row("coreduo", vendor="Intel", base="pentiumpro", add="clflush mca monitor mtrr nx pni vme"),
    _Row("n270", vendor="Intel", base="coreduo", add="ssse3"),
    _Row("core2duo", vendor="Intel", base="n270", add="lm pse36 syscall"),
    _Row("qemu32", base="pentiumpro", add="pni"),
    _Row("kvm32", base="qemu32", add="clflush mca mtrr pse36"),
    _Row("cpu64-rhel5", base="kvm32", add="lm nx syscall", found=False),
    _Row("cpu64-rhel6", base="cpu64-rhel5", add="cx16 lahf_lm", found=False),
    _Row("qemu64", base="cpu64-rhel5", add="cx16 svm"),
    _Row("kvm64", base="cpu64-rhel5", add="cx16"),
    _Row("Conroe", vendor="Intel", base="cpu64-rhel5", add="lahf_lm ssse3", family=6, numbers=(15, 22)),
    _Row("Penryn", vendor="Intel", base="cpu64-rhel6", add="sse4.1 ssse3", family=6, numbers=(23, 29)),
    _Row("Nehalem", vendor="Intel", base="Penryn", add="popcnt sse4.2", family=6, numbers=(26, 30, 31, 46)),
    _Row("Nehalem-IBRS", vendor="Intel", base="Nehalem", add="spec-ctrl", family=6, numbers=(26, 30, 31, 46)),
    _Row("Westmere", vendor="Intel", base="Nehalem", add="aes", family=6, numbers=(44, 47, 37)),
    _Row("Westmere-IBRS", vendor="Intel", base="Nehalem-IBRS", add="aes", family=6, numbers=(44,)),
    _Row(
        "SandyBridge",
        vendor="Intel",
        base="Westmere",
        add="avx pclmuldq rdtscp tsc-deadline x2apic xsave",
        family=6,
        numbers=(42, 45),
    ),
    _Row("SandyBridge-IBRS", vendor="Intel", base="SandyBridge", add="spec-ctrl", family=6, numbers=(42, 45)),
    _Row(
        "IvyBridge",
        vendor="Intel",
        base="SandyBridge",
        add="erms f16c fsgsbase rdrand smep vme",
        family=6,
        numbers=(58, 62),
    ),
    _Row("IvyBridge-IBRS", vendor="Intel", base="IvyBridge", add="spec-ctrl", family=6, numbers=(58, 62)),
    _Row(
        "Haswell-noTSX",
        vendor="Intel",
        base="SandyBridge",
        add="avx2 bmi1 bmi2 erms fma fsgsbase invpcid movbe pcid smep",
        family=6,
        numbers=(60, 63, 69, 70),
    ),
    _Row(
        "Haswell-noTSX-IBRS",
        vendor="Intel",
        base="Haswell-noTSX",
        add="spec-ctrl",
        family=6,
        numbers=(60, 63, 69, 70),
    ),
    _Row("Haswell", vendor="Intel", base="Haswell-noTSX", add="hle rtm", family=6, numbers=(60, 63, 69, 70)),
    _Row("Haswell-IBRS", vendor="Intel", base="Haswell", add="spec-ctrl", family=6, numbers=(60, 63, 69, 70)),
    _Row(
        "Broadwell-noTSX",
        vendor="Intel",
        base="Haswell-noTSX",
        add="3dnowprefetch adx rdseed smap",
        family=6,
        numbers=(61, 71, 79, 86),
    ),
    _Row(
        "Broadwell-noTSX-IBRS",
        vendor="Intel",
        base="Broadwell-noTSX",
        add="spec-ctrl",
        family=6,
        numbers=(61, 71, 79, 86),
    ),
    _Row(
        "Broadwell", vendor="Intel", base="Broadwell-noTSX", add="hle rtm", family=6, numbers=(61, 71, 79, 86)
    ),
    _Row(
        "Broadwell-IBRS",
        vendor="Intel",
        base="Broadwell",
        add="spec-ctrl",
        family=6,
        numbers=(61, 71, 79, 86),
    ),
    _Row(
        "Skylake-Client",
        vendor="Intel",
        base="Broadwell",
        add="abm arat f16c mpx rdrand vme xgetbv1 xsavec xsaveopt",
        family=6,
        numbers=(94, 78, 142, 158),
    ),
    _Row(
        "Skylake-Client-IBRS",
        vendor="Intel",
        base="Skylake-Client",
        add="spec-ctrl",
        family=6,
        numbers=(94, 78, 142, 158),
    ),
    _Row(
        "Skylake-Client-noTSX-IBRS",
        vendor="Intel",
        base="Skylake-Client-IBRS",
        drop="hle rtm",
        family=6,
        numbers=(94, 78, 142, 158),
    ),
    _Row(
        "Skylake-Server",
        vendor="Intel",
        base="Skylake-Client",
        add="avx512bw avx512cd avx512dq avx512f avx512vl clwb pdpe1gb",
        family=6,
        numbers=(85,),
        steppings=(0, 4),
    ),
    _Row(
        "Skylake-Server-IBRS",
        vendor="Intel",
        base="Skylake-Server",
        add="spec-ctrl",
        family=6,
        numbers=(85,),
        steppings=(0, 4),
    ),
    _Row(
        "Skylake-Server-noTSX-IBRS",
        vendor="Intel",
        base="Skylake-Server-IBRS",
        drop="hle rtm",
        family=6,
        numbers=(85,),
        steppings=(0, 4),
    ),
    _Row(
        "Cascadelake-Server",
        vendor="Intel",
        base="Skylake-Server-IBRS",
        add="avx512vnni clflushopt ssbd",
        family=6,
        numbers=(85,),
        steppings=(5, 7),
    ),
    _Row(
        "Cascadelake-Server-noTSX",
        vendor="Intel",
        base="Skylake-Server-noTSX-IBRS",
        add="avx512vnni clflushopt ssbd",
        family=6,
        numbers=(85,),
        steppings=(5, 7),
    ),
    _Row(
        "Icelake-Client",
        vendor="Intel",
        base="Skylake-Client-IBRS",
        add=(
            "avx512-vpopcntdq avx512bitalg avx512vbmi avx512vbmi2 avx512vnni gfni pku ssbd umip vaes "
            "vpclmulqdq wbnoinvd"
        ),
        family=6,
        numbers=(126,),
    ),
    _Row(
        "Icelake-Client-noTSX",
        vendor="Intel",
        base="Icelake-Client",
        drop="hle rtm",
        family=6,
        numbers=(126,),
    ),
    _Row(
        "Icelake-Server",
        vendor="Intel",
        base="Icelake-Client",
        add="avx512bw avx512cd avx512dq avx512f avx512vl clflushopt clwb la57 pdpe1gb",
        family=6,
        numbers=(106,),
    ),
    _Row(
        "Icelake-Server-noTSX",
        vendor="Intel",
        base="Icelake-Server",
        drop="hle rtm",
        family=6,
        numbers=(106,),
    ),
    _Row(
        "Cooperlake",
        vendor="Intel",
        base="Cascadelake-Server",
        add=(
            "arch-capabilities avx512-bf16 ibrs-all mds-no pku pschange-mc-no rdctl-no "
            "skip-l1dfl-vmentry stibp taa-no"
        ),
        drop="mpx",
        family=6,
        numbers=(85,),
        steppings=(10, 11),
    ),
    _Row(
        "Snowridge",
        vendor="Intel",
        base="IvyBridge-IBRS",
        add=(
            "3dnowprefetch arat arch-capabilities cldemote clflushopt clwb core-capability gfni movbe "
            "movdir64b movdiri pdpe1gb rdseed sha-ni smap split-lock-detect ssbd umip xgetbv1 xsavec "
            "xsaveopt"
        ),
        drop="avx f16c",
        family=6,
        numbers=(134,),
    ),
    _Row("athlon", vendor="AMD", base="pentiumpro", add="3dnow 3dnowext mmxext mtrr pse36 vme"),
    _Row("phenom", vendor="AMD", base="cpu64-rhel5", add="3dnow 3dnowext fxsr_opt mmxext monitor svm"),
    _Row("Opteron_G1", vendor="AMD", base="cpu64-rhel5", family=15, numbers=(6,)),
    _Row("Opteron_G2", vendor="AMD", base="cpu64-rhel6", add="rdtscp svm", family=15, numbers=(6,)),
    _Row(
        "Opteron_G3",
        vendor="AMD",
        base="Opteron_G2",
        add="abm misalignsse popcnt sse4a",
        family=15,
        numbers=(6,),
    ),
    _Row(
        "Opteron_G4",
        vendor="AMD",
        base="Opteron_G3",
        add="3dnowprefetch aes avx fma4 pclmuldq pdpe1gb sse4.1 sse4.2 ssse3 xop xsave",
        family=21,
        numbers=(1,),
    ),
    _Row("Opteron_G5", vendor="AMD", base="Opteron_G4", add="f16c fma tbm", family=21, numbers=(2,)),
    _Row(
        "EPYC",
        vendor="AMD",
        base="Opteron_G5",
        add=(
            "adx arat avx2 bmi1 bmi2 clflushopt cr8legacy fsgsbase fxsr_opt mmxext movbe osvw rdrand "
            "rdseed sha-ni smap smep vme xgetbv1 xsavec xsaveopt"
        ),
        drop="fma4 tbm xop",
        family=23,
        numbers=(1,),
    ),
    _Row("EPYC-IBPB", vendor="AMD", base="EPYC", add="ibpb", family=23, numbers=(1,)),
    _Row(
        "EPYC-Rome",
        vendor="AMD",
        base="EPYC-IBPB",
        add="amd-stibp clwb clzero npt nrip-save perfctr_core rdpid umip wbnoinvd xsaveerptr",
        family=23,
        numbers=(49,),
    ),
    _Row(
        "EPYC-Milan",
        vendor="AMD",
        base="EPYC-Rome",
        add="amd-ssbd erms fsrm ibrs invpcid pcid pku svme-addr-chk xsaves",
        family=25,
        numbers=(1,),
    ),
    _Row("Dhyana", vendor="Hygon", base="EPYC-IBPB", drop="aes pclmuldq sha-ni", family=24, numbers=(0,)),
)


def _models() -> dict[str, Model]:
    models: dict[str, Model] = {}
    for row in _ROWS:
        inherited = models[row.base].features if row.base is not None else frozenset()
        features = (inherited | frozenset(row.add.split())) - frozenset(row.drop.split())
        models[row.name] = Model(
            row.name, row.vendor, features, row.family, row.numbers, row.steppings, row.found
        )
    return models


MODELS: Final[Mapping[str, Model]] = _models()
