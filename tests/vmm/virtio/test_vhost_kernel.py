"""The requests to the kernel's vhost against the header that they come from."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kvmctl.backends import vsock
from kvmctl.vmm.devices.virtio import vsockkernel
from kvmctl.vmm.devices.virtio.net import vhost as net
from kvmctl.vmm.devices.virtio.vhost import kernel
from kvmctl.vmm.jail.policy import IOCTLS, Thread

MODULES = (kernel, net, vsockkernel, vsock)
REQUESTS = {
    "_GET_FEATURES": "VHOST_GET_FEATURES",
    "_SET_FEATURES": "VHOST_SET_FEATURES",
    "_SET_OWNER": "VHOST_SET_OWNER",
    "_SET_MEM_TABLE": "VHOST_SET_MEM_TABLE",
    "_SET_VRING_NUM": "VHOST_SET_VRING_NUM",
    "_SET_VRING_ADDR": "VHOST_SET_VRING_ADDR",
    "_SET_VRING_BASE": "VHOST_SET_VRING_BASE",
    "_GET_VRING_BASE": "VHOST_GET_VRING_BASE",
    "_SET_VRING_KICK": "VHOST_SET_VRING_KICK",
    "_SET_VRING_CALL": "VHOST_SET_VRING_CALL",
    "_NET_SET_BACKEND": "VHOST_NET_SET_BACKEND",
    "_VSOCK_SET_RUNNING": "VHOST_VSOCK_SET_RUNNING",
    "_SET_GUEST_CID": "VHOST_VSOCK_SET_GUEST_CID",
}
STRUCTURES = {
    "_STATE": "struct vhost_vring_state",
    "_FILE": "struct vhost_vring_file",
    "_ADDRESS": "struct vhost_vring_addr",
    "_MEMORY_HEADER": "struct vhost_memory",
    "_MEMORY_REGION": "struct vhost_memory_region",
}


def ask_the_header(directory: Path, expressions: list[str]) -> list[int]:
    if not Path("/usr/include/linux/vhost.h").exists():
        pytest.skip("linux/vhost.h is not installed (linux-libc-dev)")
    lines = "".join(f'printf("%lu\\n", (unsigned long)({text}));' for text in expressions)
    source = directory / "ask.c"
    source.write_text(
        "#include <stdio.h>\n#include <sys/ioctl.h>\n#include <linux/vhost.h>\n"
        f"int main(void) {{ {lines} return 0; }}\n"
    )
    subprocess.run(["gcc", "-o", directory / "ask", source], check=True)
    done = subprocess.run([directory / "ask"], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def test_requests(tmp_path: Path) -> None:
    found = ask_the_header(tmp_path, list(REQUESTS.values()))
    ours = {name: value for module in MODULES for name, value in vars(module).items() if name in REQUESTS}
    assert ours == dict(zip(REQUESTS, found, strict=True))


def test_every_request_is_compared() -> None:
    source = "".join(Path(module.__file__).read_text() for module in MODULES)
    assert set(re.findall(r"^(_\w+): Final = 0x", source, re.MULTILINE)) == set(REQUESTS)


def test_the_jail_lets_them_pass() -> None:
    of_the_vmm = {
        value
        for module in (kernel, net, vsockkernel)
        for name, value in vars(module).items()
        if name in REQUESTS
    }
    assert of_the_vmm <= IOCTLS[Thread.VCPU] & IOCTLS[Thread.CONTROL] & IOCTLS[Thread.IO]


def test_structures(tmp_path: Path) -> None:
    found = ask_the_header(tmp_path, [f"sizeof({name})" for name in STRUCTURES.values()])
    assert [getattr(kernel, name).size for name in STRUCTURES] == found
