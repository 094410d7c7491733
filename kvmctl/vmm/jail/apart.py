"""Work on a stranger's bytes that has to be done before the jail: in a process that can do nothing else."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from contextlib import suppress

from kvmctl.vmm.jail import privileges, threads
from kvmctl.vmm.jail.threads import Filters


def run(work: Callable[[], bytes], filters: Filters | None) -> mmap.mmap | None:
    """What `work` returns, from a process without capabilities and with the CONNECTOR's list of system calls.

    None when it has failed or returned nothing. Before there is a second thread. Raises OSError.
    """
    result = os.memfd_create("kvmctl-result", os.MFD_CLOEXEC)
    try:
        pid = os.fork()
        if pid == 0:
            status = 1
            with suppress(BaseException):
                privileges.give_up_capabilities()
                privileges.clear_capabilities()
                if filters is not None:
                    threads.confine_connector(filters)
                rest = memoryview(work())
                while rest:
                    rest = rest[os.write(result, rest) :]
                status = 0
            os._exit(status)
        _, ended = os.waitpid(pid, 0)
        size = os.fstat(result).st_size
        if ended or not size:
            return None
        return mmap.mmap(result, size, mmap.MAP_PRIVATE, mmap.PROT_READ)
    finally:
        os.close(result)
