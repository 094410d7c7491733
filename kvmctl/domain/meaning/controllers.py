"""Controllers."""

from collections.abc import Iterator

from kvmctl.domain.errors import ErrorKind, Finding
from kvmctl.domain.meaning.places import numbered
from kvmctl.domain.model import Controller, Domain

_MODELS = {"usb": "none", "pci": "pci-root", "virtio-serial": None}


def check(domain: Domain) -> Iterator[Finding]:
    seen: set[tuple[str, int]] = set()
    for index, controller in enumerate(domain.devices.controllers):
        path = numbered("/domain/devices/controller", index)
        yield from _controller(controller, path)
        if controller.index is None:
            continue
        key = controller.type, controller.index
        if key in seen:
            message = f"Multiple '{controller.type}' controllers with index '{controller.index}'"
            yield Finding(ErrorKind.XML_ERROR, message, path)
        seen.add(key)


def _controller(controller: Controller, path: str) -> Iterator[Finding]:
    kind, model = controller.type, _MODELS[controller.type]
    if controller.model != model:
        message = f"a controller of type='{kind}' has " + (f"model='{model}'" if model else "no model")
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/@model")
    if kind == "virtio-serial":
        return
    if controller.index:
        what = "USB controller 0 can be absent" if kind == "usb" else "PCI bus 0 is there"
        yield Finding(ErrorKind.CONFIG_UNSUPPORTED, f"only {what}", f"{path}/@index")
    for name in ("ports", "address"):
        if getattr(controller, name) is not None:
            place = name if name == "address" else f"@{name}"
            message = f"{name} needs type='virtio-serial'"
            yield Finding(ErrorKind.CONFIG_UNSUPPORTED, message, f"{path}/{place}")
