"""Converts released checkpoints: the converter that recognises a file writes it as a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egoactgen_bench.api import plugins
from egoactgen_bench.api.converter import Converter
from egoactgen_bench.artifacts.manifests import CONVERSION, ConversionManifest
from egoactgen_bench.artifacts.work_folder import PLAN, WorkFolder
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support import provenance
from egoactgen_bench.support.files import read_json
from egoactgen_bench.support.replacing import replacing_folder


def convert(
    path: Path,
    out: Path,
    *,
    raw: bool = False,
    config: Path | None = None,
    models: Path = Path("workspace/models"),
    overwrite: bool = False,
) -> Path:
    """Convert a released checkpoint to a folder of weights; return the folder.

    `path` is the checkpoint and `out` the folder, which is created only when it is complete. `raw`
    takes the raw weights, not their moving average (EMA). `config` is a JSON file with what the
    checkpoint does not state. `models` is the folder where converters find other weights.

    An `out` with the same conversion is left unchanged. Raises `BenchError` for an unknown format,
    and if `out` contains anything else, unless `overwrite` is set.
    """
    if not path.exists():
        raise BenchError(f"{path} does not exist.")
    stated = read_json(config) if config else {}
    if not isinstance(stated, dict):
        raise BenchError(f"{config} does not contain a JSON object.")
    source = provenance.hashes(provenance.files_in(path), path.parent)
    work = _work_folder(
        out, {"source": source, "weights": "raw" if raw else "ema", "config": stated}
    )
    if not overwrite:
        work.check()
        if work.finished:
            return out
    name, converter = _converter_for(path)
    with replacing_folder(out) as new:
        facts = converter.convert(path, new, raw=raw, config=stated, models=models)
        versions = provenance.versions(converter.packages)
        content = {"converter": name, **facts, "versions": versions}
        work.finish(content, new / CONVERSION)
    return out


def cached(path: Path, models: Path) -> Path:
    """The folder in `models` with the conversion of the file `path`, converted if it is missing."""
    # Named by content: another checkpoint of the same name gets another folder.
    out = models / f"{path.stem}-{provenance.content_digest(path)[:8]}"
    return (
        out if (out / CONVERSION).is_file() else convert(path, out, models=models, overwrite=True)
    )


def _work_folder(out: Path, recipe: Mapping[str, Any]) -> WorkFolder[ConversionManifest]:
    return WorkFolder(out / CONVERSION, ConversionManifest, recipe, out / PLAN, elsewhere="--out")


def _converter_for(path: Path) -> tuple[str, type[Converter]]:
    points = plugins.registered("converters")
    for name, point in points.items():
        converter = point.load()
        if converter.recognises(path):
            return name, converter
    raise BenchError(
        f"{path} is not in a format that can be converted (known: {', '.join(points) or 'none'})."
    )
