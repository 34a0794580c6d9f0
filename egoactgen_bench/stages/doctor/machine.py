"""`bench doctor`: what this machine has and lacks for scoring and running."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from itertools import product
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from egoactgen_bench.api import plugins
from egoactgen_bench.api.metric import Metric, MetricContext
from egoactgen_bench.api.published_weights import how_to_get
from egoactgen_bench.captioning import captioner_choice
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.protocols import Defaults, protocol_options

DISTRIBUTION = "egoactgen-bench"
# The newest versions that reproduce the reference values; only packages that affect values.
TESTED = {
    "av": "18.1",
    "clean-fid": "0.1",
    "diffusers": "0.42",
    "lpips": "0.1",
    "numpy": "2.4",
    "open_clip_torch": "3.3",
    "pandas": "3.1",
    "pillow": "13.0",
    "scipy": "1.17",
    "torch": "2.15",
    "torchvision": "0.29",
    "transformers": "5.24",
}
LOW_DISK = 20e9  # bytes


@dataclass(frozen=True)
class Finding:
    """The result of one check: `text` says what is there, or what is missing and what to do."""

    topic: str
    fine: bool
    text: str


def check(workspace: Path, weights: Path) -> list[Finding]:
    """Check packages, GPU, disk space, LAVIS and the weights of every metric.

    `workspace` is the root of a workspace, `weights` the folder of weight files; neither has to
    exist.
    """
    return [
        *_packages(),
        _accelerator(),
        Finding("FFmpeg", True, "not needed: PyAV brings its own libraries."),
        _disk(workspace),
        _lavis(workspace),
        *_weights(workspace, weights),
    ]


def _packages() -> Iterator[Finding]:
    """Packages that are absent, outside of the required versions, or newer than tested."""
    problems = []
    for requirement in map(Requirement, requires(DISTRIBUTION) or []):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        name, required = requirement.name, f"{requirement.name}{requirement.specifier}"
        try:
            found = version(name)
        except PackageNotFoundError:
            problems.append(f"{name} is not installed: `pip install '{required}'`.")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            problems.append(
                f"{name} {found} is not {requirement.specifier}: `pip install '{required}'`."
            )
        elif name in TESTED and Version(found).release[:2] > Version(TESTED[name]).release:
            problems.append(
                f"{name} {found} is newer than {TESTED[name]}, the newest tested version: values "
                "may differ (signatures of scores contain the version)."
            )
    yield from (Finding("packages", False, text) for text in problems)
    if not problems:
        yield Finding("packages", True, "all in the tested range.")


def _accelerator() -> Finding:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        return Finding("GPU", True, ", ".join(names))
    return Finding(
        "GPU", False, "PyTorch finds no CUDA device: everything runs on the CPU, which is slow."
    )


def _disk(workspace: Path) -> Finding:
    existing = next(
        path for path in [workspace.absolute(), *workspace.absolute().parents] if path.exists()
    )
    free = shutil.disk_usage(existing).free
    text = f"{free / 1e9:.0f} GB free at {workspace}"
    if free >= LOW_DISK:
        return Finding("disk", True, f"{text}.")
    return Finding("disk", False, f"{text}: may be too little for weights, splits and runs.")


def _lavis(workspace: Path) -> Finding:
    why_not = captioner_choice.obstacle("lavis", workspace)
    return Finding("LAVIS", why_not is None, why_not or "its environment is installed.")


def _weights(workspace: Path, folder: Path) -> Iterator[Finding]:
    """One finding per missing file, with the metrics that need it."""
    wanted: dict[str, dict[str, set[str]]] = {}  # file → metric → protocols
    for name in plugins.registered("metrics"):
        try:
            metric: type[Metric[Any]] = plugins.find("metrics", name)
        except BenchError as error:
            yield Finding("metric", False, str(error))
            continue
        context = MetricContext(weights=folder, workspace=workspace)
        for protocol, defaults in product(metric.variants(), _defaults()):
            built = metric(protocol_options(metric, protocol, defaults), context)
            for missing in built.missing_weights():
                wanted.setdefault(missing, {}).setdefault(name, set()).add(protocol)
    for missing, metrics in sorted(wanted.items()):
        users = [f"{name} ({', '.join(sorted(protocols))})" for name, protocols in metrics.items()]
        how = how_to_get([missing], plugins.find("metrics", next(iter(metrics))), folder)
        yield Finding("weights", False, f"{missing} for {', '.join(users)}: {how}.")
    if not wanted:
        yield Finding("weights", True, f"{folder} contains the weights of every metric.")


def _defaults() -> list[Defaults]:
    """Empty defaults, and those that registered data sets declare for all of their splits."""
    found = [Defaults()]
    for name in plugins.registered("datasets"):
        try:
            declared = vars(plugins.find("datasets", name)).get("metric_defaults")
        except BenchError:  # `bench datasets` reports it
            continue
        found += [Defaults(declared)] if isinstance(declared, Mapping) else []
    return found
