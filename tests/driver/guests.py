"""Domain XML for the daemon's tests: the stand-in VMM, and the demo guest on the real one."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from kvmctl.demo import build

ENDS = "<on_reboot>destroy</on_reboot>"
"""For guests that restart when they are done: the VMM ends."""
LINUX_MEMORY = "<memory unit='MiB'>128</memory>"

FAKE = Path(__file__).with_name("fake_vmm.py")


def domain_xml(
    name: str,
    *,
    kernel: str,
    memory: str = "<memory unit='MiB'>16</memory>",
    vcpus: int = 1,
    extra: str = "",
    cmdline: str = "",
    initrd: str = "",
    devices: str = "<serial type='pty'/>",
) -> str:
    return f"""<domain type='kvm'>
  <name>{escape(name)}</name>
  {memory}
  <vcpu>{vcpus}</vcpu>
  {extra}
  <os>
    <type arch='x86_64'>hvm</type>
    <kernel>{kernel}</kernel>
    {f"<initrd>{initrd}</initrd>" if initrd else ""}
    {f"<cmdline>{escape(cmdline)}</cmdline>" if cmdline else ""}
  </os>
  <devices>{devices}</devices>
</domain>
"""


def fake_xml(name: str, cmdline: str = "", extra: str = "", devices: str = "<serial type='pty'/>") -> str:
    """A guest without a kernel: the stand-in is the whole machine."""
    return domain_xml(
        name,
        kernel=str(FAKE),
        cmdline=cmdline,
        extra=extra,
        devices=f"<emulator>{FAKE}</emulator>{devices}",
    )


def monitor_xml(name: str, **options: object) -> str:
    """The demo guest, which talks on its serial port."""
    kernel, *_ = build.build()
    return domain_xml(name, kernel=str(kernel), **options)  # type: ignore[arg-type]
