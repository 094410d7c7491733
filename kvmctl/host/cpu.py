"""The host's processors (Linux, Documentation/ABI/stable/sysfs-devices-system-cpu and -node)."""

import platform
from dataclasses import dataclass
from pathlib import Path

from kvmctl.host import memory as host_memory

_CPUS = Path("/sys/devices/system/cpu")
_NODES = Path("/sys/devices/system/node")


@dataclass(frozen=True, slots=True)
class Cpu:
    number: int
    socket: int
    die: int
    core: int
    siblings: str


@dataclass(frozen=True, slots=True)
class Node:
    """A NUMA cell; memory in bytes."""

    number: int
    memory: int
    free: int
    cpus: tuple[Cpu, ...]


@dataclass(frozen=True, slots=True)
class Model:
    vendor: str
    name: str
    mhz: int
    microcode: str | None
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Topology:
    nodes: tuple[Node, ...]
    present: int

    @property
    def cpus(self) -> tuple[Cpu, ...]:
        return tuple(cpu for node in self.nodes for cpu in node.cpus)

    @property
    def sockets_per_node(self) -> int:
        return max((len({cpu.socket for cpu in node.cpus}) for node in self.nodes), default=1) or 1

    @property
    def cores_per_socket(self) -> int:
        cores: dict[int, set[tuple[int, int]]] = {}
        for cpu in self.cpus:
            cores.setdefault(cpu.socket, set()).add((cpu.die, cpu.core))
        return max(map(len, cores.values()), default=1)

    @property
    def threads_per_core(self) -> int:
        threads: dict[tuple[int, int, int], int] = {}
        for cpu in self.cpus:
            key = (cpu.socket, cpu.die, cpu.core)
            threads[key] = threads.get(key, 0) + 1
        return max(threads.values(), default=1)


def parse_list(text: str) -> list[int]:
    """The kernel's list format: 0-3,8."""
    numbers: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def online() -> list[int]:
    return parse_list((_CPUS / "online").read_text())


def present() -> list[int]:
    return parse_list((_CPUS / "present").read_text())


def arch() -> str:
    return platform.machine()


def model() -> Model:
    """The first processor of /proc/cpuinfo stands for all."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if not line.strip():
            break
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    return Model(
        vendor=fields.get("vendor_id", ""),
        name=fields.get("model name", ""),
        mhz=int(float(fields.get("cpu MHz", "0"))),
        microcode=fields.get("microcode"),
        flags=frozenset(fields.get("flags", "").split()),
    )


def topology() -> Topology:
    cpus = {number: _cpu(number) for number in online()}
    nodes = []
    for directory in sorted(_NODES.glob("node[0-9]*"), key=lambda path: int(path.name[4:])):
        members = parse_list((directory / "cpulist").read_text())
        memory = _node_memory(directory)
        nodes.append(
            Node(
                number=int(directory.name[4:]),
                memory=memory.get("MemTotal", 0),
                free=memory.get("MemFree", 0),
                cpus=tuple(cpus[number] for number in members if number in cpus),
            )
        )
    if not nodes:
        whole = host_memory.read()
        nodes.append(Node(0, whole.total, whole.free, tuple(cpus.values())))
    return Topology(tuple(nodes), len(present()))


def _cpu(number: int) -> Cpu:
    directory = _CPUS / f"cpu{number}" / "topology"

    def value(name: str, default: int) -> int:
        try:
            found = int((directory / name).read_text())
        except (OSError, ValueError):
            return default
        return found if found >= 0 else default

    try:
        siblings = (directory / "thread_siblings_list").read_text().strip()
    except OSError:
        siblings = str(number)
    return Cpu(
        number, value("physical_package_id", 0), value("die_id", 0), value("core_id", number), siblings
    )


def _node_memory(directory: Path) -> dict[str, int]:
    """Lines such as `Node 0 MemTotal:  1024 kB`, in bytes."""
    found = {}
    for line in (directory / "meminfo").read_text().splitlines():
        words = line.split()
        if len(words) == 5 and words[4] == "kB":
            found[words[2].rstrip(":")] = int(words[3]) * 1024
    return found
