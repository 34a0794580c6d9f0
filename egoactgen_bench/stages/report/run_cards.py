"""The cards of runs: method, options, weights, versions and time."""

import json
from typing import Any

from egoactgen_bench.artifacts.manifests import RunCounts, RunManifest, RunTiming

LONGEST_LIST = 12  # values of one option that a card shows


def card(name: str, manifest: RunManifest) -> dict[str, Any]:
    """A run's card: method, options, weights, versions and time."""
    facts = {
        "Method": manifest.method,
        "Images": _images(manifest.counts),
        "Seed": manifest.seed,
        "Descriptions": manifest.descriptions,
        "Time": _time(manifest.timing),
        "Device": manifest.device,
        "Precision": manifest.dtype,
        "Batch size": manifest.batch_size,
    }
    return {
        "name": name,
        "facts": {label: value for label, value in facts.items() if value not in (None, "")},
        "passed": sorted(manifest.options.passed),
        "options": _flat(manifest.options.resolved),
        "weights": {file: str(sha256)[:16] for file, sha256 in _flat(manifest.weights).items()},
        "versions": _flat(manifest.versions),
    }


def _images(counts: RunCounts | None) -> str:
    if counts is None or counts.samples is None:
        return ""
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{counts.samples - counts.failed:,} of {counts.samples:,}{failed}"


def _time(timing: RunTiming | None) -> str:
    if timing is None or not timing.seconds:
        return ""
    rate = timing.images_per_second
    return f"{timing.seconds:,.1f} s" + (f" ({rate:.3g} images per second)" if rate else "")


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """`{"a": {"b": 1}}` → `{"a.b": "1"}`; long lists are truncated."""
    if isinstance(value, dict):
        pairs = (_flat(inner, f"{prefix}{key}.") for key, inner in value.items())
        return {key: inner for pair in pairs for key, inner in pair.items()}
    if isinstance(value, list) and len(value) > LONGEST_LIST:
        value = [*value[:LONGEST_LIST], "…"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {prefix.removesuffix("."): text}
