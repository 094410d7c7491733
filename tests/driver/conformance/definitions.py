"""The same domains for the daemon and for libvirt's test driver, and the files that the table names."""

from __future__ import annotations

from pathlib import Path

from tests.driver.guests import FAKE

UUID = "11111111-2222-4333-8444-555555555555"
MAC = "52:54:00:00:00:01"
_INTERFACE = f"<interface type='ethernet'><mac address='{MAC}'/><model type='virtio'/></interface>"


def domain(
    kind: str,
    directory: Path,
    name: str = "guest",
    *,
    uuid: str | None = UUID,
    memory: str = "16384",
    interface: bool = False,
    devices: bool = True,
) -> str:
    """``kind``: kvm, test, or qemu for libvirt's own driver of the type kvm."""
    image = directory / "vda.img"
    emulator = f"<emulator>{FAKE}</emulator>" if kind == "kvm" else ""
    inside = f"""{emulator}
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{image}'/><target dev='vda' bus='virtio'/>
    </disk>
    {_INTERFACE if interface else ""}
    <serial type='pty'/>
    <memballoon model='virtio'/>"""
    return f"""<domain type='{"test" if kind == "test" else "kvm"}'>
  <name>{name}</name>
  {f"<uuid>{uuid}</uuid>" if uuid else ""}
  <memory unit='KiB'>{memory}</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64'>hvm</type><kernel>{FAKE}</kernel></os>
  {f"<devices>{inside}</devices>" if devices else ""}
</domain>
"""


def write_files(kind: str, directory: Path, *, interface: bool) -> dict[str, str]:
    """The words of the table that stand for a file, with its path."""
    (directory / "vda.img").write_bytes(bytes(1 << 20))
    other = UUID.replace("1111", "9999")
    texts = {
        "GUEST": domain(kind, directory, interface=interface),
        "EMPTY": "",
        "NOXML": "hello\n",
        "NODEVICES": domain(kind, directory, "bare", uuid=other, devices=False),
        "NONAME": domain(kind, directory).replace("<name>guest</name>", ""),
        "BADMEM": domain(kind, directory, memory="lots"),
        "OTHERUUID": domain(kind, directory, uuid=other),
        "OTHERNAME": domain(kind, directory, "another"),
        "SLASHNAME": domain(kind, directory, "sla/sh", uuid=other),
        "RUNNINGCHANGED": domain(kind, directory, memory="32768"),
        "TRANSIENT": domain(kind, directory, "passing", uuid=other),
        "PLAINUUID": UUID,
        "PATH": str(directory),
        "MISSING": str(directory / "missing.xml"),
    }
    words = {}
    for word, text in texts.items():
        if word in ("PLAINUUID", "PATH", "MISSING"):
            words[word] = text
            continue
        path = directory / f"{word.lower()}.xml"
        path.write_text(text)
        words[word] = str(path)
    return words


def spelled(command: str, words: dict[str, str]) -> str:
    return " ".join(
        words.get(part, part.replace("PATH/", f"{words['PATH']}/")) for part in command.split(" ")
    )
