"""References to libvirt objects: what a client names when it asks for something.

Field order and limits: libvirt, src/remote/remote_protocol.x.
"""

from kvmctl.driver.rpc.types.base import Int, String, UUIDBytes, struct


@struct
class Domain:
    name: String
    uuid: UUIDBytes
    id: Int


@struct
class Network:
    name: String
    uuid: UUIDBytes


@struct
class NetworkPort:
    net: Network
    uuid: UUIDBytes


@struct
class Nwfilter:
    name: String
    uuid: UUIDBytes


@struct
class NwfilterBinding:
    portdev: String
    filtername: String


@struct
class Interface:
    name: String
    mac: String


@struct
class StoragePool:
    name: String
    uuid: UUIDBytes


@struct
class StorageVol:
    pool: String
    name: String
    key: String


@struct
class NodeDevice:
    name: String


@struct
class Secret:
    uuid: UUIDBytes
    usage_type: Int
    usage_id: String


@struct
class DomainCheckpoint:
    name: String
    dom: Domain


@struct
class DomainSnapshot:
    name: String
    dom: Domain
