"""Build the Linux test guest's kernel from Debian's `linux-source-6.12`, once, into a cache outside the tree.

The cache key covers everything that decides the result: the source package's version, the configuration and
the recipe. Builders that run at the same time wait for each other; an interrupted build is carried on.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "kernel.config"
PACKAGE = "linux-source-6.12"
TARBALL = Path("/usr/src") / f"{PACKAGE}.tar.xz"
TOOLS = ("gcc", "make", "ld", "as", "flex", "bison", "bc", "tar", "xz", "gzip")
RECIPE = "1"
# How many lines `make` prints for this configuration; only the progress display depends on it.
BUILD_STEPS = 1824
SOURCE_FILES = 69400
# Not needed to build for x86 without graphics and sound, and a third of the tree.
UNUSED_SOURCES = ("*/drivers/gpu/*.[ch]", "*/sound/*.[ch]", "*/tools/testing/*", "*.dts", "*.dtsi", "*.rst")

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is done, 0 to 1."""


class CannotBuild(Exception):
    """What is missing on this machine, in one line."""


class BuildFailed(Exception):
    """A step of the build ended with an error; the end of its output is in the message."""


def cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvmctl"


def source_version() -> str:
    query = ["dpkg-query", "-W", "-f=${Version}", PACKAGE]
    try:
        return subprocess.run(query, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        raise CannotBuild(f"the package {PACKAGE} is not installed (apt-get install {PACKAGE})") from None


def directory() -> Path:
    """Where the kernel of this configuration and source version is, or will be."""
    key = hashlib.sha256()
    for part in (source_version().encode(), CONFIG.read_bytes(), RECIPE.encode()):
        key.update(hashlib.sha256(part).digest())
    return cache_home() / f"linux-6.12-{key.hexdigest()[:16]}"


def kernel(progress: Progress) -> tuple[Path, Path]:
    """The paths of (vmlinux, bzImage), built now unless they are in the cache."""
    result = directory()
    if not result.is_dir():
        _require_tools()
        result.parent.mkdir(parents=True, exist_ok=True)
        with _lock(result.with_name(f"{result.name}.lock"), progress):
            if not result.is_dir():
                _build(result, progress)
    return result / "vmlinux", result / "bzImage"


def _require_tools() -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        raise CannotBuild(f"not installed: {', '.join(missing)}")
    if not TARBALL.exists():
        raise CannotBuild(f"{TARBALL} is missing (apt-get install --reinstall {PACKAGE})")


@contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another build", 0.0)
            fcntl.flock(file, fcntl.LOCK_EX)
            progress("waiting for another build", 1.0)
        yield


def _build(result: Path, progress: Progress) -> None:
    work = result.with_name(f"{result.name}.build")
    tree = work / PACKAGE
    log = result.with_name(f"{result.name}.log")
    with log.open("w") as log_file:
        if not (work / "unpacked").exists():
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            excludes = [f"--exclude={pattern}" for pattern in UNUSED_SOURCES]
            unpack = ["tar", "-xvJf", str(TARBALL), "-C", str(work), "--wildcards", *excludes]
            _run(unpack, None, "unpacking the kernel source", SOURCE_FILES, progress)
            (work / "unpacked").touch()
        make = [
            "make",
            "-C",
            str(tree),
            f"-j{os.cpu_count() or 1}",
            "KBUILD_BUILD_TIMESTAMP=@0",
            "KBUILD_BUILD_USER=kvmctl",
            "KBUILD_BUILD_HOST=kvmctl",
        ]
        log_file.write(f"{' '.join(make)}\n")
        log_file.flush()
        _run([*make, "tinyconfig"], log, "configuring", 50, progress)
        merge = ["scripts/kconfig/merge_config.sh", "-m", ".config", str(CONFIG)]
        subprocess.run(merge, cwd=tree, check=True, stdout=log_file, stderr=log_file, env=_environment())
        _run([*make, "olddefconfig"], log, "resolving dependencies", 10, progress)
        _check_config(tree / ".config")
        _run([*make, "vmlinux", "bzImage"], log, "compiling the kernel", BUILD_STEPS, progress)
    finished = work / "result"
    shutil.rmtree(finished, ignore_errors=True)
    finished.mkdir()
    strip = ["objcopy", "--strip-debug", str(tree / "vmlinux"), str(finished / "vmlinux")]
    subprocess.run(strip, check=True)
    shutil.copy(tree / "arch/x86/boot/bzImage", finished / "bzImage")
    shutil.copy(tree / ".config", finished / "config")
    finished.rename(result)
    shutil.rmtree(work)


def _environment() -> dict[str, str]:
    """Ours without what a `make` around us, or a cross compiler's set-up, would tell the kernel's make."""
    steering = ("MAKE", "MFLAGS", "KBUILD", "KCONFIG", "ARCH", "CROSS_COMPILE", "LLVM", "CFLAGS", "LDFLAGS")
    return {name: value for name, value in os.environ.items() if not name.startswith(steering)} | {
        "LC_ALL": "C"
    }


def _run(command: list[str], log: Path | None, what: str, steps: int, progress: Progress) -> None:
    """Run a command, a line of its output being one step of its progress."""
    seen = 0
    tail: list[str] = []
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
            env=_environment(),
        ) as process,
        (log or Path(os.devnull)).open("a") as log_file,
    ):
        for line in process.stdout or ():
            log_file.write(line)
            tail = [*tail[-19:], line]
            seen += 1
            progress(what, min(seen / steps, 0.99))
    if process.returncode != 0:
        raise BuildFailed(f"{what} failed: {' '.join(command)}\n{''.join(tail)}")
    progress(what, 1.0)


def _check_config(config: Path) -> None:
    """Every option asked for must have survived Kconfig's dependencies."""
    actual = set(config.read_text().splitlines())
    lost = []
    for line in CONFIG.read_text().splitlines():
        wanted = line.startswith("CONFIG_")
        unwanted = line.endswith(" is not set")
        if (wanted and line not in actual) or (unwanted and f"{line.split()[1]}=y" in actual):
            lost.append(line)
    if lost:
        raise BuildFailed(f"the kernel configuration lost: {', '.join(lost)}")
