"""A domain's life: defined, started, controlled, watched to its end, and taken over by the next daemon."""

from kvmctl.driver.lifecycle.adopt import Adoption as Adoption
from kvmctl.driver.lifecycle.control import Control as Control
from kvmctl.driver.lifecycle.define import Definitions as Definitions
from kvmctl.driver.lifecycle.end import Ending as Ending
from kvmctl.driver.lifecycle.parts import Parts as Parts
from kvmctl.driver.lifecycle.start import Starter as Starter
from kvmctl.driver.lifecycle.watch import Watcher as Watcher
