"""Domain documents: parsed and checked, beside virt-xml-validate and libvirtd; the same files for all.

python -m tests.bench.domain_xml
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import libvirt

from kvmctl.domain import examine, format, parse, with_defaults
from tests.bench import peers
from tests.bench.measure import Figure, Samples, alternate, show
from tests.conftest import SessionDaemon

DOCUMENTS: Final = 40
"""A run: enough that one more or less does not matter."""
_VALIDATOR: Final = "virt-xml-validate"
_SCHEMA: Final = Path("/usr/share/libvirt/schemas/domain.rng")

_DISK = """<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none' discard='unmap'/>
<source file='/var/lib/images/guest-{number}-{letter}.img'/><target dev='vd{letter}' bus='virtio'/>
<serial>guest-{number}-{letter}</serial></disk>"""

_DOMAIN = """<domain type='kvm'><name>guest-{number}</name><uuid>{uuid}</uuid>
<title>Guest {number}</title><description>One of many</description>
<metadata><app:owner xmlns:app='urn:example:owner' team='storage'/></metadata>
<memory unit='GiB'>8</memory><currentMemory unit='GiB'>4</currentMemory>
<memtune><hard_limit unit='GiB'>9</hard_limit></memtune>
<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
<vcpu placement='static'>4</vcpu>
<cputune><shares>2048</shares><period>100000</period><quota>50000</quota>
<vcpupin vcpu='0' cpuset='0-1'/><vcpupin vcpu='1' cpuset='0-1'/><emulatorpin cpuset='0'/></cputune>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>/boot/vmlinuz</kernel>
<initrd>/boot/initrd.img</initrd><cmdline>console=ttyS0 root=/dev/vda1</cmdline></os>
<features><acpi/><apic/></features>
<cpu mode='host-passthrough'><topology sockets='1' cores='2' threads='2'/>
<numa><cell id='0' cpus='0-1' memory='4' unit='GiB'/>
<cell id='1' cpus='2-3' memory='4' unit='GiB'/></numa></cpu>
<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='pit' tickpolicy='delay'/>
<timer name='hpet' present='no'/></clock>
<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>
<devices>{disks}
<interface type='bridge'><mac address='52:54:00:00:{high:02x}:{low:02x}'/><source bridge='br0'/>
<model type='virtio'/></interface>
<serial type='pty'><target port='0'/></serial>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
</devices></domain>"""


def documents(directory: Path) -> list[Path]:
    """As a management tool keeps them: complete, with every device's address."""
    files = []
    for number in range(DOCUMENTS):
        text = _DOMAIN.format(
            number=number,
            uuid=UUID(int=number + 1),
            high=number >> 8,
            low=number & 0xFF,
            disks="".join(_DISK.format(number=number, letter=letter) for letter in "abc"),
        )
        file = directory / f"guest-{number}.xml"
        file.write_text(format(with_defaults(parse(text))))
        files.append(file)
    return files


def figures() -> list[Figure]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        files = documents(directory)
        return [*_validation(files), *_definition(files, directory)]


def _validation(files: Sequence[Path]) -> list[Figure]:
    """Theirs checks the schema alone, ours the meaning too."""
    if not peers.available(_VALIDATOR) or not peers.available("xmllint"):
        return []
    mine, whole, several, one = alternate(
        _each(files, _examine), lambda: _whole(files), lambda: _xmllint(files), lambda: _xmllint(files[:1])
    )
    pairs = zip(several.values, one.values, strict=True)
    rest = Samples(tuple((all_of - first) / (len(files) - 1) for all_of, first in pairs))
    return [
        Figure("a document parsed and validated", "ms", mine, f"{_VALIDATOR}, a process each", whole, 0.25),
        Figure("", "ms", mine, "the same without its start and its schema's", rest, 5.0),
    ]


def _each(files: Sequence[Path], work: Callable[[str], None]) -> Callable[[], float]:
    """Milliseconds a document."""

    def measure() -> float:
        begin = time.perf_counter()
        for file in files:
            work(file.read_text())
        return (time.perf_counter() - begin) * 1000 / len(files)

    return measure


def _examine(text: str) -> None:
    found = examine(text)
    if found:
        raise RuntimeError(f"a document is wrong: {found[0]}")


def _whole(files: Sequence[Path]) -> float:
    few = files[:4]
    begin = time.perf_counter()
    for file in few:
        subprocess.run([_VALIDATOR, file, "domain"], check=True, capture_output=True)
    return (time.perf_counter() - begin) * 1000 / len(few)


def _xmllint(files: Sequence[Path]) -> float:
    """What virt-xml-validate runs, for all files at once; milliseconds altogether."""
    begin = time.perf_counter()
    subprocess.run(["xmllint", "--noout", "--relaxng", _SCHEMA, *files], check=True, capture_output=True)
    return (time.perf_counter() - begin) * 1000


def _definition(files: Sequence[Path], directory: Path) -> list[Figure]:
    """Through one connection each, validated, and kept on disk."""
    if not peers.available("libvirtd") or not peers.available(peers.QEMU):
        return []
    (directory / "ours").mkdir()
    daemon = SessionDaemon(directory / "ours")
    daemon.start()
    with peers.libvirtd(directory / "theirs") as uri:
        mine, theirs = (_define(libvirt.open(address), files) for address in (daemon.uri, uri))
        ours, parsed, peer = alternate(mine, _each(files, _parse), theirs)
    daemon.clean_up()
    return [
        Figure("a document parsed, checked and completed", "ms", parsed, "libvirtd, define", peer, 0.5),
        Figure("define through the API", "ms", ours, "libvirtd, define", peer, 0.5),
    ]


def _parse(text: str) -> None:
    with_defaults(parse(text))


def _define(connection: libvirt.virConnect, files: Sequence[Path]) -> Callable[[], float]:
    def work(text: str) -> None:
        connection.defineXMLFlags(text, libvirt.VIR_DOMAIN_DEFINE_VALIDATE)

    return _each(files, work)


if __name__ == "__main__":
    show(figures())
