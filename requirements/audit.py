"""Asks the advisory service about every pinned package; `make lint` runs it.

Fails for a known vulnerability only: a service that cannot be reached, or does not know the packages, is said
in one line and fails nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_LOCKS: Final = sorted(Path(__file__).parent.glob("*.txt"))
_PATIENCE: Final = 120
"""Seconds for all questions together; each has ten."""


def _ask() -> list[dict[str, Any]] | str:
    """What the service says of each package, or why it says nothing."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", "10"]
    for lock in _LOCKS:
        command += ["-r", str(lock)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE)
        dependencies: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except subprocess.TimeoutExpired:
        return "it does not answer"
    except (ValueError, KeyError):
        return done.stderr.strip().rpartition("\n")[2][:200] or f"pip-audit ended with {done.returncode}"
    return dependencies


def main() -> int:
    answer = _ask()
    if isinstance(answer, str):
        print(f"pip-audit: nothing was audited, the advisory service is not to be reached: {answer}")
        return 0
    unknown = [one["name"] for one in answer if "skip_reason" in one]
    vulnerable = [one for one in answer if one.get("vulns")]
    for one in vulnerable:
        for problem in one["vulns"]:
            names = ", ".join([problem["id"], *problem.get("aliases", ())])
            fixed = ", ".join(problem.get("fix_versions", ())) or "none"
            print(f"pip-audit: {one['name']} {one['version']}: {names}; fixed in: {fixed}")
    if vulnerable:
        return 1
    if len(unknown) == len(answer):
        print("pip-audit: nothing was audited, the advisory service knows none of the packages")
        return 0
    left_out = f"; the service knows nothing of {len(unknown)} others" if unknown else ""
    print(f"pip-audit: no known vulnerability in {len(answer) - len(unknown)} packages{left_out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
