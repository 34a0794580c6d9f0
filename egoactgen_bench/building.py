"""From what the user named to a method that is ready to be asked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from egoactgen_bench import plugins
from egoactgen_bench.devices import DTYPES, resolve_device
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.methods import Method, Setting
from egoactgen_bench.options import resolve


def build(
    name: str,
    *,
    models: Path = Path("workspace/models"),
    weights: str | None = None,
    options: Mapping[str, Any] | None = None,
    device: str = "auto",
    dtype: str = "float32",
    described: bool = False,
    local_rank: int = 0,
    cache: Path | None = None,
    sample_ids: Sequence[str] | None = None,
) -> Method[Any]:
    """The method `name`, not loaded yet; a choice that cannot be served is a `BenchError`.

    `described`, `cache` and `sample_ids` are as its `Setting` has them.
    """
    if dtype not in DTYPES:
        raise BenchError(f"There is no dtype '{dtype}'.{did_you_mean(dtype, DTYPES)}")
    found, argument = plugins.load("methods", name)
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise BenchError(f"'{name}' is not a class derived from egoactgen_bench.methods.Method.")
    path = found.find_weights(weights, models)
    chosen = dict(options or {})
    resolved = resolve(found.Options, found.suggested(path, chosen) | chosen, name)
    place = resolve_device(device, local_rank) if found.uses_device else "cpu"
    setting = Setting(path, argument, place, dtype, described, models, cache, sample_ids)
    built: Method[Any] = found(resolved, setting)
    return built
