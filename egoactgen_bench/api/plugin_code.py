"""Identifies plug-ins that have no version, those named as `module:Class`, by their source code."""

import inspect
import sys
import sysconfig
from functools import cache
from typing import Any

from egoactgen_bench.api.plugins import KINDS, registered
from egoactgen_bench.support.files import sha256_bytes


def code_sources(plugin: Any) -> dict[str, str]:
    """`{"code of mine": sha256}` for the recorded sources; empty for a registered plug-in."""
    digest = code_digest(plugin)
    return {f"code of {plugin.__module__}": digest} if digest else {}


def signed_code(signature: str, plugin: Any) -> str:
    """A signature, extended by the source code of a plug-in that is not registered."""
    digest = code_digest(plugin)
    return f"{signature}|code:{digest[:12]}" if digest else signature


@cache
def code_digest(plugin: type[Any]) -> str:
    """sha256 of the source of the modules that define a class and its base classes.

    Installed packages are left out: they have a version and, for metrics, a `revision`. Empty if
    nothing is left, or if the source cannot be read (a class typed into Python's own prompt).
    """
    points = (point for kind in KINDS for point in registered(kind).values())
    packages = {point.module.partition(".")[0] for point in points}
    texts = [
        _source(cls)
        for cls in plugin.__mro__
        if cls.__module__.partition(".")[0] not in packages and not _is_installed(cls.__module__)
    ]
    return sha256_bytes("\n".join(texts).encode()) if any(texts) else ""


def _is_installed(module: str) -> bool:
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    libraries = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
    return module.partition(".")[0] in sys.stdlib_module_names - {"__main__"} or file.startswith(
        libraries
    )


def _source(cls: type[Any]) -> str:
    try:
        return inspect.getsource(sys.modules[cls.__module__])
    except (OSError, TypeError, KeyError):
        pass
    # A notebook is not a file; its cells are known to the functions defined in them.
    functions = [getattr(each, "__func__", each) for each in vars(cls).values()]
    try:
        return "\n".join(inspect.getsource(each) for each in functions if inspect.isfunction(each))
    except (OSError, TypeError):
        return ""
