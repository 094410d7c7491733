"""What is refused, with which code, and that the message says what, where and what to do instead."""

import re
from dataclasses import replace

import pytest

import kvmctl.domain
from kvmctl.domain import Chardev, Domain, DomainError, ErrorKind, Os
from kvmctl.domain.model import Cputune, MemoryBacking
from tests.domain.documents import FULL, SMALL, small

UNSUPPORTED = ErrorKind.CONFIG_UNSUPPORTED
UNKNOWN = ErrorKind.XML_DETAIL
WRONG = ErrorKind.XML_ERROR


def refusal(text: str | bytes) -> DomainError:
    with pytest.raises(DomainError) as caught:
        kvmctl.domain.parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "path", "advice"),
    [
        (small(devices="<disk type='network'/>"), "/domain/devices/disk/@type", "type='file'"),
        (small(devices="<interface type='direct'/>"), "/domain/devices/interface/@type", "type='bridge'"),
        (small(devices="<graphics type='vnc'/>"), "/domain/devices/graphics", "<serial type='pty'>"),
        (small(devices="<video/>"), "/domain/devices/video", "<serial type='pty'>"),
        (small(devices="<input type='tablet'/>"), "/domain/devices/input", "<serial type='pty'>"),
        (small("<bootloader>/x</bootloader>"), "/domain/bootloader", "<os><kernel>"),
        (small(os="<loader type='pflash'>/x</loader>"), "/domain/os/loader/@type", "type='rom'"),
        (small().replace("<os>", "<os firmware='efi'>"), "/domain/os/@firmware", "<os><kernel>"),
        (small().replace("'kvm'", "'qemu'"), "/domain/@type", "type='kvm'"),
        (small().replace(">hvm<", ">exe<"), "/domain/os/type", "<type>hvm</type>"),
        (small().replace("<type>", "<type arch='i686'>"), "/domain/os/type/@arch", "arch='x86_64'"),
        (small().replace("<type>", "<type machine='q35'>"), "/domain/os/type/@machine", "machine='pc'"),
        (small("<vcpu placement='auto'>1</vcpu>"), "/domain/vcpu/@placement", "placement='static'"),
        (small("<vcpu cpuset='0,^0'>1</vcpu>"), "/domain/vcpu/@cpuset", "not empty"),
        (
            small("<numatune><memory placement='auto'/></numatune>"),
            "/domain/numatune/memory/@placement",
            "'static'",
        ),
        (
            small("<memoryBacking><source type='file'/></memoryBacking>"),
            "/domain/memoryBacking/source/@type",
            "'memfd'",
        ),
        (
            small("<memtune><min_guarantee>1</min_guarantee></memtune>"),
            "/domain/memtune/min_guarantee",
            "leave it out",
        ),
        (
            small(devices="<filesystem><source dir='/a'/><target dir='a'/><readonly/></filesystem>"),
            "/domain/devices/filesystem/readonly",
            "read-only",
        ),
        (small("<features><vmport state='on'/></features>"), "/domain/features/vmport/@state", "'off'"),
        (small("<pm><suspend-to-mem enabled='yes'/></pm>"), "/domain/pm/suspend-to-mem/@enabled", "'no'"),
        (small("<seclabel type='dynamic'/>"), "/domain/seclabel/@type", "'none'"),
        (small("<vcpu>256</vcpu>"), "/domain/vcpu", "255"),
        (
            small("<clock offset='utc'><timer name='platform'/></clock>"),
            "/domain/clock/timer/@name",
            "'kvmclock'",
        ),
        (small("<on_poweroff>rename-restart</on_poweroff>"), "/domain/on_poweroff", "'restart'"),
        (small("<on_crash>coredump-destroy</on_crash>"), "/domain/on_crash", "'destroy'"),
        (small("<features><hyperv/></features>"), "/domain/features/hyperv", "leave it out"),
        (small(devices="<serial type='tcp'/>"), "/domain/devices/serial/@type", "type='pty'"),
        (
            small(devices="<serial type='pty'><protocol type='raw'/></serial>"),
            "/domain/devices/serial/protocol",
            "leave it out",
        ),
        (
            small(devices="<serial type='pty'><address type='isa' iobase='0x3f8'/></serial>"),
            "/domain/devices/serial/address",
            "0x3f8",
        ),
        (
            small(devices="<serial type='pty'/><serial type='pty'><target type='usb-serial'/></serial>"),
            "/domain/devices/serial[2]/target/@type",
            "isa-serial",
        ),
        (
            small(devices="<serial type='pty'><target port='4'/></serial>"),
            "/domain/devices/serial/target/@port",
            "0 to 3",
        ),
        (small(devices="<serial type='pty'/>" * 5), "/domain/devices/serial[5]", "4 serial ports"),
        (
            small(devices="<console type='pty'><target type='sclp'/></console>"),
            "/domain/devices/console/target/@type",
            "type='serial'",
        ),
        (small(devices="<console type='pty'/>" * 2), "/domain/devices/console[2]", "first console"),
        (small(devices="<memballoon model='xen'/>"), "/domain/devices/memballoon/@model", "model='virtio'"),
        (small(devices="<controller type='ide'/>"), "/domain/devices/controller/@type", "virtio"),
        (small(os="<initrd>/i</initrd>"), "/domain/os/initrd", "<kernel>"),
        (
            small("<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'/>"),
            "/domain/q:commandline",
            "leave it out",
        ),
    ],
)
def test_known_to_libvirt_but_not_run_here(text: str, path: str, advice: str) -> None:
    error = refusal(text)
    assert (error.kind, error.path) == (UNSUPPORTED, path)
    assert error.line == 1
    assert f"({path}, line 1)" in str(error)
    assert advice in str(error)


@pytest.mark.parametrize(
    ("text", "path", "advice"),
    [
        (small("<foo/>"), "/domain/foo", "expected 'name', 'uuid'"),
        (small("<memoryy/>"), "/domain/memoryy", "did you mean 'memory'?"),
        (small(devices="<seriall/>"), "/domain/devices/seriall", "did you mean 'serial'?"),
        (small().replace("<os>", "<os foo=''>"), "/domain/os/@foo", "nothing is expected"),
        (small().replace("'kvm'", "'kvmm'"), "/domain/@type", "'kvm'"),
        (small("<foo xmlns='urn:x'/>"), "/domain/foo", "urn:x"),
        (small("<x:name xmlns:x='urn:x'/>"), "/domain/x:name", "urn:x"),
        (small("<on_reboot>no</on_reboot>"), "/domain/on_reboot", "'destroy' or 'restart' or 'preserve'"),
        (small("<vcpu>two</vcpu>"), "/domain/vcpu", "a decimal number"),
        (small("<title>a\nb</title>"), "/domain/title", "one line"),
        (small(os="<kernel>boot/vmlinuz</kernel>"), "/domain/os/kernel", "an absolute path"),
        (small(devices="text"), "/domain/devices", "'text'"),
        (small().replace(">g<", ">g<b/><"), "/domain/name/b", "nothing is expected"),
        (
            small(devices="<serial type='pty'><source append='yes'/></serial>"),
            "/domain/devices/serial/source/@append",
            "'on' or 'off'",
        ),
        (
            small(devices="<serial type='pty'><alias name='a b'/></serial>"),
            "/domain/devices/serial/alias/@name",
            "a word",
        ),
    ],
)
def test_unknown_to_libvirt(text: str, path: str, advice: str) -> None:
    error = refusal(text)
    assert (error.kind, error.path, error.line) == (UNKNOWN, path, 1)
    assert f"({path}, line 1)" in str(error)
    assert advice in str(error)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL.replace("1024", "0"), "Memory size must be specified via <memory>"),
        (SMALL.replace("<memory>1024</memory>", ""), "Memory size must be specified via <memory>"),
        (SMALL.replace("<name>g</name>", ""), "missing element 'name'"),
        (SMALL.replace(">g<", "><"), "the name is empty"),
        (SMALL.replace(">g<", "> <"), "the name is empty"),
        (SMALL.replace(">g<", ">a/b<"), "name a/b cannot contain '/'"),
        (SMALL.replace(">g<", ">a\nb<"), "invalid char in name"),
        (SMALL.replace(">g<", ">.g<"), "cannot start with '.'"),
        (SMALL.replace(">g<", f">{'ä' * 101}<"), "longer than 200 bytes"),
        (SMALL.replace(" type='kvm'", ""), "missing attribute 'type'"),
        (SMALL.replace("<os><type>hvm</type></os>", ""), "missing element 'os'"),
        (SMALL.replace("<type>hvm</type>", ""), "missing element 'type'"),
        (small("<uuid>1234</uuid>"), "'1234'"),
        (small("<uuid>6f0a0b8e3f3c-4c8e-9b57-8d1f5f0e2a11</uuid>"), "uuid"),
        (small("<vcpu>0</vcpu>"), "0 vCPUs"),
        (small("<vcpu current='3'>2</vcpu>"), "3 current vCPUs"),
        (small("<vcpu current='0'>2</vcpu>"), "0 current vCPUs"),
        (small("<memory>1</memory>"), "element 'memory' may appear only once (/domain/memory[2], line 1)"),
        (small("<clock/>"), "missing attribute 'offset'"),
        (small(devices="<serial/>"), "missing attribute 'type' (/domain/devices/serial, line 1)"),
        (small(devices="<serial type='file'/>"), "Missing source path"),
        (small(devices="<serial type='pty'><log/></serial>"), "missing attribute 'file'"),
        (small(devices="<serial type='pty'><target port='1'/></serial>" * 2), "serial port 1 is used twice"),
        ("<network><name>g</name></network>", "unexpected root element <network>, expecting <domain>"),
        ("<domain xmlns='urn:x'/>", "unexpected root element"),
    ],
)
def test_contradictions(text: str, message: str) -> None:
    error = refusal(text)
    assert error.kind is WRONG
    assert message in str(error)
    assert error.line == 1


def test_the_line_is_that_of_the_offender() -> None:
    lines = FULL.splitlines()
    sound = lines.index("      <backend model='builtin'/>") + 1
    assert refusal(FULL.replace("<backend model='builtin'/>", "<sound/>")).line == sound
    port = lines.index("      <target port='1'/>") + 1
    error = refusal(FULL.replace("port='1'", "port='0'"))
    assert error.line == port
    assert f"line {port}" in str(error)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("", 1, None),
        ("<domain", 1, 8),
        ("<domain>\n <name>g</nam>\n</domain>", 2, None),
        ("<domain/>\n<domain/>", 2, None),
        ("<domain>\n  &nbsp;</domain>", 2, None),
        ("<domain a='1' a='2'/>", 1, None),
        ("<domain>\x00</domain>", 1, None),
        ("<domain>\n\ud800</domain>", 2, 1),
        (b"<domain>\n \xff</domain>", 2, 2),
        (b"<?xml version='1.0' encoding='rot13'?><domain/>", 1, None),
        (b"<?xml version='1.0' encoding='x-none'?><domain/>", 1, None),
    ],
)
def test_not_well_formed(text: str | bytes, line: int, column: int | None) -> None:
    error = refusal(text)
    assert error.kind is WRONG
    assert error.line == line
    if column is not None:
        assert error.column == column
        assert f"line {line}, column {column}: " in str(error)


def test_messages_are_one_short_line() -> None:
    for text in (small(f"<{'x' * 9000}/>"), small(f"<on_crash>{chr(10) * 9000}</on_crash>")):
        message = str(refusal(text))
        assert len(message) < 600 and message.isprintable()


@pytest.mark.parametrize(
    ("domain", "path"),
    [
        (Domain(name="g", memory=1024, title="a\x00b"), "/domain/title"),
        (Domain(name="g", memory=1024, on_crash="explode"), "/domain/on_crash"),
        (Domain(name="g", memory=1024, metadata="</domain>"), "/domain/metadata"),
        (Domain(name="g", memory=1024, metadata="<other/>"), "/domain/metadata"),
        (Domain(name="g", memory=1024, metadata="<metadata>x</metadata>"), "/domain/metadata"),
        (Domain(name="g", memory=1024, os=Os(kernel="relative")), "/domain/os/kernel"),
        (Domain(name="g", memory=1024, vcpus=-1), "/domain/vcpu"),
    ],
)
def test_objects_that_no_xml_can_say(domain: Domain, path: str) -> None:
    assert [finding.path for finding in kvmctl.domain.validate(domain)][-1] == path
    with pytest.raises(DomainError) as caught:
        kvmctl.domain.format(domain)
    assert (caught.value.kind, caught.value.path) == (ErrorKind.INVALID_ARG, path)


def test_validate_finds_everything_at_once() -> None:
    domain = kvmctl.domain.parse(FULL)
    assert kvmctl.domain.validate(domain) == []
    domain = replace(domain, cpu=None, cputune=Cputune(), vcpu_states=(), memory_backing=MemoryBacking())
    devices = replace(domain.devices, serials=(Chardev(source_type="file", target_port=9),))
    found = kvmctl.domain.validate(replace(domain, name="", vcpus=0, devices=devices))
    assert [re.sub(r"\W+$", "", finding.path or "") for finding in found] == [
        "/domain/name",
        "/domain/vcpu",
        "/domain/vcpu/@current",
        "/domain/numatune/memnode/@cellid",
        "/domain/devices/serial",
        "/domain/devices/serial/target/@port",
    ]
