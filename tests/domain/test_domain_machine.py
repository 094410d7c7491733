"""The machine's parts: sets of processors, and what their values must mean together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvmctl.domain
from kvmctl.domain import DomainError, ErrorKind
from kvmctl.domain.codecs import BadValueError
from kvmctl.domain.cpuset import CPU_SET, MOST_CPUS
from tests.domain.documents import small

WRONG = ErrorKind.XML_ERROR
UNKNOWN = ErrorKind.XML_DETAIL
UNSUPPORTED = ErrorKind.CONFIG_UNSUPPORTED


@given(st.frozensets(st.integers(0, MOST_CPUS - 1), min_size=1, max_size=40))
def test_sets_round_trip(numbers: frozenset[int]) -> None:
    text = CPU_SET.format(numbers)
    assert CPU_SET.parse(text) == numbers
    assert CPU_SET.format(CPU_SET.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("0-3,^2,8", "0-1,3,8"),
        ("3,2,1,0", "0-3"),
        ("^0,0", "0"),
        ("5,5-5", "5"),
        ("0-7,^1", "0,2-7"),
        ("16383", "16383"),
    ],
)
def test_sets_are_written_as_libvirt_does(text: str, written: str) -> None:
    assert CPU_SET.format(CPU_SET.parse(text)) == written


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", ErrorKind.INVALID_ARG),
        ("a", ErrorKind.INVALID_ARG),
        ("-1", ErrorKind.INVALID_ARG),
        ("3-1", ErrorKind.INVALID_ARG),
        ("1,", ErrorKind.INVALID_ARG),
        ("1 ", ErrorKind.INVALID_ARG),
        ("^1-3", ErrorKind.INVALID_ARG),
        ("16384", ErrorKind.INVALID_ARG),
        ("0-999999999", ErrorKind.INVALID_ARG),
        ("9" * 1000, ErrorKind.INVALID_ARG),
        ("0,^0", UNSUPPORTED),
    ],
)
def test_what_is_no_set(text: str, kind: ErrorKind) -> None:
    with pytest.raises(BadValueError) as caught:
        CPU_SET.parse(text)
    assert caught.value.kind is kind


def _cells(*cells: str) -> str:
    return f"<vcpu>4</vcpu><cpu><numa>{''.join(cells)}</numa></cpu>"


HALVES = ("<cell id='0' cpus='0-1' memory='512'/>", "<cell id='1' cpus='2-3' memory='512'/>")
NUMA = "/domain/cpu/numa"


@pytest.mark.parametrize(
    ("more", "kind", "path", "message"),
    [
        (
            "<vcpu>4</vcpu><cpu><topology sockets='1' cores='3' threads='1'/></cpu>",
            UNSUPPORTED,
            "/domain/cpu/topology",
            "doesn't match maximum vcpu count",
        ),
        (
            "<cpu mode='custom'><model>a</model><feature policy='require' name='x'/>"
            "<feature policy='disable' name='x'/></cpu>",
            WRONG,
            "/domain/cpu/feature[2]",
            "'x' specified more than once",
        ),
        (
            "<cpu><feature policy='require' name='x'/></cpu>",
            WRONG,
            "/domain/cpu/feature",
            "without CPU model",
        ),
        ("<cpu><vendor>Intel</vendor></cpu>", WRONG, "/domain/cpu/vendor", "without CPU model"),
        (
            "<cpu mode='host-model' migratable='on'/>",
            UNSUPPORTED,
            "/domain/cpu/@migratable",
            "only allowed",
        ),
        (
            "<cpu mode='host-model'><cache mode='passthrough'/></cpu>",
            UNSUPPORTED,
            "/domain/cpu/cache/@mode",
            "'host-passthrough'",
        ),
        ("<cpu><cache mode='emulate'/></cpu>", UNSUPPORTED, "/domain/cpu/cache", "level='3'"),
        ("<cpu><cache mode='disable' level='3'/></cpu>", UNSUPPORTED, "/domain/cpu/cache/@level", "level"),
        ("<cpu><maxphysaddr mode='emulate'/></cpu>", UNSUPPORTED, "/domain/cpu/maxphysaddr", "bits"),
        (
            "<cpu><maxphysaddr mode='passthrough' bits='40'/></cpu>",
            UNSUPPORTED,
            "/domain/cpu/maxphysaddr/@bits",
            "address bits",
        ),
        (_cells(HALVES[0]), UNSUPPORTED, NUMA, "vCPUs 2-3 are in no NUMA cell"),
        (_cells("<cell cpus='0-3' memory='512'/>"), WRONG, NUMA, "512 KiB together"),
        (_cells(HALVES[0], HALVES[0]), WRONG, f"{NUMA}/cell[2]/@id", "Duplicate"),
        (
            _cells(HALVES[0], HALVES[1].replace("id='1'", "id='2'")),
            WRONG,
            f"{NUMA}/cell[2]/@id",
            "0 to 1",
        ),
        (
            _cells(HALVES[0], HALVES[1].replace("2-3", "1-3")),
            UNSUPPORTED,
            f"{NUMA}/cell[2]/@cpus",
            "overlapping",
        ),
        (
            _cells(HALVES[0], HALVES[1].replace("2-3", "2-4")),
            WRONG,
            f"{NUMA}/cell[2]/@cpus",
            "exceed the <vcpu> count",
        ),
        (
            _cells("<cell memory='1024'><distances><sibling id='1' value='20'/></distances></cell>"),
            WRONG,
            f"{NUMA}/cell/distances/sibling/@id",
            "no NUMA cell 1",
        ),
        (
            "<cputune><period>999</period></cputune>",
            UNSUPPORTED,
            "/domain/cputune/period",
            "'period' must be in range [1000, 1000000]",
        ),
        (
            "<cputune><emulator_quota>1</emulator_quota></cputune>",
            UNSUPPORTED,
            "/domain/cputune/emulator_quota",
            "'emulator_quota' must be in range",
        ),
        ("<cputune><shares>1</shares></cputune>", UNSUPPORTED, "/domain/cputune/shares", "[2, 262144]"),
        (
            "<cputune><vcpupin vcpu='1' cpuset='0'/></cputune>",
            WRONG,
            "/domain/cputune/vcpupin/@vcpu",
            "vCPUs 0 to 0",
        ),
        (
            "<cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='0' cpuset='1'/></cputune>",
            WRONG,
            "/domain/cputune/vcpupin[2]/@vcpu",
            "duplicate vcpupin",
        ),
        (
            "<cputune><vcpusched vcpus='0' scheduler='fifo'/></cputune>",
            WRONG,
            "/domain/cputune/vcpusched",
            "needs a priority",
        ),
        (
            "<cputune><emulatorsched scheduler='rr' priority='100'/></cputune>",
            WRONG,
            "/domain/cputune/emulatorsched/@priority",
            "1 to 99",
        ),
        (
            "<cputune><emulatorsched scheduler='batch' priority='1'/></cputune>",
            UNSUPPORTED,
            "/domain/cputune/emulatorsched/@priority",
            "has no priority",
        ),
        (
            "<cputune>" + "<vcpusched vcpus='0' scheduler='idle'/>" * 2 + "</cputune>",
            UNKNOWN,
            "/domain/cputune/vcpusched[2]/@vcpus",
            "must not overlap",
        ),
        (
            "<memoryBacking><hugepages/><source type='anonymous'/></memoryBacking>",
            UNSUPPORTED,
            "/domain/memoryBacking/hugepages",
            "anonymous memory source",
        ),
        (
            "<memoryBacking><hugepages/><allocation mode='ondemand'/></memoryBacking>",
            UNSUPPORTED,
            "/domain/memoryBacking/hugepages",
            "allocation ondemand",
        ),
        (
            "<memoryBacking><hugepages><page size='5' unit='MiB'/></hugepages></memoryBacking>",
            WRONG,
            "/domain/memoryBacking/hugepages/page/@size",
            "powers of two",
        ),
        (
            "<memoryBacking><hugepages><page size='4'/><page size='4'/></hugepages></memoryBacking>",
            UNKNOWN,
            "/domain/memoryBacking/hugepages/page[2]",
            "without a nodeset",
        ),
        (
            "<memoryBacking><hugepages><page size='4' nodeset='0'/><page size='8'/></hugepages>"
            "</memoryBacking>",
            UNSUPPORTED,
            "/domain/memoryBacking/hugepages/page[2]/@size",
            "of one size",
        ),
        (
            "<memoryBacking><hugepages><page size='2048' nodeset='1'/></hugepages></memoryBacking>",
            UNKNOWN,
            "/domain/memoryBacking/hugepages/page/@nodeset",
            "node 1 not found",
        ),
        (
            "<numatune><memory mode='strict'/></numatune>",
            WRONG,
            "/domain/numatune/memory",
            "nodeset for NUMA memory tuning must be set",
        ),
        (
            "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>",
            WRONG,
            "/domain/numatune/memnode/@cellid",
            "without any guest NUMA cells",
        ),
        (
            "<vcpu>2</vcpu><vcpus><vcpu id='2' enabled='yes'/></vcpus>",
            WRONG,
            "/domain/vcpus/vcpu/@id",
            "out of range of maximum vcpu count",
        ),
        (
            "<vcpu current='1'>2</vcpu><vcpus><vcpu id='1' enabled='yes'/></vcpus>",
            WRONG,
            "/domain/vcpus",
            "enables 2 vCPUs, but <vcpu> says that 1",
        ),
        (
            "<vcpu current='1'>2</vcpu><vcpus><vcpu id='0' enabled='no' hotpluggable='yes'/>"
            "<vcpu id='1' enabled='yes'/></vcpus>",
            UNSUPPORTED,
            "/domain/vcpus/vcpu/@enabled",
            "vCPU 0 cannot be absent",
        ),
        (
            "<numatune><memory mode='restrictive' nodeset='0'/>"
            "<memnode cellid='0' mode='strict' nodeset='0'/></numatune>",
            WRONG,
            "/domain/numatune/memory/@mode",
            "leaves no other mode for memnode",
        ),
        (
            "<vcpu current='1'>2</vcpu><vcpus><vcpu id='1' enabled='no' hotpluggable='no'/></vcpus>",
            UNSUPPORTED,
            "/domain/vcpus/vcpu/@hotpluggable",
            "both offline and not hotpluggable",
        ),
        ("<clock offset='timezone'/>", WRONG, "/domain/clock", "missing 'timezone'"),
        ("<clock offset='absolute'/>", WRONG, "/domain/clock", "missing 'start'"),
        (
            "<clock offset='utc' timezone='UTC'/>",
            UNSUPPORTED,
            "/domain/clock/@timezone",
            "has no timezone",
        ),
        ("<clock offset='variable' adjustment='reset'/>", WRONG, "/domain/clock/@adjustment", "'utc'"),
        (
            "<clock offset='utc'><timer name='hpet' present='yes'/></clock>",
            UNSUPPORTED,
            "/domain/clock/timer",
            "no hpet",
        ),
        (
            "<clock offset='utc'><timer name='pit' present='no'/></clock>",
            UNSUPPORTED,
            "/domain/clock/timer/@present",
            "always has its pit",
        ),
        (
            "<clock offset='utc'><timer name='rtc' tickpolicy='discard'/></clock>",
            UNSUPPORTED,
            "/domain/clock/timer/@tickpolicy",
            "unsupported rtc timer tickpolicy",
        ),
        (
            "<clock offset='utc'><timer name='pit' track='wall'/></clock>",
            UNSUPPORTED,
            "/domain/clock/timer/@track",
            "only the rtc",
        ),
        (
            "<clock offset='utc'><timer name='pit' frequency='1'/></clock>",
            UNSUPPORTED,
            "/domain/clock/timer/@frequency",
            "only the tsc",
        ),
        (
            "<clock offset='utc'><timer name='tsc'/><timer name='tsc'/></clock>",
            WRONG,
            "/domain/clock/timer[2]",
            "there twice",
        ),
    ],
)
def test_contradictions(more: str, kind: ErrorKind, path: str, message: str) -> None:
    with pytest.raises(DomainError) as caught:
        kvmctl.domain.parse(small(more))
    assert (caught.value.kind, caught.value.path) == (kind, path)
    assert message in str(caught.value)


def test_boot_devices_are_named_at_one_place_only() -> None:
    disk = "<disk type='file'><source file='/d'/><target dev='vda'/><boot order='1'/></disk>"
    with pytest.raises(DomainError, match="per-device boot elements"):
        kvmctl.domain.parse(small(os="<boot dev='hd'/>", devices=disk))
    alone = kvmctl.domain.with_defaults(kvmctl.domain.parse(small(devices=disk)))
    assert alone.os.boots == ()
    neither = kvmctl.domain.with_defaults(kvmctl.domain.parse(small()))
    assert [boot.dev for boot in neither.os.boots] == ["hd"]


@pytest.mark.parametrize(
    ("cpu", "written"),
    [
        ("<cpu mode='host-passthrough'/>", "<cpu mode='host-passthrough' check='none' migratable='on'/>"),
        ("<cpu mode='host-model'/>", "<cpu mode='host-model' check='partial'/>"),
        ("<cpu mode='maximum'/>", "<cpu mode='maximum' check='none'/>"),
        (
            "<cpu><model>Nehalem</model></cpu>",
            "<cpu mode='custom' match='exact' check='partial'>\n    <model fallback='allow'>Nehalem</model>",
        ),
        (
            "<cpu mode='custom'><topology sockets='1' cores='1' threads='1'/></cpu>",
            "<cpu>\n    <topology sockets='1' dies='1' cores='1' threads='1'/>",
        ),
        (
            "<cpu mode='host-passthrough'><model>Nehalem</model></cpu>",
            "<cpu mode='host-passthrough' check='none' migratable='on'/>",
        ),
    ],
)
def test_processors_as_libvirt_completes_them(cpu: str, written: str) -> None:
    domain = kvmctl.domain.with_defaults(kvmctl.domain.parse(small(cpu)))
    assert written in kvmctl.domain.format(domain)


@pytest.mark.parametrize(
    ("clock", "written"),
    [
        ("<clock offset='utc' adjustment='-5'/>", "offset='variable' adjustment='-5' basis='utc'"),
        ("<clock offset='localtime' adjustment='+5'/>", "offset='variable' adjustment='5' basis='localtime'"),
        ("<clock offset='utc' adjustment='reset'/>", "offset='utc' adjustment='reset'"),
        ("<clock offset='variable'/>", "offset='variable' adjustment='0' basis='utc'"),
    ],
)
def test_clocks_as_libvirt_writes_them(clock: str, written: str) -> None:
    domain = kvmctl.domain.with_defaults(kvmctl.domain.parse(small(clock)))
    assert f"<clock {written}/>" in kvmctl.domain.format(domain)


def test_an_element_that_says_nothing_is_not_written() -> None:
    text = small("<cputune/><memtune/><features/><pm/><numatune/><memoryBacking/><vcpus/><resource/>")
    domain = kvmctl.domain.parse(text)
    assert domain == kvmctl.domain.parse(small())
    assert "tune" not in kvmctl.domain.format(domain)


def test_distances_hold_both_ways() -> None:
    first = "<cell id='0' cpus='0' memory='512'><distances><sibling id='1' value='21'/></distances></cell>"
    second = "<cell id='1' cpus='1' memory='512'/>"
    text = small(f"<vcpu>2</vcpu><cpu><numa>{first}{second}</numa></cpu>")
    cpu = kvmctl.domain.with_defaults(kvmctl.domain.parse(text)).cpu
    assert cpu is not None
    assert [[(one.id, one.value) for one in cell.distances] for cell in cpu.cells] == [
        [(0, 10), (1, 21)],
        [(0, 21), (1, 10)],
    ]


def test_firmware_is_completed_as_libvirt_does() -> None:
    text = (
        "<loader>/fw</loader><bootmenu enable='no' timeout='3000'/><bios useserial='yes' rebootTimeout='-1'/>"
    )
    machine = kvmctl.domain.with_defaults(kvmctl.domain.parse(small(os=text))).os
    assert machine.loader is not None
    assert machine.loader.type == "rom"
    assert machine.bootmenu is not None
    assert machine.bootmenu.timeout is None, "without a menu there is nothing to wait for"
    assert machine.bios is not None
    assert (machine.bios.useserial, machine.bios.reboot_timeout) == (True, -1)


@pytest.mark.parametrize(
    "text", ["<bios rebootTimeout='65536'/>", "<bios rebootTimeout='-2'/>", "<bootmenu timeout='10'/>"]
)
def test_firmware_settings_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(DomainError):
        kvmctl.domain.parse(small(os=text))
