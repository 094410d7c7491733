"""libvirt itself, by its test driver, takes our XML and says the same with it."""

import re
import subprocess
from pathlib import Path

import pytest

import kvmctl.domain
from kvmctl.domain import Domain, DomainError
from tests.domain.documents import FULL, SMALL, small

libvirt = pytest.importorskip("libvirt")

DOCUMENTS = [
    FULL,
    SMALL,
    small(devices="<console type='file'><source path='/o' append='on'/><log file='/l'/></console>"),
    small(devices="<serial type='pty'/><serial type='pty'><target port='2'/></serial>"),
    small(devices="<serial type='pty'/><console type='file'><source path='/o'/></console>"),
    small(os="<boot dev='network'/><boot dev='cdrom'/>"),
    small("<cpu><topology cores='1' sockets='1' threads='1'/></cpu>"),
    small(
        "<vcpu>2</vcpu><cpu><numa>"
        "<cell cpus='0' memory='512'><distances><sibling id='1' value='21'/></distances></cell>"
        "<cell cpus='1' memory='512'/></numa></cpu>"
    ),
    small("<cpu mode='host-model'><feature policy='require' name='x'/></cpu>"),
    small(os="<kernel>/k</kernel><cmdline>a='b' &lt;c&gt; \"d\"</cmdline>"),
    small("<currentMemory>2048</currentMemory>"),
    small("<clock offset='localtime'/><on_crash>preserve</on_crash><features><pae/></features>"),
]


def _libvirts_own(xml: str) -> str:
    connection = libvirt.open("test:///default")
    try:
        domain = connection.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)
        return str(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    finally:
        connection.close()


def _completed(text: str) -> Domain:
    """Without what libvirt 9.0's schema has and Debian 12's build of it refuses."""
    text = re.sub(r"<interface type='user'>.*?</interface>", "", text, flags=re.DOTALL)
    return kvmctl.domain.with_defaults(kvmctl.domain.parse(text))


@pytest.mark.parametrize("text", DOCUMENTS)
def test_libvirt_writes_what_we_write(text: str) -> None:
    ours = kvmctl.domain.format(_completed(text))
    theirs = _libvirts_own(ours)
    # What the test driver makes up, and what a vhost-user disk cannot have here either: snapshots.
    theirs = re.sub(r"\s*<target dev='testnet[0-9]+'/>| snapshot='no'", "", theirs)
    ours, theirs = (re.sub(r"\s*<metadata>.*</metadata>", "", xml, flags=re.DOTALL) for xml in (ours, theirs))
    assert theirs == ours


@pytest.mark.parametrize("text", DOCUMENTS)
def test_virsh_defines_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "guest.xml"
    file.write_text(kvmctl.domain.format(_completed(text)), "utf-8")
    result = subprocess.run(
        ["virsh", "-c", "test:///default", "define", "--validate", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("unit", ["b", "bytes", "KB", "k", "KiB", "MB", "M", "MiB", "GB", "g", "GiB", "TB"])
@pytest.mark.parametrize("number", [1, 1023, 1025, 1000001])
def test_units_are_libvirts(unit: str, number: int) -> None:
    text = SMALL.replace("<memory>1024", f"<memory unit='{unit}'>{number}")
    theirs = re.search(r"<memory unit='KiB'>([0-9]+)<", _libvirts_own(text))
    assert theirs is not None
    assert kvmctl.domain.parse(text).memory == int(theirs[1]) * 1024


@pytest.mark.parametrize(
    "text",
    [
        SMALL.replace("1024", "0"),
        SMALL.replace("<name>g</name>", ""),
        SMALL.replace(">g<", ">a\nb<"),
        SMALL.replace(">1024<", " unit='X'>1024<"),
        SMALL.replace(">1024<", " unit='E'>1024<"),
        small("<vcpu>0</vcpu>"),
        small("<vcpu current='3'>2</vcpu>"),
        small("<uuid>1234</uuid>"),
        small("<on_reboot>no</on_reboot>"),
        small(devices="<serial type='file'/>"),
    ],
)
def test_what_libvirt_refuses_we_refuse(text: str) -> None:
    with pytest.raises(libvirt.libvirtError):
        _libvirts_own(text)
    with pytest.raises(DomainError):
        kvmctl.domain.parse(text)
