"""`python -m kvmctl.vmm`: the same as the command kvmctl-vmm."""

import sys

from kvmctl.vmm.main import main

sys.exit(main())
