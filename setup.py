"""What pyproject.toml cannot say: compile the engine, and the demo guest before package files are collected.

It works the same for `pip install .`, `pip install -e .` and a wheel.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithGuest(build_py):
    """build_py looks for package data only when it is asked, so that a guest made in run() is found."""

    def run(self) -> None:
        runpy.run_path(str(ROOT / "kvmctl" / "demo" / "build.py"))["build"]()
        super().run()


DIRECTORY = Path("kvmctl", "vmm", "engine")
ENGINE = [
    Extension(
        f"kvmctl.vmm.engine.{path.stem}",
        [str(path.relative_to(ROOT))],
        include_dirs=[str(ROOT / DIRECTORY)],
        depends=[str(header.relative_to(ROOT)) for header in (ROOT / DIRECTORY).glob("*.h")],
        extra_compile_args=["-O2", "-Wall"],
    )
    for path in sorted((ROOT / DIRECTORY).glob("*.pyx"))
]

setup(
    cmdclass={"build_py": BuildWithGuest},
    ext_modules=cythonize(ENGINE, build_dir="build/engine", language_level=3),
)
