"""libvirt's remote protocol: the wire, and nothing of what the messages are about."""

from kvmctl.driver.rpc import types as types
from kvmctl.driver.rpc.builtin import Feature as Feature
from kvmctl.driver.rpc.connection import Authenticate as Authenticate
from kvmctl.driver.rpc.connection import Connection as Connection
from kvmctl.driver.rpc.connection import Credentials as Credentials
from kvmctl.driver.rpc.errors import ErrorCode as ErrorCode
from kvmctl.driver.rpc.errors import ErrorDomain as ErrorDomain
from kvmctl.driver.rpc.errors import ErrorLevel as ErrorLevel
from kvmctl.driver.rpc.errors import VirError as VirError
from kvmctl.driver.rpc.procedures import Kind as Kind
from kvmctl.driver.rpc.procedures import Procedure as Procedure
from kvmctl.driver.rpc.server import Handlers as Handlers
from kvmctl.driver.rpc.server import Limits as Limits
from kvmctl.driver.rpc.server import Server as Server
from kvmctl.driver.rpc.stream import Stream as Stream
from kvmctl.driver.rpc.xdr import XdrError as XdrError
