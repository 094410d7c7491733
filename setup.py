"""What pyproject.toml cannot say: compile the demo guest before the package files are collected.

It works the same for `pip install .`, `pip install -e .` and a wheel.
"""

from __future__ import annotations

import runpy
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent


class BuildWithGuest(build_py):
    """build_py looks for package data only when it is asked, so that a guest made in run() is found."""

    def run(self) -> None:
        runpy.run_path(str(ROOT / "kvmctl" / "demo" / "build.py"))["build"]()
        super().run()


setup(cmdclass={"build_py": BuildWithGuest})
