"""Where a result comes from: versions of what made it, and the device it was made on."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from egoactgen_bench import __version__


def versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """This toolkit's version, Python's, and those of the named installed packages."""
    found = {"egoactgen_bench": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def device_name(device: str) -> str:
    """`cpu` with the processor's architecture, or the accelerator's own name."""
    if device.startswith("cuda"):
        import torch

        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.machine()})"
