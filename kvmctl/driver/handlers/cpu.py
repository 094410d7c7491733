"""virConnect: processor models: which are known, and how they stand to this host's processor."""

from functools import reduce

from lxml import etree

from kvmctl.driver import fragments
from kvmctl.driver.driver import Driver
from kvmctl.driver.errors import check_flags, failure, system_failure
from kvmctl.driver.handlers.table import Table
from kvmctl.driver.rpc import Connection, ErrorCode, Procedure, types
from kvmctl.host import kvm
from kvmctl.host.cpumodel import MODELS, HostCpu, Model

table = Table()

_ARCHITECTURES = ("x86_64", "i686")
_INCOMPATIBLE, _IDENTICAL, _SUPERSET = 0, 1, 2  # virCPUCompareResult
_FAIL_INCOMPATIBLE = 1 << 0  # virConnectCompareCPUFlags
_VALIDATE = 1 << 1
_EXPAND_FEATURES, _MIGRATABLE = 1 << 0, 1 << 1  # virConnectBaselineCPUFlags


@table.answers(Procedure.CONNECT_GET_CPU_MODEL_NAMES)
def connect_get_cpu_model_names(
    _driver: Driver, _connection: Connection, args: types.ConnectGetCpuModelNamesArgs
) -> types.ConnectGetCpuModelNamesRet:
    check_flags(args.flags, 0, "virConnectGetCPUModelNames")
    if args.arch not in _ARCHITECTURES:
        raise failure(ErrorCode.INVALID_ARG, f"cannot find architecture {args.arch}")
    names = tuple(MODELS)
    return types.ConnectGetCpuModelNamesRet(models=names if args.need_results else (), ret=len(names))


def _host() -> HostCpu:
    try:
        return kvm.host_cpu()
    except OSError as error:
        raise system_failure(error, f"cannot use '{kvm.DEVICE}'") from error


def _described(xml: str) -> tuple[str | None, frozenset[str]]:
    """The model's name and all the features that a <cpu> asks for (formatdomain, "CPU model")."""
    element = fragments.load(xml, "CPU_definition", ErrorCode.XML_ERROR)
    if element.tag != "cpu":
        raise failure(ErrorCode.XML_ERROR, "XML does not contain expected 'cpu' element")
    name = element.findtext("model")
    if name is not None and name.strip() not in MODELS:
        raise failure(ErrorCode.INTERNAL_ERROR, f"Unknown CPU model {name.strip()}")
    features = set(MODELS[name.strip()].features) if name is not None else set()
    for feature in element.iterfind("feature"):
        if feature.get("policy", "require") in ("require", "force"):
            features.add(str(feature.get("name")))
        elif feature.get("policy") in ("disable", "forbid"):
            features.discard(str(feature.get("name")))
    return name.strip() if name is not None else None, frozenset(features)


def _compare(xml: str, flags: int, function: str) -> int:
    check_flags(flags, _FAIL_INCOMPATIBLE | _VALIDATE, function)
    name, wanted = _described(xml)
    if name is None and not wanted:
        raise failure(ErrorCode.XML_ERROR, "no CPU model specified")
    host = _host()
    missing = wanted - host.features
    if missing and flags & _FAIL_INCOMPATIBLE:
        raise failure(ErrorCode.CPU_INCOMPATIBLE, f"missing features: {','.join(sorted(missing))}")
    if missing:
        return _INCOMPATIBLE
    return _IDENTICAL if wanted == host.listed else _SUPERSET


@table.answers(Procedure.CONNECT_COMPARE_CPU)
def connect_compare_cpu(
    _driver: Driver, _connection: Connection, args: types.ConnectCompareCpuArgs
) -> types.ConnectCompareCpuRet:
    return types.ConnectCompareCpuRet(result=_compare(args.xml, args.flags, "virConnectCompareCPU"))


@table.answers(Procedure.CONNECT_COMPARE_HYPERVISOR_CPU)
def connect_compare_hypervisor_cpu(
    _driver: Driver, _connection: Connection, args: types.ConnectCompareHypervisorCpuArgs
) -> types.ConnectCompareHypervisorCpuRet:
    result = _compare(args.xml_cpu, args.flags, "virConnectCompareHypervisorCPU")
    return types.ConnectCompareHypervisorCpuRet(result=result)


def _baseline(xmls: tuple[str, ...], flags: int, function: str, allowed: frozenset[str] | None) -> str:
    """What all the processors have: the named model nearest to it, and what goes beyond that."""
    check_flags(flags, _EXPAND_FEATURES | _MIGRATABLE, function)
    if not xmls:
        raise failure(ErrorCode.INVALID_ARG, "no CPUs given")
    described = [_described(xml) for xml in xmls]
    common = reduce(frozenset.__and__, (features for _, features in described))
    if allowed is not None:
        common &= allowed
    candidates = [model for model in MODELS.values() if model.features <= common]
    if not candidates:
        raise failure(ErrorCode.OPERATION_FAILED, "CPUs are incompatible")
    model = max(candidates, key=lambda each: len(each.features))
    return _cpu_xml(model, common, expand=bool(flags & _EXPAND_FEATURES))


def _cpu_xml(model: Model, features: frozenset[str], *, expand: bool) -> str:
    root = etree.Element("cpu", mode="custom", match="exact")
    etree.SubElement(root, "model", fallback="forbid").text = model.name
    if model.vendor is not None:
        etree.SubElement(root, "vendor").text = model.vendor
    for name in sorted(features if expand else features - model.features):
        etree.SubElement(root, "feature", policy="require", name=name)
    etree.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


@table.answers(Procedure.CONNECT_BASELINE_CPU)
def connect_baseline_cpu(
    _driver: Driver, _connection: Connection, args: types.ConnectBaselineCpuArgs
) -> types.ConnectBaselineCpuRet:
    text = _baseline(args.xml_cpus, args.flags, "virConnectBaselineCPU", None)
    return types.ConnectBaselineCpuRet(cpu=text)


@table.answers(Procedure.CONNECT_BASELINE_HYPERVISOR_CPU)
def connect_baseline_hypervisor_cpu(
    _driver: Driver, _connection: Connection, args: types.ConnectBaselineHypervisorCpuArgs
) -> types.ConnectBaselineHypervisorCpuRet:
    """Of what guests can have here."""
    features = _host().features
    text = _baseline(args.xml_cpus, args.flags, "virConnectBaselineHypervisorCPU", features)
    return types.ConnectBaselineHypervisorCpuRet(cpu=text)
