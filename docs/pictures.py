"""Record the terminal pictures of the README: python docs/pictures.py, with kvmctl installed and /dev/kvm.

Real commands on real guests, in a user session of their own; what they print becomes an SVG by rich.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from kvmctl import demo

DOCS = Path(__file__).resolve().parent
KVMCTL = Path(sys.executable).with_name("kvmctl")
CHECKOUT = "/home/user/kvmctl"
"""What stands for this directory."""
WIDTH = 96
GUESTS = {"web": ("256M", "2"), "database": ("1G", "4"), "cache": ("512M", "1")}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kvmctl-picture-") as home:
        directories = ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
        environment = dict.fromkeys(directories, home)
        environment |= {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "LIBVIRT_DEFAULT_URI": "kvmctl:///session",
        }
        environment |= {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
        picture = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor")

        def run(*arguments: str, show: bool = True) -> None:
            done = subprocess.run(
                [KVMCTL, *arguments], env=environment, input="", capture_output=True, text=True, check=True
            )
            if show:
                picture.print(Text("$ kvmctl " + " ".join(arguments), style="bold"))
                shown = (done.stderr + done.stdout).replace(str(DOCS.parent), CHECKOUT)
                picture.print(Text.from_ansi(shown.rstrip("\n")))

        try:
            for name, (memory, cpus) in GUESTS.items():
                kernel = str(demo.monitor())
                run("run", kernel, "--name", name, "--memory", memory, "--cpus", cpus, "--detach", show=False)
            run("suspend", "cache")
            work = subprocess.Popen(
                [KVMCTL, "console", "database"],
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            assert work.stdin is not None
            time.sleep(2)
            work.stdin.write(b"mem\r" * 50)
            work.stdin.flush()
            time.sleep(1)
            run("list")
            run("top", "--once")
            run("info", "web")
            work.kill()
        finally:
            for name in GUESTS:
                subprocess.run([KVMCTL, "destroy", name], env=environment, capture_output=True, check=False)
            os.kill(int((Path(home) / "libvirt" / "virtkvmctld.pid").read_text()), signal.SIGTERM)
        picture.save_svg(str(DOCS / "terminal.svg"), title="kvmctl")


if __name__ == "__main__":
    main()
