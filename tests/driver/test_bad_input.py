"""What is refused, and in which words, through the real virsh; codes through libvirt-python."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from tests.conftest import SessionDaemon, session_daemon
from tests.driver.guests import FAKE, domain_xml, fake_xml
from tests.driver.waiting import wait_until
from tests.vmm.boot import images


@pytest.fixture(scope="module")
def daemon() -> Iterator[SessionDaemon]:
    """One for all: what is refused leaves nothing behind."""
    with session_daemon() as session:
        session.start()
        yield session


@pytest.fixture
def connection(daemon: SessionDaemon) -> Iterator[libvirt.virConnect]:
    libvirt.registerErrorHandler(lambda *_: None, None)
    opened = libvirt.open(daemon.uri)
    yield opened
    for domain in opened.listAllDomains():
        if domain.isActive():
            domain.destroy()
    for domain in opened.listAllDomains():
        domain.undefine()
    opened.close()


def refused(call: object, *arguments: object) -> tuple[int, str]:
    with pytest.raises(libvirt.libvirtError) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.get_error_code(), str(caught.value)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("<domain type='kvm'>\n  <name>x</nam>\n</domain>", None, ("2", "name")),
        ("", None, ()),
        ("<network/>", None, ("network",)),
        ("<domain type='kvm'>\n<memory>1024</memory></domain>", None, ("name",)),
        (fake_xml("x").replace("<memory unit='MiB'>16</memory>", ""), None, ("memory",)),
        (fake_xml("x").replace(">16<", ">0<"), None, ("memory",)),
        (
            fake_xml("x").replace("<devices>", "<devices><hostdev mode='subsystem'/>"),
            libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
            ("hostdev",),
        ),
        (fake_xml("a/b"), None, ("'/'",)),
        (fake_xml("x" * 300), None, ("name",)),
    ],
    ids=[
        "malformed",
        "empty",
        "not-a-domain",
        "no-name",
        "no-memory",
        "memory-0",
        "hostdev",
        "slash",
        "long-name",
    ],
)
def test_definition(
    connection: libvirt.virConnect, daemon: SessionDaemon, text: str, code: int | None, words: tuple[str, ...]
) -> None:
    found, message = refused(connection.defineXML, text)
    assert found in (
        (
            libvirt.VIR_ERR_XML_ERROR,
            libvirt.VIR_ERR_XML_DETAIL,
            libvirt.VIR_ERR_INVALID_ARG,
            libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
        )
        if code is None
        else (code,)
    ), message
    assert all(word in message for word in words), message
    assert daemon.virsh("list", "--all").stdout.strip() == ""


def test_malformed_through_virsh(daemon: SessionDaemon) -> None:
    error = daemon.error("define", daemon.write("bad.xml", "<domain type='kvm'>\n  <name>x</nam>\n</domain>"))
    assert "2" in error.splitlines()[-1]


def test_name_with_another_uuid(connection: libvirt.virConnect) -> None:
    domain = connection.defineXML(fake_xml("guest"))
    expected = f"operation failed: domain 'guest' is already defined with uuid {domain.UUIDString()}"
    assert refused(connection.defineXML, fake_xml("guest")) == (libvirt.VIR_ERR_OPERATION_FAILED, expected)
    renamed = domain.XMLDesc().replace("<name>guest</name>", "<name>other</name>")
    assert refused(connection.defineXML, renamed) == (libvirt.VIR_ERR_OPERATION_FAILED, expected)


def test_no_such_domain(connection: libvirt.virConnect, daemon: SessionDaemon) -> None:
    assert refused(connection.lookupByName, "nobody") == (
        libvirt.VIR_ERR_NO_DOMAIN,
        "Domain not found: no domain with matching name 'nobody'",
    )
    assert refused(connection.lookupByID, 4711)[0] == libvirt.VIR_ERR_NO_DOMAIN
    assert "failed to get domain 'nobody'" in daemon.error("start", "nobody")


def test_not_running(connection: libvirt.virConnect, daemon: SessionDaemon) -> None:
    domain = connection.defineXML(fake_xml("guest"))
    expected = (libvirt.VIR_ERR_OPERATION_INVALID, "Requested operation is not valid: domain is not running")
    for call in (domain.destroy, domain.suspend, domain.resume, domain.shutdown, domain.reset, domain.reboot):
        assert refused(call) == expected
    stream = connection.newStream(0)
    assert refused(domain.openConsole, None, stream, 0) == expected


@pytest.mark.kvm
def test_already_running(connection: libvirt.virConnect, daemon: SessionDaemon) -> None:
    domain = connection.defineXML(fake_xml("guest"))
    domain.create()
    expected = "Requested operation is not valid: domain is already running"
    assert refused(domain.create) == (libvirt.VIR_ERR_OPERATION_INVALID, expected)
    assert refused(domain.resume) == (libvirt.VIR_ERR_OPERATION_INVALID, expected)
    assert refused(connection.createXML, domain.XMLDesc()) == (
        libvirt.VIR_ERR_OPERATION_INVALID,
        "Requested operation is not valid: domain 'guest' is already active",
    )
    assert "Domain is already active" in daemon.error("start", "guest")


@pytest.mark.kvm
@pytest.mark.parametrize("role", ["kernel", "initrd"])
def test_missing_file(connection: libvirt.virConnect, role: str) -> None:
    options = {"kernel": str(FAKE)} | {role: "/nowhere/image"}
    domain = connection.defineXML(domain_xml("guest", **options))  # type: ignore[arg-type]
    assert refused(domain.create) == (
        libvirt.VIR_ERR_SYSTEM_ERROR,
        f"cannot open {role} '/nowhere/image': No such file or directory",
    )
    assert domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF


@pytest.mark.kvm
def test_all_missing_files_are_named_before_anything_starts(
    connection: libvirt.virConnect, tmp_path: Path
) -> None:
    devices = (
        f"<serial type='file'><source path='{tmp_path}/serial'/></serial>"
        "<disk type='file'><source file='/nowhere/disk'/><target dev='vda'/></disk>"
        "<filesystem><driver type='virtiofs'/><source dir='/nowhere/share'/><target dir='a'/></filesystem>"
    )
    text = domain_xml("guest", kernel="/nowhere/kernel", devices=devices)
    shared = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
    text = text.replace("</memory>", f"</memory>{shared}")
    assert refused(connection.defineXML(text).create) == (
        libvirt.VIR_ERR_SYSTEM_ERROR,
        "cannot open kernel '/nowhere/kernel', disk '/nowhere/disk', directory '/nowhere/share': "
        "No such file or directory",
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.kvm
def test_kernel_is_a_directory(connection: libvirt.virConnect, tmp_path: Path) -> None:
    code, message = refused(connection.createXML, domain_xml("guest", kernel=str(tmp_path)))
    assert code == libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    assert "is not a regular file" in message
    assert connection.listAllDomains() == []


@pytest.mark.kvm
def test_does_not_fit_the_host(connection: libvirt.virConnect) -> None:
    huge = fake_xml("guest").replace("<memory unit='MiB'>16<", "<memory unit='TiB'>64<")
    code, message = refused(connection.createXML, huge)
    assert code == libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    assert "more than the host's" in message
    code, message = refused(connection.createXML, fake_xml("guest").replace("<vcpu>1<", "<vcpu>100000<"))
    assert code == libvirt.VIR_ERR_CONFIG_UNSUPPORTED, message


@pytest.mark.kvm
@pytest.mark.parametrize("option", ["fail", "fail-late"])
def test_vmm_fails_to_start(connection: libvirt.virConnect, daemon: SessionDaemon, option: str) -> None:
    domain = connection.defineXML(fake_xml("guest", cmdline=f"{option}=no luck today"))
    assert refused(domain.create) == (
        libvirt.VIR_ERR_INTERNAL_ERROR,
        "internal error: cannot start domain 'guest': no luck today",
    )
    assert domain.state() == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_FAILED]
    assert not list(daemon.run.glob("guest.*"))


@pytest.mark.kvm
def test_destroyed_while_it_starts(connection: libvirt.virConnect, daemon: SessionDaemon) -> None:
    domain = connection.defineXML(fake_xml("guest", cmdline="mute"))
    client = subprocess.Popen(
        ["virsh", "-c", daemon.uri, "start", "guest"], stderr=subprocess.PIPE, text=True
    )
    wait_until((daemon.run / "guest.pid").exists)
    assert domain.state() == [libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP]
    domain.destroy()
    assert "domain 'guest' was destroyed while it started" in client.communicate(timeout=20)[1]
    assert domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF
    assert not list(daemon.run.glob("guest.*"))


@pytest.mark.kvm
def test_kernel_is_no_kernel(connection: libvirt.virConnect, daemon: SessionDaemon) -> None:
    kernel = daemon.write("not-a-kernel", "hello\n" * 1000)
    code, message = refused(connection.createXML, domain_xml("guest", kernel=kernel))
    assert code in (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_OPERATION_FAILED)
    assert "kernel" in message
    assert "Traceback" not in message


@pytest.mark.kvm
def test_initrd_larger_than_memory(connection: libvirt.virConnect, daemon: SessionDaemon) -> None:
    kernel, initrd = daemon.directory / "kernel", daemon.directory / "initrd"
    kernel.write_bytes(images.elf())
    with initrd.open("wb") as file:
        file.truncate(64 << 20)
    memory = "<memory unit='MiB'>32</memory>"
    code, message = refused(
        connection.createXML, domain_xml("guest", kernel=str(kernel), initrd=str(initrd), memory=memory)
    )
    assert code in (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_ERR_OPERATION_FAILED)
    assert "initrd" in message
    assert "Traceback" not in message


def test_flags_and_uri(connection: libvirt.virConnect, daemon: SessionDaemon) -> None:
    assert refused(connection.defineXMLFlags, fake_xml("guest"), 1 << 20)[0] == libvirt.VIR_ERR_INVALID_ARG
    code, message = refused(libvirt.open, daemon.uri.replace("/session?", "/system?"))
    assert code == libvirt.VIR_ERR_INTERNAL_ERROR
    assert "unexpected kvmctl URI path '/system', try kvmctl:///session" in message
