from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator

import pytest

from .fake import Guest
from .host_cpu import HostCpu, build


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.fixture(scope="session")
def host_cpu(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostCpu]:
    if platform.machine() != "x86_64" or shutil.which("gcc") is None:
        pytest.skip("needs an x86-64 host with gcc")
    cpu = HostCpu(build(tmp_path_factory.mktemp("host_cpu")))
    yield cpu
    cpu.close()
