"""The PVH entry: a kernel that checks, in 32-bit code, what it has been handed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvmctl.vmm.boot import BootError, elf, pvh
from tests.vmm.conftest import kvm_unusable

KERNEL = """
    .section .note.pvh, "a", @note
    .long 4, 4, 18
    .asciz "Xen"
    .long {entry}
    .text
    .globl _start
    .code32
_start:
    cmpl $0x336ec578, (%ebx)
    jne bad
    cmpl $1, 4(%ebx)
    jne bad
    cmpl $1, 12(%ebx)               /* one module */
    jne bad
    mov 16(%ebx), %esi
    mov (%esi), %esi
    call print
    mov 24(%ebx), %esi              /* the command line */
    call print
    mov 32(%ebx), %esi              /* the RSDP */
    cmpl $0x20445352, (%esi)
    jne bad
    mov 40(%ebx), %esi              /* the first entry of the memory map: RAM from 0 */
    cmpl $0, (%esi)
    jne bad
    cmpl $1, 16(%esi)
    jne bad
    mov %cr0, %eax
    test %eax, %eax                 /* no paging */
    js bad
    lea good, %esi
    call print
off:
    mov $0x604, %dx
    mov $0x2000, %ax
    out %ax, %dx
    jmp off
bad:
    lea wrong, %esi
    call print
    jmp off
print:
    mov $0x3f8, %dx
1:  lodsb
    test %al, %al
    jz 2f
    out %al, %dx
    jmp 1b
2:  ret
good:   .asciz "good"
wrong:  .asciz "bad"
"""


def build(directory: Path, entry: str = "_start", extra: str = "") -> Path:
    source, program = directory / "pvh.S", directory / "pvh.elf"
    source.write_text(KERNEL.format(entry=entry) + extra)
    command = ["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x200000,--build-id=none"]
    subprocess.run([*command, "-o", program, source], check=True, capture_output=True)
    return program


def entry_point(program: Path) -> int | None:
    from kvmctl.vmm.boot.source import FileSource

    fd = os.open(program, os.O_RDONLY)
    try:
        return pvh.entry_point(elf.parse(FileSource(fd, "kernel")))
    finally:
        os.close(fd)


def test_entry_point(tmp_path: Path) -> None:
    assert entry_point(build(tmp_path)) == 0x200000
    linux = '\n.section .note.other, "a", @note\n.long 6, 1, 0x100\n.asciz "Linux"\n.balign 4\n.byte 0\n'
    assert entry_point(build(tmp_path, extra=linux)) is None
    with pytest.raises(BootError, match="PVH entry point"):
        entry_point(build(tmp_path, entry="0x10"))


@pytest.mark.kvm
@pytest.mark.skipif(kvm_unusable() is not None, reason=str(kvm_unusable()))
def test_pvh_guest(tmp_path: Path) -> None:
    module = tmp_path / "module"
    module.write_bytes(b"module,\0")
    output = tmp_path / "out"
    domain = tmp_path / "guest.xml"
    domain.write_text(f"""
<domain type='kvm'><name>pvh</name><memory unit='MiB'>16</memory>
<os><type>hvm</type><kernel>{build(tmp_path)}</kernel><initrd>{module}</initrd><cmdline>words </cmdline></os>
<features><acpi/></features><devices><serial type='pty'/></devices></domain>""")
    command = [sys.executable, "-m", "kvmctl.vmm", str(domain), "--serial", str(output)]
    subprocess.run(command, check=True, timeout=30)
    assert output.read_text() == "module,words good"
