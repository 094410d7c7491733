"""Into the control groups that the daemon has made for the guest, before anything is allocated."""

import os

from kvmctl.host.cgroup import MEMBERS


def join(descriptors: dict[str, int]) -> None:
    """Move this process by each descriptor of a group's members, which are taken out. Raises OSError."""
    for name in [name for name in descriptors if name.startswith(MEMBERS)]:
        group = descriptors.pop(name)
        try:
            os.write(group, b"0")
        except OSError as error:
            controller = name.removeprefix(MEMBERS)
            raise OSError(error.errno, f"cannot join the control group of '{controller}'") from error
        finally:
            os.close(group)
